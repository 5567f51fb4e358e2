"""The documents' Python examples as printed, each in a fresh interpreter with the environment it speaks of."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from database.embedded import EmbeddedServer
from tests.conftest import Sql, repository

# 003, step 2, as far as the examples speak of it.
STEP_2 = {
    "EXECUTION_DRY_RUN": "true",
    "ROUTE_TO_FIRMS": "FTMO,APEX",
    "FTMO_PROGRAM_IDS": "1",
    "FTMO_MAX_POSITION_SIZE": "10",
    "FTMO_1_ACCOUNT_SIZE": "100000.0",
    "FTMO_1_RISK_PER_TRADE": "0.01",
    "FTMO_1_MAX_CONTRACTS": "5",
    "APEX_PROGRAM_IDS": "1",
    "APEX_1_ACCOUNT_SIZE": "150000.0",
    "APEX_1_RISK_PER_TRADE": "0.01",
    "APEX_1_MAX_CONTRACTS": "10",
}

RISK = """
from risk_engine import evaluate_risk

# Test max position size
result = evaluate_risk(
    firm_code="FTMO",
    risk_rules={"max_position_size": 10},
    task_payload={"contracts": 15}
)
assert result.status == "REJECTED"
assert result.rule == "MAX_POSITION_SIZE"

# Test approval
result = evaluate_risk(
    firm_code="FTMO",
    risk_rules={"max_position_size": 10},
    task_payload={"contracts": 5}
)
assert result.status == "APPROVED"
"""

SIZING = """
from program_engine import calculate_program_sizing

# Test sizing calculation
result = calculate_program_sizing(
    firm_code="FTMO",
    program_id=1,
    scaling_rules={
        "account_size": 100000.0,
        "risk_per_trade": 0.01,
        "max_contracts": 5
    },
    task_payload={
        "entry_price": 16500.0,
        "stop_loss": 16475.0,
        "symbol": "NQ"
    }
)
assert result.status == "APPROVED"
assert result.contracts > 0
"""

BREACH = """
from account_engine import evaluate_account_breach

# Test daily loss breach
result = evaluate_account_breach(
    firm_code="FTMO",
    program_id=1,
    account_metrics={"day_pl": -1200.0},
    breach_rules={"max_daily_loss": 1000.0}
)
assert result.status == "REJECTED"
assert result.rule == "MAX_DAILY_LOSS"
"""

INTEGRATION = """
from execution_router import ExecutionRouter

# Initialize router in dry-run mode
router = ExecutionRouter(dry_run=True)

# Test entry signal
result = router.handle_entry_signal({
    "trade_id": "TEST_001",
    "event_type": "SIGNAL_CREATED",
    "direction": "Bullish",
    "entry_price": 16500.0,
    "stop_loss": 16475.0,
    "symbol": "NQ"
})

# Verify result structure
assert "risk_checks" in result
assert "program_sizing" in result
assert "account_breaches" in result
assert "connector_results" in result
assert result["dry_run"] == True
"""

CONFIGURATION = """
# Test configuration loading
from config import get_firm_config, get_routing_rules_for_task

# Test firm config
ftmo_config = get_firm_config("FTMO")
print(f"FTMO Config: {ftmo_config}")

# Test routing rules
test_payload = {"trade_id": "TEST_001", "symbol": "NQ"}
firm_codes, routing_meta = get_routing_rules_for_task(test_payload)
print(f"Routing to: {firm_codes}")
print(f"Program IDs: {routing_meta.get('program_ids')}")
"""

STATE = """
# In Python shell
from account_engine import AccountStateManager

manager = AccountStateManager()
metrics = manager.load_from_env("FTMO", 1)
print(f"Loaded metrics: {metrics}")

