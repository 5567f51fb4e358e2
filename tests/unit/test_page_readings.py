"""One reading of a page for the many who look at it."""

from __future__ import annotations

import threading
import time

import pytest

from web.pages.readings import MOST_PAGES, Readings


class Counted:
    """Makes readings and counts them; each says the number of the newest change when it was begun."""

    def __init__(self, takes: float = 0.0) -> None:
        self.number = 0
        self.made = 0
        self.takes = takes
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.may_end.set()
        self.readings = Readings(lambda: self.number)

    def make(self) -> str:
        self.made += 1
        number = self.made
        time.sleep(self.takes)
        self.begun.set()
        assert self.may_end.wait(20)
        return f"reading {number}"

    def get(self, at_least: int | None = 0, key: str = "page") -> tuple[str, int]:
        reading = self.readings.get(key, at_least, self.make)
        return reading.body, reading.number


def test_whoever_wants_no_more_than_there_is_is_given_it() -> None:
    counted = Counted()
    assert [counted.get() for _ in range(3)] == [("reading 1", 0)] * 3


def test_a_change_is_read_anew() -> None:
    counted = Counted()
    counted.get()
    counted.number = 5
    time.sleep(0.02)
    assert counted.get(5) == ("reading 2", 5)


def test_a_page_rests_four_times_as_long_as_it_took_and_says_which_number_it_has() -> None:
    counted = Counted(takes=0.2)
    counted.get()
    counted.number = 1
    assert counted.get(1) == ("reading 1", 0)
    time.sleep(0.85)
    assert counted.get(1) == ("reading 2", 1)


def test_ages_go_on_without_a_change() -> None:
    counted = Counted()
    counted.get()
    time.sleep(1.05)
    assert counted.get() == ("reading 2", 0)


def test_whoever_counts_by_anothers_numbers_is_given_what_was_begun_after_he_asked() -> None:
    counted = Counted()
    counted.get()
    assert counted.get(None) == ("reading 2", 0)


def test_nobody_waits_for_anothers_reading_where_there_is_an_older_one() -> None:
    counted = Counted()
    counted.get()
    counted.number = 1
    counted.begun.clear()
    counted.may_end.clear()
    time.sleep(0.02)
    thread = threading.Thread(target=counted.get, args=(1,))
    thread.start()
    assert counted.begun.wait(10)
    # Who waited here would wait for ever: the other's reading ends only after it.
    assert counted.get(1) == ("reading 1", 0)
    counted.may_end.set()
    thread.join()
    assert counted.made == 2


def test_those_who_come_first_together_are_given_one_reading() -> None:
    counted = Counted(takes=0.1)
    threads = [threading.Thread(target=counted.get) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted.made <= 2


def test_a_reading_that_fails_leaves_the_way_free() -> None:
    readings = Readings(lambda: 0)

    def fail() -> str:
        raise LookupError

    for _ in range(2):
        with pytest.raises(LookupError):
            readings.get("page", 0, fail)
    assert readings.get("page", 0, lambda: "read").body == "read"


def test_pages_that_nobody_asks_for_any_more_are_forgotten() -> None:
    counted = Counted()
    for number in range(MOST_PAGES + 1):
        counted.get(key=str(number))
    counted.get(key=str(MOST_PAGES))
    made = counted.made
    counted.get(key="0")
    assert counted.made == made + 1
