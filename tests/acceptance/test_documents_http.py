"""The documents' curl bodies, environments and expected rows, over real HTTP against the real application."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from werkzeug.serving import make_server

from config.settings import Settings
from database.embedded import EmbeddedServer
from tests.conftest import Sql
from tests.processes import wait_until, web_process, worker_process
from web_server import create_app, service_of

WEBHOOK = "/api/automated-signals/webhook"

# The bodies as printed, each with its trade id.
TEST_13G = """{
    "event_type": "SIGNAL_CREATED",
    "trade_id": "TEST_13G_%s",
    "direction": "Bullish",
    "entry_price": 16500.0,
    "stop_loss": 16475.0,
    "symbol": "NQ"
  }"""
STEP_5 = """{
    "event_type": "SIGNAL_CREATED",
    "trade_id": "20251122_143000_BULLISH",
    "direction": "Bullish",
    "entry_price": 16500.0,
    "stop_loss": 16475.0,
    "symbol": "NQ"
  }"""
END_TO_END = STEP_5.replace("20251122_143000_BULLISH", "E2E_TEST_001")

# 000, "Testing with Environment Variables" and "Testing Account Breach Detection".
METRICS = """
export FTMO_1_EQUITY=50000.0
export FTMO_1_BALANCE=50000.0
export FTMO_1_DAY_PL=-250.0
export FTMO_1_TOTAL_PL=300.0
export FTMO_1_DRAWDOWN=-700.0
export FTMO_1_MAX_DAILY_LOSS=1000.0
export FTMO_1_MAX_TOTAL_LOSS=5000.0
export FTMO_1_MAX_DRAWDOWN=2000.0
export ROUTE_TO_FIRMS=FTMO
export FTMO_PROGRAM_IDS=1
"""
BREACH = METRICS + "export FTMO_1_DAY_PL=-1200.0\n"

# 003, step 2: what is set on Railway.
STEP_2 = """
EXECUTION_DRY_RUN=true
ROUTE_TO_FIRMS=FTMO,APEX
FTMO_PROGRAM_IDS=1
FTMO_MAX_POSITION_SIZE=10
FTMO_MAX_DAILY_LOSS=1000.0
FTMO_MAX_TOTAL_LOSS=5000.0
FTMO_1_ACCOUNT_SIZE=100000.0
FTMO_1_RISK_PER_TRADE=0.01
FTMO_1_MAX_CONTRACTS=5
FTMO_1_MAX_DAILY_LOSS=1000.0
FTMO_1_MAX_TOTAL_LOSS=5000.0
FTMO_1_MAX_DRAWDOWN=2000.0
APEX_PROGRAM_IDS=1
APEX_MAX_POSITION_SIZE=15
APEX_MAX_DAILY_LOSS=1500.0
APEX_MAX_TOTAL_LOSS=7500.0
APEX_1_ACCOUNT_SIZE=150000.0
APEX_1_RISK_PER_TRADE=0.01
APEX_1_MAX_CONTRACTS=10
APEX_1_MAX_DAILY_LOSS=1500.0
APEX_1_MAX_TOTAL_LOSS=7500.0
APEX_1_MAX_DRAWDOWN=3000.0
"""

DRY = {"status": "SKIPPED", "reason": "GLOBAL_DRY_RUN_ENABLED"}

SCENARIOS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("001", "", {"account_breaches": []}),
    (
        "002",
        METRICS,
        {
            "account_breaches": [
                {
                    "firm_code": "FTMO",
                    "program_id": 1,
                    "status": "APPROVED",
                    "rule": None,
                    "reason": None,
                    "details": None,
                }
            ]
        },
    ),
    (
        "003",
        BREACH,
        {
            "account_breaches": [
                {
                    "firm_code": "FTMO",
                    "program_id": 1,
                    "status": "REJECTED",
                    "rule": "MAX_DAILY_LOSS",
                    "reason": "Daily loss -1200.0 exceeds max_daily_loss 1000.0.",
                    "details": {"day_pl": -1200.0, "max_daily_loss": 1000.0},
                }
            ],
            "connector_results": [{"firm_code": "FTMO", **DRY}],
        },
    ),
)


def exported(lines: str) -> dict[str, str]:
    """The variables of a printed shell block; a later line wins."""
    pairs = (line.removeprefix("export ").partition("=") for line in lines.split("\n") if line)
    return {name: value for name, _, value in pairs}


def holds(expected: Any, given: Any) -> bool:
    """Whether ``given`` shows all that a document shows; it may have more keys, but no more rows."""
    if isinstance(expected, dict):
        return isinstance(given, dict) and all(
            key in given and holds(value, given[key]) for key, value in expected.items()
        )
    if isinstance(expected, list):
        return isinstance(given, list) and len(expected) == len(given) and all(map(holds, expected, given))
    return bool(expected == given and type(expected) is type(given))


class Served:
    """The application behind a real socket."""

    def __init__(self, url: str, sql: Sql) -> None:
        self.url = url
        self.webhook = url + WEBHOOK
        self._sql = sql

    def curl(self, body: str, path: str = WEBHOOK) -> requests.Response:
        """Post a body as the documents' curl does."""
        headers = {"Content-Type": "application/json"}
        return requests.post(self.url + path, data=body.encode(), headers=headers, timeout=10)

    def result(self, trade_id: str, event_type: str = "ENTRY") -> dict[str, Any]:
        """Wait for a trade's log and return its response_body as plain JSON."""
        query = "SELECT response_body::text AS body FROM execution_logs WHERE trade_id = %s AND event_type = %s"
        wait_until(lambda: bool(self._sql(query, trade_id, event_type)), what=f"the {event_type} log of {trade_id}")
        [row] = self._sql(query, trade_id, event_type)
        return dict(json.loads(row["body"]))


