"""What a test needs of the machine and may not find there."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def leave_out(why: str, *, unless: str) -> NoReturn:
    """Skip a test that this machine cannot run; fail where the variable ``unless`` is 1, as it is in CI."""
    if os.environ.get(unless) == "1":
        pytest.fail(f"{unless}=1, but {why}")
    pytest.skip(why)
