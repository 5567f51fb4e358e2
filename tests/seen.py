"""What is seen of a service that is well, for tests that change one thing of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from domain.observed import Counted, Observed, Tasks

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
QUIET = Tasks(
    at=NOW,
    pending=0,
    oldest_pending_seconds=None,
    processing=0,
    failed=0,
    finished=0,
    mean_seconds=None,
    worst_seconds=None,
    last_signal_seconds=10.0,
)


def seen(**changes: Any) -> Observed:
    """A service with nothing to complain about; fields of ``Tasks`` are named as they are."""
    tasks = {name: changes.pop(name) for name in list(changes) if name in Tasks.__dataclass_fields__}
    return Observed(tasks=replace(QUIET, **tasks), **changes)


def said(check: str, count: int, status: str = "APPROVED", *, contracts: int = 1, rule: str | None = None) -> Counted:
    """What a check of FTMO/1 said ``count`` times."""
    return Counted(
        check=check,
        firm_code="FTMO",
        program_id=1,
        status=status,
        rule=rule,
        count=count,
        contracts=Decimal(contracts),
    )
