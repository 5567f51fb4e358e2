"""The accounts on record: state, history, days, resets, flags, overrides, alerts."""

from __future__ import annotations

import uuid
from collections.abc import Hashable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import orjson

from account_engine.tracked import AccountWrite, Known, Snapshot
from config.rule_set_content import content_of
from database.account_rows import alert_rows, history_rows, known_of, restart_rows, snapshot_row, state_row
from database.connection import Database, Row
from database.group_commit import GroupCommit
from database.queue import event_text
from domain.account import AccountKey
from domain.json_text import json_text
from domain.rule_set import RuleSet

ROWS = ("states", "snapshots", "restarts", "resets", "days", "raised", "cleared", "events")


class _Prepared(NamedTuple):
    """A change as JSON rows for ``write_accounts``. Its caller makes them: what cannot be written fails nobody else."""

    key: AccountKey
    rows: Mapping[str, list[str]]


class AccountRecord:
    """Reads and writes what is known of accounts. Every method raises DatabaseUnavailable when it cannot."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._group: GroupCommit[_Prepared, bool] = GroupCommit(self._write_together, most=100)

    def read(self, keys: Iterable[AccountKey]) -> dict[AccountKey, Known]:
        """Return what is on record of these accounts; one of which nothing is known is left out."""
        wanted = list(keys)
        rows = self._database.run(
            "read_accounts",
            again=True,
            firm_codes=[key.firm_code for key in wanted],
            program_ids=[key.program_id for key in wanted],
        )
        return {AccountKey(row["firm_code"], row["program_id"]): known_of(row) for row in rows}

    def versions(self) -> dict[AccountKey, int]:
        """Return the version of every account on record."""
        rows = self._database.run("account_versions", again=True)
        return {AccountKey(row["firm_code"], row["program_id"]): row["version"] for row in rows}

    def write(self, change: AccountWrite) -> bool:
        """Put one change on record, with those of other accounts that come at the same moment.

        Returns whether it was written: False where the account has another version by now, and nothing was written.
        Raises TypeError for what has no place in a record.
        """
        # Changes of one account never share a write: the second of them belongs to the version that the first makes.
        return bool(self._group.submit((change.key, change.step.tracked.version, uuid.uuid4()), _prepared(change)))

    def keep_late(self, key: AccountKey, snapshots: Iterable[Snapshot]) -> bool:
        """Put points that change nothing else into the history; return whether one of them was not there yet."""
        rows = [snapshot_row(key, snapshot) for snapshot in snapshots]
        return bool(self._database.run("keep_late", again=True, snapshots=orjson.dumps(rows, default=str).decode()))

    def set_flags(self, key: AccountKey, flags: Mapping[str, Any], *, set_by: str | None, reason: str | None) -> None:
        """Set flags of an account, such as ``paused``; they stay until they are set again."""
        self._database.run(
            "set_flags", again=True, **_account(key), flags=json_text(dict(flags)), set_by=set_by, reason=reason
        )

    def set_override(
        self, key: AccountKey, figures: Mapping[str, Decimal], *, reason: str, set_by: str, expires_at: datetime
    ) -> None:
        """Put a person's figures (dollars) over every other source until ``expires_at``; no figures withdraw it."""
        self._database.run(
            "set_override",
            **_account(key),
            figures=orjson.dumps(dict(figures), default=str).decode(),
            reason=reason,
            set_by=set_by,
            expires_at=expires_at,
        )

    def keep_rule_sets(self, rule_sets: Iterable[RuleSet]) -> None:
        """Keep what these rule sets say, under their digests, for looking at a verdict after the files changed."""
        rows = [
            {"digest": one.ref.digest, "id": one.ref.id, "version": one.ref.version, "content": content_of(one)}
            for one in rule_sets
        ]
        self._database.run("keep_rule_sets", again=True, rule_sets=orjson.dumps(rows, default=str).decode())

    def _write_together(self, changes: dict[Hashable, _Prepared]) -> dict[Hashable, bool]:
        by_account: dict[AccountKey, Hashable] = {}
        for ticket, change in changes.items():
            by_account.setdefault(change.key, ticket)
        # All processes lock the accounts in one order, so that no two of them wait for each other.
        first = [changes[by_account[key]] for key in sorted(by_account)]
        values: Row = {name: f"[{','.join(row for change in first for row in change.rows[name])}]" for name in ROWS}
        rows = self._database.run("write_accounts", **values)
        written = {AccountKey(row["firm_code"], row["program_id"]) for row in rows}
        return {by_account[key]: True for key in written}


def _account(key: AccountKey) -> Row:
    return {"firm_code": key.firm_code, "program_id": key.program_id}


def _prepared(change: AccountWrite) -> _Prepared:
    snapshots, resets, days = history_rows(change)
    raised, cleared = alert_rows(change)
    rows: dict[str, Iterable[Row]] = {
        "states": [state_row(change.key, change.step.tracked)],
        "snapshots": snapshots,
        "restarts": restart_rows(change),
        "resets": resets,
        "days": days,
        "raised": raised,
        "cleared": cleared,
        "events": [{**_account(change.key), "event": event_text(dict(change.event))}],
    }
    # Money goes as text and becomes NUMERIC exactly.
    return _Prepared(
        change.key, {name: [orjson.dumps(row, default=str).decode() for row in rows[name]] for name in ROWS}
    )
