"""Logs and snapshots by month: an old database keeps all it holds, and months come and go by themselves."""

from __future__ import annotations

import logging
import subprocess
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.errors
import pytest

from alerts.model import AlertRule
from alerts.rules import alerts_of
from config.settings import Settings
from database import archive
from database.connection import Database, DatabaseUnavailable, Transaction
from database.embedded import EmbeddedServer
from database.migrations import EARLIER, migrate, missing_files
from database.months import make_months
from database.observations import observe
from execution_router import ExecutionRouter
from routing.month_maker import MonthMaker
from tests.audits import decide, findings_of, seal_all, tally_of
from tests.conftest import Sql, repository
from tests.months import BY_MONTH, migrate_to_before_months, months_since, name_of, parts_of, start_of_month
from tests.processes import ROUTED, entry, wait_until, worker_process

SNAPSHOT = """
    INSERT INTO account_snapshots (firm_code, program_id, observed_at, received_at, kind, source, equity)
    VALUES ('FTMO', 1, %s, now(), 'UPDATE', 'PLATFORM', %s)
"""
NEW = ["schema/decided_tasks.sql", "schema/decided_before.sql", "schema/months.sql"]
# What somebody could have hung on the tables of an old database.
OWN = (
    "CREATE VIEW of_mine AS SELECT trade_id, count(*) AS logs FROM execution_logs GROUP BY trade_id",
    "CREATE INDEX of_mine_too ON execution_logs (response_code)",
    "GRANT SELECT ON execution_logs, of_mine TO router_service",
    "GRANT INSERT ON account_snapshots TO router_service",
)
ABOUT = {
    "columns": """
        SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity, identity_generation
        FROM information_schema.columns
        WHERE table_schema = 'public' AND table_name IN ('execution_logs', 'account_snapshots', 'execution_risk_checks')
        ORDER BY table_name, ordinal_position""",
    "rights": """
        SELECT table_name, grantee, privilege_type FROM information_schema.table_privileges
        WHERE table_name IN ('execution_logs', 'account_snapshots', 'of_mine') ORDER BY 1, 2, 3""",
    "indexes": """
        SELECT indexname FROM pg_indexes WHERE schemaname = 'public'
          AND tablename IN ('execution_logs', 'account_snapshots') AND indexname NOT LIKE '%%pkey'
          AND indexname <> 'one_success_per_task' ORDER BY 1""",
    "foreign keys": """
        SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE conrelid = 'execution_logs'::regclass AND contype IN ('f', 'c') AND conname <> 'before_months'
        ORDER BY 1""",
    "logs": "SELECT * FROM execution_logs ORDER BY id",
    "snapshots": "SELECT * FROM account_snapshots ORDER BY id",
    "views": "SELECT * FROM execution_risk_checks ORDER BY log_id, firm_code",
    "own view": "SELECT * FROM of_mine ORDER BY trade_id",
}


