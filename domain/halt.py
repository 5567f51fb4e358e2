"""A halt: entries stop at once, for everything, a firm or an account, until somebody releases it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.account import AccountKey

ALL = "ALL"
_FIRM = re.compile(r"\w{1,50}", re.ASCII)


class HaltLevel(StrEnum):
    """ENTRIES: no entry goes out. CANCEL: working entries are taken back, too. FLATTEN: all is closed besides."""

    ENTRIES = "ENTRIES"
    CANCEL = "CANCEL"
    FLATTEN = "FLATTEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a halt is for: everything, one firm, or one account of a firm."""

    firm_code: str | None = None
    program_id: int | None = None

    def __post_init__(self) -> None:
        if self.program_id is not None and self.firm_code is None:
            raise ValueError("an account is named with its firm")

    @classmethod
    def of(cls, text: str) -> Scope:
        """Return the scope that is written ``ALL``, ``APEX`` or ``APEX/1``. Raises ValueError for anything else."""
        word = text.strip().upper()
        if word == ALL:
            return cls()
        if "/" in word:
            return cls(**AccountKey.of(word)._asdict())
        if not _FIRM.fullmatch(word):
            raise ValueError(f"{text!r} is no scope: accepted is ALL, a firm (APEX) or an account (APEX/1)")
        return cls(firm_code=word)

    def covers(self, account: AccountKey) -> bool:
        """Return whether the account is meant."""
        return self.firm_code in {None, account.firm_code} and self.program_id in {None, account.program_id}

    def __str__(self) -> str:
        if self.firm_code is None:
            return ALL
        return self.firm_code if self.program_id is None else f"{self.firm_code}/{self.program_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """A halt in force. ``set_at`` in UTC."""

    id: int
    scope: Scope
    level: HaltLevel
    reason: str
    set_by: str
    set_at: datetime

    def __str__(self) -> str:
        since = f"{self.set_at:%Y-%m-%d %H:%M:%S} UTC"
        return f"Halt {self.id} of {self.scope} by {self.set_by} since {since}: {self.reason}"


def halt_of(account: AccountKey, halts: Iterable[Halt]) -> Halt | None:
    """Return the first halt in force that covers an account."""
    return next((halt for halt in halts if halt.scope.covers(account)), None)


def release_phrase(scope: Scope) -> str:
    """Return what has to be typed to release a halt of this scope."""
    return f"RELEASE {scope}"
