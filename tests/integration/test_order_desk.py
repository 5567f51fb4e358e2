"""The desk where accounts trade live: a lost connection costs no decision, and doubles none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from config.settings import Settings
from database.connection import ConnectionLost, Database, Transaction
from database.orders import OrderLedger
from database.queue import Result, Task, TaskQueue
from routing.facts import Seen
from routing.ledger_view import LedgerView
from routing.order_desk import Decided, OrderDesk
from routing.processor import Processed
from tests.conftest import Sql
from tests.orders import APEX_1, entry_leg

CUT = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'execution-router' AND pid <> pg_backend_pid()
"""


class LosesAnAnswer(Database):
    """Its connection breaks once, when a commit has been carried out and its answer is on the way."""

    commits = 0

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with super().transaction() as transaction:
            yield transaction
        self.commits += 1
        if self.commits == 1:
            raise ConnectionLost("the answer to a commit was lost")


class Desk:
    """A desk with one claimed entry, which plans a leg; ``on_decision`` happens in the middle of each decision."""

    def __init__(self, database: Database, sql: Sql) -> None:
        self._sql = sql
        self.cuts = 0
        self.decisions = 0
        self.told = 0
        queue = TaskQueue(database, worker="w1", lease=30.0)
        nobody = Seen(Settings.from_env({}), firms=(), accounts=(), now=0.0)
        self._desk = OrderDesk(
            database, OrderLedger(database, worker="w1"), queue, [APEX_1], planned=self._planned, look=lambda: nobody
        )
        sql("INSERT INTO execution_tasks (trade_id, event_type) VALUES ('T1', 'ENTRY')")
        self.tasks = queue.claim(1)

    def decide(self, *, cuts: int = 0) -> Decided:
        self.cuts = cuts
        return self._desk.decide(self.tasks, self._decide, _result)

    def _decide(self, task: Task, view: LedgerView, seen: Seen | None) -> Processed:
        self.decisions += 1
        if self.decisions <= self.cuts:
            self._sql(CUT)
        return Processed(body={}, verdicts=[], legs=(entry_leg(),))

    def _planned(self) -> None:
        self.told += 1


def _result(task: Task, processed: Processed) -> Result:
    return Result(task=task, body=processed.body_json(), event={"event": "task_finished"})


def on_record(sql: Sql) -> tuple[int, int, str]:
    """Return how many decisions and how many legs there are, and the task's state."""
    (row,) = sql(
        "SELECT (SELECT count(*) FROM execution_logs WHERE status = 'SUCCESS') AS logs,"
        " (SELECT count(*) FROM execution_orders) AS legs, (SELECT status FROM execution_tasks) AS status"
    )
    return row["logs"], row["legs"], row["status"]


def test_a_connection_that_is_lost_in_the_middle_costs_no_decision(database: Database, sql: Sql) -> None:
    desk = Desk(database, sql)
    decided = desk.decide(cuts=1)
    assert on_record(sql) == (1, 1, "SUCCESS")
    assert list(decided.done) == [desk.tasks[0].id]
    assert decided.lost == []
    assert (desk.decisions, desk.told) == (2, 1)


def test_a_commit_whose_answer_was_lost_is_not_repeated(database_url: str, sql: Sql) -> None:
    database = LosesAnAnswer(database_url)
    desk = Desk(database, sql)
    decided = desk.decide()
    assert on_record(sql) == (1, 1, "SUCCESS")
    assert decided.lost == desk.tasks
    assert (desk.decisions, desk.told) == (2, 1)
    database.close()


def test_a_connection_that_is_lost_each_time_leaves_nothing_on_record(database: Database, sql: Sql) -> None:
    desk = Desk(database, sql)
    with pytest.raises(ConnectionLost):
        desk.decide(cuts=2)
    assert on_record(sql) == (0, 0, "PROCESSING")
    assert desk.told == 0
