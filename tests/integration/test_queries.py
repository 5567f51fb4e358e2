"""Every file of database/queries, run by psql over the record of a day that was really processed."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg2
import pytest

from config.settings import Settings
from database.audit_chain import AuditChain
from database.connection import Database
from database.embedded import EmbeddedServer
from database.orders import OrderLedger
from database.tracked_accounts import tracker_of
from domain.account import AccountKey
from domain.account_update import AccountUpdate, Source
from domain.firm_day import FirmDay
from domain.order_state import Side
from tests.conftest import administrator, repository, url_of
from tests.orders import APEX_1, APEX_2, FTMO_1, entry_leg, exit_leg
from tests.processes import entry, exit_of, wait_until
from web_server import Service, create_app, service_of

QUERIES = repository() / "database" / "queries"
WEBHOOK = "/api/automated-signals/webhook"

ENVIRONMENT = {
    "ROUTE_TO_FIRMS": "FTMO,APEX",
    "FTMO_PROGRAM_IDS": "1,2",
    "FTMO_MAX_POSITION_SIZE": "10",
    "FTMO_1_ACCOUNT_SIZE": "100000.0",
    "FTMO_1_RISK_PER_TRADE": "0.01",
    "FTMO_1_MAX_CONTRACTS": "5",
    "FTMO_1_MAX_DAILY_LOSS": "1000.0",
    "FTMO_1_DAY_PL": "-250.0",
    "FTMO_2_ACCOUNT_SIZE": "25000.0",
    "FTMO_2_RISK_PER_TRADE": "0.02",
    "FTMO_2_MAX_CONTRACTS": "3",
    "FTMO_2_MAX_DAILY_LOSS": "500.0",
    "FTMO_2_DAY_PL": "-500.0",
    "APEX_PROGRAM_IDS": "1",
    "APEX_MAX_POSITION_SIZE": "15",
    "APEX_1_ACCOUNT_SIZE": "150000.0",
    "APEX_1_RISK_PER_TRADE": "0.01",
    "APEX_1_MAX_CONTRACTS": "10",
    "APEX_1_ALLOWED_SESSIONS": "NY AM",
    "TASK_MAX_ATTEMPTS": "1",
}

# A webhook body and the status with which it is answered, in the order in which they come in.
DAY = (
    (entry("CALM", session="NY AM"), 200),
    (exit_of("CALM"), 200),
    ({"event_type": "MFE_UPDATE", "trade_id": "CALM", "be_mfe": 1.5}, 200),
    (entry("CALM", session="NY AM", entry_price=16600.0), 409),
    (exit_of("GHOST"), 200),
    ({"event_type": "SIGNAL_CREATED", "trade_id": "BAD", "direction": "sideways", "entry_price": 1.0}, 400),
    (entry("LARGE", session="NY AM", contracts=12), 200),
    (entry("NIGHT", session="LONDON"), 200),
    (entry("STRANGE", session="NY AM", symbol="XYZQ"), 200),
    (entry("WIDE", session="NY AM", stop_loss=16000.0), 200),
)

# No live venue is part of the system yet, so the receipts of one are written by hand.
LIVE_RESULT = {
    "dry_run": False,
    "connector_results": [
        {"firm_code": "APEX", "program_id": 1, "status": "SUCCESS", "order_id": "A-1"},
        {"firm_code": "APEX", "program_id": 2, "status": "FAILED", "message": "refused by the venue"},
    ],
}
PAID = """
    WITH task AS (
        INSERT INTO execution_tasks (trade_id, event_type, status, attempts, finished_at)
        VALUES ('PAID', 'ENTRY', 'SUCCESS', 1, now()) RETURNING id
    )
    INSERT INTO execution_logs (task_id, trade_id, event_type, status, response_body)
    SELECT id, 'PAID', 'ENTRY', 'SUCCESS', %s FROM task
