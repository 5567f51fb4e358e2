"""Every public name of the documents: modules, functions, classes, variables, columns and JSON keys stay usable."""

from __future__ import annotations

import importlib
import inspect
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import config
from account_engine import AccountBreachResult, check_order_enforcement, evaluate_account_breach
from config.settings import Settings
from connectors import Receipt, ReceiptStatus
from database.connection import Database
from execution_router import ExecutionRouter
from program_engine import calculate_program_sizing
from prop_firm_registry import get_firm_by_code, get_firm_registry, is_firm_supported
from risk_engine import evaluate_risk
from tests.conftest import Sql, repository
from tests.processes import entry

REQUIRED = inspect.Parameter.empty

# Module, name, and the parameters as the documents have them: their order, and their defaults where they have one.
FUNCTIONS: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    (
        "risk_engine",
        "evaluate_risk",
        {"firm_code": REQUIRED, "risk_rules": REQUIRED, "task_payload": REQUIRED, "account_metrics": None},
    ),
    (
        "program_engine",
        "calculate_program_sizing",
        dict.fromkeys(("firm_code", "program_id", "scaling_rules", "task_payload"), REQUIRED),
    ),
    (
        "account_engine",
        "evaluate_account_breach",
        dict.fromkeys(("firm_code", "program_id", "account_metrics", "breach_rules"), REQUIRED),
    ),
    (
        "account_engine",
        "check_order_enforcement",
        dict.fromkeys(("firm_code", "program_id", "program_metadata", "account_state", "order_data"), REQUIRED),
    ),
    ("config", "get_firm_config", {"firm_code": REQUIRED}),
    ("config", "get_routing_rules_for_task", {"payload": REQUIRED}),
    ("config", "get_firm_risk_rules", {"firm_code": REQUIRED}),
    ("config", "get_program_scaling_rules", {"firm_code": REQUIRED, "program_id": REQUIRED}),
    ("config", "get_account_breach_rules", {"firm_code": REQUIRED, "program_id": REQUIRED}),
    ("config", "get_unified_program_metadata", {"firm_code": REQUIRED, "program_id": REQUIRED}),
    ("prop_firm_registry", "get_firm_registry", {}),
    ("prop_firm_registry", "get_firm_by_code", {"code": REQUIRED}),
    ("prop_firm_registry", "is_firm_supported", {"code": REQUIRED}),
    (
        "web_server",
        "enqueue_execution_task",
        dict.fromkeys(("trade_id", "event_type", "payload"), REQUIRED),
    ),
    (
        "web_server",
        "enqueue_execution_task_for_entry",
        {
            **dict.fromkeys(("trade_id", "direction", "entry_price", "stop_loss", "session", "bias"), REQUIRED),
            "contracts": None,
        },
    ),
    ("web_server", "enqueue_execution_task_for_exit", {"trade_id": REQUIRED, "exit_type": REQUIRED}),
    ("web_server", "handle_entry_signal", {"signal": REQUIRED}),
    ("web_server", "handle_exit_signal", {"signal": REQUIRED}),
    ("web_server", "handle_mfe_update", {"signal": REQUIRED}),
    ("web_server", "create_app", {}),
)

METHODS: tuple[tuple[str, str, str, Mapping[str, Any]], ...] = (
    (
        "execution_router",
        "ExecutionRouter",
        "__init__",
        {"poll_interval": 2.0, "batch_size": 20, "dry_run": True, "logger": None, "account_state_manager": None},
    ),
    ("execution_router", "ExecutionRouter", "start", {}),
    ("execution_router", "ExecutionRouter", "stop", {}),
    ("execution_router", "ExecutionRouter", "handle_entry_signal", {"signal": REQUIRED}),
    ("execution_router", "ExecutionRouter", "handle_exit_signal", {"signal": REQUIRED}),
    ("execution_router", "ExecutionRouter", "handle_mfe_update", {"signal": REQUIRED}),
    ("account_engine", "AccountStateManager", "__init__", {}),
    (
        "account_engine",
        "AccountStateManager",
        "update_account_state",
        dict.fromkeys(("firm_code", "program_id", "metrics"), REQUIRED),
    ),
    (
        "account_engine",
        "AccountStateManager",
        "update_flag",
        dict.fromkeys(("firm_code", "program_id", "key", "value"), REQUIRED),
    ),
    (
        "account_engine",
        "AccountStateManager",
        "get_account_state",
        {"firm_code": REQUIRED, "program_id": REQUIRED},
    ),
    ("account_engine", "AccountStateManager", "load_from_env", {"firm_code": REQUIRED, "program_id": REQUIRED}),
)

