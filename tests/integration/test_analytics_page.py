"""The page of analytics against a record whose figures are known."""

from __future__ import annotations

from decimal import Decimal

import pytest

from database.analytics import analytics
from database.connection import Database
from tests.conftest import Sql
from tests.integration.conftest import MakeApp
from tests.integration.test_record_pages import order
from tests.integration.test_signal_pages import page, words

VERDICT = (
    "INSERT INTO execution_logs (task_id, trade_id, event_type, status, response_body, created_at)"
    " SELECT %s, 'T', 'ENTRY', 'SUCCESS', jsonb_build_object('connector_results', jsonb_build_array("
    " jsonb_build_object('firm_code', 'APEX', 'approved', %s, 'blocked_by', %s::jsonb))),"
    " now() - %s * interval '1 hour'"
)
SIGNAL = (
    "INSERT INTO automated_signals (trade_id, lifecycle, event_key, content_digest, source, direction, entry_price,"
    " stop_loss, exit_price, raw_body, received_at) VALUES (%s, %s, %s, 'd', 's', %s, %s, %s, %s, %s,"
    " now() - %s * interval '1 minute')"
)


def record(sql: Sql) -> None:
    """Three verdicts within a day and one of last week; orders; two trades of one strategy; an account's days."""
    sql(
        "INSERT INTO execution_tasks (id, trade_id, event_type, status, finished_at, created_at)"
        " SELECT n, 'T', 'ENTRY', 'SUCCESS',"
        " now() - interval '1 hour' + n * interval '1 second', now() - interval '1 hour'"
        " FROM generate_series(1, 4) n"
    )
    for task_id, approved, rules, hours in (
        (1, True, "[]", 1),
        (2, False, '["MAX_DRAWDOWN", "ZERO_CONTRACTS"]', 2),
        (3, False, '["MAX_DRAWDOWN"]', 3),
        (4, True, "[]", 100),
    ):
        sql(VERDICT, task_id, approved, rules, hours)
    for number, (state, filled) in enumerate([("FILLED", 2), ("ACCEPTED", 0), ("REJECTED", 0), ("CANCELLED", 0)], 1):
        order(sql, number, number, state, filled=filled)
    expired = order(sql, 1, 9, "PLANNED", program=2)
    sql("UPDATE execution_orders SET state = 'NOT_SENT', cause = 'SIGNAL_EXPIRED' WHERE id = %s", expired)
    named = '{"strategy": "<Breakout>"}'
    sql(SIGNAL, "T1", "ENTRY", "1", "LONG", 100, 90, None, named, 50)
    sql(SIGNAL, "T1", "EXIT_TP", "2", None, None, None, 125, "{}", 40)
    sql(SIGNAL, "T2", "ENTRY", "3", "SHORT", 100, 110, None, named, 30)
    sql(SIGNAL, "T2", "EXIT_SL", "4", None, None, None, 110, "{}", 20)
    for days, start, end, high, low in ((3, 1000, 1100, 1200, 1000), (2, 1100, 1050, 1110, 900), (40, 0, 999, 999, 0)):
        sql(
            "INSERT INTO account_days (firm_code, program_id, day, start_balance, end_balance, high_equity, low_equity,"
            " finalised_at) VALUES ('APEX', 1, current_date - %s, %s, %s, %s, %s, now())",
            *(days, start, end, high, low),
        )


def test_what_is_counted_is_what_is_on_record(database: Database, sql: Sql) -> None:
    record(sql)
    day, week = analytics(database, hours=24), analytics(database, hours=168)
    assert [(firm["n"], firm["approved"]) for firm in (*day.firms, *week.firms)] == [(3, 1), (4, 2)]
    assert [(row["rule"], row["n"]) for row in day.rules["APEX"]] == [("MAX_DRAWDOWN", 2), ("ZERO_CONTRACTS", 1)]
    counts = {name: day.orders[0][name] for name in ("n", "taken", "failed", "unresolved", "held_back")}
    assert counts == {"n": 5, "taken": 2, "failed": 1, "unresolved": 0, "held_back": 1}
    assert len(day.orders[0]["answer"]) == 3
    assert day.tasks["decided"] == pytest.approx([2500, 3850, 3970])
    (strategy,) = day.strategies
    assert (strategy.trades, strategy.won, strategy.made, strategy.drawdown) == (2, 1, Decimal("1.5"), Decimal(1))
    (account,) = week.accounts
    figures = [account[name] for name in ("days", "made", "best", "worst", "drawdown")]
    assert figures == [2, 50, 100, -50, 300], "the fall runs from the first day's high to the second day's low"
    assert day.accounts == ()


def test_the_page_shows_it_over_the_window_and_says_what_to_do_where_there_is_nothing(
    make_app: MakeApp, sql: Sql
) -> None:
    client = make_app(ROUTER_ENABLED="false").test_client()
    assert page(client, "/analytics").count('class="empty"') == 4
    record(sql)
    text = words(page(client, "/analytics?hours=168"))
    for shown in ("APEX 4 2 50.0%", "MAX_DRAWDOWN 2", "APEX 5 2 66.6% 1 0 1", "+$50.00 +$100.00", "+1.50 R"):
        assert shown in text, shown
    assert "&lt;Breakout&gt; 2 50%" in text
    page(client, "/analytics?hours=5", status=400)
