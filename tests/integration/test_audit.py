"""The audit: every fact writes its event in its own transaction, every event is sealed once, whatever comes late."""

from __future__ import annotations

import hashlib
import json
import logging
import random
from collections.abc import Callable, Iterator
from typing import Any

import psycopg2
import psycopg2.errors
import psycopg2.extensions
import pytest

from database.audit_chain import BATCH, NOTHING_BEFORE, START, AuditChain, Link, event_text
from database.audit_check import Fault
from database.connection import Database, Transaction
from database.embedded import EmbeddedServer
from database.leadership import Leadership
from database.migrations import FILES, migrate
from database.queue import Result, TaskQueue
from routing.audit_sealer import AuditSealer
from tests.audits import BODY, FACTS, decide, findings_of, live_a_day, seal_all, tally_of, waiting
from tests.conftest import Sql, administrator, repository
from tests.integration.conftest import MakeApp
from tests.processes import entry, wait_until
from web_server import service_of

LOGGER = logging.getLogger("audit")
Connect = Callable[[], psycopg2.extensions.connection]


@pytest.fixture
def connect(database_url: str) -> Iterator[Connect]:
    """Make connections that leave their transactions open."""
    made: list[psycopg2.extensions.connection] = []

    def make() -> psycopg2.extensions.connection:
        made.append(psycopg2.connect(database_url))
        return made[-1]

    yield make
    for connection in made:
        connection.close()


def events(sql: Sql, kind: str | None = None) -> list[dict[str, Any]]:
    rows = sql("SELECT * FROM audit_events WHERE kind <> 'AUDIT_BEGAN' ORDER BY id")
    return [row for row in rows if kind in (None, row["kind"])]


def flag(name: str) -> str:
    return f"INSERT INTO account_flags VALUES ('FTMO', 1, '{name}', 'true')"


# What is written


def test_a_verdict_is_audited_with_its_accounts_and_a_digest_of_all_but_what_comes_later(sql: Sql) -> None:
    decide(sql, 1)
    (event,) = events(sql)
    (log,) = sql("SELECT *, (response_body - 'connector_results')::text AS decided FROM execution_logs")
    assert (event["kind"], event["source"], event["subject"]) == ("VERDICT", "execution_logs", "TRADE-1")
    assert event["task_id"] == log["task_id"]
    fields = ("firm_code", "program_id", "status", "approved", "contracts", "blocked_by")
    assert event["content"] == {
        "log_id": log["id"],
        "event_type": "ENTRY",
        "status": "SUCCESS",
        "digest": hashlib.sha256(log["decided"].encode()).hexdigest(),
        "results": [{name: result[name] for name in fields} for result in BODY["connector_results"]],
    }


def test_last_tries_are_audited_and_others_are_not(database: Database, sql: Sql) -> None:
    sql("INSERT INTO execution_tasks (trade_id, event_type) VALUES ('A', 'ENTRY'), ('B', 'ENTRY')")
    queue = TaskQueue(database, worker="w", lease=30)
    one, other = queue.claim(2)
    queue.record_failure(one, error="no", final=False, delay=60)
    assert events(sql) == []
    queue.record_failure(other, error="no", final=True, delay=0)
    (event,) = events(sql)
    assert (event["subject"], event["content"]["status"], event["content"]["results"]) == ("B", "FAILED", [])


def test_a_batch_of_results_is_audited_in_the_transaction_that_records_it(database: Database, sql: Sql) -> None:
    sql("INSERT INTO execution_tasks (trade_id, event_type) SELECT 'T' || g, 'EXIT' FROM generate_series(1, 3) g")
    queue = TaskQueue(database, worker="w", lease=30)
    queue.record([Result(task=task, body=json.dumps(BODY), event={}) for task in queue.claim(3)])
    written = events(sql)
    assert [event["subject"] for event in written] == ["T1", "T2", "T3"]
    assert len({event["xact"] for event in written}) == 1


