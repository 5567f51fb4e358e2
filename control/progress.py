"""A bar on standard error while something long is done, for a person at a terminal and for nobody else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """How far something is."""

    def to(self, done: float, what: str | None = None) -> None:
        """Say that so much is done of the total, and what is done now."""

    def add(self, more: float = 1) -> None:
        """Say that so much more is done."""


class _Unseen:
    def to(self, done: float, what: str | None = None) -> None:
        pass

    def add(self, more: float = 1) -> None:
        pass


@contextmanager
def progress_bar(what: str, total: int | None = None) -> Iterator[Progress]:
    """Give a bar on standard error if that is a terminal, otherwise one that nobody sees.

    ``total`` is None where it is not known how much there is to do: the bar then only shows that something is done.
    """
    if not sys.stderr.isatty():
        yield _Unseen()
        return
    from control.drawn_progress import drawn  # noqa: PLC0415 - what draws it takes long to import

    with drawn(what, total) as progress:
        yield progress
