"""One trade id greps a trade's whole story out of the logs of several processes."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

from tests.conftest import Sql, repository
from tests.processes import entry, wait_until, web_process, worker_process

TRADE = "20261120_143000_BULLISH"


def story(log: Path, trade_id: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if trade_id in line]


def test_a_signal_is_followed_from_the_webhook_to_the_verdict_and_its_alert(
    database_url: str, tmp_path: Path, sql: Sql
) -> None:
    sql(
        "INSERT INTO execution_tasks (trade_id, event_type, status, attempts, last_error, finished_at)"
        " VALUES (%s, 'EXIT', 'FAILED', 5, 'odd', now())",
        TRADE,
    )
    web_log, worker_log = tmp_path / "web.log", tmp_path / "worker.log"
    # As Railway starts them: nobody has to ask for JSON there.
    shared: dict[str, Any] = {"RAILWAY_PROJECT_ID": "p", "FTMO_1_DAY_PL": "-5000"}
    with (
        worker_process(database_url, worker_log, **shared),
        web_process(database_url, web_log, ROUTER_ENABLED="false", **shared) as web,
    ):
        status, answer = web.post(entry(TRADE))
        assert status == 200
        decided = "SELECT id FROM execution_logs WHERE trade_id = %s AND status = 'SUCCESS'"
        wait_until(lambda: bool(sql(decided, TRADE)), what="the verdict")
        wait_until(lambda: "alert_raised" in web_log.read_text() + worker_log.read_text(), what="the alert")
    in_web, in_worker = story(web_log, TRADE), story(worker_log, TRADE)
    stored = next(line for line in in_web if line["event"] == "signal_stored")
    assert (stored["trade_id"], stored["task_id"]) == (TRADE, answer["task_id"])
    events = [line["event"] for line in in_worker if not line["event"].startswith("alert")]
    assert set(events) == {"order_blocked", "tasks_decided"}
    assert next(line for line in in_worker if line["event"] == "tasks_decided")["task_ids"] == [answer["task_id"]]
    alerts = [line for line in in_web + in_worker if line["event"] == "alert_raised"]
    assert [alert["message"].partition(":")[0] for alert in alerts] == ["TASK_FAILED"]


def test_every_event_that_is_logged_has_a_name_and_is_listed() -> None:
    generate = runpy.run_path(str(repository() / "docs" / "generate.py"))
    listed = {event for event, _, _ in generate["log_events"]()}
    assert {"signal_stored", "tasks_decided", "order_written", "alert_raised", "login"} <= listed
    assert [event for event in listed if re.fullmatch(r"[a-z]+(_[a-z]+)*", event) is None] == []
