"""What came of a signal, in one line: how many accounts approved it, why others did not, what became of the orders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# What the venues' answers are called; an account in dry-run has none.
SAID_AS = {"SUCCESS": "sent", "PENDING": "on the way", "FAILED": "failed", "UNRESOLVED": "unresolved"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalSummary:
    """``approved`` of ``accounts``; ``rules``: what refused the others, the commonest first.

    ``orders``: how many orders are in which state, in words.
    """

    approved: int
    accounts: int
    is_exit: bool
    rules: tuple[str, ...]
    orders: tuple[tuple[str, int], ...]


def summary(signal: Mapping[str, Any]) -> SignalSummary:
    """Return the summary of a row of ``page_signals``: its lifecycle and its verdicts as the log has them."""
    verdicts = signal["verdicts"] or []
    rules = Counter(rule for verdict in verdicts for rule in verdict.get("blocked_by") or ())
    states = Counter(str(verdict.get("status")) for verdict in verdicts)
    return SignalSummary(
        approved=sum(verdict.get("approved") is True for verdict in verdicts),
        accounts=len(verdicts),
        is_exit=signal["lifecycle"].startswith("EXIT"),
        rules=tuple(rule for rule, _ in rules.most_common()),
        orders=tuple((words, states[state]) for state, words in SAID_AS.items() if states[state]),
    )
