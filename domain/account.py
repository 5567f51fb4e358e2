"""Which account is meant: one program at one firm."""

from __future__ import annotations

from typing import NamedTuple


class AccountKey(NamedTuple):
    """An account is one (firm_code, program_id); ``FTMO/1`` in text."""

    firm_code: str
    program_id: int

    def __str__(self) -> str:
        return f"{self.firm_code}/{self.program_id}"
