"""What a call to a venue makes of a leg: answered, refused, provably not sent, or not known."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.live_connector import LiveConnector
from connectors.tickets import EntryTicket, ExitTicket
from connectors.venue import NotSent, OrderReport, Unclear
from database.orders import Change, ClaimedExit
from domain.ledger import Purpose
from domain.order_rows import connector_row
from domain.order_state import OrderState, Side
from routing.retry import RetryPolicy
from routing.sender import Sender, answered
from tests.orders import APEX_1, ledger_order

S = OrderState
NOW = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)


class Answers:
    """A venue's side of one call: it answers as told and keeps what it was handed."""

    def __init__(self, answer: OrderReport | Exception) -> None:
        self.answer = answer
        self.tickets: list[EntryTicket | ExitTicket] = []

    def place_entry(self, ticket: EntryTicket | ExitTicket) -> OrderReport:
        self.tickets.append(ticket)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    place_exit = place_entry


def sender(attempts: int = 3) -> Sender:
    return Sender(
        retry=RetryPolicy(max_attempts=attempts, base=1.0),
        clock=lambda: NOW,
        actor="w1",
        logger=logging.getLogger("test_sender"),
    )


def sent(answer: OrderReport | Exception, **changes: Any) -> Change:
    venue: Any = Answers(answer)
    connector = LiveConnector("APEX", venue, ("hunter2",))
    values = {"state": S.SENDING, "filled": Decimal(0), **changes}
    return sender().send_entry(connector, ledger_order(APEX_1, **values))


def report(state: OrderState, filled: int = 0, **changes: Any) -> OrderReport:
    return OrderReport(state=state, order_id="V1", filled=Decimal(filled), **changes)


@pytest.mark.parametrize(
    ("told", "filled", "state", "kept"),
    [
        (S.ACCEPTED, 0, S.ACCEPTED, 0),
        (S.ACCEPTED, 1, S.PARTIALLY_FILLED, 1),
        (S.PARTIALLY_FILLED, 1, S.PARTIALLY_FILLED, 1),
        (S.FILLED, 2, S.FILLED, 2),
        # The venue is done and has filled less: the rest does not come.
        (S.FILLED, 1, S.CANCELLED, 1),
        (S.REJECTED, 0, S.REJECTED, 0),
        (S.REJECTED, 1, S.CANCELLED, 1),
        (S.CANCELLED, 1, S.CANCELLED, 1),
        # Never more than was asked for.
        (S.FILLED, 5, S.FILLED, 2),
    ],
)
def test_a_clear_answer(told: OrderState, filled: int, state: OrderState, kept: int) -> None:
    change = sent(report(told, filled))
    assert (change.state, change.filled, change.venue_order_id) == (state, Decimal(kept), "V1")


@pytest.mark.parametrize(
    ("told", "filled", "not_held", "state", "gone"),
    [
        (S.FILLED, 2, 0, S.FILLED, 0),
        (S.FILLED, 1, 0, S.FILLED, 1),
        (S.CANCELLED, 0, 2, S.CANCELLED, 2),
        (S.CANCELLED, 0, 0, S.CANCELLED, 0),
        (S.CANCELLED, 1, 5, S.CANCELLED, 1),
    ],
)
def test_what_an_exit_did_not_find_is_not_open_any_more(
    told: OrderState, filled: int, not_held: int, state: OrderState, gone: int
) -> None:
    order = ledger_order(APEX_1, purpose=Purpose.EXIT, state=S.SENDING, filled=Decimal(0))
    change = answered(order, report(told, filled, not_held=Decimal(not_held)), actor="w1")
    assert (change.state, change.not_held) == (state, Decimal(gone))


@pytest.mark.parametrize(
    "error", [Unclear("timed out", {"status": 502}), RuntimeError("a bug"), KeyError("orderId"), TimeoutError()]
)
def test_whatever_is_no_clear_answer_is_unresolved(error: Exception) -> None:
    change = sent(error)
    assert (change.state, change.cause, change.delay) == (S.UNRESOLVED, "NO_CLEAR_ANSWER", None)


@pytest.mark.parametrize(
    ("attempts", "final", "left", "state"),
    [
        (1, False, 60, S.PLANNED),
        (2, False, 60, S.PLANNED),
        (3, False, 60, S.NOT_SENT),
        (1, True, 60, S.NOT_SENT),
        (1, False, 0.4, S.NOT_SENT),
    ],
)
def test_what_was_provably_not_sent_is_tried_again_while_that_makes_sense(
    attempts: int, final: bool, left: float, state: OrderState
) -> None:
    change = sent(
        NotSent("connection refused", final=final), attempts=attempts, expires_at=NOW + timedelta(seconds=left)
    )
    assert change.state is state
    assert (change.delay is None) is (state is S.NOT_SENT)


