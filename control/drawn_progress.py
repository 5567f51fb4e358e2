"""The bar itself, drawn by rich."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars


class Drawn:
    """One bar."""

    def __init__(self, bars: Bars, task: TaskID) -> None:
        self._bars = bars
        self._task = task

    def to(self, done: float, what: str | None = None) -> None:
        """Draw that so much is done of the total, and what is done now."""
        if what is None:
            self._bars.update(self._task, completed=done)
        else:
            self._bars.update(self._task, completed=done, description=what)

    def add(self, more: float = 1) -> None:
        """Draw that so much more is done."""
        self._bars.advance(self._task, more)


@contextmanager
def drawn(what: str, total: int | None) -> Iterator[Drawn]:
    """Draw a bar on standard error until the end, and take it away then."""
    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Bars(TextColumn("{task.description}", markup=False), *columns, console=console, transient=True) as bars:
        yield Drawn(bars, bars.add_task(what, total=total))
