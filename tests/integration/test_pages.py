"""The pages as a browser gets them, on a real record: what they say, what leads where, and who is told what."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import web.assets
from config.settings import Settings
from database.connection import Database
from database.embedded import EmbeddedServer
from domain.order_state import OrderState
from tests.conftest import Sql, administrator, fresh_database
from tests.integration.conftest import MakeApp
from tests.integration.test_dead_letters import failed_task
from tests.orders import Bench, entry_leg
from tests.processes import ROUTED, entry, wait_until
from web.assets import Assets
from web.pages.frame import NUMBER_HEADER
from web_server import create_app, service_of

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
TOKEN = {"Authorization": "Bearer right-token"}
WEBHOOK = "/api/automated-signals/webhook"
PASSWORD = "correct-horse-battery"
MINUS = "\N{MINUS SIGN}"


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app(API_TOKEN="right-token", APEX_1_MAX_DRAWDOWN="3000", APEX_1_STARTING_BALANCE="150000")


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    with app.test_client() as client:
        yield client


@pytest.fixture(scope="module")
def calm(postgres: EmbeddedServer) -> Iterator[FlaskClient]:
    """A service that no test changes."""
    for database_url in fresh_database(postgres):
        app = create_app(Settings.from_env({**ROUTED, "DATABASE_URL": database_url, "API_TOKEN": "right-token"}))
        with app.test_client() as client:
            tell(client, "APEX/1", equity=150_111.0, balance=150_111.0)
            yield client
        service_of(app).stop()


def shown(client: FlaskClient, address: str = "/", **headers: str) -> str:
    answer = client.get(address, headers={**BROWSER, **headers})
    assert answer.status_code == 200, answer.text
    return answer.text


def text_of(page: str, part: str | None = None) -> str:
    """What is read on the page, or in one part of it."""
    if part is not None:
        page = page[page.index(f'id="{part}"') :]
        page = page[: page.index("</section>")]
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def tell(client: FlaskClient, account: str, **figures: float) -> None:
    answer = client.post(f"/api/v1/accounts/{account}/state", json=figures, headers=TOKEN)
    assert answer.status_code == 200, answer.text


def test_a_program_is_told_in_json_and_a_browser_gets_the_page(calm: FlaskClient) -> None:
    assert calm.get("/").get_json()["health"] == "/health"
    assert calm.get("/", headers={"Accept": "*/*"}).get_json()["mode"] == "dry-run"
    answer = calm.get("/", headers=BROWSER)
    assert answer.mimetype == "text/html"
    assert answer.headers["Cache-Control"] == "no-store"


def test_an_account_is_shown_with_its_rooms_and_the_losses_they_are_good_for(client: FlaskClient) -> None:
    tell(client, "APEX/1", equity=149_100.0, balance=149_300.0, day_pl=-900.0)
    row = text_of(shown(client), "accounts")
    standing = client.get("/api/v1/accounts/APEX/1/standing").get_json()["standing"]
    assert (standing["daily_room"], standing["floor_room"]) == (600.0, 2100.0)
    assert f"$149,100.00 {MINUS}$900.00 today" in row
    assert "$600.00 of $1,500 40%" in row
    assert "$2,100.00 of $3,000 70%" in row
    # One trade risks 1 % of 150,000: the room to the floor is good for one loss, the day's for none.
    assert "0 losses left at $148,500" in row
    assert "1 loss left at $147,000" in row


def test_what_is_reserved_and_held_is_shown_and_taken_off_the_losses(
    client: FlaskClient, database: Database, sql: Sql
) -> None:
    tell(client, "APEX/1", equity=150_000.0, balance=150_000.0)
    bench = Bench(database, sql)
    bench.filled_entry("T1")
    bench.plan("T2", entry_leg(quantity=1))
    row = text_of(shown(client), "accounts")
    assert "long 2 NQZ6 1 on the way" in row
    assert "$1,500.00 reserved" in row
    # 1,500 of the day's 1,500 are spoken for.
    assert "0 losses left at $148,500" in row


def test_everything_that_needs_a_person_is_named_and_leads_to_where_it_is_dealt_with(
    make_app: MakeApp, database: Database, sql: Sql
) -> None:
    with make_app(FTMO_1_MAX_CONTRACTS="several").test_client() as client:
        bench = Bench(database, sql)
        (order_id,) = bench.plan("LOST", entry_leg())
        bench.claim()
        bench.become(order_id, OrderState.UNRESOLVED, cause="NO_ANSWER")
        failed_task(sql, "GIVEN_UP")
        sql(
            "INSERT INTO order_differences (firm_code, program_id, kind, symbol, ledger_quantity, venue_quantity,"
            " proposal) VALUES ('APEX', 1, 'DIFFERENT_SIZE', 'NQZ6', 1, 3, 'Look at the venue.')"
        )
        assert client.post(WEBHOOK, json=entry("TWICE")).status_code == 200
        assert client.post(WEBHOOK, json=entry("TWICE", stop_loss=16400.0)).status_code == 409
        page = shown(client)
        part = page[page.index('id="attention"') : page.index('id="accounts"')]
        said = text_of(part)
        assert "Unresolved order APEX/1: nobody knows whether BUY 2 NQ of LOST was taken." in said
        assert "Out of sync APEX/1 NQZ6: the ledger has 1 lots, the venue 3. Look at the venue." in said
        assert "Dead letter ENTRY of GIVEN_UP was given up: ValueError: no" in said
        assert "Conflict ENTRY of TWICE came again with other content" in said
        assert "Configuration" in said
        assert "FTMO_1_MAX_CONTRACTS" in said
        assert said.index("Unresolved order") < said.index("Dead letter")
        addresses = re.findall(r'href="([^"]+)"', part)
        assert len(addresses) >= 5
        for address in addresses:
            answer = client.get(html.unescape(address), headers=BROWSER)
            assert answer.status_code == 200, address
            fragment = address.partition("#")[2]
            assert not fragment or answer.mimetype != "text/html" or f'id="{fragment}"' in answer.text


def test_a_halt_stands_on_every_page(client: FlaskClient) -> None:
    halt = {"scope": "APEX", "level": "entries", "by": "anna", "reason": "news"}
    assert client.post("/api/halts", json=halt, headers=TOKEN).status_code == 200
    for address in ("/", "/accounts/APEX/1", "/configuration"):
        assert "HALTED APEX" in text_of(shown(client, address))
    assert "APEX/1 dry Halted Entries, by anna (token): news" in text_of(shown(client), "accounts")
    assert "TRADING_HALTED" in text_of(shown(client, "/accounts/APEX/1"), "what-if-title")


def test_what_if_is_what_the_router_would_decide_and_leaves_nothing_behind(client: FlaskClient, sql: Sql) -> None:
    tell(client, "APEX/1", equity=149_100.0, balance=149_100.0, day_pl=-900.0)
    before = rows_of_trading(sql)
    asked = text_of(shown(client, "/accounts/APEX/1?symbol=NQ&contracts=2&distance=25"), "what-if-title")
    assert rows_of_trading(sql) == before
    client.post(WEBHOOK, json=entry("REAL", contracts=2))
    wait_until(lambda: sql("SELECT id FROM execution_logs") != [], what="the verdict")
    [log] = sql("SELECT response_body FROM execution_logs")
    [decided] = [row for row in log["response_body"]["connector_results"] if row["firm_code"] == "APEX"]
    assert decided["blocked_by"] == ["DAILY_ROOM"]
    assert "Would be refused DAILY_ROOM Exceeds the room to today's limit: worst case 1000 is not below 600" in asked
    checks = [*log["response_body"]["enforcement_checks"], *log["response_body"]["account_breaches"]]
    compared = [row["rule"] for check in checks if check["firm_code"] == "APEX" for row in check["compared"]]
    assert set(compared) - {"SIGNAL_EXPIRED"} <= set(asked.split())
    passing = text_of(shown(client, "/accounts/APEX/1?symbol=MNQ&contracts=1&distance=25"), "what-if-title")
    assert "Would pass 1 MNQ on paper, $50.00 lost at the stop." in passing


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("symbol=NQ&contracts=0&distance=25", "contracts"),
        ("symbol=NQ&contracts=1.5&distance=25", "contracts"),
        ("symbol=NQ&distance=-1", "distance"),
        ("symbol=NQ&distance=NaN", "distance"),
        ("symbol=NQ&distance=1e400", "distance"),
        ("symbol=%3Cscript%3E&distance=1", "symbol"),
        ("distance=1", "symbol"),
        ("days=8", "days"),
    ],
)
def test_a_question_that_cannot_be_read_is_answered_with_its_field(calm: FlaskClient, query: str, field: str) -> None:
    answer = calm.get(f"/accounts/APEX/1?{query}", headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (400, "text/html")
    assert f"<strong>{field}</strong>: accepted is" in answer.text
    assert "<script>" not in answer.text


def test_an_account_that_is_not_routed_is_named_with_those_that_are(calm: FlaskClient) -> None:
    answer = calm.get("/accounts/TOPSTEP/9", headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "Routed are: FTMO/1, APEX/1." in answer.text


def test_a_live_fetch_brings_the_live_parts_and_the_number_of_the_newest_change(client: FlaskClient) -> None:
    whole = client.get("/", headers=BROWSER)
    boot, _, number = whole.headers[NUMBER_HEADER].partition(":")
    client.post(WEBHOOK, json=entry("SEEN"))

    def fetched() -> TestResponse:
        return client.get("/", headers={**BROWSER, NUMBER_HEADER: f"{boot}:{number}"})

    wait_until(lambda: "of 2 approved" in text_of(fetched().text, "signals"), what="the verdict on the page")
    # The event of a commit may come after its rows can be read.
    wait_until(
        lambda: int(fetched().headers[NUMBER_HEADER].partition(":")[2]) > int(number), what="the number of the change"
    )
    answer = fetched()
    assert len(re.findall("data-live", answer.text)) == len(re.findall("data-live", whole.text))
    assert "<script" not in answer.text
    assert "<nav" not in answer.text


@pytest.mark.parametrize("number", ["", ":", "another:7", "x:y", "another-boot"])
def test_a_number_of_another_process_is_answered_with_the_newest(calm: FlaskClient, number: str) -> None:
    assert "$150,111.00" in shown(calm, "/", **{NUMBER_HEADER: number})


def test_with_the_database_away_the_page_says_so(make_app: MakeApp, database_url: str) -> None:
    app = make_app(API_TOKEN="right-token", ADMIN_PASSWORD=PASSWORD)
    by_token, logged_in = app.test_client(), app.test_client()
    log_in(logged_in)
    name = re.search(r"/(test_\d+)\?", database_url)
    assert name is not None
    with administrator(database_url.replace(f"/{name[1]}?", "/postgres?")) as cursor:
        cursor.execute(f"ALTER DATABASE {name[1]} ALLOW_CONNECTIONS false")
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name[1],))
        try:
            answers = [by_token.get("/", headers={**BROWSER, **TOKEN}), logged_in.get("/", headers=BROWSER)]
        finally:
            cursor.execute(f"ALTER DATABASE {name[1]} ALLOW_CONNECTIONS true")
    for answer in answers:
        assert (answer.status_code, answer.mimetype) == (503, "text/html")
        assert "The database does not answer" in answer.text
        assert "Halts unknown" in text_of(answer.text)


def test_who_is_logged_in_is_named_and_can_leave(make_app: MakeApp) -> None:
    client = make_app(ADMIN_PASSWORD=PASSWORD).test_client()
    log_in(client)
    page = shown(client)
    assert "anna operator Log out" in text_of(page)
    assert "anna" not in shown(client, "/", **{NUMBER_HEADER: ":"})
    assert client.post("/logout", data={"csrf_token": csrf_token(page)}).location == "/login"
    assert client.get("/", headers=BROWSER).location == "/login?next=/"


def log_in(client: FlaskClient) -> None:
    told = {"password": PASSWORD, "name": "anna", "csrf_token": csrf_token(client.get("/login").text)}
    assert client.post("/login", data=told).status_code == 303


def csrf_token(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def test_no_page_has_a_script_or_a_style_in_it(calm: FlaskClient) -> None:
    for address in ("/", "/accounts/APEX/1", "/accounts/NONE/1", "/configuration"):
        page = calm.get(address, headers=BROWSER).text
        assert re.search(r"\sstyle=|<style|\son\w+=", page) is None
        assert all("src=" in script for script in re.findall(r"<script[^>]*>", page))


def test_what_a_stranger_sends_is_text_on_the_page(client: FlaskClient) -> None:
    trade_id = '<img src=x onerror="alert(1)">'
    assert client.post(WEBHOOK, json=entry(trade_id)).status_code == 200
    page = shown(client)
    assert "<img" not in page
    assert html.escape(trade_id, quote=False)[:8] in page


def test_files_may_be_kept_for_ever_and_change_their_address_with_their_content(
    calm: FlaskClient, tmp_path: Path
) -> None:
    addresses = re.findall(r'(?:src|href)="(/assets/[^"]+)"', shown(calm))
    assert {address.rpartition("/")[2] for address in addresses} >= {"page.css", "page.js", "icon.svg"}
    for address in addresses:
        answer = calm.get(address, headers={"Accept-Encoding": "gzip"})
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["Content-Encoding"] == "gzip"
    assert calm.get("/assets/0000000000000000/page.css").status_code == 404
    assert calm.get(addresses[0].replace("page.css", "..%2fassets.py")).status_code == 404
    (tmp_path / "page.css").write_text("one")
    one = Assets(own=tmp_path)
    (tmp_path / "page.css").write_text("two")
    assert Assets(own=tmp_path).address("page.css") != one.address("page.css")


def test_without_the_packages_the_page_is_whole_and_says_that_it_does_not_move(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(web.assets, "PACKAGES", tmp_path)
    with make_app().test_client() as client:
        page = shown(client)
    assert "This page does not update by itself." in text_of(page)
    assert "python -m web.assets" in page
    assert "APEX/1" in page
    assert "socket.io.js" not in page


def test_fifty_accounts_are_a_light_page(make_app: MakeApp) -> None:
    many = ",".join(str(number) for number in range(1, 26))
    app = make_app(FTMO_PROGRAM_IDS=many, APEX_PROGRAM_IDS=many)
    with app.test_client() as client:
        answer = client.get("/", headers={**BROWSER, "Accept-Encoding": "gzip"})
        addresses = set(re.findall(r'(?:src|href)="(/assets/[^"]+)"', answer.text))
        base = next(iter(addresses)).rpartition("/")[0]
        addresses |= {f"{base}/{name}" for name in ("live.js", "patch.js", "clock.js", "theme.js", "socket.io.js")}
        files = [client.get(address, headers={"Accept-Encoding": "gzip"}) for address in addresses]
    assert answer.text.count("<tr data-key=") == 50
    sizes = [len(file.data) for file in files if file.status_code == 200]
    assert len(answer.data) + sum(sizes) < 300_000


def test_a_process_says_that_it_runs_until_it_ends(make_app: MakeApp, sql: Sql) -> None:
    app = make_app()
    wait_until(lambda: len(beats(sql)) == 1, what="the first beat")
    [beat] = beats(sql)
    assert (beat["kind"], beat["routes"], beat["dry_run"], beat["armed"]) == ("WEB", True, True, [])
    with app.test_client() as client:
        assert "1 running" in text_of(shown(client), "tiles")
        sql("UPDATE router_heartbeats SET beat_at = now() - interval '1 minute'")
        assert "Nobody decides" in text_of(shown(client), "tiles")
    service_of(app).stop()
    assert beats(sql) == []


def test_processes_that_trade_differently_are_noticed(make_app: MakeApp, sql: Sql) -> None:
    sql(
        "INSERT INTO router_heartbeats (process, kind, routes, dry_run, armed, started_at)"
        " VALUES ('other:1', 'WORKER', true, false, '{APEX/1}', now())"
    )
    with make_app().test_client() as client:
        wait_until(lambda: len(beats(sql)) == 2, what="the first beat")
        assert "They disagree about what is armed." in text_of(shown(client), "tiles")


def beats(sql: Sql) -> list[dict[str, Any]]:
    return sql("SELECT * FROM router_heartbeats ORDER BY process")


def rows_of_trading(sql: Sql) -> dict[str, int]:
    """How many rows there are in everything that a signal leaves behind."""
    tables = sql(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        " AND tablename ~ '^(execution|automated|decision|order|operator|policy|refused|trading|halt|rule_sets)'"
    )
    assert len(tables) > 10
    return {row["tablename"]: sql(f"SELECT count(*) AS n FROM {row['tablename']}")[0]["n"] for row in tables}
