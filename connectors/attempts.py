"""Several things that are all to be tried, whatever becomes of one of them: how an account is flattened."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from connectors.venue import NotSent, Unclear

T = TypeVar("T")


class Attempts:
    """Keeps what was done and what failed, so that one failure stops nothing else."""

    def __init__(self) -> None:
        self._sentences: list[str] = []
        self._failures: list[NotSent | Unclear] = []

    def result(self, act: Callable[[], T]) -> T | None:
        """Return what ``act`` returns, None where the venue was not reached or gave no clear answer."""
        try:
            return act()
        except (NotSent, Unclear) as failure:
            self._failures.append(failure)
            return None

    def succeeds(self, act: Callable[[], object]) -> bool:
        """Return whether ``act`` came to its end."""
        before = len(self._failures)
        self.result(act)
        return len(self._failures) == before

    def say(self, sentence: str) -> None:
        """Keep a sentence on something that was done."""
        self._sentences.append(sentence)

    def done(self) -> list[str]:
        """Return the sentences. Raises the first Unclear that was met, else the first NotSent."""
        if self._failures:
            raise next((failure for failure in self._failures if isinstance(failure, Unclear)), self._failures[0])
        return self._sentences
