"""Requests that the API's document allows and forbids, sent by schemathesis to a web process on a real database.

``FUZZ_CASES=n``: a ten-thousandth of n generated cases for each operation, and every phase that schemathesis has;
without it one case each.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from database.connection import Database
from database.reconciliation import Difference, ReconciliationRecord
from domain.order_state import OrderState
from tests.conftest import Sql
from tests.orders import APEX_1, Bench, entry_leg
from tests.processes import Web, entry, exit_of, wait_until, web_process

CASES = os.environ.get("FUZZ_CASES")
EACH = str(max(1, int(CASES or 0) // 10_000))
SIZE = ("--phases", "fuzzing", "--max-examples", EACH) if CASES is None else ("--max-examples", EACH)
LONGEST_SECONDS = 110 if CASES is None else 3600
TOKEN = "operators-token"
# What no JSON Schema says: two fields that must fit each other, a time near now, a phrase by what it releases.
WITHIN = (
    *("webhooks_automated_signal", "webhooks_automated_signal_by_path", "webhooks_live_signal"),
    *("webhooks_live_signal_by_path", "accounts_ninjatrader_update", "accounts_state", "accounts_override"),
    *("accounts_flags", "accounts_equity_curve", "orders_resolve", "orders_release", "records_what_if"),
    "records_test_signal",
)


@pytest.fixture
def web(database_url: str, tmp_path: Path) -> Iterator[Web]:
    log = tmp_path / "web.log"
    with web_process(database_url, log, ADMIN_PASSWORD="correct-horse-battery", API_TOKEN=TOKEN) as web:
        yield web


def on_record(web: Web, database: Database, sql: Sql) -> dict[str, Any]:
    """Put one of everything on record; return the parts of paths that lead there."""
    for body in (entry("T1", contracts=2, strategy="opening"), exit_of("T1"), entry("T2", contracts=50)):
        assert web.post(body)[0] == 200
    with httpx.Client(base_url=web.url, headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        state = client.post("/api/v1/accounts/APEX/1/state", json={"equity": 150100, "balance": 150000, "day_pl": 100})
        halted = client.post("/api/halts", json={"by": "anna", "reason": "a look at one", "scope": "FTMO"})
    assert (state.status_code, halted.status_code) == (200, 200)
    wait_until(lambda: sql("SELECT count(*) AS n FROM execution_logs")[0]["n"] == 3, what="the verdicts")
    bench = Bench(database, sql)
    bench.filled_entry("T3", 2)
    (unresolved,) = bench.plan("T4", entry_leg(quantity=3))
    bench.claim()
    bench.become(unresolved, OrderState.UNRESOLVED)
    (never_sent,) = bench.plan("T5", entry_leg(lifetime=0.0))
    bench.give_up()
    known_to_nobody = Difference(
        kind="POSITION_WITHOUT_TRADE",
        symbol="ESZ6",
        ledger_quantity=Decimal(0),
        venue_quantity=Decimal(1),
        proposal="adopt it",
        details={},
    )
    ReconciliationRecord(database, worker="w1").keep(APEX_1, [known_to_nobody])
    signal = sql("SELECT id, task_id FROM automated_signals WHERE trade_id = 'T1' AND lifecycle = 'ENTRY'")[0]
    return {
        "firm": "APEX",
        "program": "1",
        "trade_id": "T1",
        "signal_id": signal["id"],
        "task_id": signal["task_id"],
        "order_id": unresolved,
        "name": f"leg:{never_sent}",
        "halt_id": halted.json()["id"],
        "difference_id": sql("SELECT id FROM order_differences")[0]["id"],
    }


def configuration(parts: dict[str, Any]) -> str:
    """Return what schemathesis is to know: who asks, what is there, and what a document cannot say."""
    known = "\n".join(f'"path.{name}" = {value!r}' for name, value in parts.items())
    return f"""
headers = {{ Authorization = "Bearer {TOKEN}" }}
[generation]
with-security-parameters = false
[parameters]
{known}
[[operations]]
include-operation-id = {list(WITHIN)!r}
checks.positive_data_acceptance.enabled = false
"""


@pytest.mark.timeout(120 if CASES is None else 2 * LONGEST_SECONDS)
def test_the_service_answers_as_its_document_says(web: Web, database: Database, sql: Sql, tmp_path: Path) -> None:
    parts = on_record(web, database, sql)
    # What is there; and in a long run, too, what leads anywhere.
    for known in [parts] if CASES is None else [parts, {}]:
        (tmp_path / "schemathesis.toml").write_text(configuration(known))
        command = [str(Path(sys.executable).with_name("st")), "--config-file", "schemathesis.toml"]
        command += ["run", "--no-color", *SIZE, f"{web.url}/api/openapi.json"]
        told = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False
        )
        assert told.returncode == 0, told.stdout + told.stderr
    faults = [
        line for line in (tmp_path / "web.log").read_text().splitlines() if "failed" in line and "Request to" in line
    ]
    assert faults == []
    # What the generated signals were decided to be is the router's; that it could not cope with one would be a defect.
    assert sql("SELECT id, last_error FROM execution_tasks WHERE status = 'FAILED'") == []
