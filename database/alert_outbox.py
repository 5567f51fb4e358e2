"""Alerts of the whole service on record, and what has to be said of them. Every method raises DatabaseUnavailable."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from database.connection import Database, Transaction
from database.observations import observed
from domain.notice import Notice
from domain.observed import Observed

MOST_TOLD = 200


class OpenAlert(NamedTuple):
    """An alert that is not resolved; ``unseen``: seconds since it was last found to be so."""

    id: int
    rule: str
    subject: str
    severity: str
    unseen: float


class Evaluation:
    """One look at everything and what it changes, all in one transaction. ``tell``: whether anybody is to be told."""

    def __init__(self, transaction: Transaction, *, tell: bool) -> None:
        self._transaction = transaction
        self._tell = tell

    def observed(self) -> Observed:
        """Return what is seen now; nothing that is not committed."""
        return observed(self._transaction)

    def open(self) -> list[OpenAlert]:
        """Return the alerts that are open."""
        rows = self._transaction.rows("open_service_alerts")
        return [OpenAlert(**{**row, "unseen": float(row["unseen"])}) for row in rows]

    def raise_alert(self, *, rule: str, subject: str, severity: str, text: str) -> None:
        """Open an alert; one that is open already stays as it is."""
        self._transaction.rows("raise_alert", rule=rule, subject=subject, severity=severity, text=text, tell=self._tell)

    def still_so(self, alerts: Iterable[int]) -> None:
        """Note that these are so still."""
        self._transaction.rows("alerts_seen", ids=list(alerts))

    def resolve(self, alert: int) -> None:
        """Close an alert."""
        self._transaction.rows("resolve_alert", id=alert, tell=self._tell)


class AlertOutbox:
    """Reads and writes alerts and notices."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def evaluation(self, *, tell: bool) -> Iterator[Evaluation]:
        """Give one evaluation; what it changes is committed at its end, all or nothing."""
        with self._database.transaction() as transaction:
            transaction.rows("lock_alerts")
            yield Evaluation(transaction, tell=tell)

    def waiting(self, channel: str) -> list[Notice]:
        """Return what a channel was not told yet, the oldest first."""
        return [
            Notice(
                id=row["id"],
                resolved=row["kind"] == "RESOLVED",
                rule=row["rule"],
                subject=row["subject"],
                severity=row["severity"],
                text=row["text"],
                raised_at=row["raised_at"],
                age=float(row["age"]),
            )
            for row in self._database.run("waiting_notices", again=True, channel=channel, limit=MOST_TOLD)
        ]

    def delivered(self, notices: Collection[Notice], channel: str, channels: Sequence[str]) -> None:
        """Note that a channel took these; ``channels`` are all that have to."""
        ids = [notice.id for notice in notices]
        self._database.run("notices_delivered", again=True, ids=ids, channel=channel, channels=list(channels))

    def failed(self, notices: Collection[Notice], error: str) -> None:
        """Note that a channel did not take these; ``error`` without secrets."""
        self._database.run("notices_failed", again=True, ids=[notice.id for notice in notices], error=error)