Serve = Callable[[Mapping[str, str]], Served]


@pytest.fixture
def serve(database_url: str, sql: Sql) -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(environ: Mapping[str, str]) -> Served:
            app = create_app(Settings.from_env({**environ, "DATABASE_URL": database_url}))
            stack.callback(service_of(app).stop)
            server = make_server("127.0.0.1", 0, app, threaded=True)
            thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
            thread.start()
            stack.callback(server.server_close)
            stack.callback(thread.join, 5)
            stack.callback(server.shutdown)
            return Served(f"http://127.0.0.1:{server.server_port}", sql)

        yield start


@pytest.mark.parametrize(("number", "environment", "expected"), SCENARIOS, ids=["empty", "metrics", "breach"])
def test_the_state_managers_scenarios_have_their_expected_rows(
    serve: Serve, number: str, environment: str, expected: dict[str, Any]
) -> None:
    served = serve(exported(environment))
    answer = served.curl(TEST_13G % number)
    assert answer.status_code == 200
    result = served.result(f"TEST_13G_{number}")
    assert holds(expected, result), {name: result[name] for name in expected}


def test_step_5_has_its_expected_results(serve: Serve) -> None:
    served = serve(exported(STEP_2))
    assert served.curl(STEP_5).status_code == 200
    expected = {
        "routed": False,
        "dry_run": True,
        "trade_id": "20251122_143000_BULLISH",
        "details": "ExecutionRouter dry-run: no external order sent.",
        "risk_checks": [{"firm_code": firm, "status": "APPROVED"} for firm in ("FTMO", "APEX")],
        "program_sizing": [
            {"firm_code": "FTMO", "program_id": 1, "status": "APPROVED", "contracts": 2},
            {"firm_code": "APEX", "program_id": 1, "status": "APPROVED", "contracts": 3},
        ],
        "account_breaches": [{"firm_code": firm, "program_id": 1, "status": "APPROVED"} for firm in ("FTMO", "APEX")],
        "connector_results": [{"firm_code": firm, **DRY} for firm in ("FTMO", "APEX")],
    }
    assert holds(expected, served.result("20251122_143000_BULLISH"))


def test_a_firm_that_is_taken_out_of_route_to_firms_gets_no_rows(serve: Serve) -> None:
    served = serve({**exported(STEP_2), "ROUTE_TO_FIRMS": "APEX"})
    served.curl(STEP_5)
    result = served.result("20251122_143000_BULLISH")
    rows = [row for name, value in result.items() if isinstance(value, list) for row in value]
    assert {row["firm_code"] for row in rows} == {"APEX"}


def test_an_exit_skips_every_check_and_an_update_skips_the_connectors_too(serve: Serve) -> None:
    served = serve({**exported(STEP_2), "FTMO_1_DAY_PL": "-1200.0"})
    served.curl(STEP_5)
    served.curl('{"event_type": "MFE_UPDATE", "trade_id": "20251122_143000_BULLISH", "be_mfe": 1.5, "no_be_mfe": 2.3}')
    served.curl('{"event_type": "EXIT_SL", "trade_id": "20251122_143000_BULLISH", "exit_price": 16475.0}')
    checks: dict[str, Any] = {
        name: [] for name in ("risk_checks", "program_sizing", "account_breaches", "enforcement_checks")
    }
    left = served.result("20251122_143000_BULLISH", "EXIT")
    assert holds({**checks, "connector_results": [{"firm_code": firm, **DRY} for firm in ("FTMO", "APEX")]}, left)
    told = served.result("20251122_143000_BULLISH", "MFE_UPDATE")
    assert holds({**checks, "connector_results": [], "routed": False}, told)


