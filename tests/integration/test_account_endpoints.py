"""The account routes on a real record: every answer, storms in any order, two processes on one database."""

from __future__ import annotations

import itertools
import json
import logging
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from account_engine.account_tracker import AccountTracker
from account_engine.account_view import Environment
from account_engine.tracked import AccountWrite, Tracked
from account_engine.tracking import apply
from config.settings import Settings
from database.account_history import AccountHistory
from database.accounts import AccountRecord
from database.connection import Database
from domain.account import AccountKey
from domain.drawdown_rule import DrawdownRule, Family
from domain.rule_set import AccountRules, Confidence, Consistency, RuleSet, RuleSetRef, ShareOf
from signals.account_update import AccountBounds, parse_ninjatrader
from tests.conftest import Sql
from tests.doors import install_doors
from tests.integration.test_account_tracker import KEY, NOON, RULES, Clock
from tests.processes import ROUTED
from web.accounts import account_routes
from web.errors import install_error_answers

TOKEN = {"Authorization": "Bearer right-token"}
STRANGER = {"X-Forwarded-For": "203.0.113.9"}
FUNDED = AccountKey("FTMO", 1)
FROM_ZERO = DrawdownRule(
    family=Family.TRAILING_EOD, starting_balance=Decimal(0), amount=Decimal(2000), lock_at=Decimal(0)
)
FUNDED_RULES = AccountRules(
    firm_code="FTMO",
    program_id=1,
    day=RULES.day,
    drawdown=FROM_ZERO,
    rule_set=RuleSet(
        ref=RuleSetRef(id="example", version=date(2026, 1, 1), digest="0"),
        firm_code="FTMO",
        program="example",
        phase="example",
        source="example",
        checked="2026-01-01",
        check_again=date(2026, 7, 1),
        confidence=Confidence.LOW,
        account_size=Decimal(0),
        drawdown=FROM_ZERO,
        day=RULES.day,
        consistency=Consistency(share=Decimal("0.5"), of=ShareOf.TOTAL_PROFIT),
        min_days=5,
    ),
)
NAMES = {"APEX-1234-01": KEY, "Express 50K": FUNDED, "not routed": AccountKey("APEX", 9)}
UPDATE = "/api/v1/ninjatrader/account-update"
APEX = "/api/v1/accounts/APEX/1"
SIGNED = {"reason": "the platform shows nonsense", "set_by": "owner"}
OWNER = "owner (token)"


def rules_of(key: AccountKey) -> AccountRules:
    return {KEY: RULES, FUNDED: FUNDED_RULES}[key]


class Site:
    """One process's application: its own tracker and cache, on the database that all share."""

    def __init__(self, database: Database, clock: Clock, record: AccountRecord | None = None, **settings: str) -> None:
        self.clock = clock
        environ = {**ROUTED, "API_TOKEN": "right-token", **settings}
        self.tracker = AccountTracker(
            AccountRecord(database) if record is None else record,
            rules_of=rules_of,
            environment_of=lambda _: Environment(read_at=NOON),
            clock=clock,
            max_age=Decimal(300),
        )
        app = Flask(__name__)
        logger = logging.getLogger("test")
        known = Settings.from_env({name: value for name, value in environ.items() if value})
        self.keeper = install_doors(app, known, database, logger)
        app.register_blueprint(
            account_routes(
                known,
                self.tracker,
                AccountHistory(database),
                names=NAMES,
                rules_of=rules_of,
                clock=clock,
                logger=logger,
            )
        )
        install_error_answers(app, logger)
        self.app = app
        self.client: FlaskClient = app.test_client()

    def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> TestResponse:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(path, data=data, headers=TOKEN if headers is None else headers)

    def told(self, path: str, body: Any) -> dict[str, Any]:
        answer = self.post(path, body)
        assert answer.status_code == 200, answer.text
        return dict(answer.get_json())

    def get(self, path: str) -> dict[str, Any]:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return dict(answer.get_json())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def site(database: Database, clock: Clock) -> Site:
    return Site(database, clock)


def message(seconds: float = 0.0, equity: float = 50000.0, /, **changes: Any) -> dict[str, Any]:
    return {
        "account_id": "APEX-1234-01",
        "timestamp": int((NOON + timedelta(seconds=seconds)).timestamp() * 1000),
        "cash_value": 50000.0,
        "net_liquidation": equity,
        "realized_pnl": 0,
        "unrealized_pnl": equity - 50000,
        "positions": [],
        **changes,
    }


def refusal(answer: TestResponse) -> tuple[int, str, Any]:
    told = answer.get_json()
    assert told["status"] == "error"
    assert len(told["message"]) > 20
    return answer.status_code, told["code"], told.get("field")