@pytest.fixture
def roles(postgres: EmbeddedServer, database_url: str) -> None:
    """Has the role of the service exist; which it does on the whole server."""
    command = [str(postgres.psql), database_url, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
    subprocess.run([*command, "-f", str(repository() / "database" / "roles.sql")], check=True)


def test_an_old_database_keeps_all_that_it_holds_and_goes_on(
    roles: None, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate_to_before_months(empty_database_url, monkeypatch)
    connection = psycopg2.connect(empty_database_url)
    connection.autocommit = True
    database = Database(empty_database_url)

    def sql(text: str, *values: Any) -> list[dict[str, Any]]:
        with connection.cursor() as cursor:
            cursor.execute(text, values or None)
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()] if names else []

    for statement in OWN:
        sql(statement)
    decide(sql, 3)
    sql("UPDATE execution_logs SET created_at = now() - interval '200 days' WHERE id = 1")
    sql(SNAPSHOT, datetime.now(UTC), 100)
    before = {name: sql(question) for name, question in ABOUT.items()}
    sql(
        "PREPARE old_plan AS INSERT INTO execution_logs (task_id, trade_id, event_type, status, response_body)"
        " SELECT id, trade_id, event_type, 'SUCCESS', '{}' FROM execution_tasks WHERE trade_id = $1 RETURNING id"
    )
    sql("INSERT INTO execution_tasks (trade_id, event_type) VALUES ('NEW', 'EXIT')")
    # Two files were applied with another text than they have now, which comes to the same.
    for name, digest in EARLIER.items():
        sql("UPDATE schema_migrations SET digest = %s WHERE name = %s", digest, name)
    assert migrate(database) == NEW
    assert (migrate(database), missing_files(database)) == ([], [])
    assert {name: sql(question) for name, question in ABOUT.items()} == before
    assert parts_of(sql, "execution_logs")[0] == "before"
    assert len(sql("SELECT id FROM months.execution_logs_before")) == 3
    # The numbers go on, plans of old processes as well, and what was decided before stays decided.
    assert sql("EXECUTE old_plan ('NEW')") == [{"id": 4}]
    sql(SNAPSHOT, datetime.now(UTC), 101)
    assert sql("SELECT max(id) AS last FROM account_snapshots") == [{"last": 2}]
    assert sql("SELECT count(*) FROM decided_tasks") == [{"count": 4}]
    for moment in (start_of_month(0), start_of_month(-2)):
        with pytest.raises(psycopg2.errors.UniqueViolation):
            sql(
                "INSERT INTO execution_logs (task_id, trade_id, event_type, status, response_body, created_at)"
                " VALUES (1, 'T', 'ENTRY', 'SUCCESS', '{}', %s)",
                moment,
            )
    # A platform's figures that come twice are one row.
    with pytest.raises(psycopg2.errors.UniqueViolation, match="told_once"):
        sql(SNAPSHOT, before["snapshots"][0]["observed_at"], 100)
    options = sql(
        "SELECT DISTINCT reloptions FROM pg_class WHERE oid IN (SELECT part FROM months.parts"
        " WHERE divided = 'execution_logs')"
    )
    assert [len(row["reloptions"]) for row in options] == [2]
    seal_all(database)
    assert findings_of(database) == []
    sql("DELETE FROM execution_tasks")
    assert sql("SELECT (SELECT count(*) FROM execution_logs) + (SELECT count(*) FROM decided_tasks) AS left") == [
        {"left": 0}
    ]
    connection.close()
    database.close()


@pytest.fixture
def router(database: Database, database_url: str) -> ExecutionRouter:
    return ExecutionRouter(settings=Settings.from_env({**ROUTED, "DATABASE_URL": database_url}), database=database)


SECOND = {
    "in another month": "INSERT INTO execution_logs {columns} VALUES {later}",
    "in the same month": "INSERT INTO execution_logs {columns} VALUES {same}",
    "into a month's own table": "INSERT INTO months.execution_logs_{month} {columns} VALUES {later}",
    "beside another in one statement": (
        "WITH t AS (INSERT INTO execution_tasks (trade_id, event_type) VALUES ('N', 'ENTRY') RETURNING id)"
        " INSERT INTO execution_logs {columns} SELECT id, 'N', 'ENTRY', 'SUCCESS', '{{}}'::jsonb, m FROM t,"
        " unnest(ARRAY[now(), '{moment}']) m"
    ),
    "out of a try": (
        "INSERT INTO execution_logs {columns} VALUES {retry};"
        " UPDATE execution_logs SET status = 'SUCCESS' WHERE status = 'RETRY'"
    ),
    "by taking it from another task": "UPDATE execution_logs SET task_id = {task} WHERE task_id <> {task}",
    "after its log was deleted": (
        "DELETE FROM execution_logs WHERE task_id = {task}; INSERT INTO execution_logs {columns} VALUES {later}"
    ),
}


def test_a_task_is_decided_once_for_ever_whoever_writes_where(
    router: ExecutionRouter, database: Database, sql: Sql
) -> None:
    router.handle_entry_signal(entry("T1"))
    router.handle_mfe_update({"trade_id": "T1", "be_mfe": 1.5})
    other, task = (row["id"] for row in sql("SELECT id FROM execution_tasks ORDER BY id"))
    # Its facts are no fence: what decides nothing has none.
    assert sql("SELECT task_id FROM decision_facts") == [{"task_id": other}]
    assert sql("SELECT task_id FROM decided_tasks ORDER BY 1") == [{"task_id": other}, {"task_id": task}]
    moment = start_of_month(-2)
    before = sql("SELECT * FROM execution_logs ORDER BY id")
    values = "({task}, 'T1', 'MFE_UPDATE', '{status}', '{{}}', '{moment}')"
    written = {
        "columns": "(task_id, trade_id, event_type, status, response_body, created_at)",
        "later": values.format(task=task, status="SUCCESS", moment=moment),
        "same": values.format(task=task, status="SUCCESS", moment=datetime.now(UTC)),
        "retry": values.format(task=task, status="RETRY", moment=moment),
        "month": name_of(moment),
        "moment": moment,
        "task": task,
    }
    for how, statement in SECOND.items():
        with pytest.raises(psycopg2.errors.UniqueViolation):
            sql(statement.format(**written))
        assert sql("SELECT * FROM execution_logs ORDER BY id") == before, how
    sql("DROP TRIGGER decided_once ON execution_logs")
    assert {finding[:2] for finding in findings_of(database)} >= {("NO GUARD", "execution_logs")}


def test_a_running_worker_cannot_decide_again_what_was_decided_in_another_month(
    database_url: str, sql: Sql, tmp_path: Path
) -> None:
    sql(
        "INSERT INTO execution_tasks (trade_id, event_type, payload) VALUES ('T1', 'MFE_UPDATE',"
        """ '{"event_type": "MFE_UPDATE", "trade_id": "T1", "be_mfe": 1.5}')"""
    )
    sql("SELECT months.make('execution_logs', 'created_at', %s)", start_of_month(-4))
    with worker_process(database_url, tmp_path / "worker.log", TASK_MAX_ATTEMPTS="1"):
        wait_until(lambda: bool(sql("SELECT id FROM execution_logs WHERE status = 'SUCCESS'")), what="the decision")
        # As if it had been another month then, and the task were open again.
        sql("UPDATE execution_logs SET created_at = %s", start_of_month(-4))
        sql(
            "UPDATE execution_tasks SET status = 'PENDING', finished_at = NULL, attempts = 0;"
            " NOTIFY router_events, '{}'"
        )
        wait_until(lambda: "one_success_per_task" in (tmp_path / "worker.log").read_text(), what="the refusal")
    assert sql("SELECT count(*) FROM execution_logs WHERE status = 'SUCCESS'") == [{"count": 1}]


def test_decisions_go_on_while_an_old_database_is_brought_into_months(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate_to_before_months(empty_database_url, monkeypatch)
    with closing(Database(empty_database_url, size=5)) as database:
        router = ExecutionRouter(
            settings=Settings.from_env({**ROUTED, "DATABASE_URL": empty_database_url}), database=database
        )
        answers: list[dict[str, Any]] = []
        over = threading.Event()

        def route() -> None:
            while not over.is_set():
                answers.append(router.handle_entry_signal(entry(f"T{len(answers)}")))

        deciding = threading.Thread(target=route)
        deciding.start()
        wait_until(lambda: len(answers) > 3, what="the first decisions")
        # As a process that starts does: nobody is made to wait for long, so it may have to try again.
        wait_until(lambda: is_migrated(database), what="the months")
        so_far = len(answers)
        wait_until(lambda: len(answers) > so_far + 3, what="decisions afterwards")
        over.set()
        deciding.join()
        assert all(answer["connector_results"] for answer in answers)
        connection = psycopg2.connect(empty_database_url)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*), count(DISTINCT task_id), (SELECT count(*) FROM decided_tasks) FROM execution_logs"
            )
            assert cursor.fetchall() == [(len(answers),) * 3]
        connection.close()


