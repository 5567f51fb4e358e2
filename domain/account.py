"""Which account is meant: one program at one firm."""

from __future__ import annotations

import re
from typing import NamedTuple

HIGHEST_PROGRAM = 2**31 - 1
_WRITTEN = re.compile(r"(\w{1,50})/0*([1-9]\d{0,9})", re.ASCII)


class AccountKey(NamedTuple):
    """An account is one (firm_code, program_id); ``FTMO/1`` in text."""

    firm_code: str
    program_id: int

    @classmethod
    def of(cls, text: str) -> AccountKey:
        """Return the account that is written ``FTMO/1``, in any capitals. Raises ValueError for anything else."""
        match = _WRITTEN.fullmatch(text.strip())
        if match is None or int(match[2]) > HIGHEST_PROGRAM:
            raise ValueError(f"{text!r} is no account: accepted is a firm and a program such as APEX/1")
        return cls(match[1].upper(), int(match[2]))

    def __str__(self) -> str:
        return f"{self.firm_code}/{self.program_id}"