# What is told.


def test_an_update_answers_with_the_accounts_new_standing(site: Site, sql: Sql) -> None:
    told = site.told(UPDATE, message(0, 50250.5, positions=[{"symbol": "MNQ", "quantity": 2}], extra=1))

    assert told["status"] == "current"
    assert told["ignored"] == ["extra"]
    assert told["account"] == {
        "firm_code": "APEX",
        "program_id": 1,
        "version": 1,
        "source": "PLATFORM",
        "figures_at": "2026-11-18T17:00:00+00:00",
        "age": 0.0,
        "life": 1,
    }
    standing = told["standing"]
    assert (standing["state"], standing["equity"], standing["floor"]) == ("ACTIVE", 50250.5, 48250.5)
    assert (standing["daily_floor"], standing["room"], standing["high_water_mark"]) == (49000, 1250.5, 50250.5)
    assert sql("SELECT positions FROM account_states") == [{"positions": [{"symbol": "MNQ", "quantity": 2}]}]
    seen = site.get(f"{APEX}/standing")
    assert {**seen["standing"], "at": None} == {**standing, "at": None}
    assert seen["positions"] == [{"symbol": "MNQ", "quantity": 2}]


def test_the_generic_form_answers_alike(site: Site) -> None:
    told = site.told(f"{APEX}/state", {"equity": 49000, "balance": 50000, "day_pl": -500.5, "total_pl": -1000})
    assert (told["status"], told["account"]["source"]) == ("current", "PROGRAM")
    assert (told["standing"]["state"], told["standing"]["day_pl"]) == ("ACTIVE", -500.5)
    assert site.told("/api/v1/accounts/apex/1/state", {"equity": 49001})["standing"]["equity"] == 49001


def test_older_repeated_and_silent_updates(site: Site, sql: Sql) -> None:
    site.told(UPDATE, message(0, 50100))
    row = sql("SELECT * FROM account_states")

    assert site.told(UPDATE, message(0, 50100))["status"] == "repeated"
    assert sql("SELECT * FROM account_states") == row
    older = site.told(UPDATE, message(-60, 50050))
    assert (older["status"], older["standing"]["equity"]) == ("older", 50100)
    assert site.told(UPDATE, message(-60, 50050))["status"] == "repeated"
    history = sql("SELECT kind, equity FROM account_snapshots ORDER BY id")
    assert history == [{"kind": "EXTREME", "equity": Decimal(50100)}, {"kind": "LATE", "equity": Decimal(50050)}]

    silent = site.told(UPDATE, message(5, 0, cash_value=0, unrealized_pnl=0))
    assert (silent["status"], silent["standing"]["no_data"]) == ("no_data", True)
    assert (silent["standing"]["breached"], silent["standing"]["equity"]) == (False, 50100)
    alerts = site.get("/api/v1/alerts?open=true")["alerts"]
    assert [alert["rule"] for alert in alerts] == ["NO_DATA"]
    back = site.told(UPDATE, message(10, 50000))
    assert (back["status"], back["standing"]["no_data"]) == ("current", False)


def test_zeros_of_an_account_that_starts_at_zero_are_figures_until_they_would_be_a_breach(site: Site) -> None:
    zeros = {"account_id": "express 50k", "cash_value": 0, "unrealized_pnl": 0}
    told = site.told(UPDATE, message(0, 0, **zeros))
    assert (told["status"], told["standing"]["equity"], told["standing"]["floor"]) == ("current", 0, -2000)
    debt = site.told(UPDATE, message(1, -500, **{**zeros, "cash_value": -400}))
    assert (debt["standing"]["balance"], debt["standing"]["state"]) == (-400, "ACTIVE")

    site.told(UPDATE, message(2, 2500, **{**zeros, "cash_value": 2500}))
    site.clock.now = NOON + timedelta(days=1)
    day = 86400.0
    risen = site.told(UPDATE, message(day, 2500, **{**zeros, "cash_value": 2500}))
    assert (risen["standing"]["floor"], risen["standing"]["locked"]) == (0, True)
    assert site.told(UPDATE, message(day + 1, 0, **zeros))["status"] == "no_data"
    lost = site.told(UPDATE, message(day + 2, 0, **zeros, connected=True))
    assert (lost["status"], lost["standing"]["state"]) == ("current", "BREACHED")