def test_odd_bodies_can_be_recorded_and_checked(database: Database, sql: Sql) -> None:
    # The beginning is as old as the tests' template: unsealed for more than a minute it would be a finding.
    seal_all(database)
    for body in ("{}", "[]", '"text"', "7", '{"connector_results": 5}', '{"connector_results": []}'):
        sql("INSERT INTO execution_tasks (trade_id, event_type) VALUES ('T', 'ENTRY')")
        sql(
            "INSERT INTO execution_logs (task_id, trade_id, event_type, status, response_body)"
            " SELECT max(id), 'T', 'ENTRY', 'SUCCESS', %s FROM execution_tasks",
            body,
        )
    seal_all(database)
    assert findings_of(database) == []
    sql("UPDATE execution_logs SET response_body = '5'")
    assert {finding.fault for finding in findings_of(database)} == {Fault.CHANGED_ROW}


def test_every_switch_override_restart_and_rule_set_is_audited_with_what_it_replaced(sql: Sql) -> None:
    for fact in FACTS:
        sql(fact)
    told = [
        (event["kind"], event["source"], event["firm_code"], event["program_id"], event["subject"], event["actor"])
        for event in events(sql)
    ]
    assert told == [
        ("FLAG_SET", "account_flags", "FTMO", 1, "paused", "owner"),
        ("FLAG_SET", "account_flags", "APEX", 1, "halted", "owner"),
        ("FLAG_SET", "account_flags", "APEX", 1, "halted", "owner"),
        ("FLAG_SET", "account_flags", "APEX", 2, "gone", None),
        ("FLAG_REMOVED", "account_flags", "APEX", 2, "gone", None),
        ("OVERRIDE_SET", "account_overrides", "APEX", 1, "1", "owner"),
        ("OVERRIDE_WITHDRAWN", "account_overrides", "APEX", 1, "1", "boss"),
        ("ACCOUNT_RESTARTED", "account_restarts", "APEX", 1, "2", "owner"),
        ("RULE_SET_FIRST_USED", "rule_sets", None, None, "topstep-50k", None),
    ]
    _, first, second, _, removed, _, withdrawn, _, rule_set = (event["content"] for event in events(sql))
    assert "before" not in first
    assert second["value"] is False
    assert second["before"] == {"value": True, "set_at": first["set_at"]}
    assert removed.keys() == {"before"}
    assert removed["before"]["name"] == "gone"
    assert withdrawn["before"] == {"withdrawn_at": None, "withdrawn_by": None}
    assert rule_set["content"] == {"a": 1.5}


def test_an_event_goes_with_its_fact(connect: Connect, sql: Sql) -> None:
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute(flag("paused"))
        connection.rollback()
    assert events(sql) == []


def test_what_changes_nothing_is_no_event(sql: Sql) -> None:
    sql(flag("paused"))
    sql("UPDATE account_flags SET value = 'true'")
    assert len(events(sql)) == 1


OWN_TABLE = """
    CREATE TABLE venues (
        broker TEXT, leg INT, task_id BIGINT, firm_code TEXT, program_id INT, who TEXT, at TIMESTAMPTZ, lasted INTERVAL,
        rate FLOAT8, raw BYTEA, price NUMERIC, secret TEXT, PRIMARY KEY (leg, broker));
    CREATE TRIGGER audited AFTER INSERT OR UPDATE ON venues
        FOR EACH ROW EXECUTE FUNCTION audit_row('VENUE', 'broker', 'who', 'secret', 'task_id_of_nothing');
"""
VENUE = (
    "INSERT INTO venues VALUES ('x', 1, 7, 'APEX', 2, 'me', '2026-11-21 10:00:00.120+01', '1 day 2 hours',"
    " 0.1::float8 + 0.2::float8, '\\x00ff', 1.50, 'hush')"
)
ODD_SETTINGS = (
    "timezone = 'Asia/Kolkata'",
    "datestyle = 'German'",
    "intervalstyle = 'sql_standard'",
    "extra_float_digits = -15",
    "bytea_output = 'escape'",
)


