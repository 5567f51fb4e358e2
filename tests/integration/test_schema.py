"""The schema: by hand with psql, by four processes at once, and what it refuses to hold."""

from __future__ import annotations

import multiprocessing
import shutil
import subprocess
import traceback
from collections import Counter
from collections.abc import Iterator
from multiprocessing.synchronize import Barrier
from pathlib import Path
from queue import Queue

import psycopg2
import psycopg2.errors
import pytest

from database import migrations
from database.connection import Database
from database.embedded import EmbeddedServer
from database.migrations import FILES, SchemaChanged, migrate
from tests.conftest import Sql, administrator, repository, url_of

BY_HAND = r"""
\i database/execution_tasks_schema.sql
\i database/execution_logs_schema.sql
"""
TABLES = {
    "account_alerts",
    "router_heartbeats",
    "service_alerts",
    "alert_outbox",
    "account_days",
    "account_flags",
    "account_overrides",
    "account_resets",
    "account_restarts",
    "account_snapshots",
    "rule_sets",
    "decision_facts",
    "decision_texts",
    "policy_acknowledgements",
    "account_states",
    "archive_batches",
    "audit_chain",
    "audit_events",
    "audit_horizon",
    "automated_signals",
    "decided_tasks",
    "execution_logs",
    "execution_order_events",
    "execution_orders",
    "execution_tasks",
    "halt_actions",
    "latest_prices",
    "ledger_identity",
    "login_attempts",
    "operator_acts",
    "order_accounts",
    "order_differences",
    "order_transitions",
    "refused_webhooks",
    "schema_migrations",
    "trading_halts",
    "web_forms",
    "web_keys",
    "web_logins",
}