BAD_BODIES: list[tuple[str, Any, str]] = [
    (UPDATE, b"", "body"),
    (UPDATE, b"[]", "body"),
    (UPDATE, b"{", "body"),
    (UPDATE, b'{"account_id": "APEX-1234-01", "net_liquidation": NaN}', "body"),
    (UPDATE, b'{"account_id": "APEX-1234-01", "net_liquidation": -Infinity}', "body"),
    (UPDATE, b'{"timestamp": 1, "timestamp": 2}', "timestamp"),
    (UPDATE, {}, "timestamp"),
    (UPDATE, message(0, 50000, net_liquidation="NaN"), "net_liquidation"),
    (UPDATE, message(0, 50000, cash_value="Infinity"), "cash_value"),
    (UPDATE, message(0, 50000, cash_value=-0.01), "cash_value"),
    (UPDATE, message(60.001), "timestamp"),
    (UPDATE, message(0, 50000, daily_pnl_history={"yesterday": 1}), "daily_pnl_history.yesterday"),
    (UPDATE, message(0, 50000, positions=[{"symbol": "\x00"}]), "positions.0"),
    (f"{APEX}/state", {}, "body"),
    (f"{APEX}/state", {"equity": None}, "body"),
    (f"{APEX}/state", {"equity": "much"}, "equity"),
    (f"{APEX}/state", {"equity": 1, "balance": -1}, "balance"),
    (f"{APEX}/state", {"equity": 1, "time": "2026-11-18T17:01:00.001Z"}, "time"),
    (f"{APEX}/override", {"equity": 1, "minutes": 5}, "reason"),
    (f"{APEX}/override", {**SIGNED, "equity": 1}, "expires_at"),
    (f"{APEX}/override", {**SIGNED, "minutes": 5}, "body"),
    (f"{APEX}/override", {**SIGNED, "minutes": 5, "balance": -1}, "balance"),
    (f"{APEX}/flags", {**SIGNED}, "body"),
    (f"{APEX}/flags", {**SIGNED, "paused": "no"}, "paused"),
    (f"{APEX}/restart", {"reason": "reset"}, "set_by"),
]


@pytest.mark.parametrize(("path", "body", "field"), BAD_BODIES)
def test_a_body_that_can_never_be_valid_is_a_400_that_names_the_field_and_stores_nothing(
    site: Site, sql: Sql, path: str, body: Any, field: str
) -> None:
    assert refusal(site.post(path, body)) == (400, "invalid_request", field)
    for table in ("account_states", "account_snapshots", "account_overrides", "account_flags", "account_restarts"):
        assert sql(f"SELECT count(*) AS n FROM {table}") == [{"n": 0}]


def test_a_time_from_ahead_is_refused_with_both_times(site: Site) -> None:
    told = site.post(UPDATE, message(61)).get_json()
    assert "2026-11-18T17:00:00+00:00" in told["accepted"]
    assert "2026-11-18T17:01:01+00:00" in told["accepted"]
    assert site.told(UPDATE, message(60))["status"] == "current"


@pytest.mark.parametrize(
    ("method", "path", "body", "named"),
    [
        ("POST", UPDATE, message(0, 50000, account_id="Sim101"), "APEX-1234-01, Express 50K"),
        ("POST", UPDATE, message(0, 50000, account_id="not routed"), "APEX-1234-01, Express 50K"),
        ("POST", "/api/v1/accounts/APEX/2/state", {"equity": 1}, "FTMO/1, APEX/1"),
        ("POST", "/api/v1/accounts/APEX/x/state", {"equity": 1}, "FTMO/1, APEX/1"),
        ("POST", "/api/v1/accounts/LEELOO/1/override", {**SIGNED, "equity": 1, "minutes": 5}, "FTMO/1, APEX/1"),
        ("DELETE", "/api/v1/accounts/APEX/2/override", {}, "FTMO/1, APEX/1"),
        ("POST", "/api/v1/accounts/APEX/2/flags", {**SIGNED, "paused": True}, "FTMO/1, APEX/1"),
        ("POST", "/api/v1/accounts/APEX/2/restart", SIGNED, "FTMO/1, APEX/1"),
        ("GET", "/api/v1/accounts/APEX/2/standing", None, "FTMO/1, APEX/1"),
        ("GET", "/api/v1/accounts/APEX/2/equity-curve", None, "FTMO/1, APEX/1"),
        ("GET", "/api/v1/accounts/APEX/2/days", None, "FTMO/1, APEX/1"),
        ("GET", "/api/v1/alerts?firm=LEELOO", None, "FTMO, APEX"),
    ],
)
def test_an_account_that_does_not_exist_is_a_404_that_names_those_that_do(
    site: Site, sql: Sql, method: str, path: str, body: Any, named: str
) -> None:
    answer = site.client.open(path, method=method, json=body, headers=TOKEN)
    told = answer.get_json()
    assert (answer.status_code, told["code"]) == (404, "unknown_account")
    assert told["accepted"].endswith(named)
    assert sql("SELECT count(*) AS n FROM account_states") == [{"n": 0}]


