"""Firms that are asked how their accounts are: answers, nonsense, silence, and calls that never return."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from account_engine.account_tracker import AccountTracker
from account_engine.standing import StandingState
from connectors import ApexConnector, Connector, FTMOConnector, Leg, PaperVenue, Receipt
from database.connection import Database
from domain.account import AccountKey
from domain.account_update import Source
from routing.leader_loop import Leads
from routing.status_poller import StatusPoller
from tests.clock_process import rules_of
from tests.conftest import Sql
from tests.integration.test_account_clock import LOGGER, NOON, Always, Never, Time, told, tracker
from tests.processes import wait_until

APEX, FTMO = AccountKey("APEX", 1), AccountKey("FTMO", 1)
STATUS = {"equity": 50100.25, "balance": "50000", "day_pl": 100.25}


class Firm:
    """A live firm that answers what it is told to, and counts how often it was asked."""

    live = True

    def __init__(self, answer: Callable[[AccountKey], Any] = lambda _: STATUS) -> None:
        self.answer = answer
        self.asked: list[AccountKey] = []

    def account_status(self, account: AccountKey) -> Any:
        self.asked.append(account)
        return self.answer(account)

    def place_entry(self, leg: Leg) -> Receipt:
        raise AssertionError(f"whoever asks for figures places no order: {leg}")

    def place_exit(self, leg: Leg) -> Receipt:
        raise AssertionError(f"whoever asks for figures places no order: {leg}")


class Dry(Firm):
    live = False


@contextmanager
def polling(
    accounts: AccountTracker, connectors: Mapping[AccountKey, Connector], time: Time, leads: Leads | None = None
) -> Iterator[StatusPoller]:
    leads = Always() if leads is None else leads
    poller = StatusPoller(accounts, connectors, leads, interval=0.01, clock=time, logger=LOGGER)
    poller.start()
    poller.start()
    try:
        yield poller
    finally:
        poller.stop(5.0)
        assert not poller.is_alive()


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.__dict__.get("event") == "account_status_failed"]


def test_what_a_live_firm_says_is_on_record(database: Database, sql: Sql) -> None:
    time, firm = Time(), Firm()
    accounts = tracker(database, time)
    with polling(accounts, {APEX: ApexConnector(venue=firm)}, time):
        wait_until(lambda: len(firm.asked) > 2, what="the firm to be asked again and again")
    view = accounts.view(APEX)
    assert (view.source, view.state["equity"], view.state["balance"]) == (
        Source.FIRM_API,
        Decimal("50100.25"),
        Decimal(50000),
    )
    assert view.standing.state is StandingState.ACTIVE
    (row,) = sql("SELECT source, equity, observed_at, version FROM account_states")
    # The same answer at the same moment is one update, however often it comes.
    assert row == {"source": "FIRM_API", "equity": Decimal("50100.25"), "observed_at": NOON, "version": 1}


def test_nobody_is_asked_on_paper(database: Database) -> None:
    time, firm, dry = Time(), Firm(), Dry()
    connectors: dict[AccountKey, Connector] = {
        FTMO: FTMOConnector(venue=dry),
        AccountKey("FTMO", 2): FTMOConnector(venue=PaperVenue()),
        APEX: ApexConnector(venue=firm),
    }
    assert [connector.live for connector in connectors.values()] == [False, False, True]
    with polling(tracker(database, time), connectors, time):
        wait_until(lambda: len(firm.asked) > 3, what="the live firm to be asked")
    assert dry.asked == []


def test_only_the_leader_asks(database: Database) -> None:
    time, firm = Time(), Firm()
    with polling(tracker(database, time), {APEX: ApexConnector(venue=firm)}, time, Never()):
        threading.Event().wait(0.2)
    assert firm.asked == []


def failing(_: AccountKey) -> Any:
    raise ConnectionError("the firm's gateway answered 502")


@pytest.mark.parametrize(
    ("answer", "because"),
    [
        (failing, "the firm's gateway answered 502"),
        (lambda _: None, "the firm says nothing of the account"),
        (lambda _: {}, "none of equity"),
        (lambda _: "<html>", "'<html>' is no dictionary"),
        (lambda _: {"equity": "NaN"}, "equity: 'NaN' is not a finite number"),
        (lambda _: {"equity": 0, "balance": 0}, "equity or balance is 0, as on a platform without a connection"),
        (lambda _: {"equity": 1, "at": "2099-01-01T00:00:00Z"}, "ahead of this machine's clock"),
    ],
)
def test_an_answer_that_is_none_changes_nothing_and_stops_nobody(
    database: Database, sql: Sql, caplog: pytest.LogCaptureFixture, answer: Callable[[AccountKey], Any], because: str
) -> None:
    time, bad, good = Time(), Firm(answer), Firm()
    accounts = tracker(database, time)
    accounts.take(FTMO, told(NOON - timedelta(seconds=1), 50500))
    before = sql("SELECT * FROM account_states WHERE firm_code = 'FTMO'")
    connectors = {FTMO: FTMOConnector(venue=bad), APEX: ApexConnector(venue=good)}
    with polling(accounts, connectors, time) as poller:
        wait_until(lambda: len(bad.asked) > 3 and len(good.asked) > 3, what="both to be asked again and again")
        assert poller.is_alive()
    assert sql("SELECT * FROM account_states WHERE firm_code = 'FTMO'") == before
    assert accounts.view(APEX).source is Source.FIRM_API
    (complaint,) = complaints(caplog)
    assert complaint.startswith("FTMO/1: ")
    assert because in complaint


def test_one_bad_account_of_a_firm_leaves_its_others_alone(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    firm = Firm(lambda key: STATUS if key.program_id == 2 else {"equity": "?"})
    time, connector, keys = Time(), ApexConnector(venue=firm), [AccountKey("APEX", number) for number in (1, 2, 3)]
    accounts = tracker(database, time, rules=lambda _: rules_of(APEX))
    with polling(accounts, dict.fromkeys(keys, connector), time):
        wait_until(lambda: len(firm.asked) >= 9, what="all to be asked")
    assert firm.asked[:6] == [*keys, *keys]
    assert [accounts.view(key).source for key in keys] == [Source.NONE, Source.FIRM_API, Source.NONE]
    assert {complaint.split(":")[0] for complaint in complaints(caplog)} == {"APEX/1", "APEX/3"}


def test_a_firm_that_hangs_delays_nobody_else_and_is_not_asked_twice(database: Database) -> None:
    released = threading.Event()

    def hanging(_: AccountKey) -> Any:
        released.wait(20.0)
        return STATUS

    time, slow, quick = Time(), Firm(hanging), Firm()
    accounts = tracker(database, time)
    poller = StatusPoller(
        accounts,
        {FTMO: FTMOConnector(venue=slow), APEX: ApexConnector(venue=quick)},
        Always(),
        interval=0.01,
        clock=time,
        logger=LOGGER,
    )
    poller.start()
    wait_until(lambda: len(quick.asked) > 5, what="the quick firm to be asked again and again")
    assert slow.asked == [FTMO]
    assert poller.stop(0.1) is False
    released.set()
    assert poller.stop(5.0) is True
    # What it said after all still counts.
    assert accounts.view(FTMO).source is Source.FIRM_API


def test_an_answer_is_as_old_as_its_question(database: Database) -> None:
    time, answering = Time(), threading.Event()

    def slow(_: AccountKey) -> Any:
        answering.wait(10.0)
        return {"equity": 49000}

    firm = Firm(slow)
    accounts = tracker(database, time)
    with polling(accounts, {APEX: ApexConnector(venue=firm)}, time):
        wait_until(lambda: firm.asked != [], what="the question")
        time.now += timedelta(seconds=30)
        accounts.take(APEX, told(time.now, 50300))
        firm.answer = lambda _: None
        answering.set()
        wait_until(lambda: len(firm.asked) > 1, what="the next question")
    view = accounts.view(APEX)
    assert (view.source, view.state["equity"]) == (Source.PLATFORM, Decimal(50300))


def test_a_firm_that_has_lost_its_platform_breaches_nothing(database: Database) -> None:
    time, firm = Time(), Firm(lambda _: {"connected": False, "equity": 0, "balance": 0})
    accounts = tracker(database, time)
    accounts.take(APEX, told(NOON - timedelta(seconds=1), 50500))
    with polling(accounts, {APEX: ApexConnector(venue=firm)}, time):
        wait_until(lambda: len(firm.asked) > 1, what="the firm to be asked")
    view = accounts.view(APEX)
    assert (view.standing.state, view.standing.no_data, view.standing.breached) == (StandingState.UNKNOWN, True, False)
    assert view.state["equity"] == Decimal(50500)


def test_a_database_that_is_away_is_logged_and_tried_again(
    database: Database, sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    time, firm = Time(), Firm()
    nowhere = tracker(Database("postgresql://nobody@127.0.0.1:1/none"), time)
    with caplog.at_level(logging.WARNING), polling(nowhere, {APEX: ApexConnector(venue=firm)}, time):
        wait_until(lambda: len(firm.asked) > 2, what="the firm to be asked all the same")
    assert len(complaints(caplog)) == 1