# The same object under each of its documented homes.
HOMES = (
    ("account_engine", "account_engine.account_state_manager", "AccountStateManager"),
    ("account_engine", "account_engine.account_breach_engine", "AccountBreachResult"),
    ("account_engine", "account_engine.account_breach_engine", "evaluate_account_breach"),
    ("account_engine", "account_engine.account_breach_engine", "check_order_enforcement"),
    ("risk_engine", "risk_engine.prop_risk_engine", "evaluate_risk"),
    ("program_engine", "program_engine.program_sizing_engine", "calculate_program_sizing"),
    *(
        ("config", "config.prop_firm_config", name)
        for name in (
            "get_firm_config",
            "get_routing_rules_for_task",
            "get_firm_risk_rules",
            "get_program_scaling_rules",
            "get_account_breach_rules",
            "get_unified_program_metadata",
        )
    ),
)

CONNECTOR_METHODS = ("send_entry_order", "send_exit_order", "get_account_status")
CONNECTORS = (
    ("connectors.base_connector", "Connector"),
    ("connectors.ftmo_connector", "FTMOConnector"),
    ("connectors.apex_connector", "ApexConnector"),
)

FIRM_VARIABLES = (
    *("PROGRAM_IDS=1,2", "MAX_POSITION_SIZE=10", "MAX_DAILY_LOSS=1000.0", "MAX_TOTAL_LOSS=5000.0"),
    *("API_KEY=your_api_key", "API_SECRET=your_api_secret", "API_URL=https://api.ftmo.com", "DRY_RUN=true"),
)
PROGRAM_VARIABLES = (
    *("ACCOUNT_SIZE=100000.0", "RISK_PER_TRADE=0.01", "MAX_CONTRACTS=5", "MAX_DAILY_LOSS=1000.0"),
    *("MAX_TOTAL_LOSS=5000.0", "MAX_DRAWDOWN=2000.0", "EQUITY=50000.0", "BALANCE=50000.0"),
    *("DAY_PL=-250.0", "TOTAL_PL=300.0", "DRAWDOWN=-700.0"),
)
SERVICE_VARIABLES = (
    *("EXECUTION_DRY_RUN=true", "DATABASE_URL=postgresql://user:pass@host:5432/dbname", "PORT=5000"),
    *("ROUTE_TO_FIRMS=FTMO,APEX", "NQ_POINT_VALUE=20", "ES_POINT_VALUE=50", "YM_POINT_VALUE=5.0"),
)

TIME = "timestamp with time zone"
COLUMNS: dict[str, dict[str, str]] = {
    "execution_tasks": {
        "id": "bigint",
        "trade_id": "text",
        "event_type": "text",
        "status": "text",
        "attempts": "integer",
        "last_error": "text",
        "payload": "jsonb",
        "last_attempt_at": TIME,
        "created_at": TIME,
        "updated_at": TIME,
    },
    "execution_logs": {
        "id": "bigint",
        "task_id": "bigint",
        "trade_id": "text",
        "event_type": "text",
        "status": "text",
        "response_code": "integer",
        "response_body": "jsonb",
        "created_at": TIME,
    },
    "execution_risk_checks": {"firm_code": "text", "status": "text", "rule": "text"},
    "execution_program_sizing": {"firm_code": "text", "program_id": "integer", "contracts": "integer"},
    "execution_account_breaches": {"firm_code": "text", "program_id": "integer", "rule": "text"},
    "execution_enforcement_checks": {"firm_code": "text", "allowed": "boolean", "breach_type": "text"},
    "execution_connector_results": {"firm_code": "text", "program_id": "integer", "reason": "text"},
    "dead_letter_tasks": {"id": "bigint", "last_error": "text", "payload": "jsonb"},
    "automated_signals": {"trade_id": "text"},
}

CHECK = {"firm_code", "status", "rule", "reason", "details"}
ROWS: dict[str, set[str]] = {
    "risk_checks": CHECK,
    "program_sizing": CHECK | {"program_id", "contracts"},
    "account_breaches": CHECK | {"program_id"},
    "enforcement_checks": CHECK | {"program_id", "allowed", "breach_type"},
    "connector_results": {"firm_code", "program_id", "status", "reason", "approved", "contracts", "blocked_by"},
}
SIZING_DETAILS = {
    "account_size",
    "risk_per_trade",
    "risk_amount",
    "risk_distance",
    "point_value",
    "calculated_contracts",
    "max_contracts",
    "final_contracts",
}