CHANGES: list[tuple[str, str, Any]] = [
    ("POST", UPDATE, message()),
    ("POST", f"{APEX}/state", {"equity": 50000}),
    ("POST", f"{APEX}/override", {**SIGNED, "equity": 1, "minutes": 5}),
    ("DELETE", f"{APEX}/override", {}),
    ("POST", f"{APEX}/flags", {**SIGNED, "paused": True}),
    ("POST", f"{APEX}/restart", SIGNED),
]


@pytest.mark.parametrize(
    ("headers", "what"),
    [({}, "missing"), ({"Authorization": "Bearer wrong"}, "wrong"), ({"Authorization": "Bearer "}, "wrong")],
)
def test_what_changes_something_needs_the_token_even_from_this_machine(
    site: Site, sql: Sql, headers: dict[str, str], what: str
) -> None:
    for method, path, body in CHANGES:
        answer = site.client.open(path, method=method, json=body, headers=headers)
        assert refusal(answer) == (401, "wrong_token", None), (method, path)
        assert what in answer.get_json()["message"], (method, path)
        assert answer.headers["WWW-Authenticate"] == "Bearer", (method, path)
        assert sql("SELECT count(*) AS n FROM account_states") == [{"n": 0}], (method, path)


def test_without_a_configured_token_nobody_changes_anything(database: Database, clock: Clock) -> None:
    site = Site(database, clock, API_TOKEN="")
    for method, path, body in CHANGES:
        for headers in ({}, TOKEN, {"Authorization": "Bearer "}):
            answer = site.client.open(path, method=method, json=body, headers=headers)
            assert refusal(answer) == (403, "api_token_unset", None), (method, path)
            assert "API_TOKEN" in answer.get_json()["message"], (method, path)


@pytest.mark.parametrize("path", ["/api/v1/accounts", f"{APEX}/standing", f"{APEX}/days", "/api/v1/alerts"])
def test_what_only_shows_is_for_this_machine_and_for_the_token(site: Site, path: str) -> None:
    assert site.client.get(path).status_code == 200
    assert refusal(site.client.get(path, headers=STRANGER)) == (401, "wrong_token", None)
    assert site.client.get(path, headers={**STRANGER, **TOKEN}).status_code == 200


def test_a_body_has_64_kibibytes_at_most(site: Site) -> None:
    room = 64 * 1024 - len(json.dumps(message(0, 50000, pad="")))
    assert site.post(UPDATE, message(0, 50000, pad="x" * room)).status_code == 200
    assert refusal(site.post(UPDATE, message(1, 50000, pad="x" * (room + 1)))) == (413, "body_too_large", "body")


def test_the_token_is_in_no_answer(site: Site) -> None:
    answer = site.post(UPDATE, message(0, 50000, account_id="right-token"))
    assert answer.status_code == 404
    assert "right-token" not in answer.text


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
def test_a_database_that_is_away_is_a_503_to_try_again(clock: Clock, method: str, path: str, body: Any) -> None:
    away = Database("postgresql://127.0.0.1:1/none", patience=0.1)
    answer = Site(away, clock).client.open(path, method=method, json=body, headers=TOKEN)
    assert refusal(answer) == (503, "database_unavailable", None)
    assert answer.headers["Retry-After"] == "5"


@pytest.mark.parametrize("path", ["/api/v1/accounts", f"{APEX}/standing", f"{APEX}/equity-curve", "/api/v1/alerts"])
def test_what_cannot_be_read_now_is_a_503_too(clock: Clock, path: str) -> None:
    site = Site(Database("postgresql://127.0.0.1:1/none", patience=0.1), clock)
    assert refusal(site.client.get(path)) == (503, "database_unavailable", None)


class Contested(AccountRecord):
    """A record to which others are always quicker to write."""

    def write(self, change: AccountWrite) -> bool:
        return False


def test_an_account_that_others_write_to_all_the_time_is_a_503_to_try_again(database: Database, clock: Clock) -> None:
    answer = Site(database, clock, Contested(database)).post(UPDATE, message())
    assert refusal(answer) == (503, "contended", None)
    assert answer.headers["Retry-After"] == "1"


# What a person orders.