"""
BROKEN = "INSERT INTO execution_tasks (trade_id, event_type, payload) VALUES ('BROKEN', 'ENTRY', %s)"
WAITING = "INSERT INTO execution_tasks (trade_id, event_type) VALUES ('WAITING', 'EXIT')"

# Every row in the order of its arrival within one minute, so that answers are in a known order.
ARRANGE = (
    "UPDATE execution_tasks SET created_at = date_trunc('minute', now() - INTERVAL '5 minutes') + id * INTERVAL '1 s'",
    "UPDATE execution_logs el SET created_at = et.created_at FROM execution_tasks et WHERE et.id = el.task_id",
    "UPDATE execution_logs SET created_at = created_at - INTERVAL '8 days' WHERE trade_id = 'AGED'",
    "UPDATE execution_tasks SET created_at = created_at - INTERVAL '8 days' WHERE trade_id = 'AGED'",
)

FTMO_2 = AccountKey("FTMO", 2)

Cell = str | Callable[[str], bool]
Row = dict[str, Cell]


def json_with(*fragments: str) -> Callable[[str], bool]:
    """A JSON text in which each of these pieces of JSON is found."""
    return lambda text: all(fragment in json.dumps(json.loads(text)) for fragment in fragments)


def rows_of(*columns: str) -> Callable[..., list[Row]]:
    return lambda *rows: [dict(zip(columns, row, strict=True)) for row in rows]


ARRAYS_OF_WIDE: Row = {
    "trade_id": "WIDE",
    "event_type": "ENTRY",
    "risk_checks": json_with('"MAX_POSITION_SIZE"', '"firm_code": "APEX"'),
    "program_sizing": json_with('"final_contracts": 0', '"firm_code": "APEX"'),
    "account_breaches": json_with('"day_pl": -500.0', '"firm_code": "APEX"'),
    "enforcement_checks": json_with('"ACCOUNT_PAUSED"', '"firm_code": "APEX"'),
    "connector_results": json_with('"GLOBAL_DRY_RUN_ENABLED"', '"blocked_by": ["ZERO_CONTRACTS"]'),
}
LOGGED = ("WIDE", "BROKEN", "STRANGE", "NIGHT", "LARGE", "GHOST", "CALM", "CALM", "CALM", "PAID", "AGED")
BROKEN_TASK: Row = {
    "trade_id": "BROKEN",
    "event_type": "ENTRY",
    "attempts": "1",
    "last_error": "ValueError: entry_price: 'abc' is not a number",
}

# What each file answers: all of its rows in order, in the columns that are named.
ANSWERS: dict[str, list[Row]] = {
    "tasks_by_status": rows_of("status", "count")(("FAILED", "1"), ("PENDING", "1"), ("SUCCESS", "9")),
    "pending_count": [{"pending_count": "1"}],
    "task_rate_per_minute": rows_of("tasks_created", "tasks_processed")(("11", "9"), ("1", "1")),
    "recent_logs": [
        {"trade_id": trade, "status": "FAILED", "response_body": json_with('"error": "ValueError')}
        if trade == "BROKEN"
        else {"trade_id": trade, "status": "SUCCESS", "response_body": json_with('"connector_results": [')}
        for trade in LOGGED
    ],
    "newest_logs": [
        {"trade_id": trade, "response_code": {"BROKEN": "500", "PAID": ""}.get(trade, "200")} for trade in LOGGED
    ],
    "failed_tasks": [BROKEN_TASK],
    "dead_letters": [
        {**BROKEN_TASK, "payload": json_with('"entry_price": "abc"'), "finished_at": bool, "last_attempt_at": bool}
    ],
    "risk_check_results": rows_of("firm", "status", "count")(
        ("APEX", "APPROVED", "5"), ("FTMO", "APPROVED", "4"), ("FTMO", "REJECTED", "1")
    ),
    "program_sizing_results": rows_of("firm", "program", "avg_contracts")(
        ("APEX", "1", "1.80"), ("FTMO", "1", "1.20"), ("FTMO", "2", "0.60")
    ),
    "account_breach_results": rows_of("firm", "program", "status", "rule", "count")(
        ("APEX", "1", "APPROVED", "", "5"),
        ("FTMO", "1", "APPROVED", "", "5"),
        ("FTMO", "2", "REJECTED", "MAX_DAILY_LOSS", "5"),
    ),
    "enforcement_check_results": rows_of("firm", "program", "allowed", "breach_type", "rule", "count")(
        ("APEX", "1", "t", "", "", "3"),
        ("APEX", "1", "f", "contracts", "MAX_CONTRACTS", "1"),
        ("APEX", "1", "f", "session", "SESSION_NOT_ALLOWED", "1"),
        ("FTMO", "1", "t", "", "", "2"),
        ("FTMO", "1", "f", "daily_loss", "DAILY_ROOM", "2"),
        ("FTMO", "1", "f", "contracts", "MAX_CONTRACTS", "1"),
        ("FTMO", "2", "t", "", "", "4"),
        ("FTMO", "2", "f", "contracts", "MAX_CONTRACTS", "1"),
    ),
    "connector_results": rows_of("firm", "status", "count")(
        ("APEX", "FAILED", "1"), ("APEX", "SKIPPED", "7"), ("APEX", "SUCCESS", "1"), ("FTMO", "SKIPPED", "14")
    ),
    "recent_executions": rows_of("trade_id", "event_type", "status", "dry_run", "breach_checks_count")(
        ("WAITING", "EXIT", "PENDING", "", ""),
        ("WIDE", "ENTRY", "SUCCESS", "true", "3"),
        ("BROKEN", "ENTRY", "FAILED", "", ""),
        ("STRANGE", "ENTRY", "SUCCESS", "true", "3"),
        ("NIGHT", "ENTRY", "SUCCESS", "true", "3"),
        ("LARGE", "ENTRY", "SUCCESS", "true", "3"),
        ("GHOST", "EXIT", "SUCCESS", "true", "0"),
        ("CALM", "MFE_UPDATE", "SUCCESS", "true", "0"),
        ("CALM", "EXIT", "SUCCESS", "true", "0"),
        ("CALM", "ENTRY", "SUCCESS", "true", "3"),
    ),
    "firm_performance": rows_of("firm", "total_attempts", "successes", "failures", "skipped", "success_rate")(
        ("APEX", "9", "1", "1", "7", "11.11"), ("FTMO", "14", "0", "0", "14", "0.00")
    ),
    "risk_rejections": rows_of("firm", "rule", "rejection_count")(("FTMO", "MAX_POSITION_SIZE", "1")),
    "breach_decisions": [
        {"trade_id": trade, "firm": firm, "program": program, "status": status, "rule": rule}
        for trade in ("WIDE", "STRANGE", "NIGHT", "LARGE", "CALM")
        for firm, program, status, rule in (
            ("APEX", "1", "APPROVED", ""),
            ("FTMO", "1", "APPROVED", ""),
            ("FTMO", "2", "REJECTED", "MAX_DAILY_LOSS"),
        )
    ],
    "task_details": [
        {"event_type": "ENTRY", "status": "SUCCESS", "response_body": json_with('"rule": "MAX_DAILY_LOSS"')},
        {"event_type": "EXIT", "status": "SUCCESS", "payload": json_with('"exit_type": "SL"', '"exit_price": 16475.0')},
        {"event_type": "MFE_UPDATE", "status": "SUCCESS", "payload": json_with('"be_mfe": 1.5')},
    ],
    "trade_decision": [
        {"event_type": "ENTRY", "program_sizing": json_with('"final_contracts": 2')},
        {"event_type": "EXIT", "connector_results": json_with('"reason": "GLOBAL_DRY_RUN_ENABLED"')},
        {"event_type": "MFE_UPDATE", "connector_results": "[]"},
    ],
    "trade_logs": rows_of("trade_id", "event_type", "status", "response_code")(
        ("CALM", "MFE_UPDATE", "SUCCESS", "200"),
        ("CALM", "EXIT", "SUCCESS", "200"),
        ("CALM", "ENTRY", "SUCCESS", "200"),
    ),
    "table_counts": [{"execution_tasks": "12", "execution_logs": "11"}],
    "latest_task": [{"trade_id": "WAITING", "event_type": "EXIT", "status": "PENDING", "worker": ""}],
    "latest_result": [{**ARRAYS_OF_WIDE, "dry_run": "true"}],
    "why_was_it_refused": rows_of("trade_id", "firm", "program", "refused_by", "rule", "value", "limit")(
        ("WIDE", "APEX", "1", "size", "ZERO_CONTRACTS", "0", "at least 1"),
        ("WIDE", "FTMO", "1", "size", "ZERO_CONTRACTS", "0", "at least 1"),
        ("WIDE", "FTMO", "2", "breach", "MAX_DAILY_LOSS", "-500.0", "500.0"),
        ("WIDE", "FTMO", "2", "size", "ZERO_CONTRACTS", "0", "at least 1"),
        ("STRANGE", "APEX", "1", "sizing", "UNKNOWN_SYMBOL", "XYZQ", "a known point value"),
        ("STRANGE", "FTMO", "1", "sizing", "UNKNOWN_SYMBOL", "XYZQ", "a known point value"),
        ("STRANGE", "FTMO", "2", "breach", "MAX_DAILY_LOSS", "-500.0", "500.0"),
        ("STRANGE", "FTMO", "2", "sizing", "UNKNOWN_SYMBOL", "XYZQ", "a known point value"),
        ("NIGHT", "APEX", "1", "enforcement", "SESSION_NOT_ALLOWED", "LONDON", '["NY AM"]'),
        ("NIGHT", "FTMO", "1", "enforcement", "DAILY_ROOM", "1000.0", "750.0"),
        ("NIGHT", "FTMO", "2", "breach", "MAX_DAILY_LOSS", "-500.0", "500.0"),
        ("LARGE", "APEX", "1", "enforcement", "MAX_CONTRACTS", "12", "10"),
        ("LARGE", "FTMO", "", "risk", "MAX_POSITION_SIZE", "12", "10"),
        ("LARGE", "FTMO", "1", "enforcement", "MAX_CONTRACTS", "12", "5"),
        ("LARGE", "FTMO", "2", "breach", "MAX_DAILY_LOSS", "-500.0", "500.0"),
        ("LARGE", "FTMO", "2", "enforcement", "MAX_CONTRACTS", "12", "3"),
        ("CALM", "FTMO", "1", "enforcement", "DAILY_ROOM", "1000.0", "750.0"),
        ("CALM", "FTMO", "2", "breach", "MAX_DAILY_LOSS", "-500.0", "500.0"),
    ),
    "refused_webhooks": [
        {
            "status_code": "400",
            "code": "invalid_signal",
            "fields": "stop_loss, direction",
            "body": json_with('"trade_id": "BAD"'),
        },
        {
            "status_code": "409",
            "code": "conflict",
            "trade_id": "CALM",
            "fields": "",
            "body": json_with('"entry_price": 16600.0'),
        },
    ],
    "signal_conflicts": [
        {
            "trade_id": "CALM",
            "lifecycle": "ENTRY",
            "first_body": json_with('"entry_price": 16500.0'),
            "refused_body": json_with('"entry_price": 16600.0'),
            "task_id": bool,
        }
    ],
    "accounts_now": [
        {
            "firm": "FTMO",
            "program": "1",
            "equity": "100300",
            "day_pl": "-600",
            "daily_room": "400.0",
            "floor_room": "",
            "high_water_mark": "100900",
            "source": "PLATFORM",
            "age_seconds": lambda text: 0 <= int(text) < 600,
        },
        {
            "firm": "APEX",
            "program": "1",
            "equity": "",
            "day_pl": "",
            "daily_room": "",
            "floor_room": "",
            "high_water_mark": "",
            "source": "PROGRAM",
            "age_seconds": "",
        },
        # Its environment says that it has lost its day: the alerts of that are all there is on record of it.
        {
            "firm": "FTMO",
            "program": "2",
            "equity": "",
            "day_pl": "",
            "daily_room": "",
            "floor_room": "",
            "high_water_mark": "",
            "source": "PROGRAM",
            "age_seconds": "",
        },
    ],
    "open_alerts": rows_of("severity", "firm", "program", "rule", "mark", "value", "limit")(
        ("CRITICAL", "FTMO", "2", "DAILY_LIMIT_REACHED", "", "", bool),
        ("CRITICAL", "FTMO", "2", "DAILY_LOSS_USED", "90", "500.0", "500.0"),
        ("WARNING", "FTMO", "2", "DAILY_LOSS_USED", "75", "500.0", "500.0"),
        ("INFO", "FTMO", "1", "DAILY_LOSS_USED", "50", "600.0", "1000.0"),
        ("INFO", "FTMO", "2", "DAILY_LOSS_USED", "50", "500.0", "500.0"),
    ),
    "account_days": rows_of("firm", "program", "pl", "platform_pl", "difference", "finalised", "caught_up")(
        ("FTMO", "1", "800", "790", "-10", "t", bool)
    ),
    "account_resets": rows_of("firm", "program", "caught_up", "closing_balance", "closing_equity", "released")(
        ("FTMO", "1", bool, "100800", "100900", "f")
    ),
    "account_switches": rows_of("firm", "program", "switch", "value", "set_by", "reason")(
        ("APEX", "1", "override", '{"equity": "99000.5"}', "owner", "feed broken"),
        ("APEX", "1", "paused", "true", "owner", "news"),
    ),
    "audit_of_trade": [
        {
            "position": bool,
            "kind": "VERDICT",
            "subject": "CALM",
            "firm": "",
            "actor": "",
            "content": json_with(f'"event_type": "{event_type}"', '"status": "SUCCESS"', fragment),
        }
        for event_type, fragment in (
            ("ENTRY", '"blocked_by": ["MAX_DAILY_LOSS"'),
            ("EXIT", '"firm_code": "APEX"'),
            ("MFE_UPDATE", '"results": []'),
        )
    ],
    "audit_head": [
        {
            "position": lambda text: int(text) >= len(LOGGED) + 4,
            "hash": lambda text: len(text) == 64,
            "sealed_at": bool,
            "unsealed": "0",
            "oldest_unsealed": "",
        }
    ],
    "orders_of_trade": rows_of(
        *("firm", "program", "purpose", "state", "contract", "side", "quantity", "filled", "open_quantity", "cause")
    )(
        ("APEX", "1", "ENTRY", "FILLED", "NQZ6", "BUY", "3", "3", "2", "CLOSED_BY_ORDER 5"),
        ("APEX", "2", "ENTRY", "UNRESOLVED", "NQZ6", "BUY", "2", "0", "2", "NO_CLEAR_ANSWER"),
        ("FTMO", "1", "ENTRY", "NOT_SENT", "NQZ6", "BUY", "2", "0", "0", "DISCARDED_BY_HAND"),
        ("FTMO", "2", "ENTRY", "NOT_SENT", "NQZ6", "SELL", "2", "0", "0", "SIGNAL_EXPIRED"),
        ("APEX", "1", "EXIT", "FILLED", "NQZ6", "SELL", "1", "1", "0", "ANSWERED"),
    ),
    "order_events_of_trade": rows_of("order_id", "from_state", "to_state", "filled", "closed", "cause", "actor")(
        ("1", "", "PLANNED", "0", "0", "APPROVED", "w1"),
        ("2", "", "PLANNED", "0", "0", "APPROVED", "w1"),
        ("3", "", "PLANNED", "0", "0", "APPROVED", "w1"),
        ("4", "", "PLANNED", "0", "0", "APPROVED", "w1"),
        ("5", "", "PLANNED", "0", "0", "EXIT_SIGNAL", "w1"),
        ("1", "PLANNED", "SENDING", "0", "0", "CLAIMED", "w1"),
        ("1", "SENDING", "FILLED", "3", "0", "ANSWERED", "w1"),
        ("2", "PLANNED", "SENDING", "0", "0", "CLAIMED", "w1"),
        ("2", "SENDING", "UNRESOLVED", "0", "0", "NO_CLEAR_ANSWER", "w1"),
        ("3", "PLANNED", "NOT_SENT", "0", "0", "TRADING_HALTED", "w1"),
        ("3", "NOT_SENT", "NOT_SENT", "0", "0", "DISCARDED_BY_HAND", "anna"),
        ("4", "PLANNED", "NOT_SENT", "0", "0", "SIGNAL_EXPIRED", "w1"),
        ("5", "PLANNED", "SENDING", "0", "0", "CLAIMED", "w1"),
        ("5", "SENDING", "FILLED", "1", "0", "ANSWERED", "w1"),
        ("1", "FILLED", "FILLED", "3", "1", "CLOSED_BY_ORDER 5", "w1"),
    ),
    "unresolved_orders": rows_of("id", "firm", "program", "trade_id", "purpose", "quantity", "state", "cause")(
        ("2", "APEX", "2", "LARGE", "ENTRY", "2", "UNRESOLVED", "NO_CLEAR_ANSWER"),
        ("6", "FTMO", "1", "NIGHT", "ENTRY", "2", "SENDING", "CLAIMED"),
    ),
    "not_sent_orders": rows_of("id", "firm", "program", "cause", "error", "dealt_with_how", "dealt_with_by")(
        ("4", "FTMO", "2", "SIGNAL_EXPIRED", "refused the connection", "", ""),
        ("3", "FTMO", "1", "TRADING_HALTED", "", "DISCARDED_BY_HAND", "anna"),
    ),
    "open_positions_by_ledger": rows_of("firm", "program", "contract", "held", "pending", "in_doubt", "trades")(
        ("APEX", "1", "NQZ6", "2", "0", "0", "LARGE"),
        ("APEX", "2", "NQZ6", "0", "2", "2", "LARGE"),
        ("FTMO", "1", "NQZ6", "0", "-2", "-2", "NIGHT"),
    ),
    "open_differences": rows_of("firm", "program", "kind", "symbol", "ledger_quantity", "venue_quantity", "proposal")(
        ("APEX", "1", "DIFFERENT_SIZE", "NQZ6", "2", "1", "find out which is right"),
    ),
    "halts_in_force": rows_of("scope", "level", "set_by", "reason", "still_to_do", "accounts", "release_phrase")(
        ("ALL", "ENTRIES", "anna", "news", "0", "0", "RELEASE ALL"),
        ("APEX", "FLATTEN", "anna", "news", "1", "2", "RELEASE APEX"),
        ("APEX/1", "CANCEL", "anna", "news", "0", "0", "RELEASE APEX/1"),
    ),
    "unknown_trades": rows_of("trade_id", "lifecycle", "entry_came_later")(("GHOST", "EXIT_SL", "f")),
}
ABOUT_ONE_TRADE = {
    **dict.fromkeys(("audit_of_trade", "task_details", "trade_decision", "trade_logs"), "CALM"),
    **dict.fromkeys(("orders_of_trade", "order_events_of_trade"), "LARGE"),
}

# What became of the orders of trades that are said to have gone out live; nothing of the day did.
ORDERS_MOVE = """
    CREATE FUNCTION claimed(wanted BIGINT) RETURNS void LANGUAGE sql AS $$
        UPDATE execution_orders
        SET state = 'SENDING', worker = 'w1', lease_until = now(), sent_at = now(), cause = 'CLAIMED', quantity =
            COALESCE(quantity, 1)
        WHERE id = wanted $$;
    CREATE FUNCTION ended(wanted BIGINT, became TEXT, size NUMERIC, why TEXT) RETURNS void LANGUAGE sql AS $$
        UPDATE execution_orders SET state = became, filled = size, cause = why, worker = NULL, lease_until = NULL
        WHERE id = wanted $$;
    SELECT claimed(1), ended(1, 'FILLED', 3, 'ANSWERED');
    SELECT claimed(2), ended(2, 'UNRESOLVED', 0, 'NO_CLEAR_ANSWER');
    SELECT ended(3, 'NOT_SENT', 0, 'TRADING_HALTED');
    UPDATE execution_orders SET dealt_with_at = now(), cause = 'DISCARDED_BY_HAND', actor = 'anna' WHERE id = 3;
    UPDATE execution_orders
    SET state = 'NOT_SENT', cause = 'SIGNAL_EXPIRED', answer = '{"error": "refused the connection"}'
    WHERE id = 4;
    SELECT claimed(5), ended(5, 'FILLED', 1, 'ANSWERED');
    UPDATE execution_orders SET closed = 1, cause = 'CLOSED_BY_ORDER 5' WHERE id = 1;
    SELECT claimed(6);
    DROP FUNCTION claimed, ended;
    INSERT INTO trading_halts (firm_code, program_id, level, reason, set_by, released_at, released_by)
    VALUES (NULL, NULL, 'ENTRIES', 'news', 'anna', NULL, NULL), ('APEX', NULL, 'FLATTEN', 'news', 'anna', NULL, NULL),
           ('APEX', 1, 'CANCEL', 'news', 'anna', NULL, NULL), ('FTMO', NULL, 'ENTRIES', 'news', 'anna', now(), 'anna');
    INSERT INTO halt_actions (halt_id, firm_code, program_id, action, done_at)
    VALUES (2, 'APEX', 1, 'FLATTEN', now()), (2, 'APEX', 2, 'FLATTEN', NULL);
    INSERT INTO order_differences (
        firm_code, program_id, kind, symbol, ledger_quantity, venue_quantity, proposal, settled_at, settled_how)
    VALUES ('APEX', 1, 'DIFFERENT_SIZE', 'NQZ6', 2, 1, 'find out which is right', NULL, NULL),
           ('APEX', 2, 'POSITION_WITHOUT_TRADE', 'NQZ6', 0, 1, 'accept it', now(), 'ACCEPTED');
