"""What is said before a person acts: what will happen, what to mind, and the form that does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """A form that acts when it is sent to ``address``, with what it says before; ``does`` in the order of events.

    ``kept``: fields that were asked for before. ``reason``: what stands in that field, None where none is asked for.
    ``may`` is False where it is known already that the act would be refused.
    """

    title: str
    does: tuple[str, ...]
    button: str
    address: str
    back: str
    warnings: tuple[str, ...] = ()
    kept: Mapping[str, str] = field(default_factory=dict)
    reason: str | None = ""
    danger: bool = False
    may: bool = True