@pytest.mark.parametrize(("final", "attempts"), [(True, 1), (False, 50)])
def test_an_exit_is_tried_for_as_long_as_it_lives(final: bool, attempts: int) -> None:
    venue: Any = Answers(NotSent("wrong password", final=final))
    order = ledger_order(
        APEX_1, purpose=Purpose.EXIT, side=Side.SELL, attempts=attempts, expires_at=NOW + timedelta(hours=20)
    )
    claimed = ClaimedExit(order=order, remaining=Decimal(1), entries=("b" * 20,))
    change = sender().send_exit(LiveConnector("APEX", venue, ()), claimed)
    assert change.state is S.PLANNED
    (ticket,) = venue.tickets
    assert (ticket.remaining, ticket.entries, ticket.side) == (Decimal(1), ("b" * 20,), Side.SELL)


def test_a_venue_that_says_when_is_waited_for() -> None:
    change = sent(NotSent("429", retry_after=7.5))
    assert change.delay is not None
    assert change.delay >= 7.5


def test_secrets_stay_out_of_what_is_kept() -> None:
    refused = sent(
        report(S.REJECTED, message="password hunter2 is wrong", raw={"echo": ["hunter2", {"a": "xhunter2"}]})
    )
    unclear = sent(Unclear("hunter2 timed out", {"text": "hunter2"}))
    not_sent = sent(NotSent("no route for hunter2"))
    for change in (refused, unclear, not_sent):
        assert "hunter2" not in repr(change)


@pytest.mark.parametrize(
    ("purpose", "state", "cause", "not_held", "leg", "replaced"),
    [
        (Purpose.EXIT, S.REJECTED, "REJECTED_BY_VENUE", 0, 1, True),
        (Purpose.EXIT, S.CANCELLED, "ANSWERED", 0, 1, True),
        (Purpose.EXIT, S.CANCELLED, "ANSWERED", 2, 1, False),
        (Purpose.EXIT, S.NOT_SENT, "PROVEN_ABSENT", 0, 1, True),
        (Purpose.EXIT, S.NOT_SENT, "NOT_SENT", 0, 1, False),
        (Purpose.EXIT, S.FILLED, "ANSWERED", 0, 1, False),
        (Purpose.EXIT, S.REJECTED, "REJECTED_BY_VENUE", 0, 3, False),
        (Purpose.ENTRY, S.REJECTED, "REJECTED_BY_VENUE", 0, 1, False),
        (Purpose.ENTRY, S.NOT_SENT, "PROVEN_ABSENT", 0, 1, False),
    ],
)
def test_an_exit_that_ended_unfilled_is_replaced_and_an_entry_never(
    purpose: Purpose, state: OrderState, cause: str, not_held: int, leg: int, replaced: bool
) -> None:
    order = ledger_order(APEX_1, purpose=purpose, leg=leg)
    change = Change(state=state, cause=cause, actor="w1", not_held=Decimal(not_held))
    assert (sender().replacement_delay(order, change) is not None) is replaced


@pytest.mark.parametrize(
    ("state", "cause", "filled", "not_held", "status", "reason"),
    [
        (S.PLANNED, "APPROVED", 0, 0, "PENDING", "APPROVED"),
        (S.SENDING, "CLAIMED", 0, 0, "PENDING", "CLAIMED"),
        (S.ACCEPTED, "ANSWERED", 0, 0, "SUCCESS", None),
        (S.PARTIALLY_FILLED, "FOLLOWED", 1, 0, "SUCCESS", None),
        (S.FILLED, "ANSWERED", 2, 0, "SUCCESS", None),
        (S.REJECTED, "REJECTED_BY_VENUE", 0, 0, "FAILED", "REJECTED_BY_VENUE"),
        (S.CANCELLED, "CANCELLED_BY_HALT", 0, 0, "FAILED", "CANCELLED_BY_HALT"),
        (S.CANCELLED, "ANSWERED", 0, 2, "SKIPPED", "NOTHING_OPEN"),
        (S.UNRESOLVED, "WORKER_LOST", 0, 0, "UNRESOLVED", "WORKER_LOST"),
        (S.NOT_SENT, "NOT_SENT", 0, 0, "FAILED", "NOT_SENT"),
        (S.NOT_SENT, "TRADING_HALTED", 0, 0, "SKIPPED", "TRADING_HALTED"),
        (S.NOT_SENT, "NOTHING_OPEN", 0, 0, "SKIPPED", "NOTHING_OPEN"),
    ],
)
def test_the_logs_row(
    state: OrderState, cause: str, filled: int, not_held: int, status: str, reason: str | None
) -> None:
    order = ledger_order(
        APEX_1, state=state, cause=cause, filled=Decimal(filled), not_held=Decimal(not_held), quantity=2
    )
    row = connector_row(order)
    assert (row["status"], row.get("reason")) == (status, reason)
    assert row["details"]["client_order_id"] == order.client_order_id
