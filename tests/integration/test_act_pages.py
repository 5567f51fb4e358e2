"""Acting on the page: what is said before, what it does once however often it is sent, who is refused and how."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg2
import psycopg2.extras
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from config.settings import Settings
from database.connection import Database
from database.embedded import EmbeddedServer
from domain.account import AccountKey
from domain.order_state import OrderState
from tests.conftest import Sql, fresh_database
from tests.integration.test_dead_letters import failed_task
from tests.integration.test_differences import Venue
from tests.integration.test_login import ADMIN, VIEWER, log_in, token_of
from tests.integration.test_pages import BROWSER, shown, text_of
from tests.orders import APEX_1, APEX_2, FTMO_1, Bench, entry_leg
from tests.processes import ROUTED
from web.pages import forms
from web_server import create_app, service_of

ANNA = "anna (password)"
ACCOUNT = "/accounts/APEX/1"


@dataclass
class Desk:
    """Two processes on one database, in which nothing is decided; anna and ben are logged in at the first."""

    apps: list[Flask]
    database: Database
    sql: Sql
    bench: Bench

    def __post_init__(self) -> None:
        self.anna, self.ben = (app.test_client() for app in (self.apps[0], self.apps[0]))
        log_in(self.anna, ADMIN)
        log_in(self.ben, VIEWER, name="ben")

    def elsewhere(self) -> FlaskClient:
        """Return anna at the other process."""
        client, cookie = self.apps[1].test_client(), self.anna.get_cookie("router")
        assert cookie is not None
        client.set_cookie("router", cookie.value)
        return client

    def doubted(self, account: AccountKey) -> int:
        """Return an order of this account of which nobody knows what became of it; entries after it wait."""
        known = self.sql(
            "SELECT id FROM execution_orders WHERE state = 'UNRESOLVED' AND firm_code = %s", account.firm_code
        )
        if known:
            return int(known[0]["id"])
        self.calm()
        (order_id,) = self.bench.plan(f"DOUBT_{account}", entry_leg(account))
        self.bench.claim()
        self.bench.become(order_id, OrderState.UNRESOLVED, cause="TIMED_OUT")
        return order_id

    def calm(self) -> None:
        """Release every halt."""
        self.sql("UPDATE trading_halts SET released_at = now(), released_by = 'carl', release_reason = 'test'")

    def audit(self) -> list[tuple[str, str | None]]:
        return [
            (row["kind"], row["actor"])
            for row in self.sql("SELECT kind, actor FROM audit_events WHERE actor LIKE %s ORDER BY id", "%(password)")
        ]


@pytest.fixture(scope="module")
def desk(postgres: EmbeddedServer) -> Iterator[Desk]:
    for url in fresh_database(postgres):
        settings = Settings.from_env(
            {
                **ROUTED,
                "DATABASE_URL": url,
                "ADMIN_PASSWORD": ADMIN,
                "VIEWER_PASSWORD": VIEWER,
                "ROUTER_ENABLED": "no",
                "API_TOKEN": "t",
            }
        )
        apps = [create_app(settings) for _ in range(2)]
        connection = psycopg2.connect(url)
        connection.autocommit = True

        def sql(text: str, *values: Any, connection: Any = connection) -> list[dict[str, Any]]:
            with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
                cursor.execute(text, values or None)
                return [dict(row) for row in cursor.fetchall()] if cursor.description else []

        database = Database(url)
        yield Desk(apps=apps, database=database, sql=sql, bench=Bench(database, sql))
        for app in apps:
            service_of(app).stop()
        connection.close()
        database.close()


@dataclass(frozen=True)
class Asked:
    """An act: where it is asked for, what its form is sent with, and what stands on the page before."""

    at: str
    says: str
    audited: str
    typed: dict[str, str]
    then: str = ""


def pause(_: Desk) -> Asked:
    return Asked(f"{ACCOUNT}/pause", "each is refused with ACCOUNT_PAUSED", "FLAG_SET", {"reason": "news"}, ACCOUNT)


def resume(_: Desk) -> Asked:
    return Asked(f"{ACCOUNT}/resume", "paused by nobody any more", "FLAG_SET", {"reason": "calm"}, ACCOUNT)


def override(_: Desk) -> Asked:
    at = f"{ACCOUNT}/override?equity=151000&balance=150000.50&minutes=60&reason=the+feed+hangs"
    says = "APEX/1 counts as having equity $151,000.00, balance $150,000.50"
    return Asked(at, says, "OVERRIDE_SET", {}, ACCOUNT)


def withdraw(_: Desk) -> Asked:
    return Asked(f"{ACCOUNT}/withdraw", "holds no longer: equity $151,000.00", "OVERRIDE_WITHDRAWN", {}, ACCOUNT)


def retry(desk: Desk) -> Asked:
    name = failed_task(desk.sql, "RETRIED")
    says = "waits again with all its tries before it. A router decides it anew"
    return Asked(f"/dead-letters/{name}/retry", says, "OPERATOR_ACT", {"reason": "venue is back"}, f"/tasks/{name.id}")


def discard(desk: Desk) -> Asked:
    name = failed_task(desk.sql, "DISCARDED")
    at = f"/dead-letters/{name}/discard"
    return Asked(at, "put aside for good", "OPERATOR_ACT", {"reason": "of no use"}, "/dead-letters")


def resolve(desk: Desk) -> Asked:
    order_id = desk.doubted(APEX_1)
    at = f"/orders/{order_id}/resolve?outcome=FILLED&filled=2&price=16500.25&reason=seen+there"
    says = "stands on record as filled: 2 of 2 contracts filled at 16,500.25."
    return Asked(at, says, "OPERATOR_ACT", {}, f"/orders/{order_id}")


def settle(desk: Desk) -> Asked:
    desk.bench.filled_entry("SETTLED")
    Venue(desk.database).holds("0")
    (row,) = desk.sql("SELECT id FROM order_differences WHERE settled_at IS NULL")
    says = "The difference of APEX/1 NQZ6 is taken as your own"
    return Asked(f"/differences/{row['id']}/settle?how=accept", says, "OPERATOR_ACT", {"reason": "mine"}, "/orders")


def send_test(_: Desk) -> Asked:
    at = "/signals/test?symbol=NQ&direction=SHORT&entry_price=16500.5&stop_loss=16520"
    return Asked(at, "as the webhook stores one: short NQ at 16,500.5, stop 16,520.", "OPERATOR_ACT", {}, "/signals/")


def halt(_: Desk) -> Asked:
    typed = {"reason": "too fast"}
    return Asked(
        "/halts/new?level=entries&scope=FTMO", "No entry goes out any more", "HALT OPERATOR_ACT", typed, "/halts/"
    )


# In this order: what is paused is resumed, what was overridden is withdrawn.
ACTS = (pause, resume, override, withdraw, retry, discard, resolve, settle, send_test, halt)


def sent_form(page: str, **typed: str) -> tuple[str, dict[str, str]]:
    """Return where the acting form of a page is sent to, with all that it holds."""
    (form,) = [
        text for text in re.findall(r"<form method=\"post\".*?</form>", page, re.DOTALL) if 'name="once"' in text
    ]
    address = re.search(r'action="([^"]+)"', form)
    assert address is not None
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
    return address[1], {**dict(found), **typed}


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
def test_an_act_is_told_before_done_once_audited_and_an_operators(desk: Desk, act: Callable[[Desk], Asked]) -> None:
    asked, anna, ben = act(desk), desk.anna, desk.ben
    before = desk.audit()
    page = shown(anna, asked.at)
    assert asked.says in text_of(page)
    address, fields = sent_form(page, **asked.typed)

    refused = ben.get(asked.at, headers=BROWSER)
    assert (refused.status_code, "That is for an operator" in refused.text) == (403, True)
    bens = {**fields, "csrf_token": token_of(ben.application.test_client())}
    refused = ben.post(address, data=bens, headers=BROWSER)
    assert "ben may look, not change. Nothing was changed." in text_of(refused.text)
    assert (ben.post(address, data=bens).get_json()["code"], refused.status_code) == ("operator_needed", 403)
    for forged in ({}, {"csrf_token": "x"}):
        unsigned = {**{name: text for name, text in fields.items() if name != "csrf_token"}, **forged}
        refused = anna.post(address, data=unsigned, headers=BROWSER)
        assert (refused.status_code, "This form cannot be taken" in refused.text) == (403, True)
        assert anna.post(address, data=unsigned).get_json()["code"] == "csrf"
    assert desk.audit() == before

    done = anna.post(address, data=fields, headers=BROWSER)
    assert (done.status_code, done.location.startswith(asked.then)) == (303, True)
    again = desk.elsewhere().post(address, data=fields, headers=BROWSER)
    assert (again.status_code, again.location) == (303, done.location)
    # What an act changes of an order is audited besides, by the same name.
    new = sorted(row for row in desk.audit()[len(before) :] if row[0] != "ORDER")
    assert new == [(kind, ANNA) for kind in asked.audited.split()]
    assert anna.get(done.location, headers=BROWSER).status_code == 200


def post(client: FlaskClient, at: str, **typed: str) -> TestResponse:
    address, fields = sent_form(shown(client, at), **typed)
    return client.post(address, data=fields, headers=BROWSER)


def test_a_form_that_two_processes_get_at_the_same_moment_acts_once(desk: Desk) -> None:
    address, fields = sent_form(shown(desk.anna, "/halts/new?scope=APEX"), reason="both")
    answers: list[TestResponse] = []
    clients = [desk.anna, desk.elsewhere(), desk.elsewhere()]
    threads = [
        threading.Thread(target=lambda client: answers.append(client.post(address, data=fields)), args=(client,))
        for client in clients
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({answer.location for answer in answers}) == 1
    assert [answer.status_code for answer in answers] == [303] * 3
    assert desk.sql("SELECT count(*) AS n FROM trading_halts WHERE reason = 'both'") == [{"n": 1}]
    # The next form is another act, and so is the same one with another reason.
    assert post(desk.anna, "/halts/new?scope=APEX", reason="both").location != answers[0].location
    other = desk.anna.post(address, data={**fields, "reason": "later"})
    assert desk.sql("SELECT id FROM trading_halts WHERE reason = 'later'") == [
        {"id": int(other.location.rpartition("/")[2])}
    ]


def test_an_old_form_sent_again_does_nothing_and_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "PATIENCE_SECONDS", 0.1)
    address, fields = sent_form(shown(desk.anna, f"{ACCOUNT}/pause"), reason="old")
    location = desk.anna.post(address, data=fields).location
    before = desk.audit()
    desk.sql("UPDATE web_forms SET sent_at = now() - interval '61 s'")
    again = desk.anna.post(address, data=fields)
    assert again.status_code == 409
    assert "It was done once" in text_of(again.text)
    assert f'href="{location}"' in again.text
    # The process died over it.
    desk.sql("UPDATE web_forms SET location = NULL")
    again = desk.anna.post(address, data=fields)
    assert (again.status_code, "what came of it is not known" in text_of(again.text)) == (409, True)
    assert desk.audit() == before


def test_where_forms_cannot_be_kept_a_halt_is_set_all_the_same(desk: Desk) -> None:
    address, fields = sent_form(shown(desk.anna, "/halts/new?scope=APEX"), reason="unkept")
    desk.sql("ALTER TABLE web_forms RENAME TO web_forms_away")
    try:
        assert desk.anna.post(address, data=fields).status_code == 303
    finally:
        desk.sql("ALTER TABLE web_forms_away RENAME TO web_forms")
    assert desk.sql("SELECT count(*) AS n FROM trading_halts WHERE reason = 'unkept'") == [{"n": 1}]


def closed_trade(desk: Desk) -> str:
    name = failed_task(desk.sql, "CLOSED")
    failed_task(desk.sql, "CLOSED", "EXIT")
    return f"/dead-letters/{name}/retry"


def more_at_the_venue(desk: Desk) -> str:
    desk.calm()
    desk.bench.filled_entry("MORE", quantity=1, account=APEX_2)
    Venue(desk.database, APEX_2).holds("90")
    (row,) = desk.sql("SELECT id FROM order_differences WHERE settled_at IS NULL AND venue_quantity = 90")
    return f"/differences/{row['id']}/settle?how=close"


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (closed_trade, "is not given another try: the trade was closed meanwhile: there is an exit of it."),
        (more_at_the_venue, "cannot be closed in the ledger: that is for what the venue holds less"),
    ],
)
def test_what_is_not_possible_is_said_where_it_was_asked(desk: Desk, where: Callable[[Desk], str], said: str) -> None:
    at, before = where(desk), desk.audit()
    address, fields = sent_form(shown(desk.anna, at), reason="why <not>")
    # Refused, it was not done: the same form is looked at anew.
    for _ in range(2):
        answer = desk.anna.post(address, data=fields, headers=BROWSER)
        assert answer.status_code == 409
        assert "Nothing was done." in text_of(answer.text)
        assert said in text_of(answer.text)
        assert 'value="why &lt;not&gt;"' in answer.text
    assert desk.audit() == before


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (f"{ACCOUNT}/override?minutes=60&reason=x", "Body : accepted is at least one of equity"),
        (f"{ACCOUNT}/override?equity=much&minutes=60&reason=x", "Equity : accepted is a number of dollars"),
        (f"{ACCOUNT}/override?equity=1", "Reason : accepted is why"),
        ("/signals/test?symbol=NQ&direction=LONG&entry_price=10&stop_loss=11", "Stop loss : accepted is a price above"),
        ("/orders/{doubt}/resolve?outcome=FILLED&reason=x", "Filled : accepted is of a filled order"),
        ("/orders/{doubt}/resolve?outcome=FILLED&filled=3&reason=x", "is for 2 contracts: 3 cannot be filled of it."),
        ("/orders/{doubt}/resolve?outcome=CANCELLED&filled=2&reason=x", "its outcome is filled."),
    ],
)
def test_what_cannot_be_asked_is_said_before_anything_is_confirmed(desk: Desk, at: str, said: str) -> None:
    if "{doubt}" in at:
        at = at.format(doubt=desk.doubted(FTMO_1))
    page = shown(desk.anna, at)
    assert said in text_of(page)
    assert 'name="once"' not in page


@pytest.mark.parametrize(
    ("at", "status", "said"),
    [
        ("/accounts/APEX/9/pause", 404, "There is no such account. Accepted is one of those routed"),
        ("/accounts/FTMO/1/withdraw", 200, "no override is in force"),
        ("/dead-letters/task:99999/retry", 404, "there is no task 99999"),
        ("/dead-letters/no/discard", 400, "accepted is task:12 or leg:34"),
        ("/orders/99999/resolve", 404, "there is no order 99999"),
        ("/differences/99999", 404, "there is no open difference 99999"),
    ],
)
def test_what_is_not_there_is_said(desk: Desk, at: str, status: int, said: str) -> None:
    answer = desk.anna.get(at, headers=BROWSER)
    assert (answer.status_code, said in text_of(answer.text)) == (status, True)
    assert 'name="once"' not in answer.text


def test_no_override_can_be_withdrawn_where_none_is_in_force(desk: Desk) -> None:
    _, fields = sent_form(shown(desk.anna, "/accounts/FTMO/1/pause"))
    before = desk.audit()
    answer = desk.anna.post("/accounts/FTMO/1/withdraw", data=fields, headers=BROWSER)
    assert answer.status_code == 409
    assert "Nothing was done. No override of FTMO/1 is in force." in text_of(answer.text)
    assert desk.audit() == before


def test_a_test_signal_is_marked_and_refused_while_any_process_has_an_account_armed(desk: Desk) -> None:
    at = "/signals/test?symbol=NQ&direction=LONG&entry_price=16500&stop_loss=16475"
    post(desk.anna, at)
    (signal,) = desk.sql("SELECT trade_id, source, raw_body, task_id FROM automated_signals ORDER BY id DESC LIMIT 1")
    assert re.fullmatch(r"TEST_SIGNAL_\d{8}_\d{6}_[0-9a-f]{8}", signal["trade_id"])
    assert signal["source"] == "page"
    assert (signal["raw_body"]["test"], signal["raw_body"]["sent_by"]) == (True, ANNA)
    (act,) = desk.sql("SELECT act, by, details FROM operator_acts WHERE task_id = %s", signal["task_id"])
    assert act == {"act": "TEST_SIGNAL", "by": ANNA, "details": {"trade_id": signal["trade_id"]}}

    address, fields = sent_form(shown(desk.anna, at))
    desk.sql(
        "INSERT INTO router_heartbeats (process, kind, routes, dry_run, armed, started_at, beat_at)"
        " VALUES ('other', 'WORKER', TRUE, FALSE, %s, now(), now() - interval '3 minutes')",
        ["APEX/1"],
    )
    page = shown(desk.anna, at)
    assert "Nothing was sent. APEX/1 trades live" in text_of(page)
    assert 'name="once"' not in page
    refused = desk.anna.post(address, data=fields, headers=BROWSER)
    assert (refused.status_code, "APEX/1 trades live" in text_of(refused.text)) == (409, True)
    desk.sql("DELETE FROM router_heartbeats WHERE process = 'other'")
    assert desk.sql("SELECT trade_id FROM automated_signals ORDER BY id DESC LIMIT 1") == [
        {"trade_id": signal["trade_id"]}
    ]


def test_a_test_signal_over_the_api_is_the_same(desk: Desk) -> None:
    body = {"symbol": "NQ", "direction": "long", "entry_price": 16500, "stop_loss": 16475, "reason": "a look"}
    client = desk.apps[0].test_client()
    bearer = {"Authorization": "Bearer t"}
    answer = client.post("/api/signals/test", json={**body, "by": "bob"}, headers=bearer)
    assert (answer.status_code, answer.get_json()["status"]) == (200, "accepted")
    (signal,) = desk.sql("SELECT trade_id, source, task_id FROM automated_signals ORDER BY id DESC LIMIT 1")
    assert (signal["trade_id"].startswith("TEST_SIGNAL_"), signal["source"]) == (True, "api")
    acts = desk.sql("SELECT act, by, reason FROM operator_acts WHERE task_id = %s", signal["task_id"])
    assert acts == [{"act": "TEST_SIGNAL", "by": "bob (token)", "reason": "a look"}]
    wrong = client.post("/api/signals/test", json={**body, "by": "bob", "stop_loss": 16525}, headers=bearer)
    assert (wrong.status_code, len(wrong.get_json()["errors"])) == (400, 1)
    desk.sql(
        "INSERT INTO router_heartbeats (process, kind, routes, dry_run, armed, started_at)"
        " VALUES ('other', 'WORKER', TRUE, FALSE, %s, now())",
        ["APEX/1"],
    )
    refused = client.post("/api/signals/test", json={**body, "by": "bob"}, headers=bearer)
    assert (refused.status_code, "APEX/1 trades live" in refused.get_json()["message"]) == (409, True)
    desk.sql("DELETE FROM router_heartbeats WHERE process = 'other'")


def test_a_login_that_has_ended_is_told_and_led_back_to_the_form(desk: Desk) -> None:
    client = desk.apps[0].test_client()
    log_in(client, ADMIN, name="carl")
    address, fields = sent_form(shown(client, f"{ACCOUNT}/pause"), reason="late")
    desk.sql("UPDATE web_logins SET ended_at = now() WHERE name = 'carl'")
    told = client.post(address, data=fields, headers=BROWSER)
    assert told.status_code == 401
    assert "Your login has ended Nobody is logged in here any more, so nothing was done." in text_of(told.text)
    assert 'href="/login?next=/accounts/APEX/1/pause"' in told.text
    assert client.post(address, data=fields).get_json()["code"] == "wrong_token"
    # To the API as ever.
    assert client.post("/api/halts", json={}, headers=BROWSER).get_json()["code"] == "wrong_token"
    assert "carl (password)" not in {actor for _, actor in desk.audit()}


@pytest.mark.parametrize("address", [ACCOUNT, "/dead-letters/task:{task}"])
def test_a_viewer_sees_that_acting_is_not_his(desk: Desk, address: str) -> None:
    address = address.format(task=failed_task(desk.sql, "SEEN").id)
    links = re.compile(rf'href="{address}/(?:pause|resume|override|retry|discard)"')
    assert links.search(shown(desk.anna, address))
    seen = shown(desk.ben, address)
    assert "To act is for an operator." in text_of(seen)
    assert not links.search(seen)
    assert "Send a test signal" not in shown(desk.ben, "/signals")
