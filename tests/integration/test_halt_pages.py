"""Halting and releasing on the page: who may, what is said before, what it does, and what is on record after."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from database.connection import Database
from tests.conftest import Sql
from tests.integration.conftest import MakeApp
from tests.integration.test_login import ADMIN, VIEWER, log_in, token_of
from tests.integration.test_pages import BROWSER, shown, text_of
from tests.orders import Bench
from tests.processes import entry, wait_until
from web.pages.frame import NUMBER_HEADER

TOKEN = {"Authorization": "Bearer right-token"}
HALT = {"scope": "APEX", "level": "CANCEL", "reason": "news"}


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app(ADMIN_PASSWORD=ADMIN, VIEWER_PASSWORD=VIEWER, API_TOKEN="right-token")


@pytest.fixture
def anna(app: Flask) -> FlaskClient:
    client = app.test_client()
    log_in(client, ADMIN)
    return client


@pytest.fixture
def ben(app: Flask) -> FlaskClient:
    client = app.test_client()
    log_in(client, VIEWER, name="ben")
    return client


def submit(client: FlaskClient, form_at: str, to: str, **fields: str) -> TestResponse:
    """Send a form as a browser does: with the token that stands on its page."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', shown(client, form_at))
    assert found is not None
    return client.post(to, data={"csrf_token": found[1], **fields}, headers=BROWSER)


def halts(sql: Sql) -> list[dict[str, Any]]:
    return sql("SELECT id, firm_code, program_id, level, reason, set_by, released_by FROM trading_halts ORDER BY id")


def acts(sql: Sql) -> list[dict[str, Any]]:
    return sql("SELECT act, by, reason FROM operator_acts ORDER BY id")


def test_a_halt_is_set_and_released_by_forms_and_the_record_names_the_person(
    anna: FlaskClient, database: Database, sql: Sql
) -> None:
    Bench(database, sql).filled_entry("T1")
    form_at = "/halts/new?level=cancel&scope=APEX"
    asked = text_of(shown(anna, form_at))
    assert "Halt APEX?" in asked
    assert "Entries that are working at a venue are taken back." in asked
    assert "APEX/1 dry-run long 2 NQZ6 none" in asked
    assert "FTMO/1 " not in text_of(shown(anna, form_at), "holding")
    assert halts(sql) == []

    done = submit(anna, form_at, "/halts", **HALT)
    [halt] = halts(sql)
    assert (done.status_code, done.location) == (303, f"/halts/{halt['id']}")
    assert (halt["firm_code"], halt["program_id"], halt["level"]) == ("APEX", None, "CANCEL")
    assert "APEX, halt" in text_of(shown(anna, "/halts"), "in-force")
    assert "HALTED APEX" in text_of(shown(anna))
    page = f"/halts/{halt['id']}"
    assert "type RELEASE APEX" in text_of(shown(anna, page))

    for phrase in ("RELEASE ALL", "release apex", ""):
        refused = submit(anna, page, page, phrase=phrase, reason="quiet <again>")
        assert refused.status_code == 400
        assert "Nothing was released. Phrase : t" in text_of(refused.text)
        assert "quiet &lt;again&gt;" in refused.text
    assert halts(sql) == [halt]
    released = submit(anna, page, page, phrase="RELEASE APEX", reason="quiet again")
    assert (released.status_code, released.location) == (303, "/halts")
    again = anna.post(page, data={"csrf_token": token_in(anna), "phrase": "RELEASE APEX", "reason": "twice"})
    assert again.status_code == 409
    assert "is not in force" in again.text
    past = text_of(shown(anna, "/halts"), "past")
    assert "anna (password) quiet again" in past
    assert "Not halted" in text_of(shown(anna))
    assert acts(sql) == [
        {"act": "HALT", "by": "anna (password)", "reason": "news"},
        {"act": "RELEASE", "by": "anna (password)", "reason": "quiet again"},
    ]


def token_in(client: FlaskClient) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', shown(client, "/halts/new"))
    assert found is not None
    return found[1]


