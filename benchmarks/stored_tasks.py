"""Many stored tasks at once, as the service itself would have stored them: copies of one that it did store."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.request import Request, urlopen

from benchmarks.load import WrongAnswer
from benchmarks.stage import BrokenInvariant, Stage, Tables
from tests.processes import Web, entry, web_process

TOKEN = "benchmark"
LOOK_SECONDS = 0.1
# Dollars: what each account is told to have, so that every check has a figure to compare.
EQUITY = {"FTMO/1": 100_250.0, "APEX/1": 150_410.5}
MODEL_TRADE = "MODEL"
STORE = """
WITH given AS (
    SELECT %(prefix)s || n AS trade_id, nextval(pg_get_serial_sequence('execution_tasks', 'id')) AS task_id
    FROM generate_series(1, %(tasks)s) n
), task AS (
    INSERT INTO execution_tasks (id, trade_id, event_type, payload)
    SELECT g.task_id, g.trade_id, model.event_type, model.payload
    FROM given g, execution_tasks model WHERE model.trade_id = %(model)s
)
INSERT INTO automated_signals (trade_id, lifecycle, event_key, content_digest, source, symbol, direction, entry_price,
                               stop_loss, raw_body, task_id)
SELECT g.trade_id, m.lifecycle, m.lifecycle || ':' || g.trade_id, m.content_digest, m.source, m.symbol, m.direction,
       m.entry_price, m.stop_loss, jsonb_set(m.raw_body::jsonb, '{trade_id}', to_jsonb(g.trade_id))::json, g.task_id
FROM given g, automated_signals m WHERE m.trade_id = %(model)s
"""
# A router that looks, looks; one that does not hear of it finds them at its next poll.
TELL = "SELECT pg_notify('router_events', json_build_object('event', 'signal_stored', 'trade_id', %(model)s)::text)"


def model_database(stage: Stage, name: str) -> None:
    """Make a database in which the service has decided one entry, to be copied. Raises WrongAnswer."""
    tables = stage.database(name)
    with web_process(tables.url, stage.log(name), API_TOKEN=TOKEN) as web:
        for account, equity in EQUITY.items():
            _tell_figures(web, account, equity)
        status, answer = web.post(entry(MODEL_TRADE))
        if status != 200:
            raise WrongAnswer(f"the model entry was answered with {status}: {answer}")
        tables.wait_until_drained()
    tables.check(1)
    tables.close()


@contextmanager
def copy_of(stage: Stage, model: str, name: str) -> Iterator[Tables]:
    """Give a copy of a database that nobody is connected to; it is dropped afterwards."""
    server = Tables(stage.url)
    server.rows(f"CREATE DATABASE {name} TEMPLATE {model}")
    tables = Tables(stage.url.replace("/postgres?", f"/{name}?"))
    try:
        yield tables
    finally:
        tables.close()
        server.rows(f"DROP DATABASE {name} WITH (FORCE)")
        server.close()


def store(tables: Tables, tasks: int, prefix: str) -> None:
    """Store tasks whose trades begin with the prefix, all at one moment, with fresh statistics for the planner."""
    tables.rows(f"BEGIN; {STORE}; ANALYZE; {TELL}; COMMIT", prefix=prefix, tasks=tasks, model=MODEL_TRADE)


def wait_until_drained(tables: Tables, seconds: float = 120.0) -> None:
    """Wait until no task is left, looking rarely and at the last one alone: what is measured needs both cores."""
    last = "SELECT status = 'SUCCESS' FROM execution_tasks ORDER BY id DESC LIMIT 1"
    deadline = time.monotonic() + seconds
    while not tables.value(last):
        if time.monotonic() > deadline:
            raise BrokenInvariant(f"the last task was not finished within {seconds} s")
        time.sleep(LOOK_SECONDS)
    tables.wait_until_drained()


def drain_seconds(tables: Tables, prefix: str) -> float:
    """Return the seconds from the first claim to the last finish of a prefix's tasks, by the database's clock."""
    return float(
        tables.value(
            "SELECT extract(epoch FROM max(finished_at) - min(last_attempt_at)) FROM execution_tasks "
            "WHERE starts_with(trade_id, %(prefix)s)",
            prefix=prefix,
        )
    )


def check_rows(tables: Tables, tasks: int) -> None:
    """Check that every task has one log with a row for each account, its facts, and one event in the audit.

    Raises BrokenInvariant.
    """
    tables.check(tasks)
    (connector_rows, facts, verdicts), *_ = tables.rows(
        """
        SELECT (SELECT sum(jsonb_array_length(response_body -> 'connector_results')) FROM execution_logs),
               (SELECT count(*) FROM decision_facts), (SELECT count(*) FROM audit_events WHERE kind = 'VERDICT')
        """
    )
    if (connector_rows, facts, verdicts) != (tasks * len(EQUITY), tasks, tasks):
        raise BrokenInvariant(
            f"{tasks} tasks of {len(EQUITY)} accounts have {connector_rows} connector rows, {facts} facts and "
            f"{verdicts} verdicts in the audit"
        )


def _tell_figures(web: Web, account: str, equity: float) -> None:
    body = {"equity": equity, "balance": equity, "day_pl": 0.0, "timestamp": datetime.now(UTC).isoformat()}
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
    url = f"{web.url}/api/v1/accounts/{account}/state"
    with urlopen(Request(url, data=json.dumps(body).encode(), headers=headers), timeout=10) as answer:
        answer.read()
