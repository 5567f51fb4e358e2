"""The service's own role: it decides and seals as ever, and can alter nothing of the audit."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psycopg2
import psycopg2.errors
import pytest

from database.connection import Database
from database.embedded import EmbeddedServer
from database.migrate import main
from database.migrations import migrate
from tests.audits import decide, live_a_day, seal_all, tally_of, waiting
from tests.conftest import Sql, repository
from tests.integration.conftest import MakeApp
from tests.processes import entry, wait_until
from web_server import service_of

DENIED = (
    "INSERT INTO audit_events (kind, content) VALUES ('VERDICT', '{}')",
    "UPDATE audit_events SET kind = 'x'",
    "DELETE FROM audit_events",
    "TRUNCATE audit_events",
    "UPDATE audit_chain SET hash = 'x'",
    "DELETE FROM audit_chain",
    "TRUNCATE audit_chain",
    "ALTER TABLE audit_events DISABLE TRIGGER append_only",
    "ALTER TABLE audit_chain DISABLE TRIGGER ALL",
    "ALTER TABLE execution_logs DISABLE TRIGGER audited",
    "DROP TRIGGER append_only ON audit_events",
    "DROP TRIGGER audited ON account_flags",
    "DROP TABLE audit_chain",
    "ALTER TABLE audit_events RENAME TO elsewhere",
    "CREATE RULE nothing AS ON INSERT TO audit_events DO INSTEAD NOTHING",
    "SET session_replication_role = replica",
    "CREATE OR REPLACE FUNCTION audit_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "ALTER FUNCTION audit_verdicts() RESET ALL",
    "CREATE TABLE audit_more (id INT)",
    "CREATE TEMP TABLE mine (a INT); CREATE TRIGGER t AFTER INSERT ON mine EXECUTE FUNCTION audit_row('X')",
    "DELETE FROM execution_logs",
    "TRUNCATE execution_logs CASCADE",
    "UPDATE rule_sets SET content = '{}'",
    "UPDATE schema_migrations SET digest = 'x'",
    "INSERT INTO decided_tasks VALUES (1)",
    "UPDATE decided_tasks SET task_id = -task_id",
    "DELETE FROM decided_tasks",
    "ALTER TABLE execution_logs DISABLE TRIGGER decided_once",
    "INSERT INTO months.execution_logs_before SELECT * FROM execution_logs",
    "DELETE FROM months.execution_logs_before",
    "SELECT months.drop_before('account_snapshots', now(), true)",
    "SET ROLE postgres",
)


@pytest.fixture
def service_url(postgres: EmbeddedServer, database_url: str) -> str:
    """The database as the role sees it; the file is run twice, as after an upgrade."""
    psql = [str(postgres.psql), database_url, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
    for _ in range(2):
        subprocess.run([*psql, "-f", str(repository() / "database" / "roles.sql")], check=True)
    return database_url.replace("//postgres:@", "//router_service:@")


@pytest.fixture
def service(service_url: str) -> Iterator[Sql]:
    connection = psycopg2.connect(service_url)
    connection.autocommit = True

    def run(text: str, *values: Any) -> list[dict[str, Any]]:
        with connection.cursor() as cursor:
            cursor.execute(text, values or None)
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()] if names else []

    yield run
    connection.close()


def test_the_role_adds_to_the_audit_by_what_it_records_and_alters_nothing(
    service: Sql, service_url: str, database: Database, sql: Sql
) -> None:
    sql("GRANT DELETE ON account_flags TO router_service")
    live_a_day(service, 3)
    own = Database(service_url)
    assert seal_all(own) == waiting(sql) + 13
    for statement in DENIED:
        # By permission, not only by the triggers of the audit.
        with pytest.raises(psycopg2.errors.InsufficientPrivilege, match=r"permission denied|must be owner"):
            service(statement)
    assert tally_of(own).sealed == 13
    assert tally_of(database).sealed == 13
    own.close()


def test_a_table_of_the_same_name_does_not_take_the_events(service: Sql, database: Database, sql: Sql) -> None:
    service("CREATE TEMP TABLE audit_events (LIKE public.audit_events INCLUDING ALL)")
    service("INSERT INTO account_flags VALUES ('FTMO', 1, 'paused', 'true')")
    decide(service, 1)
    assert waiting(sql) == 3
    assert seal_all(database) == 3
    assert tally_of(database).sealed == 3


def test_the_whole_service_runs_as_the_role(service_url: str, make_app: MakeApp, database: Database, sql: Sql) -> None:
    app = make_app(DATABASE_URL=service_url)
    client = app.test_client()
    client.post("/api/automated-signals/webhook", json={"trade_id": "BAD"})
    assert client.post("/api/automated-signals/webhook", json=entry("T1")).status_code == 200
    wait_until(lambda: bool(sql("SELECT * FROM audit_events WHERE kind = 'VERDICT'")), what="the verdict")
    assert len(sql("SELECT * FROM refused_webhooks")) == 1
    service_of(app).stop()
    tally = tally_of(database)
    assert (tally.unsealed, tally.head.position) == (0, tally.sealed)


def test_the_role_has_months_made_and_hears_what_is_outside_them(service: Sql) -> None:
    assert len(service("SELECT months.make_ahead(4)")) == 2
    assert service("SELECT * FROM months.strayed()") == []


def test_the_role_finds_the_schema_in_place(service_url: str) -> None:
    own = Database(service_url)
    assert migrate(own) == []
    own.close()
    environment = {"DATABASE_URL": service_url, "PYTHONPATH": str(repository())}
    command = [sys.executable, "-m", "database.migrate"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Applied: nothing, all is in place\n", "")


def test_what_the_role_may_not_apply_is_said(
    service_url: str, sql: Sql, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sql("DELETE FROM schema_migrations WHERE name = 'schema/audit.sql'")
    monkeypatch.setenv("DATABASE_URL", service_url)
    assert main() == 1
    assert "The schema was left as it was: permission denied for schema public" in capsys.readouterr().err
    monkeypatch.setenv("DATABASE_URL", service_url.replace("router_service", "postgres"))
    assert main() == 0
    assert capsys.readouterr().out == "Applied: schema/audit.sql\n"