def test_an_override_counts_until_its_end_and_is_on_record(site: Site, sql: Sql) -> None:
    # The record's own clock says when an override was set.
    site.clock.now = datetime.now(NOON.tzinfo)
    site.told(f"{APEX}/state", {"equity": 50000, "balance": 50000})

    told = site.told(f"{APEX}/override", {**SIGNED, "equity": 48900.5, "minutes": 30})
    assert told["status"] == "overridden"
    assert (told["account"]["source"], told["standing"]["equity"]) == ("OVERRIDE", 48900.5)
    seen = site.get(f"{APEX}/standing")
    assert seen["override"] == {
        "figures": {"equity": 48900.5},
        **SIGNED,
        "set_by": OWNER,
        "expires_at": told["expires_at"],
    }
    site.clock.now += timedelta(minutes=30)
    after = site.get(f"{APEX}/standing")
    assert (after["override"], after["standing"]["equity"]) == (None, 50000)

    site.told(f"{APEX}/override", {**SIGNED, "equity": 49500, "minutes": 5})
    withdrawn = site.client.delete(f"{APEX}/override", headers=TOKEN).get_json()
    assert (withdrawn["status"], withdrawn["standing"]["equity"]) == ("withdrawn", 50000)
    again = site.client.delete(f"{APEX}/override", headers=TOKEN, json={"set_by": "owner"})
    assert again.status_code == 200
    rows = sql("SELECT figures, reason, set_by, withdrawn_by FROM account_overrides ORDER BY id")
    assert [(row["set_by"], row["withdrawn_by"]) for row in rows] == [
        (OWNER, OWNER),
        (OWNER, "somebody with the API token"),
    ]


def test_flags_stop_an_account_and_are_on_record(site: Site, sql: Sql) -> None:
    site.told(UPDATE, message())
    told = site.told(f"{APEX}/flags", {**SIGNED, "paused": True, "note": "news"})
    assert (told["standing"]["state"], told["flags"]) == ("HALTED", {"paused": True, "note": "news"})
    assert sql("SELECT name, set_by, reason FROM account_flags ORDER BY name")[1] == {
        "name": "paused",
        **SIGNED,
        "set_by": OWNER,
    }
    freed = site.told(f"{APEX}/flags", {**SIGNED, "paused": False})
    assert freed["standing"]["state"] == "ACTIVE"
    assert site.get(f"{APEX}/standing")["flags"] == {"paused": False, "note": "news"}


def test_a_new_start_forgets_the_breach_and_says_who_and_why(site: Site, sql: Sql) -> None:
    site.told(UPDATE, message(0, 50000))
    assert site.told(UPDATE, message(1, 47000))["standing"]["state"] == "BREACHED"
    site.clock.now += timedelta(seconds=10)

    told = site.told(f"{APEX}/restart", {"reason": "bought a reset", "set_by": "owner"})
    fresh = site.told(UPDATE, message(11, 50000))

    assert (told["status"], told["account"]["life"]) == ("restarted", 2)
    assert (fresh["standing"]["state"], fresh["standing"]["floor"]) == ("ACTIVE", 48000)
    assert sql("SELECT reason, set_by FROM account_restarts") == [{"reason": "bought a reset", "set_by": OWNER}]


# What is shown.


def test_all_standings_are_those_of_every_configured_account(site: Site, database: Database) -> None:
    site.told(UPDATE, message(0, 50010))
    Site(database, site.clock).told(UPDATE, message(1, 50020))
    accounts = site.get("/api/v1/accounts")["accounts"]
    assert [(row["account"]["firm_code"], row["standing"]["state"]) for row in accounts] == [
        ("FTMO", "UNKNOWN"),
        ("APEX", "ACTIVE"),
    ]
    assert accounts[1]["standing"]["equity"] == 50020


def test_figures_grow_old_without_news(site: Site) -> None:
    site.told(UPDATE, message(0, 50000))
    site.clock.now += timedelta(seconds=300)
    assert site.get(f"{APEX}/standing")["standing"]["stale"] is False
    site.clock.now += timedelta(seconds=1)
    assert site.get(f"{APEX}/standing")["standing"]["stale"] is True


def test_the_days_are_ours_beside_the_platforms(site: Site) -> None:
    def day(seconds: float, cash: float, history: dict[str, float]) -> None:
        told = {"account_id": "Express 50K", "cash_value": cash, "unrealized_pnl": 0, "daily_pnl_history": history}
        site.clock.now = NOON + timedelta(seconds=seconds)
        site.told(UPDATE, message(seconds, cash, **told, realized_pnl=0, connected=True))

    day(0, 1000, {"2026-11-17": 300})
    day(60, 1250, {"2026-11-17": 300})
    day(86400, 1250, {"2026-11-17": 300, "2026-11-18": 240})
    day(86460, 1150, {"2026-11-17": 300, "2026-11-18": 240})

    told = site.get("/api/v1/accounts/FTMO/1/days")

    days = [(row["day"], row["pnl"], row["platform_pnl"], row["difference"], row["used"]) for row in told["days"]]
    assert days == [
        ("2026-11-17", None, 300, None, "platform"),
        ("2026-11-18", 250, 240, -10, "platform"),
        ("2026-11-19", -100, None, None, "snapshots"),
    ]
    assert [row["finalised"] for row in told["days"]] == [True, True, False]
    assert (told["trading_days"], told["winning_days"], told["min_days"], told["min_days_left"]) == (3, 2, 5, 2)
    assert (told["consistency"]["best"], told["consistency"]["base"], told["consistency"]["passed"]) == (
        300,
        440,
        False,
    )
    assert site.get(f"{APEX}/days") == {
        "firm_code": "APEX",
        "program_id": 1,
        "days": [],
        "since": None,
        "trading_days": 0,
        "winning_days": 0,
        "min_days": None,
        "min_days_left": None,
        "consistency": None,
    }