def parameters_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    return [entry for entry in inspect.signature(function).parameters.values() if entry.name != "self"]


def assert_callable_as_documented(function: Callable[..., Any], documented: Mapping[str, Any]) -> None:
    """The documented parameters come first and in order; whatever follows them must be optional."""
    found = parameters_of(function)
    named = [(entry.name, entry.default) for entry in found[: len(documented)]]
    assert named == list(documented.items())
    assert all(entry.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for entry in found[: len(documented)])
    assert [entry.name for entry in found[len(documented) :] if entry.default is REQUIRED] == []


@pytest.mark.parametrize(("module", "name", "documented"), FUNCTIONS, ids=[f"{row[0]}.{row[1]}" for row in FUNCTIONS])
def test_a_function_has_its_documented_parameters(module: str, name: str, documented: Mapping[str, Any]) -> None:
    assert_callable_as_documented(getattr(importlib.import_module(module), name), documented)


@pytest.mark.parametrize(
    ("module", "name", "method", "documented"), METHODS, ids=[f"{row[1]}.{row[2]}" for row in METHODS]
)
def test_a_method_has_its_documented_parameters(
    module: str, name: str, method: str, documented: Mapping[str, Any]
) -> None:
    assert_callable_as_documented(getattr(getattr(importlib.import_module(module), name), method), documented)


@pytest.mark.parametrize(("package", "module", "name"), HOMES, ids=[row[2] for row in HOMES])
def test_a_package_exports_what_its_module_defines(package: str, module: str, name: str) -> None:
    exported = importlib.import_module(package)
    assert getattr(exported, name) is getattr(importlib.import_module(module), name)
    assert name in exported.__all__


@pytest.mark.parametrize(("module", "name"), CONNECTORS)
def test_a_connector_has_the_documented_methods(module: str, name: str) -> None:
    connector = getattr(importlib.import_module(module), name)
    assert [method for method in CONNECTOR_METHODS if not callable(getattr(connector, method, None))] == []


def test_a_receipt_reads_as_the_documented_response() -> None:
    receipt = Receipt(
        status=ReceiptStatus.SUCCESS,
        order_id="FTMO_12345",
        message="Order submitted successfully",
        details={"firm_code": "FTMO"},
    )
    assert (receipt.success, receipt.order_id, receipt.message) == (True, "FTMO_12345", "Order submitted successfully")
    assert receipt.details == {"firm_code": "FTMO"}


@pytest.mark.parametrize("name", ["app", "ACCOUNT_STATE_MANAGER", "ExecutionRouter_of_nobody"])
def test_the_web_server_has_its_lazy_names(name: str, database_url: str, tmp_path: Path) -> None:
    code = f"import web_server; print(type(web_server.{name}).__name__)"
    environment = {"PYTHONPATH": str(repository()), "DATABASE_URL": database_url}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    expected = {"app": "Flask", "ACCOUNT_STATE_MANAGER": "AccountStateManager"}
    # Lines of the log are written by a thread of their own, some of them after what is printed.
    said = done.stdout.splitlines() if done.returncode == 0 else done.stderr.splitlines()[-1:]
    missing = f"AttributeError: module 'web_server' has no attribute '{name}'"
    assert expected.get(name, missing) in said


def test_the_registry_knows_the_documented_firms_and_their_metadata() -> None:
    assert set(get_firm_registry()) == {"FTMO", "APEX", "TOPSTEP", "BULENOX", "LEELOO"}
    documented = {
        "code",
        "name",
        "api_enabled",
        "supports_automated_execution",
        "max_daily_loss_default",
        "max_total_loss_default",
        "max_position_size_default",
    }
    for code in get_firm_registry():
        firm = get_firm_by_code(code)
        assert firm is not None
        assert documented <= set(firm)
        assert firm["code"] == firm.code == code
        assert is_firm_supported(code)
    assert not is_firm_supported("NOBODY")


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("risk", evaluate_risk("FTMO", {"max_position_size": 10}, {"contracts": 15})),
        ("breach", evaluate_account_breach("FTMO", 1, {"day_pl": -1200.0}, {"max_daily_loss": 1000.0})),
        ("sizing", calculate_program_sizing("FTMO", 1, {}, {"symbol": "NQ"})),
    ],
)
def test_a_result_reads_as_attributes_and_as_a_mapping(name: str, result: Any) -> None:
    row = dict(result)
    documented = CHECK if name == "risk" else CHECK | {"program_id"}
    assert documented <= set(row)
    for key in documented:
        assert getattr(result, key) == row[key] == result[key]


