"""Sending one leg: the call, and what its outcome makes of the leg. Runs in a thread of its own, without a lock."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from time import perf_counter

from connectors.live_connector import LiveConnector
from connectors.tickets import EntryTicket, ExitTicket
from connectors.venue import NotSent, OrderReport
from database.orders import Change, ClaimedExit
from domain.ledger import LedgerOrder, Purpose
from domain.order_state import OrderState
from domain.stage_times import StageTimes
from routing.retry import RetryPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Calls venues. ``retry`` is for legs that were provably not sent; ``clock`` gives the time in UTC."""

    retry: RetryPolicy
    clock: Callable[[], datetime]
    actor: str
    logger: logging.Logger
    times: StageTimes = field(default_factory=StageTimes)

    def send_entry(self, connector: LiveConnector, order: LedgerOrder) -> Change:
        """Send an entry that is on record as SENDING; return what it becomes. Never raises."""
        return self._outcome(connector, order, lambda: connector.send_entry_order(entry_ticket(order)))

    def send_exit(self, connector: LiveConnector, claimed: ClaimedExit) -> Change:
        """Send an exit that is on record as SENDING; return what it becomes. Never raises."""
        ticket = exit_ticket(claimed)
        return self._outcome(connector, claimed.order, lambda: connector.send_exit_order(ticket))

    def replacement_delay(self, order: LedgerOrder, change: Change) -> float | None:
        """Return after how many seconds another leg takes the place of an exit that ended unfilled; None for none.

        Refused, or provably never taken: the position is still there. What the account did not hold is no such case.
        """
        ended = change.state in {OrderState.REJECTED, OrderState.CANCELLED} or change.cause == "PROVEN_ABSENT"
        if order.purpose is Purpose.ENTRY or not ended or change.not_held > 0:
            return None
        return self.retry.delay(order.leg, 1.0) if order.leg < self.retry.max_attempts else None

    def _outcome(self, connector: LiveConnector, order: LedgerOrder, call: Callable[[], OrderReport]) -> Change:
        began = perf_counter()
        try:
            report = call()
            self.times.add("send", [perf_counter() - began])
        except NotSent as error:
            return self._not_sent(connector, order, error)
        except Exception as error:  # noqa: BLE001 - a failure that nobody foresaw leaves open what the venue has done
            self.logger.warning(
                "Order %s of %s is unresolved: %s",
                order.client_order_id,
                order.account,
                connector.in_words(error),
                extra={"event": "order_unresolved", "trade_id": order.trade_id},
            )
            raw = connector.without_secrets(getattr(error, "raw", {}))
            return Change(
                state=OrderState.UNRESOLVED,
                cause="NO_CLEAR_ANSWER",
                actor=self.actor,
                answer={**raw, "error": connector.in_words(error)},
            )
        change = answered(order, report, actor=self.actor)
        if report.message and change.state is not OrderState.REJECTED:
            # Taken, and something is amiss all the same: a stop that is not there, an order that would not go away.
            self.logger.error(
                "The venue took order %s of %s, but: %s",
                order.client_order_id,
                order.account,
                report.message,
                extra={"event": "venue_warned", "trade_id": order.trade_id},
            )
        return change

    def _not_sent(self, connector: LiveConnector, order: LedgerOrder, error: NotSent) -> Change:
        words = connector.in_words(error)
        pause = self.retry.delay(order.attempts, random.random())  # noqa: S311 - jitter, not a secret
        pause = max(pause, error.retry_after or 0.0)
        too_late = (order.expires_at - self.clock()).total_seconds() <= pause
        over = too_late
        if order.purpose is Purpose.ENTRY:
            # An exit is tried for as long as it lives: whatever keeps it may pass, and the position is still there.
            over = over or error.final or order.attempts >= self.retry.max_attempts
        return Change(
            state=OrderState.NOT_SENT if over else OrderState.PLANNED,
            cause="NOT_SENT" if over else "RETRY",
            actor=self.actor,
            delay=None if over else pause,
            answer={"error": words},
            message=words,
        )


def answered(order: LedgerOrder, report: OrderReport, *, actor: str, cause: str = "ANSWERED") -> Change:
    """Return what a venue's report makes of a leg.

    An exit may close less than it asked for, because the account held less: what it did not find is not open any more.
    """
    quantity = order.quantity or Decimal(0)
    filled = min(max(report.filled, order.filled), quantity)
    state, not_held = report.state, Decimal(0)
    if state is OrderState.FILLED:
        if order.purpose is Purpose.EXIT:
            not_held = quantity - filled
        elif filled < quantity:
            # The venue is done with it and has filled less: the rest will not come.
            state = OrderState.CANCELLED
    elif state is OrderState.CANCELLED and order.purpose is Purpose.EXIT:
        not_held = min(report.not_held, quantity - filled)
    elif state is OrderState.REJECTED and filled > 0:
        state = OrderState.CANCELLED
    elif state is OrderState.ACCEPTED and filled > 0:
        state = OrderState.PARTIALLY_FILLED
    return Change(
        state=state,
        cause="REJECTED_BY_VENUE" if state is OrderState.REJECTED else cause,
        actor=actor,
        filled=filled,
        average_price=report.average_price,
        venue_order_id=report.order_id,
        not_held=not_held,
        answer=dict(report.raw) or None,
        message=report.message,
    )


def entry_ticket(order: LedgerOrder) -> EntryTicket:
    """Return an entry as a venue takes it."""
    return EntryTicket(
        account=order.account,
        client_order_id=order.client_order_id,
        contract=order.contract,
        side=order.side,
        quantity=order.quantity or Decimal(0),
        stop_price=order.stop_price,
        entry_price=order.entry_price,
    )


def exit_ticket(claimed: ClaimedExit) -> ExitTicket:
    """Return an exit as a venue takes it."""
    order = claimed.order
    return ExitTicket(
        account=order.account,
        client_order_id=order.client_order_id,
        contract=order.contract,
        side=order.side,
        quantity=order.quantity or Decimal(0),
        entries=claimed.entries,
        remaining=claimed.remaining,
    )