def test_days_before_a_new_start_are_shown_and_not_counted(site: Site) -> None:
    history = {"2026-11-17": 300, "2026-11-18": 100}
    site.told(UPDATE, message(0, 0, account_id="Express 50K", cash_value=0, daily_pnl_history=history))
    site.clock.now += timedelta(seconds=5)
    site.told("/api/v1/accounts/FTMO/1/restart", SIGNED)

    told = site.get("/api/v1/accounts/FTMO/1/days")

    assert [row["day"] for row in told["days"]] == ["2026-11-17", "2026-11-18"]
    assert (told["since"], told["trading_days"], told["min_days_left"]) == ("2026-11-18", 1, 4)


def test_alerts_are_listed_newest_first_and_by_account(site: Site) -> None:
    site.told(UPDATE, message(0, 50000))
    site.told(UPDATE, message(1, 49400))
    site.clock.now += timedelta(seconds=2)
    site.told(UPDATE, message(2, 49900))
    site.told(UPDATE, message(0, 0, account_id="Express 50K", connected=False))

    rows = site.get("/api/v1/alerts")["alerts"]
    assert [(row["firm_code"], row["rule"], row["mark"]) for row in rows] == [
        ("FTMO", "NO_DATA", ""),
        ("APEX", "DAILY_LOSS_USED", "50"),
    ]
    assert {**rows[1], "id": 0} == {
        "id": 0,
        "firm_code": "APEX",
        "program_id": 1,
        "rule": "DAILY_LOSS_USED",
        "mark": "50",
        "severity": "INFO",
        "is_event": False,
        "value": 600,
        "limit": 1000,
        "at": "2026-11-18T17:00:00+00:00",
        "cleared_at": "2026-11-18T17:00:02+00:00",
    }
    for query, firms in (
        ("open=true", ["FTMO"]),
        ("open=false", ["FTMO", "APEX"]),
        ("firm=apex", ["APEX"]),
        ("firm=APEX&program=2", []),
        ("program=1&limit=1", ["FTMO"]),
    ):
        assert [row["firm_code"] for row in site.get(f"/api/v1/alerts?{query}")["alerts"]] == firms


def test_what_happened_once_is_no_open_alert(site: Site) -> None:
    site.told(UPDATE, message(0, 50000))
    site.clock.now += timedelta(days=1)
    site.told(UPDATE, message(86400, 50000))
    [reset] = site.get("/api/v1/alerts")["alerts"]
    assert (reset["rule"], reset["mark"], reset["is_event"], reset["cleared_at"]) == (
        *("DAY_RESET", "2026-11-19"),
        *(True, None),
    )
    assert site.get("/api/v1/alerts?open=true")["alerts"] == []


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/v1/alerts?limit=0", "limit"),
        ("/api/v1/alerts?limit=1001", "limit"),
        ("/api/v1/alerts?limit=many", "limit"),
        ("/api/v1/alerts?program=0", "program"),
        ("/api/v1/alerts?program=2147483648", "program"),
        ("/api/v1/alerts?open=perhaps", "open"),
        (f"{APEX}/equity-curve?points=3", "points"),
        (f"{APEX}/equity-curve?points=5001", "points"),
        (f"{APEX}/equity-curve?points=-5", "points"),
        (f"{APEX}/equity-curve?from=yesterday", "from"),
        (f"{APEX}/equity-curve?from=2026-11-18T17:00:00Z&to=2026-11-18T16:59:59Z", "to"),
    ],
)
def test_a_question_that_makes_no_sense_is_a_400(site: Site, path: str, field: str) -> None:
    assert refusal(site.client.get(path)) == (400, "invalid_request", field)