def is_migrated(database: Database) -> bool:
    try:
        migrate(database)
    except DatabaseUnavailable:
        return False
    return True


def test_months_are_made_ahead_by_whoever_leads(database_url: str, sql: Sql, tmp_path: Path) -> None:
    ahead = ["before", *(name_of(start_of_month(-number)) for number in (1, 2, 3)), "outside"]
    for table in BY_MONTH:
        assert parts_of(sql, table)[-4:] == ahead[-4:]
        sql(f"DROP TABLE months.{table}_{name_of(start_of_month(-3))}")
    with worker_process(database_url, tmp_path / "worker.log"):
        wait_until(lambda: all(parts_of(sql, table)[-4:] == ahead[-4:] for table in BY_MONTH), what="the month")


def test_what_no_month_was_made_for_is_kept_told_and_moved_once_there_is_one(
    database: Database, database_url: str, sql: Sql
) -> None:
    decide(sql, 1)
    later = start_of_month(-6) + timedelta(days=3)
    sql("UPDATE execution_logs SET created_at = %s", later)
    sql(SNAPSHOT, later, 100)
    (task, *_) = sql("SELECT task_id FROM execution_logs")
    found = [alert for alert in alerts_of(observe(database)) if alert.rule is AlertRule.OUTSIDE_MONTHS]
    assert [alert.subject for alert in found] == ["execution_logs", "account_snapshots"]
    assert f"{later:%Y-%m-%d}" in found[0].text
    assert len(sql("SELECT id FROM months.execution_logs_outside")) == 1
    # While somebody writes nothing is made, and nobody waits.
    writing = psycopg2.connect(database_url)
    writing.cursor().execute("UPDATE execution_tasks SET last_error = 'x'")
    assert sql("SELECT months.make_ahead(6)") == [{"make_ahead": None}]
    writing.close()
    made = {row["make_ahead"] for row in sql("SELECT months.make_ahead(6)")}
    assert f"execution_logs_{name_of(later)}" in made
    assert len(made) == 6
    assert make_months(database) == []
    assert sql(f"SELECT task_id FROM months.execution_logs_{name_of(later)}") == [task]
    assert sql(f"SELECT equity FROM months.account_snapshots_{name_of(later)}")[0]["equity"] == 100
    assert observe(database).strayed == ()
    seal_all(database)
    assert (len(sql("SELECT id FROM months.execution_logs_outside")), findings_of(database)) == (0, [])