def test_a_breach_result_is_what_account_breach_result_names() -> None:
    result = evaluate_account_breach("FTMO", 1, {}, {})
    assert isinstance(result, AccountBreachResult)
    assert (result.status, result.rule, result.reason, result.details) == ("APPROVED", None, None, None)


def test_an_enforcement_answer_has_its_three_keys() -> None:
    answer = check_order_enforcement("FTMO", 1, {"max_contracts": 1}, {}, {"contracts": 2})
    assert {"allowed", "reason", "breach_type"} <= set(answer)
    assert (answer["allowed"], answer["breach_type"]) == (False, "contracts")


def test_routing_meta_keeps_program_ids() -> None:
    environment = {"ROUTE_TO_FIRMS": "FTMO,APEX", "FTMO_PROGRAM_IDS": "1,2,3", "APEX_PROGRAM_IDS": "1"}
    settings = Settings.from_env(environment)
    firm_codes, meta = config.get_routing_rules_for_task({"trade_id": "TEST_001"}, settings=settings)
    assert firm_codes == ["FTMO", "APEX"]
    assert meta["program_ids"] == [1, 2, 3]
    assert meta["accounts"] == [("FTMO", 1), ("FTMO", 2), ("FTMO", 3), ("APEX", 1)]


def test_every_documented_variable_is_known_and_read() -> None:
    lines = [*SERVICE_VARIABLES]
    for firm in ("FTMO", "APEX"):
        lines += [f"{firm}_{line}" for line in FIRM_VARIABLES]
        lines += [f"{firm}_{program}_{line}" for program in (1, 2) for line in PROGRAM_VARIABLES]
    environment = dict(line.split("=", 1) for line in lines)
    settings = Settings.from_env(environment)
    assert [str(problem) for problem in settings.problems if problem.variable in environment] == []
    assert [str(problem) for problem in settings.problems if "unknown setting" in problem.message] == []
    assert settings.accounts == (("FTMO", 1), ("FTMO", 2), ("APEX", 1), ("APEX", 2))


def test_a_variable_that_nobody_documented_is_told() -> None:
    environment = {"ROUTE_TO_FIRMS": "FTMO", "FTMO_PROGRAM_IDS": "1", "FTMO_1_MAX_DAYLY_LOSS": "1000"}
    problems = Settings.from_env(environment).warnings
    assert "FTMO_1_MAX_DAYLY_LOSS" in [problem.variable for problem in problems if "unknown setting" in problem.message]


@pytest.mark.parametrize(("table", "columns"), COLUMNS.items(), ids=list(COLUMNS))
def test_a_table_has_its_documented_columns(table: str, columns: dict[str, str], sql: Sql) -> None:
    rows = sql("SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s", table)
    found = {row["column_name"]: row["data_type"] for row in rows}
    assert {name: found.get(name) for name in columns} == columns


def test_logs_go_with_their_task_and_a_task_starts_as_pending(sql: Sql) -> None:
    [rule] = sql(
        "SELECT delete_rule FROM information_schema.referential_constraints "
        "JOIN information_schema.key_column_usage USING (constraint_schema, constraint_name) "
        "WHERE column_name = 'task_id' AND table_name = 'execution_logs'"
    )
    assert rule == {"delete_rule": "CASCADE"}
    [task] = sql("INSERT INTO execution_tasks (trade_id, event_type) VALUES ('T', 'ENTRY') RETURNING *")
    assert (task["status"], task["attempts"], task["last_error"], task["last_attempt_at"]) == ("PENDING", 0, None, None)
    assert str(task["created_at"].tzinfo) == str(task["updated_at"].tzinfo)


def test_a_response_body_has_the_documented_keys(database: Database, database_url: str, sql: Sql) -> None:
    environment = {
        "DATABASE_URL": database_url,
        "ROUTE_TO_FIRMS": "FTMO",
        "FTMO_PROGRAM_IDS": "1",
        "FTMO_1_ACCOUNT_SIZE": "100000.0",
        "FTMO_1_RISK_PER_TRADE": "0.01",
        "FTMO_1_MAX_CONTRACTS": "5",
    }
    router = ExecutionRouter(settings=Settings.from_env(environment), database=database)
    router.handle_entry_signal(entry("T"))
    [log] = sql("SELECT response_body::text AS body FROM execution_logs")
    body = json.loads(log["body"])
    assert {"routed", "dry_run", "event_type", "trade_id", "details"} <= set(body)
    arrays = [name for name, value in body.items() if isinstance(value, list)]
    assert sorted(arrays) == sorted(ROWS)
    for name, keys in ROWS.items():
        assert keys <= set(body[name][0]), name
    assert set(body["program_sizing"][0]["details"]) >= SIZING_DETAILS


