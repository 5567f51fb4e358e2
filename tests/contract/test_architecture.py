"""What import-linter cannot say: the root modules are the top, and only one module knows the driver."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PACKAGES = (
    *("domain", "config", "signals", "account_engine", "program_engine", "risk_engine"),
    *("connectors", "database", "routing", "web", "control", "demo", "alerts"),
)
ROOTS = ("web_server", "execution_router", "prop_firm_registry")


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (REPOSITORY / package).rglob("*.py")
    yield from (REPOSITORY / f"{root}.py" for root in ROOTS)


def imports_of(module: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_nobody_imports_a_composition_root_but_the_web_process_its_router() -> None:
    importers = {
        (module.stem, root)
        for module in modules()
        for root in ("web_server", "execution_router")
        if root in imports_of(module)
    }
    assert importers == {("web_server", "execution_router")}


def test_only_one_module_knows_the_driver() -> None:
    knowing = {str(module.relative_to(REPOSITORY)) for module in modules() if "psycopg2" in imports_of(module)}
    assert knowing == {"database/driver.py"}


def test_every_statement_that_is_run_by_name_exists_and_every_statement_is_run() -> None:
    from database.statements import statements

    run: set[str] = set()
    for module in modules():
        if module.is_relative_to(REPOSITORY / "connectors"):
            # They know no database; what they call ``rows`` is a platform's answer.
            continue
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                named = node.func.attr in {"run", "rows", "row", "ahead", "_on_claims"}
                first = node.args[0] if node.args else None
                if named and isinstance(first, ast.Constant) and isinstance(first.value, str):
                    run.add(first.value)
    assert run == set(statements())


def test_rooms_are_small() -> None:
    large = {
        str(module.relative_to(REPOSITORY)): len(module.read_text(encoding="utf-8").splitlines())
        for module in modules()
    }
    assert {name: lines for name, lines in large.items() if lines > 300} == {}


def test_each_advisory_lock_has_one_purpose() -> None:
    """Two that take the same number wait for each other, or take each other for a second run of themselves."""
    purposes: dict[str, set[str]] = {}
    for path in [*(REPOSITORY / "database").rglob("*.sql"), *modules()]:
        for number in re.findall(r"\b70541923\d{4}\b", path.read_text(encoding="utf-8")):
            purposes.setdefault(number, set()).add(str(path.relative_to(REPOSITORY)))
    assert purposes == {
        # Who changes the schema, or puts a backup in its place.
        "705419230117": {"database/sql/migrations.sql", "database/restore_script.py"},
        # Who leads: clocks, polls, seals.
        "705419230118": {"database/leadership.py"},
        # Who claims legs, together, and who sets a halt, alone.
        "705419230119": {"database/sql/orders.sql"},
        "705419230120": {"database/sql/alerts.sql"},
        # Who leads in telling alerts.
        "705419230121": {"alerts/service.py"},
        "705419230122": {"database/sql/audit.sql"},
        "705419230123": {"database/sql/archive.sql"},
    }