def keep_snapshots(sql: Sql, count: int, *, accounts: int = 2) -> None:
    """A path that wanders, one state a second, the same for several accounts."""
    sql(
        """INSERT INTO account_snapshots (firm_code, program_id, observed_at, received_at, kind, source, equity,
            balance, high_water_mark, floor, daily_floor)
        SELECT 'APEX', p, t, t, 'UPDATE', 'PLATFORM', 50000 + round((500 * sin(n / 700.0))::numeric, 2), 50000,
               50500, 48500, 49000
        FROM generate_series(1, %s) p, (
            SELECT n, %s::timestamptz + n * interval '1 second' AS t FROM generate_series(0, %s) n) g""",
        accounts,
        NOON,
        count - 1,
    )


def test_few_points_are_all_shown_with_mark_and_floors(site: Site, sql: Sql) -> None:
    for seconds, equity in ((0, 50000.0), (2, 50500.0), (4, 50200.25)):
        site.told(UPDATE, message(seconds, equity))
    site.told(UPDATE, message(3, 50900))
    site.told(UPDATE, message(5, 0, connected=False))
    site.clock.now += timedelta(minutes=1)

    told = site.get(f"{APEX}/equity-curve")

    rows = [
        (point["time"][14:19], point["equity"], point["high_water_mark"], point["floor"]) for point in told["points"]
    ]
    assert rows == [
        ("00:00", 50000, 50000, 48000),
        ("00:02", 50500, 50500, 48500),
        ("00:03", 50900, 50900, 48500),
        ("00:04", 50200.25, 50500, 48500),
    ]
    assert told["points"][0] == {
        "time": "2026-11-18T17:00:00+00:00",
        "equity": 50000,
        "balance": 50000,
        "high_water_mark": 50000,
        "floor": 48000,
        "daily_floor": 49000,
    }
    assert {point["daily_floor"] for point in told["points"]} == {49000}
    within = site.get(f"{APEX}/equity-curve?from=2026-11-18T17:00:02Z&to=2026-11-18T17:00:03%2B00:00")
    assert [point["equity"] for point in within["points"]] == [50500, 50900]
    moment = "2026-11-18T17:00:02Z"
    assert len(site.get(f"{APEX}/equity-curve?from={moment}&to={moment}")["points"]) == 1
    assert site.get(f"{APEX}/equity-curve?from=2027-01-01&to=2027-01-02")["points"] == []