"""


@pytest.fixture(scope="module")
def processed_day(postgres: EmbeddedServer) -> Iterator[str]:
    """A database in which a day's signals were stored and decided by the real service."""
    name = f"queries_{os.getpid()}"
    with administrator(postgres.url) as cursor:
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE template_router")
    url = url_of(postgres, name)
    with administrator(url) as cursor:
        app = create_app(Settings.from_env({**ENVIRONMENT, "DATABASE_URL": url}))
        client = app.test_client()

        def finished() -> bool:
            cursor.execute("SELECT count(*) FROM execution_tasks WHERE status IN ('PENDING', 'PROCESSING')")
            return bool(cursor.fetchone()[0] == 0)

        def judged() -> bool:
            cursor.execute("SELECT count(*) FROM account_alerts")
            return bool(cursor.fetchone()[0])

        try:
            client.post(WEBHOOK, json=entry("AGED", session="NY AM"))
            cursor.execute(PAID, (json.dumps(LIVE_RESULT),))
            for body, status in DAY:
                if body.get("trade_id") == "WIDE":
                    cursor.execute(BROKEN, ('{"direction": "LONG", "entry_price": "abc"}',))
                assert client.post(WEBHOOK, json=body).status_code == status
            wait_until(finished, what="the day to be processed")
            wait_until(judged, what="the accounts' clock to judge FTMO/2")
            tell_of_accounts(service_of(app))
        finally:
            service_of(app).stop()
        cursor.execute(WAITING)
        database = Database(url)
        plan_orders(database)
        for statement in (ORDERS_MOVE, *ARRANGE):
            cursor.execute(statement)
        AuditChain(database).seal()
        database.close()
    yield url
    with administrator(postgres.url) as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def plan_orders(database: Database) -> None:
    """Orders 1 to 4 enter LARGE, 5 leaves it, 6 enters NIGHT."""
    ledger = OrderLedger(database, worker="w1")
    tasks = {row["trade_id"]: row["task_id"] for row in database.run("verdicts_of_trades", prefix="")}
    entries = [entry_leg(APEX_1, 3), entry_leg(APEX_2), entry_leg(FTMO_1), entry_leg(FTMO_2, side=Side.SELL)]
    large = [("LARGE", leg) for leg in (*entries, exit_leg(APEX_1))]
    for trade, leg in (*large, ("NIGHT", entry_leg(FTMO_1, side=Side.SELL))):
        with database.transaction() as transaction:
            ledger.plan(transaction, tasks[trade], trade, [leg])


