"""What is wrong is told, at the edge of each rule; what is well is not."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from alerts.message import MOST_LINES, message_of
from alerts.model import Alert, AlertRule
from alerts.rules import alerts_of
from config.settings import Settings
from domain.account import AccountKey
from domain.day_span import Session, day_span
from domain.notice import Notice
from domain.observed import (
    BREACH,
    RISK,
    SIZING,
    AccountAlert,
    FailedTask,
    Observed,
    OrderSeen,
    ProcessSeen,
    Sends,
)
from tests.seen import NOW, said, seen

APEX_1 = AccountKey("APEX", 1)


def told(facts: Observed, **more: Any) -> set[tuple[str, str, str]]:
    return {(str(alert.rule), alert.subject, str(alert.severity)) for alert in alerts_of(facts, **more)}


def risk(approved: int, rejected: int) -> Observed:
    return seen(decisions=(said(RISK, approved), said(RISK, rejected, "REJECTED")))


def sends(taken: int, failed: int, unresolved: int = 0) -> Observed:
    return seen(sends=(Sends(account=APEX_1, taken=taken, failed=failed, unresolved=unresolved),))


def of_account(rule: str, severity: str, mark: str = "") -> Observed:
    return seen(alerts=(AccountAlert(account=APEX_1, rule=rule, mark=mark, severity=severity, value=None, limit=None),))


def process(age: float, *, routes: bool = True) -> ProcessSeen:
    return ProcessSeen(name="host:1", kind="WORKER", routes=routes, age=age)


ORDER = OrderSeen(id=7, trade_id="T1", account=APEX_1, symbol="NQ")
FAILURES = ("CONNECTOR_FAILURES", "APEX/1", "CRITICAL")
MANY = ("RISK_REJECTIONS", "", "CRITICAL")
RATE = ("REJECTION_RATE", "", "WARNING")
SLOW = ("SLOW_PROCESSING", "", "WARNING")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (seen(), set()),
        (sends(95, 5), set()),
        (sends(94, 6), {FAILURES}),
        (sends(94, 0, 6), {FAILURES}),
        (risk(1000, 10), set()),
        (risk(1000, 11), {MANY}),
        (risk(8, 2), set()),
        (risk(7, 2), {RATE}),
        (risk(0, 4), set()),
        (seen(decisions=(said(BREACH, 1, "REJECTED"),)), {("ACCOUNT_BREACH", "FTMO/1", "CRITICAL")}),
        (seen(decisions=(said(BREACH, 5),)), set()),
        (of_account("BREACH", "CRITICAL"), {("ACCOUNT_BREACH", "APEX/1", "CRITICAL")}),
        (of_account("DAILY_LIMIT_REACHED", "CRITICAL"), {("ACCOUNT_BREACH", "APEX/1", "CRITICAL")}),
        (
            of_account("DRAWDOWN_USED", "WARNING", "75"),
            {("ACCOUNT_NEAR_LIMIT", "APEX/1 DRAWDOWN_USED 75", "WARNING")},
        ),
        (of_account("STALE", "WARNING"), {("STATE_STALE", "APEX/1", "WARNING")}),
        (
            seen(given_up=(FailedTask(id=3, trade_id="T", event_type="ENTRY", error="x"),)),
            {("TASK_FAILED", "3", "CRITICAL")},
        ),
        (seen(unresolved=(ORDER,)), {("UNRESOLVED_ORDER", "7", "CRITICAL")}),
        (seen(unprotected=(ORDER,)), {("POSITION_WITHOUT_STOP", "7", "CRITICAL")}),
        (seen(processes=(process(15.0),)), set()),
        (
            seen(processes=(process(15.1),)),
            {("HEARTBEAT_MISSING", "host:1", "CRITICAL"), ("NO_ROUTER", "", "CRITICAL")},
        ),
        (seen(processes=(process(1.0, routes=False),)), {("NO_ROUTER", "", "CRITICAL")}),
        (seen(decisions=(said(SIZING, 1, contracts=0),)), {("ZERO_CONTRACTS", "FTMO/1", "WARNING")}),
        (seen(decisions=(said(SIZING, 5, contracts=0), said(SIZING, 1, contracts=1))), set()),
        (seen(worst_seconds=5.0), set()),
        (seen(worst_seconds=5.1), {SLOW}),
        (seen(oldest_pending_seconds=5.1), {SLOW}),
    ],
)
def test_each_rule_at_its_edge(facts: Observed, expected: set[tuple[str, str, str]]) -> None:
    assert told(facts) == expected


@pytest.mark.parametrize(
    ("at", "since", "silent"),
    [
        # The session begins at 14:30 UTC; an hour of silence counts from then at the earliest.
        ("2026-11-20 15:29", 90_000.0, False),
        ("2026-11-20 15:31", 90_000.0, True),
        ("2026-11-20 15:31", 60.0, False),
        ("2026-11-20 15:31", None, True),
        ("2026-11-20 21:01", 90_000.0, False),
        ("2026-11-21 15:31", 90_000.0, False),
    ],
)
def test_silence_counts_within_a_session_alone(at: str, since: float | None, silent: bool) -> None:
    span = day_span("09:30-16:00 America/New_York")
    assert span is not None
    facts = seen(at=datetime.fromisoformat(f"{at}+00:00"), last_signal_seconds=since)
    found = told(facts, session=Session(span=span), silence=3600)
    assert (("WEBHOOK_SILENCE", "", "WARNING") in found) is silent
    assert told(facts) == set()


@pytest.mark.parametrize(
    ("at", "within"), [("02:59", False), ("03:00", True), ("11:59", True), ("12:00", False), ("04:30", True)]
)
def test_a_span_may_go_over_midnight(at: str, within: bool) -> None:
    span = day_span("22:00-07:00 America/New_York")
    assert span is not None
    assert (span.began(datetime.fromisoformat(f"2026-11-20 {at}+00:00")) is not None) is within


@pytest.mark.parametrize("text", ["22:00", "22:00-07:00", "22:00-07:00 Mars/Olympus", "25:00-07:00 UTC", "a-b UTC"])
def test_a_span_that_is_none_is_an_error_of_the_configuration(text: str) -> None:
    problems = Settings.from_env({"ALERT_QUIET_HOURS": text}).problems
    assert [problem.variable for problem in problems if problem.variable.startswith("ALERT")] == ["ALERT_QUIET_HOURS"]


def test_the_parts_of_a_channels_address_are_secrets() -> None:
    settings = Settings.from_env({"ALERT_URLS": "tgram://123456:ABC-token/-100777 mailto://anna:s3cret-word@mail.test"})
    assert settings.alert_urls is not None
    assert {"ABC-token", "-100777", "s3cret-word"} <= set(settings.secrets())
    assert "ABC-token" not in repr(settings)
    assert Settings.from_env({"ALERT_URLS": "not an address"}).alert_urls is None


def notice(number: int, *, resolved: bool = False, severity: str = "CRITICAL") -> Notice:
    return Notice(
        id=number,
        resolved=resolved,
        rule=str(AlertRule.TASK_FAILED),
        subject=str(number),
        severity=severity,
        text=f"Task {number} was given up.",
        raised_at=NOW,
        age=9.0,
    )


def test_a_storm_is_one_message_the_worst_first() -> None:
    storm = [*(notice(number, severity="WARNING") for number in range(30)), notice(99), notice(98, resolved=True)]
    message = message_of(storm)
    assert message.title == "Execution router: 1 critical, 30 warning, 1 resolved"
    lines = message.body.splitlines()
    assert lines[0] == "[CRITICAL] 15:00:00 UTC TASK_FAILED: Task 99 was given up."
    assert lines[MOST_LINES] == f"... and {32 - MOST_LINES} more."
    assert lines[-1] == "What to do: docs/operations.md#task-failed"


def test_an_alert_is_the_same_by_rule_and_subject() -> None:
    assert len({alert.key for alert in alerts_of(seen(unresolved=(ORDER, ORDER)))}) == 1
    assert isinstance(alerts_of(seen(unresolved=(ORDER,)))[0], Alert)