state = manager.get_account_state("FTMO", 1)
print(f"Current state: {state}")
"""

REGISTRY = """
from prop_firm_registry import get_firm_by_code, get_firm_registry, is_firm_supported
assert sorted(get_firm_registry()) == ["APEX", "BULENOX", "FTMO", "LEELOO", "TOPSTEP"]
assert get_firm_by_code("FTMO")["code"] == "FTMO"
assert is_firm_supported("LEELOO") and not is_firm_supported("NOBODY")
"""

ENQUEUE = """
from web_server import enqueue_execution_task, enqueue_execution_task_for_entry, enqueue_execution_task_for_exit
trade_id, direction, entry_price, stop_loss, session, bias, contracts = "T", "LONG", 4156.25, 4150, "NY AM", None, 2
enqueue_execution_task_for_entry(
    trade_id=trade_id,
    direction=direction,
    entry_price=entry_price,
    stop_loss=stop_loss,
    session=session,
    bias=bias or direction,
    contracts=contracts
)
enqueue_execution_task_for_exit("T", "SL", 4150.00, 1.5, 2.3)
enqueue_execution_task("U", "ENTRY", {"kind": "ENTRY", "direction": "SHORT", "entry_price": 1.0, "stop_loss": 2.0})
"""

ONE_LINERS = {
    """python -c "from execution_router import ExecutionRouter; """
    """router = ExecutionRouter(dry_run=True); print('Router initialized successfully')\"""": (
        "Router initialized successfully"
    ),
    """python -c "from execution_router import ExecutionRouter\"""": "",
    """python -c "from config import get_routing_rules_for_task; print(get_routing_rules_for_task({}))\"""": (
        "(['FTMO', 'APEX'], {'program_ids': [1]"
    ),
    """python -c "import os; print(f'Dry-run: {os.getenv(\\"EXECUTION_DRY_RUN\\", \\"true\\")}')\"""": "Dry-run: true",
    **{
        f"python -m py_compile {name}": ""
        for name in (
            "execution_router.py",
            "web_server.py",
            "account_engine/__init__.py",
            "account_engine/account_state_manager.py",
            "account_engine/account_breach_engine.py",
        )
    },
    "echo $ROUTE_TO_FIRMS $FTMO_1_ACCOUNT_SIZE": "FTMO,APEX 100000.0",
}


def run(example: str, folder: Path, **environment: str) -> str:
    """Run an example in a fresh interpreter, outside the project's folder, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", example],
        env={"PYTHONPATH": str(repository()), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("example", [RISK, SIZING, BREACH, REGISTRY], ids=["risk", "sizing", "breach", "registry"])
def test_a_unit_example_runs_as_printed(example: str, tmp_path: Path) -> None:
    assert run(example, tmp_path) == ""


def test_the_sizing_example_gives_the_printed_two_contracts(tmp_path: Path) -> None:
    assert run(SIZING + "print(result.contracts)", tmp_path) == "2\n"


def test_the_integration_example_runs_without_a_database_and_says_so(tmp_path: Path) -> None:
    told = run(INTEGRATION + "print(result['recorded'], result['details'])", tmp_path, **STEP_2)
    assert told == "False ExecutionRouter dry-run: no external order sent. No database: nothing was recorded.\n"


def test_the_integration_example_decides_every_routed_account(tmp_path: Path) -> None:
    rows = "print([(row['firm_code'], row['program_id'], row['contracts']) for row in result['connector_results']])"
    assert run(INTEGRATION + rows, tmp_path, **STEP_2) == "[('FTMO', 1, 2), ('APEX', 1, 3)]\n"


def test_the_integration_example_records_what_it_decides(database_url: str, sql: Sql, tmp_path: Path) -> None:
    told = run(INTEGRATION + "print(result['recorded'])", tmp_path, DATABASE_URL=database_url, **STEP_2)
    assert told == "True\n"
    assert sql("SELECT trade_id, event_type, status FROM execution_tasks") == [
        {"trade_id": "TEST_001", "event_type": "ENTRY", "status": "SUCCESS"}
    ]
    [log] = sql("SELECT status, response_body -> 'program_sizing' -> 0 ->> 'contracts' AS ftmo FROM execution_logs")
    assert log == {"status": "SUCCESS", "ftmo": "2"}


def test_the_integration_example_runs_on_a_database_with_only_the_tables_of_step_1(
    postgres: EmbeddedServer, empty_database_url: str, tmp_path: Path
) -> None:
    files = [f"--file={repository() / 'database' / name}_schema.sql" for name in ("execution_tasks", "execution_logs")]
    subprocess.run([str(postgres.psql), empty_database_url, "--quiet", *files], check=True, capture_output=True)
    told = run(INTEGRATION + "print(result['recorded'])", tmp_path, DATABASE_URL=empty_database_url, **STEP_2)
    assert told == "True\n"


def test_the_configuration_example_prints_what_is_routed(tmp_path: Path) -> None:
    firm, firms, programs = run(CONFIGURATION, tmp_path, **STEP_2).splitlines()
    assert firm.startswith("FTMO Config: {'code': 'FTMO', 'name': ")
    assert firms == "Routing to: ['FTMO', 'APEX']"
    assert programs == "Program IDs: [1]"


def test_the_configuration_example_prints_nothing_routed_where_nothing_is_configured(tmp_path: Path) -> None:
    assert run(CONFIGURATION, tmp_path).splitlines()[1:] == ["Routing to: []", "Program IDs: []"]


def test_the_state_example_loads_the_environments_figures(tmp_path: Path) -> None:
    figures = {"EQUITY": "50000.0", "BALANCE": "50000.0", "DAY_PL": "-250.0", "TOTAL_PL": "300.0", "DRAWDOWN": "-700.0"}
    exported = {f"FTMO_1_{name}": text for name, text in figures.items()}
    checks = """
