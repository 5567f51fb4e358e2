"""Calls that take turns in one thread: each waits for what is done once for all, and locks never stand still."""

from __future__ import annotations

import contextvars
import random
import threading
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from domain.turns import TurnLock, Turns, together


class Desk:
    """Finishes what calls wait for, and keeps the bundles in which they came."""

    def __init__(self) -> None:
        self.bundles: list[list[str]] = []

    def finish(self, items: Sequence[str]) -> None:
        self.bundles.append(list(items))


def test_outside_of_turns_everybody_is_finished_alone_and_at_once() -> None:
    desk = Desk()
    together(desk.finish, "one")
    together(desk.finish, "two")
    assert desk.bundles == [["one"], ["two"]]


def test_all_calls_are_finished_together_each_time_that_they_wait() -> None:
    desk, other, ended = Desk(), Desk(), []

    def call(name: str, waits: int) -> None:
        for number in range(waits):
            together(desk.finish, f"{name}{number}")
        if waits == 2:
            together(other.finish, name)
        ended.append(name)

    Turns().run([partial(call, "a", 0), partial(call, "b", 1), partial(call, "c", 3), partial(call, "d", 2)])
    assert desk.bundles == [["b0", "c0", "d0"], ["c1", "d1"], ["c2"]]
    assert other.bundles == [["d"]]
    assert ended == ["a", "b", "c", "d"]


def test_one_turn_after_the_other_may_be_begun_within_a_call() -> None:
    inner, outer = Desk(), Desk()

    def call(name: str) -> None:
        Turns().run([partial(together, inner.finish, f"{name}{number}") for number in range(2)])
        together(outer.finish, name)

    Turns().run([partial(call, "a"), partial(call, "b")])
    assert inner.bundles == [["a0", "a1"], ["b0", "b1"]]
    assert outer.bundles == [["a", "b"]]


def test_each_call_has_variables_of_its_own() -> None:
    """A request's context belongs to its call: Flask keeps it in such variables."""
    whose: contextvars.ContextVar[str] = contextvars.ContextVar("whose")
    desk, found = Desk(), {}

    def call(name: str) -> None:
        whose.set(name)
        together(desk.finish, name)
        found[name] = whose.get()

    Turns().run([partial(call, name) for name in "abc"])
    assert found == {name: name for name in "abc"}
    assert whose.get("nobody") == "nobody"


def test_who_finds_a_lock_taken_goes_on_after_its_holder() -> None:
    lock, desk, order = TurnLock(), Desk(), []

    def call(name: str) -> None:
        with lock:
            order.append(f"{name} in")
            together(desk.finish, name)
            order.append(f"{name} out")

    Turns().run([partial(call, "a"), partial(call, "b"), partial(together, desk.finish, "c")])
    assert order == ["a in", "a out", "b in", "b out"]
    assert desk.bundles == [["a", "c"], ["b"]]


def test_a_lock_that_another_thread_holds_is_waited_for() -> None:
    lock, held, entered = TurnLock(), threading.Event(), []
    release = threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            release.wait(10)
            entered.append("first")

    def call() -> None:
        with lock:
            entered.append("second")

    first, second = threading.Thread(target=hold), threading.Thread(target=lambda: Turns().run([call]))
    first.start()
    held.wait(10)
    second.start()
    second.join(0.05)
    assert second.is_alive()
    release.set()
    first.join(10)
    second.join(10)
    assert entered == ["first", "second"]


@pytest.mark.parametrize("seed", range(5))
def test_threads_whose_calls_want_each_others_locks_all_end(seed: int) -> None:
    """Each call holds a lock while it waits for its thread's bundle; four threads want the same five in any order."""
    locks = [TurnLock() for _ in range(5)]
    counts = [0] * len(locks)
    busy = threading.Lock()

    def finish(_: Sequence[int]) -> None:
        with busy:
            pass

    def call(number: int) -> None:
        with locks[number]:
            before = counts[number]
            together(finish, number)
            counts[number] = before + 1

    def run(chance: random.Random) -> None:
        for _ in range(60):
            wanted = [chance.randrange(len(locks)) for _ in range(6)]
            calls: list[Callable[[], None]] = [partial(call, number) for number in wanted]
            Turns().run(calls)

    threads = [threading.Thread(target=run, args=(random.Random(f"{seed} {n}"),), daemon=True) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads), "the threads wait for each other"
    assert sum(counts) == 4 * 60 * 6
