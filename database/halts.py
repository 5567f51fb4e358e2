"""Halts on record: set, in force, released, and what they still have to do at each account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from database.connection import Database, Row
from database.operator_acts import NotKnown, NotPossible, record_act
from database.order_rows import keys
from domain.account import AccountKey
from domain.acts import Act, Signature
from domain.halt import Halt, HaltLevel, Scope, release_phrase
from domain.json_text import json_text

ACTIONS = {HaltLevel.ENTRIES: (), HaltLevel.CANCEL: ("CANCEL",), HaltLevel.FLATTEN: ("FLATTEN",)}


class WrongPhrase(ValueError):
    """The phrase that was typed does not release this halt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltSet:
    """A halt that is in force now, and the entries that were on their way already."""

    halt: Halt
    in_flight: list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltAction:
    """What a halt still has to do at one account."""

    halt_id: int
    account: AccountKey
    action: str
    tries: int


class HaltRecord:
    """The halts as every process sees them. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def in_force(self) -> list[Halt]:
        """Return the halts that nobody has released."""
        return [_halt(row) for row in self._database.run("halts_in_force", again=True)]

    def listed(self, *, limit: int) -> list[Row]:
        """Return halts in force, then past ones, the newest first, with what each has done at which account."""
        return [
            {
                "id": row["id"],
                "scope": str(Scope(firm_code=row["firm_code"], program_id=row["program_id"])),
                **{name: row[name] for name in ("level", "reason", "set_by", "set_at", "released_at", "released_by")},
                "release_reason": row["release_reason"],
                "in_force": row["released_at"] is None,
                "actions": row["actions"],
            }
            for row in self._database.run("halts_shown", limit=limit)
        ]

    def halt(self, scope: Scope, level: HaltLevel, *, reason: str, by: str) -> HaltSet:
        """Halt. When this returns no entry of the scope leaves any more, from any process.

        Claims are wholly before it or after it. ``in_flight``: entries that had been claimed before; they may be at
        their venue or still on the way to it. Raises ValueError without a reason or a name.
        """
        signature = Signature(by, reason)
        where = {"firm_code": scope.firm_code, "program_id": scope.program_id}
        with self._database.transaction() as transaction:
            transaction.rows("close_gate")
            row = transaction.rows("set_halt", **where, level=str(level), reason=signature.reason, by=signature.by)[0]
            for action in ACTIONS[level]:
                transaction.rows("plan_halt_actions", **where, halt_id=row["id"], action=action)
            in_flight = transaction.rows("in_flight_entries", **where)
            halt = Halt(
                id=row["id"],
                scope=scope,
                level=level,
                reason=signature.reason,
                set_by=signature.by,
                set_at=row["set_at"],
            )
            record_act(transaction, Act.HALT, signature, halt_id=halt.id)
            transaction.rows("halt_changed", event=json_text({"event": "halt", "halt_id": halt.id, "in_force": True}))
        return HaltSet(halt=halt, in_flight=in_flight)

    def release(self, halt_id: int, *, phrase: str, reason: str, by: str) -> None:
        """Release a halt.

        Raises NotKnown where there is none, NotPossible where it is released already, WrongPhrase where the phrase is
        another, and ValueError without a reason or a name.
        """
        signature = Signature(by, reason)
        with self._database.transaction() as transaction:
            row = transaction.row("lock_halt", halt_id=halt_id)
            if row is None:
                raise NotKnown(f"there is no halt {halt_id}")
            if row["released_at"] is not None:
                when = f"{row['released_at']:%Y-%m-%d %H:%M:%S} UTC"
                raise NotPossible(
                    f"halt {halt_id} is not in force: {row['released_by']} released it at {when}: "
                    f"{row['release_reason']}"
                )
            wanted = release_phrase(Scope(firm_code=row["firm_code"], program_id=row["program_id"]))
            if phrase.strip() != wanted:
                raise WrongPhrase(f"to release halt {halt_id} type exactly: {wanted}")
            transaction.rows("release_halt", halt_id=halt_id, by=signature.by, reason=signature.reason)
            record_act(transaction, Act.RELEASE, signature, halt_id=halt_id)
            transaction.rows("halt_changed", event=json_text({"event": "halt", "halt_id": halt_id, "in_force": False}))

    def claim_actions(self, accounts: Iterable[AccountKey], *, lease: float) -> list[HaltAction]:
        """Return what is to be done at these accounts; due again after ``lease`` seconds unless it is ended."""
        return [
            HaltAction(
                halt_id=row["halt_id"],
                account=AccountKey(row["firm_code"], row["program_id"]),
                action=row["action"],
                tries=row["tries"],
            )
            for row in self._database.run("claim_halt_actions", **keys(accounts), lease=lease)
        ]

    def ended(self, action: HaltAction, outcome: Mapping[str, Any], *, done: bool, delay: float = 0.0) -> None:
        """Keep what came of an action; one that is not done is due again after ``delay`` seconds."""
        self._database.run(
            "halt_action_ended",
            halt_id=action.halt_id,
            **action.account._asdict(),
            action=action.action,
            outcome=json_text(dict(outcome)),
            done=done,
            delay=delay,
        )


def _halt(row: Row) -> Halt:
    return Halt(
        id=row["id"],
        scope=Scope(firm_code=row["firm_code"], program_id=row["program_id"]),
        level=HaltLevel(row["level"]),
        reason=row["reason"],
        set_by=row["set_by"],
        set_at=row["set_at"],
    )
