"""The documents' green, yellow and red, at the edges of each."""

from __future__ import annotations

from typing import Any

import pytest

from domain.account import AccountKey
from domain.criteria import Colour, criteria, worst
from domain.observed import BREACH, RISK, SIZING, AccountAlert, Sends
from tests.seen import said, seen

APEX_1 = AccountKey("APEX", 1)


def colour_of(name: str, facts: dict[str, Any], **process: int) -> str:
    values = {"database_failures": 0, "errors": 0, "warnings": 0, **process}
    return next(str(row.colour) for row in criteria(seen(**facts), **values) if row.name == name)


def risk(approved: int, rejected: int) -> dict[str, Any]:
    return {"decisions": (said(RISK, approved), said(RISK, rejected, "REJECTED"))}


def sends(taken: int, failed: int, unresolved: int = 0) -> dict[str, Any]:
    well = Sends(account=AccountKey("FTMO", 1), taken=1000, failed=0, unresolved=0)
    return {"sends": (well, Sends(account=APEX_1, taken=taken, failed=failed, unresolved=unresolved))}


def alert(rule: str, severity: str = "CRITICAL") -> dict[str, Any]:
    return {"alerts": (AccountAlert(account=APEX_1, rule=rule, mark="", severity=severity, value=None, limit=None),)}


@pytest.mark.parametrize(
    ("name", "facts", "colour"),
    [
        ("failed_tasks", {}, "green"),
        ("failed_tasks", {"failed": 1}, "red"),
        ("risk_approval_rate", {}, "green"),
        ("risk_approval_rate", risk(96, 4), "green"),
        ("risk_approval_rate", risk(95, 5), "yellow"),
        ("risk_approval_rate", risk(80, 20), "yellow"),
        ("risk_approval_rate", risk(79, 21), "red"),
        ("zero_contracts", {"decisions": (said(SIZING, 3, contracts=6),)}, "green"),
        ("zero_contracts", {"decisions": (said(SIZING, 2, contracts=0), said(SIZING, 1))}, "yellow"),
        ("zero_contracts", {"decisions": (said(SIZING, 2, contracts=0),)}, "yellow"),
        ("zero_contracts", {"decisions": (said(SIZING, 3, contracts=0),)}, "red"),
        ("account_breaches", alert("STALE"), "green"),
        ("account_breaches", alert("DRAWDOWN_USED", "WARNING"), "yellow"),
        ("account_breaches", alert("BREACH"), "red"),
        ("account_breaches", {"decisions": (said(BREACH, 1, "REJECTED"),)}, "red"),
        ("connector_success_rate", sends(1000, 9), "green"),
        ("connector_success_rate", sends(99, 1), "yellow"),
        ("connector_success_rate", sends(95, 5), "yellow"),
        ("connector_success_rate", sends(94, 6), "red"),
        ("connector_success_rate", sends(94, 0, 6), "red"),
        ("task_seconds", {"mean_seconds": 0.999}, "green"),
        ("task_seconds", {"mean_seconds": 1.0}, "yellow"),
        ("task_seconds", {"mean_seconds": 3.0}, "yellow"),
        ("task_seconds", {"mean_seconds": 3.01}, "red"),
        ("task_seconds", {"mean_seconds": 0.1, "oldest_pending_seconds": 4.0}, "red"),
    ],
)
def test_each_criterion_at_its_edges(name: str, facts: dict[str, Any], colour: str) -> None:
    assert colour_of(name, facts) == colour


@pytest.mark.parametrize(
    ("name", "process", "colour"),
    [
        ("database_connection", {}, "green"),
        ("database_connection", {"database_failures": 1}, "yellow"),
        ("database_connection", {"database_failures": 4}, "yellow"),
        ("database_connection", {"database_failures": 5}, "red"),
        ("configuration", {}, "green"),
        ("configuration", {"warnings": 1}, "yellow"),
        ("configuration", {"errors": 1}, "red"),
    ],
)
def test_what_the_process_knows_itself(name: str, process: dict[str, int], colour: str) -> None:
    assert colour_of(name, {}, **process) == colour


def test_the_worst_counts() -> None:
    judged = criteria(seen(failed=1), database_failures=1, errors=0, warnings=0)
    assert worst(judged) is Colour.RED
    assert len({row.name for row in judged}) == len(judged) == 8
    assert worst(criteria(seen(), database_failures=0, errors=0, warnings=0)) is Colour.GREEN