def test_a_table_of_ones_own_is_audited_by_one_line(database: Database, sql: Sql) -> None:
    seal_all(database)
    sql(OWN_TABLE)
    sql(VENUE)
    (event,) = events(sql)
    assert (event["kind"], event["source"], event["subject"], event["actor"]) == ("VENUE", "venues", "x", "me")
    assert (event["task_id"], event["firm_code"], event["program_id"]) == (7, "APEX", 2)
    assert "secret" not in event["content"]
    sql("UPDATE venues SET secret = 'new'")
    assert len(events(sql)) == 1
    sql("UPDATE venues SET price = 2.50, at = NULL")
    assert events(sql)[-1]["content"]["before"] == {"price": 1.5, "at": "2026-11-21T09:00:00.12+00:00"}
    sql("INSERT INTO venues (broker, leg) VALUES ('y', 1)")
    # What no event could know of is no difference.
    sql("ALTER TABLE venues ADD COLUMN later TEXT DEFAULT 'x'")
    seal_all(database)
    assert findings_of(database) == []
    sql("DELETE FROM venues WHERE broker = 'y'")
    (finding,) = findings_of(database)
    assert (finding.fault, finding.where) == (Fault.MISSING_ROW, 'venues ["y", 1]')


def test_no_setting_of_a_session_changes_what_is_written_down_or_sealed(
    database: Database, connect: Connect, sql: Sql
) -> None:
    sql(OWN_TABLE)
    odd = connect()
    odd.autocommit = True
    with odd.cursor() as cursor:
        for setting in ODD_SETTINGS:
            cursor.execute(f"SET {setting}")
        cursor.execute(VENUE)
    sql(VENUE.replace("'x', 1", "'x', 2"))
    one, other = (event["content"] for event in events(sql))
    assert one == {**other, "leg": 1}
    assert one["rate"] == pytest.approx(0.3, abs=1e-17, rel=1e-15)
    assert one["lasted"] == "P1DT2H"
    limits: dict[str, Any] = {"since": "0", "until": str(2**64 - 1), "limit": 10}
    texts = [event_text(row) for row in Transaction(odd).rows("unsealed_events", **limits)]
    assert texts == [event_text(row) for row in database.run("unsealed_events", **limits)]
    seal_all(database)
    odd.autocommit = False
    Transaction(odd).rows("begin_audit_check")
    Transaction(odd).rows("open_chain", since="-infinity", until="infinity")
    sealed = Transaction(odd).rows("next_page")
    assert [hashlib.sha256(event_text(row)).hexdigest() for row in sealed] == [row["event_digest"] for row in sealed]
    for setting in ODD_SETTINGS:
        sql(f"DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || $_$ SET {setting} $_$; END $$")
    database.close()
    assert findings_of(database) == []


def test_nothing_is_altered_or_removed(database: Database, sql: Sql) -> None:
    seal_all(database)
    altering = ("UPDATE {0} SET {1} = {1}", "DELETE FROM {0}", "DELETE FROM {0} WHERE false", "TRUNCATE {0}")
    for mode in ("origin", "replica"):
        sql(f"SET session_replication_role = {mode}")
        for table, column in (("audit_events", "kind"), ("audit_chain", "hash")):
            for what in altering:
                with pytest.raises(psycopg2.errors.InsufficientPrivilege, match=f"of {table} refused: .* append-only"):
                    sql(what.format(table, column))
    assert findings_of(database) == []


# Where it begins