@pytest.mark.parametrize("points", [4, 7, 40, 500, 5000])
def test_a_long_curve_is_thinned_out_and_loses_no_extreme(site: Site, sql: Sql, points: int) -> None:
    keep_snapshots(sql, 20_000)
    for second, equity in ((3_333, 45_000), (15_007, 56_000.25)):
        sql(
            "UPDATE account_snapshots SET equity = %s WHERE observed_at = %s AND program_id = 1",
            equity,
            NOON + timedelta(seconds=second),
        )
    site.clock.now += timedelta(days=1)

    told = site.get(f"{APEX}/equity-curve?points={points}")["points"]

    assert points // 8 <= len(told) <= points
    times = [datetime.fromisoformat(point["time"]) for point in told]
    assert times == sorted(set(times))
    assert (times[0], times[-1]) == (NOON, NOON + timedelta(seconds=19_999))
    by_equity = {point["equity"]: time for point, time in zip(told, times, strict=True)}
    assert by_equity[45_000] == NOON + timedelta(seconds=3_333)
    assert by_equity[56_000.25] == NOON + timedelta(seconds=15_007)
    if points >= 500:
        gaps = [(after - before).total_seconds() for before, after in itertools.pairwise(times)]
        assert max(gaps) <= 2 * 20_000 / (points // 4)


def test_exactly_as_many_points_as_asked_for_are_not_thinned_out(site: Site, sql: Sql) -> None:
    keep_snapshots(sql, 40)
    site.clock.now += timedelta(days=1)
    assert len(site.get(f"{APEX}/equity-curve?points=40")["points"]) == 40
    assert len(site.get(f"{APEX}/equity-curve?points=39")["points"]) <= 39
    assert len(site.get(f"{APEX}/equity-curve?points=4&to={NOON.timestamp()}")["points"]) == 1


def test_standing_and_curve_never_walk_over_the_table_of_snapshots(sql: Sql) -> None:
    from database.statements import statements

    keep_snapshots(sql, 6_000, accounts=10)
    sql("VACUUM ANALYZE account_snapshots")
    values = {
        "firm_code": "APEX",
        "program_id": 1,
        "firm_codes": ["APEX"],
        "program_ids": [1],
        "since": NOON,
        "until": NOON + timedelta(days=1),
        "points": 500,
        "stretches": 125,
    }

    def plan(name: str) -> str:
        text = "EXPLAIN " + statements()[name]
        for value in values:
            text = text.replace(f"%({value})s", "%s")
        order = [part.split(")s")[0] for part in statements()[name].split("%(")[1:]]
        return "\n".join(str(row["QUERY PLAN"]) for row in sql(text, *(values[value] for value in order)))

    assert "account_snapshots" not in plan("read_accounts")
    curve = plan("equity_curve")
    # The part that holds them; of an empty month nothing is quicker than to see that it is empty.
    assert "Seq Scan on account_snapshots_before" not in curve
    assert "Index Only Scan using told_once" in curve


# Storms.


def storm(seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """200 messages of one day in their right order, and again in another with 50 of them twice."""
    chance = random.Random(seed)
    steps = chance.sample(range(-60_000, 90_000), 200)
    right = [
        message(
            second - 200,
            50000 + step / 100 + second % 3 * 5,
            cash_value=50000 + step / 100,
            realized_pnl=step / 100,
            unrealized_pnl=second % 3 * 5,
            positions=[{"second": second}],
            daily_pnl_history={"2026-11-17": 150, "2026-11-18": step / 100},
        )
        for second, step in enumerate(steps)
    ]
    shuffled = [*right, *chance.sample(right, 50)]
    chance.shuffle(shuffled)
    return right, shuffled


def in_order(messages: list[dict[str, Any]]) -> Tracked:
    tracked = Tracked()
    for told in messages:
        fields = json.loads(json.dumps(told), parse_float=Decimal)
        tracked = apply(tracked, parse_ninjatrader(fields, NOON)[1].update(AccountBounds()), RULES).tracked
    return tracked


def what_matters(tracked: Tracked) -> Tracked:
    return replace(tracked, version=0, received_at=None, floor_locked_at=None, last_snapshot_at=None)


def assert_as_in_order(site: Site, sql: Sql, right: list[dict[str, Any]]) -> None:
    expected = in_order(right)
    found = site.tracker.view(KEY)
    assert what_matters(found.tracked) == what_matters(expected)
    assert found.tracked.positions == ({"second": 199},)
    highest = max(Decimal(str(told["net_liquidation"])) for told in right)
    assert found.standing.high_water_mark == highest
    assert found.standing.floor == min(highest - 2000, Decimal(50100))
    days = sql("SELECT day, platform_pl FROM account_days ORDER BY day")
    assert [row["platform_pl"] for row in days] == [Decimal(150), Decimal(str(right[-1]["realized_pnl"]))]
    assert sql("SELECT observed_at FROM account_snapshots GROUP BY observed_at HAVING count(*) > 1") == []


@pytest.mark.parametrize("seed", range(2))
def test_a_storm_in_any_order_from_many_threads_ends_where_the_right_order_leads(
    site: Site, sql: Sql, seed: int
) -> None:
    right, shuffled = storm(seed)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda told: posted(site, told), shuffled))

    assert set(statuses) <= {"current", "older", "repeated"}
    assert len(statuses) - statuses.count("repeated") == 200
    assert_as_in_order(site, sql, right)
    assert sql("SELECT count(*) AS n FROM account_snapshots") == [{"n": 200}]


def posted(site: Site, told: dict[str, Any]) -> str:
    answer = site.app.test_client().post(UPDATE, json=told, headers=TOKEN)
    assert answer.status_code == 200, answer.text
    return str(answer.get_json()["status"])


@pytest.mark.parametrize("seed", range(5, 7))
def test_two_processes_on_one_database_agree(database: Database, clock: Clock, sql: Sql, seed: int) -> None:
    one, other = Site(database, clock), Site(database, clock)
    right, shuffled = storm(seed)
    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(posted, (one, other)[n % 2], told) for n, told in enumerate(shuffled)]
    statuses = [answer.result() for answer in sent]

    assert len(statuses) - statuses.count("repeated") == 200
    one.tracker.refresh([KEY])
    other.tracker.refresh([KEY])
    assert one.tracker.view(KEY).tracked == other.tracker.view(KEY).tracked
    for site in (one, other, Site(database, clock)):
        assert_as_in_order(site, sql, right)
    alerts = sql("SELECT rule, mark FROM account_alerts WHERE cleared_at IS NULL")
    assert len(alerts) == len({(row["rule"], row["mark"]) for row in alerts})


def test_one_update_sent_by_many_at_once_is_taken_once(site: Site, sql: Sql) -> None:
    start = threading.Barrier(10)

    def send(_: int) -> str:
        start.wait()
        return posted(site, message(0, 50100))

    with ThreadPoolExecutor(10) as pool:
        statuses = list(pool.map(send, range(10)))

    assert sorted(statuses) == ["current", *["repeated"] * 9]
    assert sql("SELECT version FROM account_states") == [{"version": 1}]
    assert sql("SELECT count(*) AS n FROM account_snapshots") == [{"n": 1}]
