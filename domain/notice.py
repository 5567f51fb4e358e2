"""Something that somebody has to be told of an alert."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something to be told; ``age`` in seconds."""

    id: int
    resolved: bool
    rule: str
    subject: str
    severity: str
    text: str
    raised_at: datetime
    age: float
