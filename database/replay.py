"""Decides a task again from its record alone, and says whether the verdict is the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from database.connection import Database
from domain.json_text import json_text
from domain.task_order import entry_order
from risk_engine.decision import Approved, EntryDecision
from risk_engine.fact_record import facts_from
from risk_engine.pipeline import decide_entry

PAGE = 500
CHECKS = ("risk_checks", "program_sizing", "account_breaches", "enforcement_checks")
# Of a connector row only what was decided; what became of the order came later.
DECIDED = ("firm_code", "program_id", "approved", "contracts", "blocked_by", "blocked_if_live")


class NotReplayable(Exception):
    """The record does not hold what a decision needs; the message says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A task decided again. ``recorded`` and ``now``: the same arrays, as they are on record and as they come out."""

    task_id: int
    trade_id: str
    recorded: dict[str, Any]
    now: dict[str, Any]

    @property
    def differs(self) -> list[str]:
        """Return the names of the arrays that are not the same."""
        return [name for name, rows in self.recorded.items() if rows != self.now[name]]

    @property
    def same(self) -> bool:
        return not self.differs


class Replays:
    """Replays of entries. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database, *, default_symbol: str = "NQ") -> None:
        self._database = database
        self._default_symbol = default_symbol
        self._text = lru_cache(maxsize=256)(self._read_text)

    def of(self, task_id: int) -> Replayed:
        """Decide a task again from what is on record. Raises NotReplayable where it cannot be."""
        rows = self._database.run("recorded_decision", task_id=task_id)
        if not rows:
            raise NotReplayable(f"there is no task {task_id}")
        row = rows[0]
        if row["event_type"] != "ENTRY":
            raise NotReplayable(f"task {task_id} is an {row['event_type']}: nothing was decided about it")
        if row["facts"] is None or row["response_body"] is None:
            missing = "verdict" if row["response_body"] is None else "facts of the verdict"
            raise NotReplayable(f"the {missing} of task {task_id} are not on record")
        order = entry_order(row["trade_id"], row["payload"], self._default_symbol)
        decision = decide_entry(facts_from(_plain(row["facts"]), self._text, order))
        body = row["response_body"]
        recorded: dict[str, Any] = {name: body[name] for name in CHECKS}
        recorded["verdicts"] = [_decided(found) for found in body["connector_results"]]
        return Replayed(
            task_id=task_id,
            trade_id=row["trade_id"],
            recorded=_plain(recorded),
            now=_plain(_rows_of(decision)),
        )

    def every(self) -> Iterator[Replayed]:
        """Decide every task again whose facts are on record, the oldest first."""
        after = 0
        while page := self._database.run("replayable_tasks", after=after, limit=PAGE):
            for row in page:
                after = row["task_id"]
                yield self.of(after)

    def _read_text(self, digest: str) -> dict[str, Any]:
        rows = self._database.run("decision_text", digest=digest)
        if not rows:
            raise NotReplayable(f"the text {digest[:12]} that the facts name is not on record")
        text: dict[str, Any] = _plain(rows[0]["content"])
        return text


def _rows_of(decision: EntryDecision) -> dict[str, Any]:
    return {
        "risk_checks": list(decision.risk_checks),
        "program_sizing": list(decision.program_sizing),
        "account_breaches": list(decision.account_breaches),
        "enforcement_checks": list(decision.enforcement_checks),
        "verdicts": [
            {
                "firm_code": one.verdict.account.firm_code,
                "program_id": one.verdict.account.program_id,
                "approved": isinstance(one.verdict, Approved),
                "contracts": one.verdict.contracts,
                "blocked_by": []
                if isinstance(one.verdict, Approved)
                else list(dict.fromkeys(str(refusal.rule) for refusal in one.verdict.refusals)),
                "blocked_if_live": list(dict.fromkeys(str(refusal.rule) for refusal in one.blocked_if_live)),
            }
            for one in decision.accounts
        ],
    }


def _decided(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in DECIDED}


def _plain(value: Any) -> Any:
    """Return a value as it is read from JSON: the record's numbers and a decision's compare equal then."""
    return orjson.loads(json_text(value))
