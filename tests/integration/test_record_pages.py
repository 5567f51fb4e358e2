"""A trade, its tasks and orders, and dead letters: what their pages show, and that the overview leads to them."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from config.settings import Settings
from database.connection import Database
from database.tracked_accounts import tracked_accounts
from execution_router import ExecutionRouter
from tests.conftest import Sql
from tests.integration.conftest import MakeApp
from tests.integration.test_signal_pages import decided, page, words
from tests.processes import ROUTED, entry, exit_of

TRADE = "20261121/T 1?"
PLAN = (
    "INSERT INTO execution_orders (task_id, trade_id, firm_code, program_id, purpose, client_order_id, symbol,"
    " contract, side, quantity, entry_price, stop_price, worst_case, expires_at, cause, actor)"
    " SELECT %s, %s, 'APEX', %s, 'ENTRY', lpad(%s::text, 20, 'a'), 'NQ', %s, 'BUY', 2, 16500,"
    " 16475, 1000, now(), 'APPROVED', 'w'"
    " RETURNING id"
)
CONTRACT = '{"root": "NQ", "symbol": "NQZ6", "month_code": "Z", "year": 2026, "tick_size": 0.25, "lots": 1}'
SEND = (
    "UPDATE execution_orders SET state = 'SENDING', worker = 'w', lease_until = now(), sent_at = now(), attempts = 1,"
    " cause = 'CLAIMED' WHERE id = %s"
)
ANSWER = (
    "UPDATE execution_orders SET state = %s, filled = %s, worker = NULL, lease_until = NULL, venue_order_id = %s,"
    " cause = %s, answer = %s WHERE id = %s"
)


@pytest.fixture
def client(make_app: MakeApp) -> FlaskClient:
    return make_app(ROUTER_ENABLED="false").test_client()


def order(
    sql: Sql, task_id: int, number: int, state: str, *, filled: int = 0, program: int = 1, trade: str = TRADE
) -> int:
    """An order that was sent and came to ``state``."""
    order_id = int(sql(PLAN, task_id, trade, program, number, CONTRACT)[0]["id"])
    if state != "PLANNED":
        sql(SEND, order_id)
        sql(ANSWER, state, filled, f"V{number}", f"CAUSE_{number}", '{"said": "<b>no</b>"}', order_id)
    return order_id


def keys(text: str) -> list[int]:
    """The orders that a page lists, in order."""
    return [int(number) for number in re.findall(r'data-key="order-(\d+)"', text)]


def test_a_trade_its_tasks_and_orders_are_shown_with_all_that_is_on_record(
    client: FlaskClient, database: Database, sql: Sql
) -> None:
    settings = Settings.from_env(ROUTED)
    router = ExecutionRouter(
        settings=settings, database=database, account_state_manager=tracked_accounts(settings, database)
    )
    for text in ("orders", "dead-letters"):
        assert 'class="empty"' in page(client, f"/{text}")
    decided(router, entry(TRADE), exit_of(TRADE))
    client.post("/api/automated-signals/webhook", json=entry(TRADE, stop_loss=16000.0))
    filled, unknown = order(sql, 1, 1, "FILLED", filled=2), order(sql, 1, 2, "UNRESOLVED", program=2)

    trade = page(client, "/trades/20261121/T%201%3F")
    assert re.findall(r'data-key="(signal|conflict|order|task)-\d+"', trade) == [
        *("signal", "signal", "conflict", "order", "order", "task", "task")
    ]
    task = page(client, "/tasks/1")
    assert "the same verdict" in task
    assert words(task).count("Unresolved") >= 2
    assert "&#34;stop_loss&#34;: 16475" in task
    assert "Facts: " in task
    assert "nothing was decided about it" in page(client, "/tasks/2")
    sql("UPDATE execution_logs SET response_body = jsonb_set(response_body, '{connector_results,0,approved}', 'false')")
    assert "not the same" in page(client, "/tasks/1")

    shown = words(page(client, f"/orders/{filled}"))
    assert re.search(r"Planned .* Sending .* Filled .* Cause 1", shown)
    assert "V1" in shown
    assert "<b>no</b>" not in page(client, f"/orders/{filled}"), "what a broker says is text"
    listed = page(client, "/orders")
    assert keys(listed) == [unknown, unknown, filled]
    assert re.findall(r'data-key="order-(\d+)"', page(client, "/orders?account=APEX/1&state=FILLED"))[1:] == [
        str(filled)
    ]
    signal = words(page(client, "/signals/1"))
    assert re.search(r"claimed \d+ .*decided \d+ .*sent \d+ .*answered \d+", signal)

    overview = page(client, "/")
    leads = re.findall(r'data-key="(?:Unresolved order|Conflict) ([^"#]+)', overview)
    assert len(leads) == 2
    assert all(client.get(lead, headers={"Accept": "text/html"}).status_code == 200 for lead in leads)
    for absent in ("/tasks/99", "/orders/99", "/trades/nobody", "/dead-letters/task:99"):
        page(client, absent, status=404)
    page(client, "/dead-letters/12", status=400)


def test_pages_of_orders_go_on_to_the_end(client: FlaskClient, sql: Sql) -> None:
    sql("INSERT INTO execution_tasks (id, trade_id, event_type) VALUES (1, 'T', 'ENTRY')")
    for number in range(55):
        order(sql, 1, number, "PLANNED", program=number + 1)
    seen: list[int] = []
    address: str | None = "/orders"
    while address is not None:
        text = page(client, address)
        seen += keys(text)
        found = re.search(r'href="(/orders\?[^"]+)" rel="next"', text)
        address = None if found is None else found[1]
    assert seen == list(range(55, 0, -1))


def test_dead_letters_are_listed_with_why_and_what_another_try_would_come_to(client: FlaskClient, sql: Sql) -> None:
    sql(
        "INSERT INTO execution_tasks (trade_id, event_type, status, attempts, last_error, finished_at)"
        " VALUES ('T9', 'ENTRY', 'FAILED', 5, 'it <broke>', now())"
    )
    leg = order(sql, 1, 3, "PLANNED")
    sql("UPDATE execution_orders SET state = 'NOT_SENT', cause = 'SIGNAL_EXPIRED' WHERE id = %s", leg)
    listed = words(page(client, "/dead-letters"))
    assert "it &lt;broke&gt;" in listed
    assert re.search(rf"leg:{leg} .*SIGNAL_EXPIRED .*makes sense", listed)
    for name in ("task:1", f"leg:{leg}"):
        assert "it &lt;broke&gt;" in page(client, "/tasks/1")
        assert "another try makes sense" in page(client, f"/dead-letters/{name}")
    leads = re.findall(r'data-key="Dead letter ([^"]+)', page(client, "/"))
    assert sorted(leads) == ["/dead-letters/leg:1", "/dead-letters/task:1"]