def test_the_maker_says_what_it_made_and_holds_no_connection(
    database_url: str, sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    class Leads:
        def is_leader(self) -> bool:
            return True

    sql(f"DROP TABLE months.execution_logs_{name_of(start_of_month(-3))}")
    maker = MonthMaker(database_url, Leads(), logger=logging.getLogger("months.test"))
    with caplog.at_level(logging.INFO):
        maker.tick()
        maker.tick()
    told = [record.getMessage() for record in caplog.records if record.name == "months.test"]
    assert told == [f"Months made ahead: execution_logs_{name_of(start_of_month(-3))}"]
    gone = "SELECT pid FROM pg_stat_activity WHERE application_name = 'execution-router-months'"
    wait_until(lambda: not sql(gone), what="its connection to be closed")


def archived(url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *options: str) -> list[str]:
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.chdir("/")
    assert archive.main(options) == 0
    return capsys.readouterr().out.splitlines()


def aged(sql: Sql, days: int, trades: str) -> None:
    sql("SET session_replication_role = replica")
    sql(
        "UPDATE execution_tasks SET created_at = created_at - %s, finished_at = finished_at - %s"
        " WHERE trade_id LIKE %s AND created_at > now() - interval '1 hour'",
        *(timedelta(days=days), timedelta(days=days), trades),
    )
    sql("UPDATE execution_logs SET created_at = created_at - %s WHERE trade_id LIKE %s", timedelta(days=days), trades)
    sql("RESET session_replication_role")


def test_months_that_the_archive_has_emptied_are_dropped_and_no_other(
    database: Database, database_url: str, sql: Sql, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    months_since(sql, 9)
    decide(sql, 40)
    for number in range(3):
        aged(sql, 310 - 62 * number, f"TRADE-{number + 1}%")
    moved, whole = 32, parts_of(sql, "execution_logs")
    # One that waits for a person stays, in the oldest month but one that holds anything.
    sql("UPDATE execution_tasks SET status = 'FAILED', last_error = 'no' WHERE trade_id = 'TRADE-25'")
    before = sql("SELECT count(*) FROM execution_logs")
    said = archived(database_url, monkeypatch, capsys, "--older-than", "90d")
    assert said[0] == f"Tasks moved: {moved}"
    assert said[1].startswith("Months dropped: execution_logs_before, execution_logs_")
    left = parts_of(sql, "execution_logs")
    kept = sql("SELECT tableoid::regclass::text AS part FROM execution_logs WHERE trade_id = 'TRADE-25'")[0]["part"]
    assert left[:2] == ["before", kept.removeprefix("months.execution_logs_")]
    assert left[1:] == whole[whole.index(left[1]) :]
    # Without a gap: what would come late finds its place.
    bounds = sql(
        "SELECT since, until FROM months.parts WHERE divided = 'execution_logs' AND NOT outside ORDER BY until"
    )
    assert [row["since"] for row in bounds[1:]] == [row["until"] for row in bounds[:-1]]
    rows = sql("SELECT (SELECT count(*) FROM execution_logs) + (SELECT count(*) FROM archive.execution_logs) AS count")
    assert rows == before
    assert sql("SELECT count(*) FROM decided_tasks") == [{"count": 40 - moved}]
    assert archived(database_url, monkeypatch, capsys, "--older-than", "90d") == ["Tasks moved: 0"]
    seal_all(database)
    assert tally_of(database).unsealed == 0
    with pytest.raises(psycopg2.errors.RaiseException, match="was not archived"):
        sql("SELECT months.drop_before('execution_logs', now(), true)")


def test_snapshots_are_dropped_by_whole_months_when_a_person_says_so(
    database_url: str, sql: Sql, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    months_since(sql, 4)
    moments = [start_of_month(number) + timedelta(hours=5) for number in range(6)]
    for equity, moment in enumerate(moments):
        sql(SNAPSHOT, moment, equity)
    assert archived(database_url, monkeypatch, capsys, "--older-than", "90d")[0] == "Tasks moved: 0"
    assert len(sql("SELECT id FROM account_snapshots")) == 6
    limit = (datetime.now(UTC) - start_of_month(1)).days
    asked = ("--snapshots-older-than", f"{limit}d")
    said = archived(database_url, monkeypatch, capsys, *asked, "--dry-run")
    gone = ["account_snapshots_before", *(f"account_snapshots_{name_of(start_of_month(n))}" for n in (4, 3, 2))]
    assert [line.partition(",")[0] for line in said] == gone
    assert len(sql("SELECT id FROM account_snapshots")) == 6
    assert archived(database_url, monkeypatch, capsys, *asked) == [f"Months dropped: {', '.join(gone)}"]
    left = sql("SELECT observed_at FROM account_snapshots ORDER BY 1")
    assert [row["observed_at"] for row in left] == [moments[1], moments[0]]
    # What is told late of that time is still taken.
    sql(SNAPSHOT, moments[4], 7)
    assert sql("SELECT count(*) FROM months.account_snapshots_before") == [{"count": 1}]
    for wrong in ((), ("--drop", *asked)):
        with pytest.raises(SystemExit):
            archive.main(wrong)


def test_nobody_waits_for_a_lock_for_ever(database: Database, database_url: str) -> None:
    def wait(transaction: Transaction) -> None:
        transaction.script("DO $$ BEGIN ASSERT current_setting('lock_timeout') = '15s'; END $$")
        transaction.script("SET LOCAL lock_timeout = '50ms'")
        transaction.rows("queue_state")

    with closing(psycopg2.connect(database_url)) as holding, holding.cursor() as cursor, database.transaction() as own:
        cursor.execute("LOCK TABLE execution_tasks")
        with pytest.raises(DatabaseUnavailable, match="lock timeout") as told:
            wait(own)
    # No connection was lost, so nothing is tried a second time.
    assert type(told.value) is DatabaseUnavailable