def test_an_older_record_is_no_fault_and_what_it_holds_of_accounts_is_audited_from_then_on(
    postgres: EmbeddedServer, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(empty_database_url)
    with administrator(empty_database_url) as cursor:

        def sql(text: str, *values: Any) -> list[dict[str, Any]]:
            cursor.execute(text, values or None)
            return []

        monkeypatch.setattr("database.migrations.FILES", FILES[: FILES.index("schema/audit.sql")])
        migrate(database)
        live_a_day(sql, 5)
        monkeypatch.undo()
        assert migrate(database)[0] == "schema/audit.sql"
        decide(sql, 2)
        cursor.execute((repository() / "database" / "schema" / "audit.sql").read_text())
        tally = tally_of(database)
        assert (tally.unsealed, tally.sources) == (
            1 + 2 + 5,
            {"account_flags", "account_overrides", "account_restarts", "rule_sets", "execution_logs"},
        )
        seal_all(database)
        assert tally_of(database).sealed == 8
        for change in ("UPDATE account_restarts SET reason = 'x'", "DELETE FROM execution_logs WHERE id <> 6"):
            cursor.execute(change)
        assert [(finding.fault, finding.where) for finding in findings_of(database)] == [
            (Fault.MISSING_ROW, "execution_logs 7 of event 8 (trade TRADE-2, task 7)"),
            (Fault.CHANGED_ROW, 'account_restarts ["APEX", 1, 2]'),
        ]
    database.close()


# What is sealed


def test_nothing_is_sealed_twice_and_the_head_moves(database: Database, sql: Sql) -> None:
    chain = AuditChain(database)
    assert chain.head() == START
    assert chain.seal() == 1
    first = chain.head()
    assert (first.position, chain.seal()) == (1, 0)
    decide(sql, 5)
    assert [chain.seal(2), chain.seal(2), chain.seal(2), chain.seal(2)] == [2, 2, 1, 0]
    assert chain.head().position == 6
    rows = sql("SELECT * FROM audit_chain ORDER BY position")
    assert [row["position"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert (first.hash, NOTHING_BEFORE) != (rows[-1]["hash"], rows[0]["hash"])
    assert chain.head() == Link(6, rows[-1]["hash"])


def test_what_commits_late_is_sealed_late_and_never_skipped(database: Database, sql: Sql, connect: Connect) -> None:
    chain = AuditChain(database)
    seal_all(database)
    early, undone = connect(), connect()
    with early.cursor() as one, undone.cursor() as other:
        one.execute(flag("early"))
        other.execute(flag("undone"))
        for number in range(3):
            sql(flag(f"later-{number}"))
            assert chain.seal(1 if number == 1 else 1000) == 1
        assert chain.seal() == 0
        undone.rollback()
        sql(flag("between"))
        assert chain.seal() == 1
        early.commit()
    assert chain.seal() == 1
    assert chain.seal() == 0
    order = sql("SELECT subject FROM audit_chain JOIN audit_events e ON e.id = event_id ORDER BY position")
    assert [row["subject"] for row in order] == [None, "later-0", "later-1", "later-2", "between", "early"]
    assert findings_of(database) == []


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_transactions_and_batches_seals_each_event_once(
    seed: int, database: Database, sql: Sql, connect: Connect
) -> None:
    chance, chain = random.Random(seed), AuditChain(database)
    connections = [connect() for _ in range(5)]
    for number in range(200):
        connection = chance.choice(connections)
        match chance.randrange(7):
            case 0 | 1 | 2:
                with connection.cursor() as cursor:
                    cursor.execute(flag(f"f{number}"))
            case 3:
                connection.commit()
            case 4:
                connection.rollback()
            case _:
                chain.seal(chance.choice((1, 2, 5, 1000)))
    for connection in connections:
        connection.commit()
    seal_all(database)
    tally = tally_of(database)
    assert (tally.sealed, tally.unsealed) == (sql("SELECT count(*) FROM audit_events")[0]["count"], 0)
    assert tally.sealed > 10


def test_a_dump_of_another_server_goes_on_with_its_audit(database: Database, sql: Sql) -> None:
    """There the numbers of transactions were far higher than here."""
    chain = AuditChain(database)
    seal_all(database)
    foreign = "INSERT INTO audit_events (kind, content, xact) VALUES (%s, '{}', '900000000001')"
    sql(foreign, "SEALED THERE")
    sql("UPDATE audit_horizon SET xact = '0'")
    assert seal_all(database) == 1
    sql("UPDATE audit_horizon SET xact = '900000000000'")
    sql(foreign, "NOT SEALED THERE")
    sql(flag("here"))
    assert [chain.seal(1), chain.seal(1), chain.seal(1)] == [1, 1, 0]
    assert int(sql("SELECT xact::text FROM audit_horizon")[0]["xact"]) < 900000000000
    decide(sql, 3)
    assert seal_all(database) == 3
    assert findings_of(database) == []


def test_a_lost_horizon_is_found_anew(database: Database, sql: Sql) -> None:
    decide(sql, 3)
    sql("TRUNCATE audit_horizon")
    assert (seal_all(database), len(sql("SELECT * FROM audit_horizon"))) == (4, 1)


def test_who_finds_somebody_sealing_leaves_it_to_him(database: Database) -> None:
    with database.transaction() as transaction:
        assert transaction.rows("lock_audit_chain") == [{"locked": True}]
        assert AuditChain(database).seal() == 0
    assert AuditChain(database).seal() == 1


@pytest.mark.parametrize(
    "work", [("pass_gate", {}), ("close_gate", {}), ("lock_alerts", {}), ("lock_archive", {})], ids=lambda work: work[0]
)
def test_sealing_keeps_nobody_else_waiting_nor_waits_for_him(
    work: tuple[str, dict[str, Any]], database: Database
) -> None:
    """A claim that waited for a long batch to be sealed would leave later than it has to."""
    name, values = work
    with database.transaction() as sealing:
        assert sealing.rows("lock_audit_chain") == [{"locked": True}]
        with database.transaction() as working:
            working.script("SET LOCAL lock_timeout = '1s'")
            working.rows(name, **values)
    with database.transaction() as working:
        working.rows(name, **values)
        assert AuditChain(database).seal() == 1


# The sealer


@pytest.fixture
def sealers(database_url: str) -> Iterator[tuple[AuditSealer, AuditSealer]]:
    both = [Leadership(database_url, logger=LOGGER) for _ in range(2)]
    one, other = (AuditSealer(database_url, leads, interval=0.02, logger=LOGGER) for leads in both)
    yield one, other
    for sealer, leads in zip((one, other), both, strict=True):
        sealer.stop()
        leads.resign()


def test_the_leader_seals_and_tells_the_head(
    sealers: tuple[AuditSealer, AuditSealer], sql: Sql, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        for sealer in sealers:
            sealer.start()
        decide(sql, 20)
        wait_until(lambda: waiting(sql) == 0, what="all to be sealed")
        for sealer in sealers:
            assert sealer.stop()
    heads = [record.getMessage() for record in caplog.records if record.__dict__.get("event") == "audit_head"]
    head = AuditChain(database).head()
    # The first at its start, the last when it stops; whoever does not lead tells none.
    assert len(heads) == 2
    assert heads[-1] == f"The audit's head: {head.position} {head.hash}"
    assert findings_of(database, head=head.hash) == []


def test_what_waits_is_sealed_when_the_leader_stops(database_url: str, sql: Sql) -> None:
    leads = Leadership(database_url, logger=LOGGER)
    sealer = AuditSealer(database_url, leads, interval=3600, logger=LOGGER)
    sealer.start()
    wait_until(lambda: waiting(sql) == 0, what="the first round")
    decide(sql, 5)
    assert waiting(sql) == 5
    assert sealer.stop()
    assert waiting(sql) == 0
    leads.resign()


def test_one_round_seals_more_than_a_batch(database_url: str, sql: Sql) -> None:
    leads = Leadership(database_url, logger=LOGGER)
    sealer = AuditSealer(database_url, leads, logger=LOGGER)
    sql("INSERT INTO audit_events (kind, content) SELECT 'X', '{}' FROM generate_series(1, %s)", 2 * BATCH)
    sealer.tick()
    assert waiting(sql) == 0
    assert sealer.stop()


def test_a_sealer_that_never_ran_asks_nobody_when_it_stops() -> None:
    asked: list[bool] = []

    class Anybody:
        def is_leader(self) -> bool:
            asked.append(True)
            return False

    assert AuditSealer("postgresql://nobody@127.0.0.1:1/none", Anybody(), logger=LOGGER).stop()
    assert asked == []


def test_a_sealer_that_stops_while_the_database_is_away_says_so(caplog: pytest.LogCaptureFixture) -> None:
    leads = Leadership("postgresql://nobody@127.0.0.1:1/none", logger=LOGGER)
    sealer = AuditSealer("postgresql://nobody@127.0.0.1:1/none", leads, logger=LOGGER)
    sealer.start()
    assert sealer.stop()
    assert "The last events were left unsealed" in caplog.text


def test_the_service_audits_and_seals_what_it_decides(make_app: MakeApp, database: Database, sql: Sql) -> None:
    app = make_app()
    client = app.test_client()
    for number in range(3):
        client.post("/api/automated-signals/webhook", json=entry(f"T{number}"))
    wait_until(lambda: len(events(sql, "VERDICT")) == 3, what="three verdicts")
    service_of(app).stop()
    tally = tally_of(database)
    assert tally.unsealed == 0
    assert tally.sealed >= 4
    (verdict, *_) = events(sql, "VERDICT")
    assert [result["firm_code"] for result in verdict["content"]["results"]] == ["FTMO", "APEX"]
