"""What persons did, on record: each act in the transaction of what it changes, and told to every process."""

from __future__ import annotations

from typing import Any

from database.connection import Row, Transaction
from database.queue import event_text
from domain.acts import Act, Signature
from domain.json_text import json_text

ABOUT = ("task_id", "order_id", "difference_id", "halt_id")


class NotKnown(LookupError):
    """There is no such task, order, difference or halt."""


class NotPossible(ValueError):
    """It cannot be done to what is there now; the message says why. Nothing was changed."""


def record_act(
    transaction: Transaction, act: Act, signature: Signature, *, details: dict[str, Any] | None = None, **about: int
) -> None:
    """Put an act on record and wake every process once it is committed. ``about``: ids by the names of ``ABOUT``."""
    ids = dict.fromkeys(ABOUT) | about
    transaction.rows(
        "record_act",
        act=str(act),
        by=signature.by,
        reason=signature.reason,
        details=json_text(details or {}),
        event=event_text({"event": "operator_act", "act": str(act), **ids}),
        **ids,
    )


def acts_about(transaction: Transaction, **about: int) -> list[Row]:
    """Return what persons did about a task, order, difference or halt, the oldest first."""
    return transaction.rows("acts_about", **(dict.fromkeys(ABOUT) | about))


def last_act(transaction: Transaction, **about: int) -> str:
    """Return who last did what about it, as the end of a sentence; empty where nobody did."""
    acts = acts_about(transaction, **about)
    if not acts:
        return ""
    last = acts[-1]
    return f" ({last['act']} by {last['by']} at {last['at']:%Y-%m-%d %H:%M:%S} UTC: {last['reason']})"