def psql(server: EmbeddedServer, url: str, commands: str) -> str:
    """Give commands to psql as a person types them, in the project's folder."""
    done = subprocess.run(
        [str(server.psql), url, "--no-psqlrc", "--set=ON_ERROR_STOP=1"],
        input=commands,
        cwd=repository(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def migrated(url: str) -> list[str]:
    database = Database(url)
    try:
        return migrate(database)
    finally:
        database.close()


def tables_of(url: str) -> set[str]:
    connection = psycopg2.connect(url)
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        names = {name for (name,) in cursor.fetchall()}
        cursor.execute("SELECT table_name FROM information_schema.views WHERE table_schema = 'public'")
        views = {name for (name,) in cursor.fetchall()}
    connection.close()
    return names - views


def test_both_files_can_be_run_by_hand_twice_and_the_service_goes_on_from_there(
    postgres: EmbeddedServer, empty_database_url: str
) -> None:
    psql(postgres, empty_database_url, BY_HAND)
    psql(postgres, empty_database_url, "INSERT INTO execution_tasks (trade_id, event_type) VALUES ('KEPT', 'ENTRY');")
    psql(postgres, empty_database_url, BY_HAND)
    assert migrated(empty_database_url) == list(FILES)
    assert tables_of(empty_database_url) == TABLES
    assert "KEPT" in psql(postgres, empty_database_url, "SELECT trade_id FROM execution_tasks;")


def test_dt_shows_both_tables_and_no_other(postgres: EmbeddedServer, empty_database_url: str) -> None:
    shown = psql(postgres, empty_database_url, BY_HAND + "\\dt execution_*\n")
    names = [line.split("|")[1].strip() for line in shown.splitlines() if "| table |" in line]
    assert names == ["execution_logs", "execution_tasks"]


def test_dt_shows_them_and_the_order_ledger_after_the_service_has_made_them(
    postgres: EmbeddedServer, database_url: str
) -> None:
    shown = psql(postgres, database_url, "\\dt execution_*\n")
    rows = [[cell.strip() for cell in line.split("|")] for line in shown.splitlines() if line.count("|") == 3]
    assert {row[1]: row[2] for row in rows[1:]} == {
        "execution_logs": "partitioned table",
        **dict.fromkeys(("execution_order_events", "execution_orders", "execution_tasks"), "table"),
    }


@pytest.mark.parametrize("name", FILES)
def test_every_schema_file_may_be_run_again(name: str, postgres: EmbeddedServer, database_url: str) -> None:
    psql(postgres, database_url, f"\\i database/{name}\n")


TASK = {"trade_id": "'T'", "event_type": "'ENTRY'"}
PROCESSING = {**TASK, "status": "'PROCESSING'", "attempts": "1", "worker": "'w'", "lease_until": "now()"}
FAILED = {**TASK, "status": "'FAILED'", "attempts": "5", "last_error": "'no'", "finished_at": "now()"}
SUCCESS = {**TASK, "status": "'SUCCESS'", "attempts": "1", "finished_at": "now()"}
SIGNAL = {
    "trade_id": "'T'",
    "lifecycle": "'ENTRY'",
    "event_key": "'k'",
    "content_digest": "'d'",
    "source": "'test'",
    "raw_body": "'{}'",
    "direction": "'LONG'",
    "entry_price": "2",
    "stop_loss": "1",
}
REFUSED = {
    "endpoint": "'/'",
    "status_code": "400",
    "code": "'c'",
    "message": "'m'",
    "problems": "'[]'",
    "body": "''",
}
PRICE = {"symbol": "'NQ'", "price": "1", "price_time": "now()"}

Values = dict[str, str]

WHOLE: tuple[tuple[str, Values], ...] = (
    ("execution_tasks", TASK),
    ("execution_tasks", PROCESSING),
    ("execution_tasks", FAILED),
    ("execution_tasks", SUCCESS),
    ("automated_signals", SIGNAL),
    ("automated_signals", {**SIGNAL, "direction": "'SHORT'", "entry_price": "1", "stop_loss": "2"}),
    ("refused_webhooks", REFUSED),
    ("latest_prices", PRICE),
)

HALF: tuple[tuple[str, Values, Values], ...] = (
    ("execution_tasks", TASK, {"trade_id": "''"}),
    ("execution_tasks", TASK, {"trade_id": "repeat('x', 256)"}),
    ("execution_tasks", TASK, {"event_type": "'ENTRY_SIGNAL'"}),
    ("execution_tasks", TASK, {"event_type": "'BE_TRIGGERED'"}),
    ("execution_tasks", TASK, {"status": "'COMPLETED'"}),
    ("execution_tasks", TASK, {"attempts": "-1"}),
    ("execution_tasks", TASK, {"worker": "'w'"}),
    ("execution_tasks", TASK, {"lease_until": "now()"}),
    ("execution_tasks", TASK, {"finished_at": "now()"}),
    ("execution_tasks", PROCESSING, {"worker": "NULL"}),
    ("execution_tasks", PROCESSING, {"lease_until": "NULL"}),
    ("execution_tasks", PROCESSING, {"attempts": "0"}),
    ("execution_tasks", PROCESSING, {"finished_at": "now()"}),
    ("execution_tasks", FAILED, {"last_error": "NULL"}),
    ("execution_tasks", FAILED, {"finished_at": "NULL"}),
    ("execution_tasks", FAILED, {"worker": "'w'"}),
    ("execution_tasks", SUCCESS, {"finished_at": "NULL"}),
    ("execution_tasks", SUCCESS, {"lease_until": "now()"}),
    ("automated_signals", SIGNAL, {"lifecycle": "'SIGNAL_CREATED'"}),
    ("automated_signals", SIGNAL, {"trade_id": "''"}),
    ("automated_signals", SIGNAL, {"direction": "'Bullish'"}),
    ("automated_signals", SIGNAL, {"entry_price": "0"}),
    ("automated_signals", SIGNAL, {"stop_loss": "0"}),
    ("automated_signals", SIGNAL, {"stop_loss": "2"}),
    ("automated_signals", SIGNAL, {"stop_loss": "3"}),
    ("automated_signals", SIGNAL, {"direction": "'SHORT'"}),
    ("automated_signals", SIGNAL, {"contracts": "0"}),
    ("automated_signals", SIGNAL, {"exit_price": "0"}),
    ("automated_signals", SIGNAL, {"current_price": "-1"}),
    ("automated_signals", SIGNAL, {"lifecycle": "'BE_TRIGGERED'", "task_id": "1"}),
    ("refused_webhooks", REFUSED, {"status_code": "200"}),
    ("refused_webhooks", REFUSED, {"status_code": "500"}),
    ("latest_prices", PRICE, {"price": "0"}),
)


def insert(sql: Sql, table: str, values: Values) -> None:
    sql(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(values.values())})")


def named(row: tuple[str, Values, Values]) -> str:
    table, base, change = row
    of = base.get("status", "").strip("'")
    return f"{table} {of} {' '.join(f'{name}={value}' for name, value in change.items())}"


def test_what_is_whole_is_accepted(sql: Sql) -> None:
    for number, (table, values) in enumerate(WHOLE):
        insert(sql, table, {**values, "event_key": f"'{number}'"} if "event_key" in values else values)


@pytest.fixture(scope="module")
def module_sql(postgres: EmbeddedServer) -> Iterator[Sql]:
    """One database for all refusals."""
    with administrator(postgres.url) as administration:
        administration.execute("CREATE DATABASE half_states TEMPLATE template_router")
        with administrator(url_of(postgres, "half_states")) as cursor:

            def run(text: str) -> list[dict[str, object]]:
                cursor.execute(text)
                return []

            yield run
        administration.execute("DROP DATABASE half_states WITH (FORCE)")


@pytest.mark.parametrize("row", HALF, ids=named)
def test_a_half_state_cannot_be_inserted(row: tuple[str, Values, Values], module_sql: Sql) -> None:
    table, base, change = row
    with pytest.raises(psycopg2.errors.CheckViolation):
        insert(module_sql, table, {**base, **change})


@pytest.mark.parametrize(
    ("base", "change"),
    [
        (TASK, "status = 'PROCESSING'"),
        (TASK, "status = 'SUCCESS'"),
        (TASK, "status = 'FAILED', finished_at = now()"),
        (PROCESSING, "status = 'PENDING'"),
        (PROCESSING, "status = 'PENDING', worker = NULL"),
        (PROCESSING, "status = 'SUCCESS', finished_at = now()"),
        (PROCESSING, "attempts = 0"),
        (SUCCESS, "status = 'PENDING'"),
        (FAILED, "status = 'PENDING'"),
        (FAILED, "last_error = NULL"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.get("status", "'PENDING'").strip("'"),
)
def test_a_half_step_cannot_be_taken(base: Values, change: str, module_sql: Sql) -> None:
    module_sql("DELETE FROM execution_tasks")
    insert(module_sql, "execution_tasks", base)
    with pytest.raises(psycopg2.errors.CheckViolation):
        module_sql(f"UPDATE execution_tasks SET {change}")


LOG = """
    INSERT INTO execution_logs (task_id, trade_id, event_type, status, response_body)
    VALUES (%s, 'T', 'ENTRY', %s, '{}')
"""


@pytest.fixture
def task_id(sql: Sql) -> int:
    [row] = sql("INSERT INTO execution_tasks (trade_id, event_type) VALUES ('T', 'ENTRY') RETURNING id")
    return int(row["id"])


def test_a_task_has_one_success_log_at_most_and_any_number_of_tries(sql: Sql, task_id: int) -> None:
    for status in ("RETRY", "RETRY", "SUCCESS", "FAILED"):
        sql(LOG, task_id, status)
    with pytest.raises(psycopg2.errors.UniqueViolation, match="one_success_per_task"):
        sql(LOG, task_id, "SUCCESS")


@pytest.mark.parametrize("status", ["PENDING", "COMPLETED", ""])
def test_a_log_has_a_known_status(status: str, sql: Sql, task_id: int) -> None:
    with pytest.raises(psycopg2.errors.CheckViolation):
        sql(LOG, task_id, status)


def test_a_log_belongs_to_a_task_and_goes_with_it(sql: Sql, task_id: int) -> None:
    with pytest.raises(psycopg2.errors.ForeignKeyViolation):
        sql(LOG, task_id + 1, "SUCCESS")
    sql(LOG, task_id, "SUCCESS")
    sql("DELETE FROM execution_tasks")
    assert sql("SELECT * FROM execution_logs") == []


def test_an_event_is_stored_once(sql: Sql) -> None:
    insert(sql, "automated_signals", SIGNAL)
    with pytest.raises(psycopg2.errors.UniqueViolation):
        insert(sql, "automated_signals", SIGNAL)


def migrate_together(url: str, barrier: Barrier, answers: Queue[list[str] | str]) -> None:
    """What each of the four processes does."""
    database = Database(url)
    try:
        barrier.wait(30)
        answers.put(migrate(database))
    except Exception:  # noqa: BLE001 - whatever it was, the test shows it
        answers.put(traceback.format_exc())
    finally:
        database.close()


def test_four_processes_that_start_together_apply_each_file_once(empty_database_url: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    barrier, answers = spawn.Barrier(4), spawn.Queue()
    processes = [spawn.Process(target=migrate_together, args=(empty_database_url, barrier, answers)) for _ in range(4)]
    for process in processes:
        process.start()
    found = [answers.get(timeout=30) for _ in processes]
    for process in processes:
        process.join(10)
    assert [answer for answer in found if isinstance(answer, str)] == []
    assert Counter(name for answer in found for name in answer) == dict.fromkeys(FILES, 1)
    assert migrated(empty_database_url) == []


def test_a_migration_is_remembered_and_not_applied_again(database: Database, sql: Sql) -> None:
    before = sql("SELECT name, digest, applied_at FROM schema_migrations ORDER BY name")
    assert sorted(row["name"] for row in before) == sorted(FILES)
    assert migrate(database) == []
    assert sql("SELECT name, digest, applied_at FROM schema_migrations ORDER BY name") == before


@pytest.fixture
def edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the schema that may be edited."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(repository() / "database" / name, tmp_path / name)
    monkeypatch.setattr(migrations, "FOLDER", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", FILES)
def test_an_edited_file_that_was_applied_is_refused_by_name(name: str, edited: Path, database: Database) -> None:
    with (edited / name).open("a", encoding="utf-8") as file:
        file.write("-- edited\n")
    with pytest.raises(SchemaChanged, match=name):
        migrate(database)


def test_a_refused_migration_changes_nothing(
    edited: Path, database: Database, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    (edited / "new.sql").write_text("CREATE TABLE half (id INTEGER);", encoding="utf-8")
    monkeypatch.setattr(migrations, "FILES", ("new.sql", *FILES))
    (edited / FILES[-1]).write_text("SELECT 1;", encoding="utf-8")
    with pytest.raises(SchemaChanged):
        migrate(database)
    assert sql("SELECT to_regclass('half') AS half") == [{"half": None}]


def test_a_new_file_is_applied_to_a_database_that_is_in_use(
    edited: Path, database: Database, sql: Sql, task_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (edited / "new.sql").write_text("ALTER TABLE execution_tasks ADD COLUMN note TEXT;", encoding="utf-8")
    monkeypatch.setattr(migrations, "FILES", (*FILES, "new.sql"))
    assert migrate(database) == ["new.sql"]
    assert sql("SELECT id, note FROM execution_tasks") == [{"id": task_id, "note": None}]