def test_what_comes_after_a_halt_of_everything_is_refused_with_its_rule(anna: FlaskClient, sql: Sql) -> None:
    submit(anna, "/halts/new", "/halts", scope="ALL", level="ENTRIES", reason="halted on the page")
    anna.post("/api/automated-signals/webhook", json=entry("AFTER"))
    wait_until(lambda: sql("SELECT id FROM execution_logs") != [], what="the verdict")
    [log] = sql("SELECT response_body FROM execution_logs")
    blocked = [row["blocked_by"] for row in log["response_body"]["connector_results"]]
    assert blocked == [["TRADING_HALTED"], ["TRADING_HALTED"]]


def test_a_viewer_sees_what_is_halted_and_changes_nothing(anna: FlaskClient, ben: FlaskClient, sql: Sql) -> None:
    submit(anna, "/halts/new", "/halts", **HALT)
    before = halts(sql)
    page = f"/halts/{before[0]['id']}"
    for address in ("/", "/halts", page):
        seen = shown(ben, address)
        assert "HALTED APEX" in text_of(seen)
        assert "/halts/new" not in seen
        assert 'name="phrase"' not in seen
        assert "/halts/new" in shown(anna, address)
    token = token_of(ben.application.test_client())
    assert ben.get("/halts/new", headers=BROWSER).status_code == 403
    for address in ("/halts", page):
        answer = ben.post(address, data={**HALT, "phrase": "RELEASE APEX", "csrf_token": token})
        assert (answer.status_code, answer.get_json()["code"]) == (403, "operator_needed")
    assert halts(sql) == before


@pytest.mark.parametrize("token", [{}, {"csrf_token": "x"}])
def test_a_form_of_another_site_is_refused(anna: FlaskClient, sql: Sql, token: dict[str, str]) -> None:
    answer = anna.post("/halts", data={**HALT, **token})
    assert (answer.status_code, answer.get_json()["code"]) == (403, "csrf")
    [halt] = [submit(anna, "/halts/new", "/halts", **HALT)]
    answer = anna.post(halt.location, data={"phrase": "RELEASE APEX", "reason": "x", **token})
    assert (answer.status_code, answer.get_json()["code"]) == (403, "csrf")
    assert [row["released_by"] for row in halts(sql)] == [None]


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("/halts/new?scope=APX", 404, "no account is in APX, so it would stop nobody; the accounts are FTMO/1, APEX/1"),
        ("/halts/new?level=some", 400, "level : accepted is entries"),
        ("/halts/new?scope=A%2FB", 400, "scope : accepted is ALL"),
        ("/halts/99", 404, "there is no halt 99"),
    ],
)
def test_what_is_not_there_or_cannot_be_read_is_said(anna: FlaskClient, address: str, status: int, said: str) -> None:
    answer = anna.get(address, headers=BROWSER)
    assert answer.status_code == status
    assert said in text_of(answer.text)


def test_a_halt_without_a_reason_or_of_nobody_is_asked_for_again(anna: FlaskClient, sql: Sql) -> None:
    again = submit(anna, "/halts/new", "/halts", scope="APEX/1", level="FLATTEN", reason=" ")
    assert again.status_code == 400
    assert "Nothing was halted. Reason : accepted is" in text_of(again.text)
    assert "Halt and flatten APEX/1 now" in text_of(again.text)
    assert submit(anna, "/halts/new", "/halts", scope="APX", level="ENTRIES", reason="x").status_code == 404
    assert halts(sql) == []


def test_nobody_is_given_the_form_of_another(anna: FlaskClient, ben: FlaskClient) -> None:
    halt = submit(anna, "/halts/new", "/halts", **HALT).location
    live = {**BROWSER, NUMBER_HEADER: anna.get(halt, headers=BROWSER).headers[NUMBER_HEADER].partition(":")[0] + ":0"}
    assert 'name="phrase"' in anna.get(halt, headers=live).text
    assert 'name="phrase"' not in ben.get(halt, headers=live).text
    for address in ("/", "/halts"):
        assert "csrf_token" not in anna.get(address, headers=live).text


def test_the_bearer_of_a_token_may_use_the_form_too(app: Flask, sql: Sql) -> None:
    client = app.test_client()
    assert client.get("/halts/new", headers={**BROWSER, **TOKEN}).status_code == 200
    assert client.post("/halts", data=HALT, headers=TOKEN).status_code == 303
    assert [row["set_by"] for row in halts(sql)] == ["API token (token)"]
