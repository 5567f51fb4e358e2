"""Tradovate over REST: the venue of the Tradovate accounts of prop firms."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from datetime import time as wall_clock
from decimal import Decimal
from functools import partial
from typing import Any

from connectors.http_calls import RateLimit
from connectors.platforms.tradovate_desk import AGAIN_AFTER, TradovateDesk
from connectors.platforms.tradovate_protection import Protection
from connectors.platforms.tradovate_records import TradovateRecords
from connectors.platforms.tradovate_session import DEALS, LOOKS, TradovateSession, before_sending
from connectors.platforms.tradovate_wire import (
    FINAL,
    Account,
    OrderRecord,
    market_order,
    protective_stop,
    refusal_of,
    whole,
)
from connectors.tickets import EntryTicket, ExitTicket, VenueLogin
from connectors.venue import Capabilities, NotSent, OrderReport, Position, Unclear, WorkingOrder
from domain.account import AccountKey
from domain.contract import Contract
from domain.firm_day import FirmDay
from domain.order_state import OrderState, Side

PLACE = "/order/placeorder"
PLACE_WITH_STOP = "/order/placeoso"
# An entry that has filled and a position that is not there yet: how long until the position is looked at again.
POSITION_FOLLOWS = 0.3


class Tradovate:
    """One login at Tradovate. ``accounts``: the name or the number of each account there.

    What may be relied on: ``clOrdId`` is stored, with the command that made the order and not with the order itself,
    and read back from ``/command/list``; that it be unique is nowhere promised. The lists are documented as all
    entities of the user, but answers of unknown size may be cut off, and nothing says for how long orders are kept. So
    ``find_order`` says "not there" only of what was sent in the current trading day and of lists that account for every
    order of the account since then; otherwise it raises Unclear, and so ``complete_list`` holds. ``settling_seconds``:
    Tradovate's gateway has been seen to take more than 15 s on a bad day. Nothing at Tradovate keeps an exit from
    turning a position: it is read before, and another order of the same account in between is not seen.
    """

    capabilities = Capabilities(
        client_tag=True,
        unique_tag=False,
        lookup_by_tag=True,
        complete_list=True,
        settling_seconds=20.0,
        brackets=True,
        reduce_only=False,
        # A fresh login can end a session that is running.
        single_session=True,
    )

    def __init__(self, login: VenueLogin, accounts: Mapping[AccountKey, str]) -> None:
        self._session = TradovateSession(login)
        known: tuple[dict[AccountKey, Account], dict[int, str]] = ({}, {})
        self._looks = TradovateRecords(self._session, RateLimit(LOOKS), accounts, known)
        self._deals = TradovateRecords(self._session, RateLimit(DEALS), accounts, known)
        self._desk = TradovateDesk(self._deals)
        self._protection = Protection(self._deals, self._desk)
        self._trading_day = FirmDay(reset=wall_clock(17), zone="America/Chicago")

    def place_entry(self, ticket: EntryTicket) -> OrderReport:
        """Send a market order, with its stop as a bracket where it has one (order sends order)."""
        quantity = whole(ticket.quantity)
        with before_sending():
            account = self._deals.account(ticket.account)
        body = market_order(account, ticket.contract.symbol, ticket.side, quantity, ticket.client_order_id)
        if ticket.stop_price is None:
            return self._desk.place(PLACE, body)
        return self._desk.place(PLACE_WITH_STOP, {**body, "bracket1": protective_stop(ticket, ticket.stop_price)})

    def place_exit(self, ticket: ExitTicket) -> OrderReport:
        """Take the trade's stops away, then close with a market order what the account still holds of it.

        Raises NotSent with nothing closed where a stop cannot be cancelled or made smaller for certain: it goes on
        protecting, and an exit on top of it could turn the position. Likewise while an entry of the trade is still
        working and nothing is held. An order of the exit that is on record already is reported and not sent again.
        """
        quantity = whole(ticket.quantity)
        with before_sending():
            account = self._deals.account(ticket.account)
            held = self._closable(account, ticket)
            trade = self._protection.trade(account, ticket)
            for number in trade.exits:
                sent = self._deals.order(number)
                if sent is not None and sent.account_id == account.id:
                    return sent.report(ticket.client_order_id)
            if not held:
                self._refuse_while_working(trade.entries)
                if trade.looks_open:
                    time.sleep(POSITION_FOLLOWS)
                    held = self._closable(account, ticket)
            released = self._protection.release(trade, min(ticket.remaining, max(held - quantity, Decimal(0))))
            if released.changed or released.at_most is not None:
                held = self._closable(account, ticket)
        amount = min(Decimal(quantity), held, held if released.at_most is None else released.at_most)
        if amount <= 0:
            return OrderReport(
                state=OrderState.CANCELLED,
                order_id=None,
                client_order_id=ticket.client_order_id,
                message=f"the account holds nothing of {ticket.contract.symbol} that this exit could close",
            )
        body = market_order(account, ticket.contract.symbol, ticket.side, whole(amount), ticket.client_order_id)
        report = self._desk.place(PLACE, body)
        if report.state is OrderState.REJECTED and released.changed:
            return replace(report, message=f"{report.message}; the protective stop is already cancelled or smaller")
        return report

    def find_order(
        self,
        account: AccountKey,
        client_order_id: str,
        *,
        sent_at: datetime,
        order_id: str | None = None,
        contract: Contract | None = None,  # noqa: ARG002 - the venue's interface
        entries: Sequence[str] = (),  # noqa: ARG002 - the venue's interface
    ) -> OrderReport | None:
        """Return what became of an order. Raises Unclear where its absence cannot be vouched for."""
        records, at = self._looks, self._looks.account(account)
        known = records.order(int(order_id)) if order_id is not None and order_id.isdigit() else None
        found = [known] if known is not None else records.find(at, client_order_id, sent_at=sent_at)
        if found:
            return self._told(found, client_order_id)
        if self._trading_day.day_of(sent_at) != self._trading_day.day_of(datetime.now(UTC)):
            raise Unclear(
                f"{client_order_id} is not in Tradovate's lists, which may not reach back to {sent_at:%d %b %H:%M} UTC"
            )
        return None

    def working_orders(self, account: AccountKey) -> list[WorkingOrder]:
        """Return the orders that wait, those held back until their entry fills (Suspended) among them."""
        records = self._looks
        working = [records.complete(row) for row in _not_over(records, records.account(account))]
        tags = {c.get("orderId"): c.get("clOrdId") for c in records.commands() if c.get("commandType") == "New"}
        return [
            WorkingOrder(
                order_id=str(order.id),
                client_order_id=tags.get(order.id),
                symbol=records.contract_name(order.contract_id),
                side=order.side,
                quantity=order.leaves,
                kind=order.kind,
            )
            for order in working
        ]

    def positions(self, account: AccountKey) -> list[Position]:
        """Return what the account holds, by Tradovate's contract names."""
        return [
            Position(symbol=held.symbol, quantity=held.net, average_price=held.average)
            for held in self._looks.positions(self._looks.account(account))
        ]

    def cancel_order(self, account: AccountKey, order_id: str) -> None:
        """Ask for an order to be cancelled. Raises NotSent, with Tradovate's reason, where it refuses and goes on."""
        with before_sending():
            self._deals.account(account)
        if not order_id.isdigit():
            raise NotSent(f"{order_id!r} is no order number of Tradovate", final=True)
        self._desk.cancel_unless_over(int(order_id))

    def flatten(self, account: AccountKey) -> list[str]:
        """Cancel every working order, then let Tradovate liquidate every position; go on past what fails.

        Raises NotSent, or Unclear where one of the answers was, when all has been tried: with what was done and what
        was not.
        """
        at = self._deals.account(account)
        done: list[str] = []
        failed: list[NotSent | Unclear] = []

        def attempt(what: str, act: Callable[[], None]) -> None:
            try:
                act()
                done.append(what)
            except (NotSent, Unclear) as error:
                failed.append(error)

        for order in _not_over(self._deals, at):
            number = int(order["id"])
            attempt(f"cancelled order {number} ({order.get('action')})", partial(self._desk.cancel_unless_over, number))
        for held in self._deals.positions(at):
            attempt(f"closed the position of {held.net} {held.symbol}", partial(self._desk.liquidate, at, held))
        if failed:
            told = "; ".join([*done, *(f"not done: {error}" for error in failed)])
            unclear = any(isinstance(error, Unclear) for error in failed)
            raise Unclear(told) if unclear else NotSent(told, retry_after=AGAIN_AFTER)
        return done

    def account_status(self, account: AccountKey) -> dict[str, Any] | None:
        """Return equity (``netLiq``), balance (``totalCashValue``), open and realized profit of the session."""
        at = self._looks.account(account)
        reply = self._looks.post("/cashBalance/getcashbalancesnapshot", {"accountId": at.id})
        refusal = refusal_of(reply.fields)
        if reply.status != 200 or refusal is not None:
            raise Unclear(f"{account}: no balance: HTTP {reply.status} {refusal.text if refusal else ''}")
        figures = {
            "equity": reply.fields.get("netLiq"),
            "balance": reply.fields.get("totalCashValue"),
            "unrealized_pl": reply.fields.get("openPnL"),
            "realized_pl": reply.fields.get("realizedPnL"),
        }
        return {name: figure for name, figure in figures.items() if figure is not None}

    def close(self) -> None:
        """Close the connections; the session at Tradovate ends by itself."""
        self._session.close()

    def _closable(self, account: Account, ticket: ExitTicket) -> Decimal:
        """Return how many contracts an order of the ticket's side could close, as of now."""
        positions = self._deals.positions(account)
        net = sum((held.net for held in positions if held.symbol == ticket.contract.symbol), Decimal(0))
        return max(net if ticket.side is Side.SELL else -net, Decimal(0))

    def _refuse_while_working(self, entries: tuple[int, ...]) -> None:
        for number in entries:
            order = self._deals.item("/order/item", number)
            if order is not None and order.get("ordStatus") not in FINAL:
                raise NotSent(f"the entry {number} is still {order.get('ordStatus')}", retry_after=AGAIN_AFTER)

    def _told(self, found: list[OrderRecord], client_order_id: str) -> OrderReport:
        first = found[0]
        told = self._looks.why_rejected(first.id) if first.state is OrderState.REJECTED else None
        if len(found) > 1:
            numbers = ", ".join(str(order.id) for order in found)
            told = f"{len(found)} orders bear the id {client_order_id}: {numbers}; this is the first"
        return first.report(client_order_id, told)


def _not_over(records: TradovateRecords, account: Account) -> list[dict[str, Any]]:
    rows = [row for row in records.entities("/order/list") if row.get("accountId") == account.id]
    return [row for row in rows if row.get("ordStatus") not in FINAL]