def test_the_five_arrays_stand_in_the_order_in_which_an_account_is_checked() -> None:
    settings = Settings.from_env({"ROUTE_TO_FIRMS": "FTMO", "FTMO_PROGRAM_IDS": "1"})
    result = ExecutionRouter(settings=settings).handle_entry_signal(entry("T"))
    assert [name for name, value in result.items() if isinstance(value, list)] == list(ROWS)


IMPORT_EVERYTHING = """
import importlib, os, sys, threading
import zoneinfo  # looks for its files when it is first imported
from collections.abc import MutableMapping

root, *modules = sys.argv[1:]
told = []


def tell(line):
    # Who asked: the first frame that is neither the standard library's nor this script's.
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if "site-packages" in file:
            return
        if file.startswith(root):
            told.append(f"{os.path.basename(file)} {line}")
            return
        frame = frame.f_back


class Recorder(MutableMapping):
    def __init__(self, kept): self.kept = kept
    def __getitem__(self, name): tell(f"reads {name}"); return self.kept[name]
    def __setitem__(self, name, value): tell(f"sets {name}"); self.kept[name] = value
    def __delitem__(self, name): tell(f"deletes {name}"); del self.kept[name]
    def __iter__(self): tell("reads everything"); return iter(self.kept)
    def __len__(self): return len(self.kept)
    def __contains__(self, name): tell(f"reads {name}"); return name in self.kept


def watch(event, arguments):
    if event in ("socket.__new__", "socket.connect", "socket.bind", "subprocess.Popen", "os.fork", "os.mkdir"):
        tell(event)
    if event == "open" and not str(arguments[0]).endswith((".py", ".pyc")):
        tell(f"opens {arguments[0]}")


os.environ = Recorder(os.environ)
sys.addaudithook(watch)
for module in modules:
    importlib.import_module(module)
print("threads", threading.active_count())
print("\\n".join(told))
"""


def modules_of_the_project() -> list[str]:
    """Every module that may be imported; those that run something by being named are left out."""
    root = repository()
    folders = [path.parent for path in root.glob("*/__init__.py") if path.parent.name != "tests"]
    files = [file for folder in folders for file in folder.rglob("*.py") if file.name != "__main__.py"]
    # Other people's queues, which our own benchmark is measured against, are not installed here.
    files = [file for file in files if file.parent != root / "benchmarks" / "references"]
    files += [file for file in root.glob("*.py") if file.name != "gunicorn.conf.py"]
    dotted = (".".join(file.relative_to(root).with_suffix("").parts) for file in files)
    return sorted(name.removesuffix(".__init__") for name in dotted)


def what_importing_does(folder: Path, modules: list[str], *, root: Path) -> list[str]:
    """Import the modules in a fresh interpreter; return its number of threads, then all that was touched."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", IMPORT_EVERYTHING, str(root), *modules],
        env={"PYTHONPATH": str(root), "ROUTE_TO_FIRMS": "FTMO", "FTMO_PROGRAM_IDS": "1", "DATABASE_URL": "nonsense"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line]


def test_importing_any_module_touches_nothing(tmp_path: Path) -> None:
    modules = modules_of_the_project()
    assert {"web_server", "execution_router", "config.settings", "database.embedded"} <= set(modules)
    assert what_importing_does(tmp_path, modules, root=repository()) == ["threads 1"]


@pytest.mark.parametrize(
    ("code", "seen"),
    [
        ("import os\nos.environ.get('ROUTE_TO_FIRMS')", "bad.py reads ROUTE_TO_FIRMS"),
        ("import os\nos.getenv('FTMO_API_KEY')", "bad.py reads FTMO_API_KEY"),
        ("import os\ndict(os.environ)", "bad.py reads everything"),
        ("import socket\nsocket.socket().close()", "bad.py socket.__new__"),
        ("import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()", "threads 2"),
        ("from pathlib import Path\nPath(__file__).with_suffix('.txt').open('w').close()", "bad.txt"),
    ],
    ids=["environ", "getenv", "all of environ", "socket", "thread", "file"],
)
def test_a_module_that_touches_something_would_be_seen(code: str, seen: str, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(code, encoding="utf-8")
    assert any(line.endswith(seen) for line in what_importing_does(tmp_path, ["bad"], root=tmp_path))