def tell_of_accounts(service: Service) -> None:
    """Two days of one account's platform; another account is paused and its figures are overridden."""
    tracker = tracker_of(service.states)
    ftmo, apex = AccountKey("FTMO", 1), AccountKey("APEX", 1)
    now = datetime.now(UTC)
    prague = FirmDay(reset=time(0), zone="Europe/Prague")
    before = prague.starts_at(prague.day_of(now)) - timedelta(hours=1)
    first = {"equity": Decimal(100900), "balance": Decimal(100800), "day_pl": Decimal(900)}
    second = {"equity": Decimal(100300), "balance": Decimal(100800)}
    tracker.take(ftmo, AccountUpdate.of(first, at=before, received_at=now, source=Source.PLATFORM))
    newest = AccountUpdate.of(second, at=now, received_at=now, source=Source.PLATFORM)
    tracker.take(ftmo, replace(newest, daily_pl={prague.day_of(before): Decimal(790)}))
    tracker.set_flags(apex, {"paused": True, "halted": False}, set_by="owner", reason="news")
    tracker.set_override(
        apex, {"equity": Decimal("99000.5")}, reason="feed broken", set_by="owner", expires_at=now + timedelta(hours=1)
    )


def answer_of(psql: Path, url: str, name: str, *, trade_id: str | None = None) -> list[dict[str, str]]:
    """Run one file as a person does and return its rows."""
    variables = [f"--set=trade_id={trade_id or ABOUT_ONE_TRADE[name]}"] if name in ABOUT_ONE_TRADE else []
    done = subprocess.run(
        [str(psql), url, "--no-psqlrc", "--csv", "--set=ON_ERROR_STOP=1", *variables, "-f", f"{QUERIES / name}.sql"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return list(csv.DictReader(io.StringIO(done.stdout)))


def matches(row: dict[str, str], expected: Row) -> bool:
    return all(cell(row[column]) if callable(cell) else row[column] == cell for column, cell in expected.items())


def test_every_file_has_an_expectation_and_every_expectation_a_file() -> None:
    assert sorted(ANSWERS) == sorted(path.stem for path in QUERIES.glob("*.sql"))


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_the_file_answers_its_question(name: str, postgres: EmbeddedServer, processed_day: str) -> None:
    answer = answer_of(postgres.psql, processed_day, name)
    expected = ANSWERS[name]
    shown = [{column: row[column] for column in expected[0]} for row in answer]
    assert len(answer) == len(expected), shown
    for row, wanted in zip(answer, expected, strict=True):
        assert matches(row, wanted), (wanted, shown)


@pytest.mark.parametrize("name", sorted(path.stem for path in QUERIES.glob("*.sql")))
def test_a_file_begins_with_one_line_that_asks_its_question_and_only_reads(name: str, processed_day: str) -> None:
    first, second, *_ = (QUERIES / f"{name}.sql").read_text(encoding="utf-8").splitlines()
    assert first.startswith("-- ")
    assert "?" in first
    assert not second.startswith("--")
    text = (QUERIES / f"{name}.sql").read_text(encoding="utf-8").replace(":'trade_id'", "'CALM'")
    connection = psycopg2.connect(processed_day)
    connection.set_session(readonly=True)
    with connection.cursor() as cursor:
        cursor.execute(text)
    connection.close()


@pytest.mark.parametrize("trade_id", ["NOBODY", "'; DROP TABLE execution_logs; --"])
@pytest.mark.parametrize("name", sorted(ABOUT_ONE_TRADE))
def test_a_trade_that_is_not_there_has_no_rows(
    name: str, trade_id: str, postgres: EmbeddedServer, processed_day: str
) -> None:
    assert answer_of(postgres.psql, processed_day, name, trade_id=trade_id) == []
    counts = answer_of(postgres.psql, processed_day, "table_counts")
    assert counts == [{"execution_tasks": "12", "execution_logs": "11"}]
