"""Dead letters: what is listed, what another try makes of them, and that one act takes effect."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from database.connection import Database, Subscription
from database.dead_letters import DeadLetters, prospect
from database.events import CHANNEL
from database.operator_acts import NotKnown, NotPossible
from database.orders import Change
from database.queue import Task, TaskQueue
from domain.acts import LetterName, Signature
from domain.json_text import json_text
from domain.order import TaskEvent
from domain.order_rows import connector_row
from domain.order_state import OrderState
from tests.conftest import Sql
from tests.orders import APEX_1, APEX_2, Bench, at_once, entry_leg, exit_leg

S = OrderState
ANNA = Signature("anna", "the venue is back")
BEN = Signature("ben", "tidying up")


@pytest.fixture
def bench(database: Database, sql: Sql) -> Bench:
    return Bench(database, sql)


@pytest.fixture
def letters(database: Database) -> DeadLetters:
    return DeadLetters(database)


def failed_task(sql: Sql, trade_id: str, event_type: str = "ENTRY", **payload: Any) -> LetterName:
    """A task that failed for good an hour ago."""
    (row,) = sql(
        "INSERT INTO execution_tasks (trade_id, event_type, status, attempts, last_error, payload, created_at,"
        " due_at, finished_at) VALUES (%s, %s, 'FAILED', 5, 'ValueError: no', %s, now() - interval '2 hours',"
        " now() - interval '1 hour', now() - interval '1 hour') RETURNING id",
        trade_id,
        event_type,
        json_text(payload),
    )
    return LetterName("task", row["id"])


def never_sent(bench: Bench, trade_id: str, **changes: Any) -> LetterName:
    """An entry that a broken venue never took."""
    (order_id,) = bench.plan(trade_id, entry_leg(**changes))
    bench.claim()
    bench.become(order_id, S.NOT_SENT, cause="NOT_SENT", answer={"error": "connection refused"})
    return LetterName("leg", order_id)


def exit_never_sent(bench: Bench, trade_id: str, **changes: Any) -> LetterName:
    (order_id,) = bench.plan(trade_id, exit_leg(lifetime=0.0, **changes))
    bench.give_up()
    return LetterName("leg", order_id)


def acts(sql: Sql) -> list[tuple[str, str, str]]:
    return [(row["act"], row["by"], row["reason"]) for row in sql("SELECT * FROM operator_acts ORDER BY id")]


def new_task(sql: Sql, task_id: int) -> dict[str, Any]:
    return sql("SELECT * FROM execution_tasks WHERE id = %s", task_id)[0]


def test_what_failed_or_never_left_is_listed_the_newest_first(bench: Bench, letters: DeadLetters, sql: Sql) -> None:
    task = failed_task(sql, "T1", contracts=2)
    leg = never_sent(bench, "T2")
    bench.filled_entry("T3")

    first, second = letters.waiting(limit=10)
    assert {name: first[name] for name in ("name", "trade_id", "event_type", "account", "cause", "attempts")} == {
        "name": str(leg),
        "trade_id": "T2",
        "event_type": "ENTRY",
        "account": "APEX/1",
        "cause": "NOT_SENT",
        "attempts": 1,
    }
    assert first["last_error"] == "connection refused"
    assert 0 <= first["age"] < 60
    assert first["retry"] == {"makes_sense": True, "why": "it is decided anew by all checks"}
    assert (second["name"], second["account"], second["last_error"], second["attempts"]) == (
        str(task),
        None,
        "ValueError: no",
        5,
    )
    assert 3590 <= second["age"] <= 3660
    assert [row["name"] for row in letters.waiting(limit=1)] == [str(leg)]


ENTRY, EXIT, UPDATE = TaskEvent.ENTRY, TaskEvent.EXIT, TaskEvent.MFE_UPDATE


@pytest.mark.parametrize(
    ("event", "of_leg", "closed", "opened", "makes_sense", "forbidden"),
    [(ENTRY, True, False, 0, True, False), (ENTRY, False, False, 0, True, False),
     (ENTRY, True, True, 0, False, True), (ENTRY, False, True, 0, False, True),
     (ENTRY, True, False, 1, False, True), (ENTRY, False, False, 1, True, False),
     (EXIT, True, True, 2, True, False), (EXIT, True, True, 0, False, False),
     (EXIT, False, True, 2, True, False), (EXIT, False, True, 0, False, False),
     (UPDATE, False, True, 0, True, False)],
)  # fmt: skip
def test_whether_another_try_makes_sense(
    event: TaskEvent, of_leg: bool, closed: bool, opened: int, makes_sense: bool, forbidden: bool
) -> None:
    found = prospect(event, of_leg=of_leg, trade_closed=closed, open_quantity=Decimal(opened))
    assert (found.makes_sense, found.forbidden) == (makes_sense, forbidden)


def test_the_list_says_whether_another_try_makes_sense(bench: Bench, letters: DeadLetters, sql: Sql) -> None:
    bench.filled_entry("T1", 3)
    never_sent(bench, "T1", account=APEX_2)
    exit_never_sent(bench, "T1")
    exit_never_sent(bench, "T1", account=APEX_2)
    failed_task(sql, "T9", "EXIT")
    failed_task(sql, "T1", "EXIT")
    told = {(row["event_type"], row["trade_id"], row["account"]): row["retry"] for row in letters.waiting(limit=10)}
    assert {key: sense["makes_sense"] for key, sense in told.items()} == {
        ("ENTRY", "T1", "APEX/2"): False,
        ("EXIT", "T1", "APEX/1"): True,
        ("EXIT", "T1", "APEX/2"): False,
        ("EXIT", "T9", None): False,
        ("EXIT", "T1", None): True,
    }
    assert told["EXIT", "T1", "APEX/1"]["why"] == "3 contracts of the trade may still be open"


def test_a_leg_whose_place_another_has_taken_is_no_dead_letter(bench: Bench, letters: DeadLetters) -> None:
    bench.filled_entry("T1")
    (exit_id,) = bench.plan("T1", exit_leg())
    bench.ledger.claim_exit(bench.order(exit_id), connector_row, lease=10)
    gone = Change(state=S.NOT_SENT, cause="PROVEN_ABSENT", actor="w1")
    bench.ledger.write(exit_id, gone, connector_row, replace_after=0.0)
    assert letters.waiting(limit=10) == []
    for act in (letters.retry, letters.discard):
        with pytest.raises(NotPossible, match=f"order {exit_id + 1} has taken its place"):
            act(LetterName("leg", exit_id), ANNA)


# Another try of a task.


def test_a_task_gets_all_its_tries_again_and_lives_from_now(letters: DeadLetters, database: Database, sql: Sql) -> None:
    name = failed_task(sql, "T1", contracts=2)
    assert letters.retry(name, ANNA) == {"name": str(name), "task_id": name.id, "only_account": None}
    assert letters.waiting(limit=10) == []
    assert acts(sql) == [("RETRY", "anna", "the venue is back")]

    (task,) = TaskQueue(database, worker="w", lease=10).claim(10)
    assert (task.id, task.attempt, task.payload) == (name.id, 1, {"contracts": 2})
    assert task.age < 5


def test_other_tasks_are_tried_again_whatever_became_of_the_trade(letters: DeadLetters, sql: Sql) -> None:
    failed_task(sql, "T1", "EXIT")
    for event in ("EXIT", "MFE_UPDATE"):
        letters.retry(failed_task(sql, "T1", event), ANNA)
    assert [act[1] for act in acts(sql)] == ["anna"] * 2


def test_an_entry_whose_trade_was_closed_is_never_tried_again(bench: Bench, letters: DeadLetters, sql: Sql) -> None:
    for status in ("PENDING", "SUCCESS", "FAILED"):
        task, leg = failed_task(sql, status), never_sent(bench, status)
        sql(
            "INSERT INTO execution_tasks (trade_id, event_type, status, finished_at, last_error)"
            " VALUES (%s, 'EXIT', %s, %s, 'x')",
            status,
            status,
            None if status == "PENDING" else "2026-01-01",
        )
        for name in (task, leg):
            with pytest.raises(NotPossible, match=f"{name} is not given another try: the trade was closed"):
                letters.retry(name, ANNA)
        assert {row["name"] for row in letters.waiting(limit=100)} >= {str(task), str(leg)}
    assert len(sql("SELECT id FROM execution_tasks WHERE status = 'PENDING' AND event_type = 'ENTRY'")) == 0
    assert acts(sql) == []


# Another try of a leg: never the leg itself.


def test_an_entry_leg_becomes_a_new_task_for_its_account_alone(bench: Bench, letters: DeadLetters, sql: Sql) -> None:
    ids = bench.plan("T1", entry_leg(APEX_2), entry_leg(APEX_1))
    order_id, other = sorted(ids, key=lambda at: bench.order(at).account)
    sql("UPDATE execution_tasks SET payload = %s", json_text({"direction": "LONG", "stop_loss": Decimal("16475.25")}))
    bench.claim()
    bench.become(order_id, S.NOT_SENT, cause="NOT_SENT")
    bench.become(other, S.FILLED, 2)
    name = LetterName("leg", order_id)

    told = letters.retry(name, ANNA)
    task = new_task(sql, told["task_id"])
    leg = bench.order(order_id)
    assert told == {"name": str(name), "task_id": task["id"], "only_account": "APEX/1"}
    assert (task["trade_id"], task["event_type"], task["status"], task["attempts"]) == ("T1", "ENTRY", "PENDING", 0)
    assert task["payload"] == {
        "direction": "LONG",
        "stop_loss": 16475.25,
        "only_accounts": ["APEX/1"],
        "retry_of": {"order_id": order_id, "task_id": leg.task_id},
    }
    assert task["id"] != leg.task_id
    assert leg.state is S.NOT_SENT
    assert bench.events(order_id)[-1] == ("NOT_SENT", "NOT_SENT", "RETRIED_BY_HAND")
    assert (leg.actor, letters.waiting(limit=10)) == ("anna", [])
    (act,) = sql("SELECT act, by, task_id, order_id FROM operator_acts")
    assert act == {"act": "RETRY", "by": "anna", "task_id": task["id"], "order_id": order_id}


def test_a_retry_of_a_retry_names_its_own_account_and_leg(bench: Bench, letters: DeadLetters, sql: Sql) -> None:
    name = never_sent(bench, "T1")
    sql(
        "UPDATE execution_tasks SET payload = %s", json_text({"only_accounts": ["FTMO/1"], "retry_of": {"order_id": 9}})
    )
    payload = new_task(sql, letters.retry(name, ANNA)["task_id"])["payload"]
    assert (payload["only_accounts"], payload["retry_of"]["order_id"]) == (["APEX/1"], name.id)


def test_an_exit_leg_becomes_a_new_exit_also_where_nothing_is_open(
    bench: Bench, letters: DeadLetters, sql: Sql
) -> None:
    bench.filled_entry("T1", 3)
    open_one, closed_one = exit_never_sent(bench, "T1"), exit_never_sent(bench, "T1", account=APEX_2)
    for name, account in ((open_one, "APEX/1"), (closed_one, "APEX/2")):
        task = new_task(sql, letters.retry(name, ANNA)["task_id"])
        assert (task["event_type"], task["payload"]["only_accounts"]) == ("EXIT", [account])


def test_an_entry_is_not_tried_again_beside_one_that_is_open(bench: Bench, letters: DeadLetters) -> None:
    name = never_sent(bench, "T1")
    bench.filled_entry("T1", 2)
    with pytest.raises(NotPossible, match="2 contracts of the trade are open or pending on the account already"):
        letters.retry(name, ANNA)


def test_an_exit_waits_for_an_entry_that_is_tried_again(
    bench: Bench, letters: DeadLetters, database: Database, sql: Sql
) -> None:
    """An exit that was being stored while the retry was asked for may have the smaller id."""
    (exit_id,) = sql("SELECT nextval(pg_get_serial_sequence('execution_tasks', 'id')) AS id")
    entry_id = letters.retry(never_sent(bench, "T1"), ANNA)["task_id"]
    queue = TaskQueue(database, worker="w", lease=10)
    (claimed,) = queue.claim(10)
    assert (claimed.id, claimed.trade_closed) == (entry_id, False)
    sql("INSERT INTO execution_tasks (id, trade_id, event_type) VALUES (%s, 'T1', 'EXIT')", exit_id["id"])
    assert exit_id["id"] < entry_id
    assert queue.claim(10) == []
    queue.record_failure(claimed, error="x", final=True, delay=0)
    assert [task.id for task in queue.claim(10)] == [exit_id["id"]]


# Discarding.


def test_what_is_discarded_stays_on_record_and_off_the_list(bench: Bench, letters: DeadLetters, sql: Sql) -> None:
    task, leg = failed_task(sql, "T1"), never_sent(bench, "T2")
    for name in (task, leg):
        assert letters.discard(name, BEN) == {"name": str(name)}
    assert letters.waiting(limit=10) == []
    assert new_task(sql, task.id)["status"] == "FAILED"
    assert bench.order(leg.id).state is S.NOT_SENT
    assert bench.events(leg.id)[-1] == ("NOT_SENT", "NOT_SENT", "DISCARDED_BY_HAND")
    assert acts(sql) == [("DISCARD", "ben", "tidying up")] * 2
    for name in (task, leg):
        for act in (letters.retry, letters.discard):
            with pytest.raises(NotPossible, match=r"dealt with already \(DISCARD by ben at .* UTC: tidying up\)"):
                act(name, ANNA)


def test_only_what_is_dead_is_a_dead_letter(bench: Bench, letters: DeadLetters, sql: Sql) -> None:
    (order_id,) = bench.plan("T1", entry_leg())
    leg, task = LetterName("leg", order_id), LetterName("task", bench.order(order_id).task_id)
    steps: list[Callable[[], object]] = [
        lambda: None,
        bench.claim,
        lambda: bench.become(order_id, S.UNRESOLVED),
        lambda: bench.become(order_id, S.FILLED, 2),
    ]
    for step, state in zip(steps, (S.PLANNED, S.SENDING, S.UNRESOLVED, S.FILLED), strict=True):
        step()
        for act in (letters.retry, letters.discard):
            with pytest.raises(NotPossible, match=f"{leg} is no dead letter: order {order_id} is {state}"):
                act(leg, ANNA)
            with pytest.raises(NotPossible, match="its status is SUCCESS"):
                act(task, ANNA)
    assert acts(sql) == []


def test_a_leg_that_may_still_go_out_is_never_locked(bench: Bench, letters: DeadLetters, database: Database) -> None:
    (order_id,) = bench.plan("T1", entry_leg())
    with database.transaction() as transaction:
        transaction.rows("lock_order", order_id=order_id)
        with pytest.raises(NotPossible, match="is PLANNED"):
            letters.retry(LetterName("leg", order_id), ANNA)


def test_what_is_not_there_is_not_known(letters: DeadLetters) -> None:
    for name in (LetterName("task", 99), LetterName("leg", 99)):
        calls: list[Callable[[LetterName], object]] = [
            letters.show,
            lambda name: letters.retry(name, ANNA),
            lambda name: letters.discard(name, ANNA),
        ]
        for call in calls:
            with pytest.raises(NotKnown, match=r"there is no (task|order) 99"):
                call(name)


def test_one_is_shown_with_all_that_is_on_record(bench: Bench, letters: DeadLetters, sql: Sql) -> None:
    leg = never_sent(bench, "T1")
    shown = letters.show(leg)
    assert shown["task"]["trade_id"] == "T1"
    assert shown["task"]["payload"] == {}
    assert [row["status"] for row in shown["log"]] == ["SUCCESS"]
    assert shown["order"]["state"] == "NOT_SENT"
    assert [event["to_state"] for event in shown["order"]["events"]] == ["PLANNED", "SENDING", "NOT_SENT"]
    assert shown["order"]["answer"] == {"error": "connection refused"}
    assert (shown["retry"]["makes_sense"], shown["acts"]) == (True, [])

    letters.discard(leg, BEN)
    assert [(act["act"], act["by"]) for act in letters.show(leg)["acts"]] == [("DISCARD", "ben")]
    task = failed_task(sql, "T2", contracts=2)
    shown = letters.show(task)
    assert (shown["task"]["payload"], shown["task"]["last_error"]) == ({"contracts": 2}, "ValueError: no")
    assert (shown["order"], shown["log"]) == (None, [])


# Two persons at the same moment, and the processes that must hear of it.


@pytest.mark.parametrize("kind", ["task", "leg"])
def test_of_several_acts_at_the_same_moment_one_takes_effect(
    bench: Bench, letters: DeadLetters, sql: Sql, kind: str
) -> None:
    for number in range(10):
        name = failed_task(sql, f"T{number}") if kind == "task" else never_sent(bench, f"T{number}")
        before = len(sql("SELECT id FROM execution_tasks"))
        results = at_once(
            lambda name=name: letters.retry(name, ANNA),  # type: ignore[misc]
            lambda name=name: letters.retry(name, BEN),  # type: ignore[misc]
            lambda name=name: letters.discard(name, BEN),  # type: ignore[misc]
        )
        refused = [str(result) for result in results if isinstance(result, NotPossible)]
        assert len(refused) == 2, results
        assert all(" by anna at " in text or " by ben at " in text for text in refused), refused
        assert len(sql("SELECT id FROM operator_acts")) == number + 1
        retried = isinstance(results[2], NotPossible)
        assert len(sql("SELECT id FROM execution_tasks")) - before == (1 if kind == "leg" and retried else 0)


def test_every_process_hears_of_an_act_once_it_is_committed(letters: DeadLetters, database_url: str, sql: Sql) -> None:
    name = failed_task(sql, "T1")
    with Subscription(database_url, CHANNEL) as subscription:
        letters.retry(name, ANNA)
        (event,) = subscription.wait()
    assert '"event":"operator_act"' in event
    assert f'"task_id":{name.id}' in event


def test_a_task_that_is_claimed_again_is_recorded_as_usual(letters: DeadLetters, database: Database, sql: Sql) -> None:
    name = failed_task(sql, "T1")
    letters.retry(name, ANNA)
    queue = TaskQueue(database, worker="w", lease=10)
    (task,) = queue.claim(10)
    assert isinstance(task, Task)
    assert queue.record_failure(task, error="again", final=True, delay=0)
    (row,) = letters.waiting(limit=10)
    assert (row["name"], row["last_error"], row["attempts"]) == (str(name), "again", 1)
    letters.retry(name, BEN)
    assert [act[1] for act in acts(sql)] == ["anna", "ben"]
