"""A body that can never be valid: which field, what was given, what is accepted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

GIVEN_LENGTH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldProblem:
    """What is wrong with one field. ``field`` is ``body`` where the body as a whole cannot be read."""

    field: str
    given: Any
    accepted: str

    def as_json(self) -> dict[str, Any]:
        return {"field": self.field, "given": shown(self.given), "accepted": self.accepted}


class InvalidSignal(ValueError):
    """The body cannot become a signal; nothing of it was stored as one."""

    def __init__(self, *problems: FieldProblem) -> None:
        super().__init__("; ".join(f"{problem.field}: accepted is {problem.accepted}" for problem in problems))
        self.problems = problems


def shown(value: Any) -> Any:
    """Return a value as it may be echoed: JSON's own small types as they are, anything else as short text."""
    if value is None or isinstance(value, bool):
        return value
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= GIVEN_LENGTH else text[:GIVEN_LENGTH] + "..."
