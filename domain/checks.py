"""The result of one check of one account: a value that reads as attributes and as a row of the record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from domain.money import json_number
from domain.rules import Rule


class Status(StrEnum):
    """Whether a check lets the account trade."""

    APPROVED = "APPROVED"
    REJECTED = "REJECTED"


class Comparison(NamedTuple):
    """One value held against one limit. ``passed`` is None where the value was not known; ``note`` says why."""

    rule: Rule
    value: object
    limit: object
    passed: bool | None
    note: str | None = None

    def as_row(self) -> dict[str, Any]:
        rule, value, limit, passed, note = self
        row = {"rule": str(rule), "value": value, "limit": limit, "passed": passed}
        if note is not None:
            row["note"] = note
        return row


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What one check says of one firm or account.

    ``rule``, ``reason`` and ``details`` are None when approved, as in the documents; ``compared`` always holds every
    value that was looked at beside its limit. Reads as attributes (``result.status``), as a mapping
    (``result["status"]``, ``dict(result)``) and as a row (``result.as_row()``).
    """

    firm_code: str
    program_id: int | None = None
    status: Status = Status.APPROVED
    rule: Rule | None = None
    reason: str | None = None
    details: dict[str, Any] | None = None
    compared: tuple[Comparison, ...] = field(default=())

    @property
    def approved(self) -> bool:
        return self.status is Status.APPROVED

    def as_row(self) -> dict[str, Any]:
        """Return the row of ``execution_logs.response_body``; the program is left out of a firm's row."""
        row: dict[str, Any] = {"firm_code": self.firm_code}
        if self.program_id is not None:
            row["program_id"] = self.program_id
        row["status"] = str(self.status)
        row["rule"] = None if self.rule is None else str(self.rule)
        row["reason"] = self.reason
        row["details"] = self.details
        row["compared"] = [comparison.as_row() for comparison in self.compared]
        return row

    def keys(self) -> Iterator[str]:
        return iter(self.as_row())

    def __getitem__(self, key: str) -> Any:
        return self.as_row()[key]


def json_default(value: object) -> object:
    """Serialise what a row may hold besides JSON's own types: money becomes a JSON number."""
    if isinstance(value, Decimal):
        text = str(value)
        return int(text) if text.isdigit() else json_number(value)
    raise TypeError(f"{type(value).__name__} has no place in a record")


VERDICT_FIELDS = ("firm_code", "program_id", "status", "reason", "approved", "contracts", "blocked_by")


def verdict_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what listeners are told of one connector row."""
    return {name: row.get(name) for name in VERDICT_FIELDS}


def verdicts_told(
    event: Mapping[str, Any], read_result: Callable[[int], Mapping[str, Any] | None]
) -> list[dict[str, Any]]:
    """Return the verdicts of a ``task_finished`` event; those of many accounts do not fit a NOTIFY and are read."""
    told = event.get("verdicts", [])
    if told is not None:
        return list(told)
    found = read_result(int(event["task_id"]))
    body = {} if found is None else found["response_body"] or {}
    return [verdict_of(row) for row in body.get("connector_results", [])]
