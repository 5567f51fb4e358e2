"""Who does something by hand, or looks: a role, and how it was shown."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a person may do. An operator may do all that a viewer may."""

    VIEWER = "viewer"
    OPERATOR = "operator"

    def covers(self, needed: Role) -> bool:
        """Return whether this role may do what ``needed`` may."""
        return self is Role.OPERATOR or needed is Role.VIEWER


class Via(StrEnum):
    """How a person showed who he is."""

    PASSWORD = "password"  # noqa: S105 - a way, not a password
    TOKEN = "token"  # noqa: S105
    LOOPBACK = "loopback"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who was let in. ``name`` is what he calls himself where several share one password."""

    name: str
    role: Role
    via: Via

    @property
    def is_operator(self) -> bool:
        """Return whether this person may change something."""
        return self.role is Role.OPERATOR

    @property
    def signature(self) -> str:
        """Return how this person stands in the record: name and way."""
        return f"{self.name} ({self.via})"