assert metrics == state
assert {**metrics, "last_update": 0} == {"equity": 50000.0, "balance": 50000.0, "day_pl": -250.0, "total_pl": 300.0,
                                         "drawdown": -700.0, "source": "ENV", "last_update": 0}
"""
    assert run(STATE + checks, tmp_path, **exported).startswith("Loaded metrics: {'source': 'ENV'")


def test_the_state_example_invents_nothing(tmp_path: Path) -> None:
    assert run(STATE, tmp_path) == "Loaded metrics: {}\nCurrent state: {}\n"


def test_a_flag_that_is_set_as_printed_blocks_the_order(tmp_path: Path) -> None:
    example = """
from account_engine import AccountStateManager, check_order_enforcement
account_state_manager = AccountStateManager()
account_state_manager.update_flag("FTMO", 1, "paused", True)
answer = check_order_enforcement(
    firm_code="FTMO",
    program_id=1,
    program_metadata={},
    account_state=account_state_manager.get_account_state("FTMO", 1),
    order_data={"entry_price": 16500.0, "stop_loss": 16475.0, "contracts": 1, "session": "NY AM"},
)
assert answer["allowed"] is False and answer["reason"] == "Account paused" and answer["breach_type"] == "paused"
"""
    assert run(example, tmp_path) == ""


def test_the_enqueue_helpers_store_the_printed_payloads(database_url: str, sql: Sql, tmp_path: Path) -> None:
    run(ENQUEUE, tmp_path, DATABASE_URL=database_url, **STEP_2)
    tasks = sql("SELECT trade_id, event_type, status, payload FROM execution_tasks ORDER BY id")
    assert [(task["trade_id"], task["event_type"], task["status"]) for task in tasks] == [
        ("T", "ENTRY", "PENDING"),
        ("T", "EXIT", "PENDING"),
        ("U", "ENTRY", "PENDING"),
    ]
    entry = {"kind": "ENTRY", "direction": "LONG", "entry_price": 4156.25, "stop_loss": 4150.0, "session": "NY AM"}
    entry |= {"bias": "LONG", "contracts": 2}
    assert entry.items() <= tasks[0]["payload"].items()
    left = {"kind": "EXIT", "exit_type": "SL", "exit_price": 4150.0, "final_be_mfe": 1.5, "final_no_be_mfe": 2.3}
    assert left.items() <= tasks[1]["payload"].items()


@pytest.mark.parametrize("line", sorted(ONE_LINERS))
def test_a_line_for_the_shell_runs_as_printed(line: str) -> None:
    done = subprocess.run(
        ["bash", "-c", line],
        env={
            **STEP_2,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        cwd=repository(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(ONE_LINERS[line])