def test_the_webhook_passes_on_what_enforcement_needs(serve: Serve, sql: Sql) -> None:
    served = serve({**exported(STEP_2), "FTMO_1_ALLOWED_SESSIONS": "LONDON"})
    body = {**json.loads(STEP_5), "session": "NY AM", "bias": "Bullish", "quantity": "2"}
    served.curl(json.dumps(body))
    [task] = sql("SELECT event_type, payload::text AS payload FROM execution_tasks")
    assert task["event_type"] == "ENTRY"
    printed = {
        "kind": "ENTRY",
        "direction": "LONG",
        "entry_price": 16500.0,
        "stop_loss": 16475.0,
        "session": "NY AM",
        "bias": "Bullish",
        "contracts": 2,
    }
    assert holds(printed, json.loads(task["payload"]))
    ftmo, apex = served.result("20251122_143000_BULLISH")["enforcement_checks"]
    assert (ftmo["allowed"], ftmo["breach_type"], apex["allowed"]) == (False, "session", True)


@pytest.mark.parametrize("path", ["/api/live-signals", "/api/realtime-price"])
def test_the_other_two_webhooks_of_the_list_are_there(serve: Serve, path: str) -> None:
    body = '{"symbol": "NQ", "price": 16500.0, "bias": "Bullish", "stop_loss": 16475.0}'
    assert serve(exported(STEP_2)).curl(body, path).status_code == 200


def test_the_load_test_at_its_printed_size(serve: Serve, sql: Sql) -> None:
    printed = """
import requests
import concurrent.futures

def send_test_signal(i):
    return requests.post(
        "https://web-production-cd33.up.railway.app/api/automated-signals/webhook",
        json={
            "event_type": "SIGNAL_CREATED",
            "trade_id": f"LOAD_TEST_{i}",
            "direction": "Bullish",
            "entry_price": 16500.0,
            "stop_loss": 16475.0,
            "symbol": "NQ"
        }
    )

# Send 100 concurrent requests
with concurrent.futures.ThreadPoolExecutor(max_workers=10) as executor:
    futures = [executor.submit(send_test_signal, i) for i in range(100)]
    results = [f.result() for f in futures]

# Verify all succeeded
assert all(r.status_code == 200 for r in results)
"""
    served = serve(exported(STEP_2))
    names: dict[str, Any] = {}
    exec(printed.replace("https://web-production-cd33.up.railway.app", served.url), names)
    assert len(names["results"]) == 100
    done = "SELECT trade_id FROM execution_logs WHERE status = 'SUCCESS' ORDER BY trade_id"
    wait_until(lambda: len(sql(done)) >= 100, what="100 decided trades")
    assert [row["trade_id"] for row in sql(done)] == sorted(f"LOAD_TEST_{i}" for i in range(100))
    assert sql("SELECT count(*) AS n, min(status) AS status FROM execution_tasks") == [{"n": 100, "status": "SUCCESS"}]


def test_a_task_waits_as_pending_until_a_router_of_its_own_decides_it(
    serve: Serve, database_url: str, sql: Sql, tmp_path: Path
) -> None:
    served = serve({**exported(STEP_2), "ROUTER_ENABLED": "false"})
    assert served.curl(STEP_5).status_code == 200
    assert sql("SELECT status, attempts FROM execution_tasks") == [{"status": "PENDING", "attempts": 0}]
    with worker_process(database_url, tmp_path / "worker.log", **exported(STEP_2)):
        served.result("20251122_143000_BULLISH")
    assert sql("SELECT status, attempts FROM execution_tasks") == [{"status": "SUCCESS", "attempts": 1}]


def test_end_to_end_with_the_real_process_and_the_printed_psql(
    postgres: EmbeddedServer, empty_database_url: str, tmp_path: Path
) -> None:
    printed = """psql $DATABASE_URL -c "
  SELECT * FROM execution_logs 
  WHERE trade_id = 'E2E_TEST_001' 
  ORDER BY created_at DESC LIMIT 1;
"
"""  # noqa: W291 - as printed

    def in_psql(command: str) -> str:
        environment = {"DATABASE_URL": empty_database_url, "PATH": f"{postgres.psql.parent}:/usr/bin:/bin"}
        done = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    log = tmp_path / "web.log"
    with web_process(empty_database_url, log, configured=False, **exported(STEP_2)) as web:
        assert "1 row" in in_psql('psql $DATABASE_URL -c "SELECT 1"')
        assert web.post(json.loads(END_TO_END))[0] == 200
        wait_until(lambda: "E2E_TEST_001" in in_psql(printed), what="the log in psql")
        assert "GLOBAL_DRY_RUN_ENABLED" in in_psql(printed)
    started = log.read_text()
    assert "ExecutionRouter initialized with dry_run=True" in started
    assert "ExecutionRouter worker started (dry_run=True)" in started


def test_a_blocked_order_is_logged_in_the_documents_words(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    served = serve({**exported(METRICS), "FTMO_1_PAUSED": "true"})
    served.curl(TEST_13G % "004")
    served.result("TEST_13G_004")
    assert "ORDER BLOCKED: Account paused (firm=FTMO, program=1, type=paused)" in caplog.messages
