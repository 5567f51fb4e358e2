"""Signals of the same moment share a transaction, and each has its own fate."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor

import pytest

from database.connection import Database, DatabaseUnavailable, StatementRefused
from database.group_commit import GroupCommit
from database.signals import SignalStore, Stored
from signals.payload import parse_signal
from tests.conftest import Sql
from tests.processes import entry, exit_of


class Writer:
    """A write that can be held, so that others gather behind it."""

    def __init__(self) -> None:
        self.batches: list[list[Hashable]] = []
        self.open = threading.Event()
        self.began = threading.Event()
        self.refused: set[Hashable] = set()
        self.away = False

    def __call__(self, values: dict[Hashable, int]) -> dict[Hashable, int]:
        self.batches.append(list(values))
        self.began.set()
        assert self.open.wait(10)
        if self.away:
            raise DatabaseUnavailable("away")
        if self.refused & set(values):
            raise StatementRefused("refused")
        return {key: value * 10 for key, value in values.items()}


def gathered(writer: Writer, group: GroupCommit[int, int], keys: list[Hashable]) -> list[object]:
    """Submit one write, and the rest while it is held; return what became of each."""

    def submit(position: int) -> object:
        try:
            return group.submit(keys[position], position)
        except (DatabaseUnavailable, StatementRefused) as error:
            return error

    with ThreadPoolExecutor(len(keys)) as threads:
        first = threads.submit(submit, 0)
        assert writer.began.wait(10)
        rest = [threads.submit(submit, position) for position in range(1, len(keys))]
        while len(group._waiting) < len(rest):
            threading.Event().wait(0.001)
        writer.open.set()
        return [future.result(10) for future in (first, *rest)]


def test_who_comes_during_a_write_goes_together_in_the_next() -> None:
    writer = Writer()
    answers = gathered(writer, GroupCommit(writer), [f"k{n}" for n in range(20)])
    assert answers == [n * 10 for n in range(20)]
    assert [len(batch) for batch in writer.batches] == [1, 19]


def test_a_write_has_an_upper_size() -> None:
    writer = Writer()
    gathered(writer, GroupCommit(writer, most=8), [f"k{n}" for n in range(20)])
    assert [len(batch) for batch in writer.batches] == [1, 8, 8, 3]


def test_a_key_is_written_once_and_its_repeats_get_no_answer() -> None:
    writer = Writer()
    answers = gathered(writer, GroupCommit(writer), ["first", "same", "same", "same"])
    assert answers[0] == 0
    assert sorted(answer is None for answer in answers[1:]) == [False, True, True]
    assert writer.batches == [["first"], ["same"]]


def test_a_refused_value_fails_only_its_own_caller() -> None:
    writer = Writer()
    writer.refused = {"bad"}
    answers = gathered(writer, GroupCommit(writer), ["first", "good", "bad", "better"])
    assert [answer if isinstance(answer, int) else type(answer) for answer in answers] == [0, 10, StatementRefused, 30]


def test_an_outage_reaches_everyone_and_the_next_write_goes_on() -> None:
    writer = Writer()
    writer.away = True
    group: GroupCommit[int, int] = GroupCommit(writer)
    answers = gathered(writer, group, ["a", "b", "c"])
    assert [type(answer) for answer in answers] == [DatabaseUnavailable] * 3
    writer.away = False
    assert group.submit("d", 4) == 40


@pytest.fixture
def poison(sql: Sql) -> None:
    sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''refused''; END'",
    )
    sql(
        "CREATE TRIGGER refuse BEFORE INSERT ON automated_signals FOR EACH ROW WHEN (NEW.trade_id = 'POISON') "
        "EXECUTE FUNCTION refuse()"
    )


@pytest.mark.usefixtures("poison")
def test_one_signal_that_postgresql_refuses_does_not_take_its_neighbours_with_it(database: Database, sql: Sql) -> None:
    store = SignalStore(database)

    def send(trade: str) -> Stored | StatementRefused:
        try:
            return store.store(parse_signal(entry(trade)), source="test", raw_body="{}")
        except StatementRefused as error:
            return error

    trades = [f"T{n}" for n in range(40)]
    with ThreadPoolExecutor(41) as threads:
        outcomes = dict(zip([*trades, "POISON"], threads.map(send, [*trades, "POISON"]), strict=True))
    assert isinstance(outcomes.pop("POISON"), StatementRefused)
    assert {type(outcome) for outcome in outcomes.values()} == {Stored}
    assert sql("SELECT count(*) AS n FROM execution_tasks") == [{"n": 40}]


def test_an_exit_stored_together_with_its_entry_knows_its_trade(database: Database, sql: Sql) -> None:
    store = SignalStore(database)
    first, second = (parse_signal(body) for body in (entry("T1"), exit_of("T1")))
    from database.signals import _values

    values = [_values(signal, "test", "{}", None) for signal in (first, second, parse_signal(exit_of("T2")))]
    rows = store._store_together({value["event_key"]: value for value in values})
    assert [rows[value["event_key"]]["unknown_trade"] for value in values] == [False, False, True]
    tasks = sql("SELECT event_type, trade_id FROM execution_tasks ORDER BY id")
    assert [(task["event_type"], task["trade_id"]) for task in tasks] == [
        ("ENTRY", "T1"),
        ("EXIT", "T1"),
        ("EXIT", "T2"),
    ]
