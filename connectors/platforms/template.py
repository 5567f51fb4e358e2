"""A venue that its owner describes in a JSON template: plain HTTP calls, no code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import uuid4

from connectors.attempts import Attempts
from connectors.platforms.template_calls import TemplateCalls, text_at
from connectors.platforms.template_checks import names_of
from connectors.platforms.template_file import InvalidTemplate, VenueTemplate
from connectors.platforms.template_lists import figures, is_word, positions, working_orders
from connectors.platforms.template_model import FindOrder, Match
from connectors.platforms.template_orders import Asked, placed, reported
from connectors.platforms.template_protection import Cut, change_order, cut_protection
from connectors.platforms.template_text import Value, at
from connectors.tickets import EntryTicket, ExitTicket, VenueLogin
from connectors.venue import Capabilities, NotSent, OrderReport, Position, Unclear, WorkingOrder
from domain.account import AccountKey
from domain.contract import Contract
from domain.order_state import OrderState, Side

__all__ = ["InvalidTemplate", "TemplateVenue", "VenueTemplate"]

NOT_FOUND = Match(status=(404,))


class TemplateVenue:
    """One login at a venue that a template describes. ``accounts``: the venue's names of the accounts.

    ``lots``: lots to a contract by symbol, for orders that another process sent; what this one trades it knows.
    Raises ValueError for a login or accounts that the template cannot be used with.
    """

    def __init__(
        self,
        login: VenueLogin,
        accounts: Mapping[AccountKey, str],
        template: VenueTemplate,
        *,
        lots: Mapping[str, Decimal] | None = None,
    ) -> None:
        self._template = template
        self._calls = TemplateCalls(login, accounts, template)
        self._lots = dict(lots or {})
        self.capabilities = Capabilities(**template.capabilities.model_dump())

    def place_entry(self, ticket: EntryTicket) -> OrderReport:
        """Send an entry as the template writes it."""
        lots, find = ticket.contract.lots, self._template.find
        if lots != 1 and find is not None and find.answer.symbol is None:
            raise NotSent(
                f"{self._template.name}: find.answer.symbol is needed to count the fills of {ticket.contract.symbol}, "
                f"of which a contract is {lots:f} lots",
                final=True,
            )
        return self._place("entry", ticket, ticket.quantity * lots, ticket.stop_price, ticket.entry_price)

    def place_exit(self, ticket: ExitTicket) -> OrderReport:
        """Close what the ticket says, less where less is held; protective orders are cut before."""
        wanted = ticket.quantity * ticket.contract.lots
        keep = ticket.remaining * ticket.contract.lots
        if self._template.positions is not None:
            try:
                held = self._held(ticket)
            except Unclear as error:
                raise NotSent(f"the exit was not sent, the positions are not known: {error}") from error
            if held < 0:
                return _nothing_to_close(ticket)
            wanted = min(wanted, held)
            keep = min(keep, held - wanted)
        cut = cut_protection(self._calls, ticket, keep)
        if wanted == 0:
            return _with_word_on(cut, _nothing_to_close(ticket))
        try:
            report = self._place("exit", ticket, wanted)
        except NotSent as error:
            told = "; ".join([str(error), *cut.done])
            raise NotSent(told, final=error.final, retry_after=error.retry_after) from error
        if cut.failed and report.state is not OrderState.REJECTED:
            cut = cut_protection(self._calls, ticket, keep)
        return _with_word_on(cut, report)

    def find_order(
        self,
        account: AccountKey,
        client_order_id: str,
        *,
        sent_at: datetime,  # noqa: ARG002 - the venue's interface
        order_id: str | None = None,
        contract: Contract | None = None,  # noqa: ARG002 - the venue's interface
        entries: Sequence[str] = (),  # noqa: ARG002 - the venue's interface
    ) -> OrderReport | None:
        """Look an order up by its client order id, or by the venue's where the template asks for that."""
        return self._find(account, client_order_id, order_id)

    def working_orders(self, account: AccountKey) -> list[WorkingOrder]:
        """Return the orders that wait."""
        return working_orders(self._calls, account)

    def positions(self, account: AccountKey) -> list[Position]:
        """Return what is held by symbol."""
        return positions(self._calls, account)

    def cancel_order(self, account: AccountKey, order_id: str) -> None:
        """Cancel a working order by the venue's id."""
        change_order(self._calls, "cancel", account, order_id=order_id)

    def flatten(self, account: AccountKey) -> list[str]:
        """Cancel every working order, then close every position. All is tried before the first failure is raised.

        Where the positions are not known nothing is cancelled: what waits may be all that protects them.
        """
        attempts = Attempts()
        held = attempts.result(lambda: self.positions(account))
        if held is None:
            return attempts.done()
        for order in attempts.result(lambda: self.working_orders(account)) or []:
            if attempts.succeeds(partial(self.cancel_order, account, order.order_id)):
                attempts.say(f"cancelled {order.kind} {order.side} of {order.symbol}, order {order.order_id}")
        for position in held:
            if attempts.succeeds(partial(self._close, account, position)):
                attempts.say(f"closed {position.quantity:f} {position.symbol}")
        return attempts.done()

    def account_status(self, account: AccountKey) -> dict[str, Any] | None:
        """Return the figures that the template finds."""
        return figures(self._calls, account)

    def close(self) -> None:
        """Close the connections."""
        self._calls.close()

    def _place(
        self,
        name: str,
        ticket: EntryTicket | ExitTicket,
        quantity: Decimal,
        stop_price: Decimal | None = None,
        entry_price: Decimal | None = None,
    ) -> OrderReport:
        contract = ticket.contract
        self._lots[contract.symbol] = contract.lots
        values: dict[str, Value] = {"client_order_id": ticket.client_order_id, "symbol": contract.symbol}
        values |= {"side": self._word(ticket.side), "quantity": quantity}
        values |= {"stop_price": stop_price, "entry_price": entry_price}
        operation = self._template.entry if name == "entry" else self._template.exit
        reply = self._calls.call(name, operation, ticket.account, **values)
        if operation.duplicate is not None and operation.duplicate.holds(reply):
            return self._already_there(ticket, self._calls.said(reply, operation.answer))
        asked = Asked(client_order_id=ticket.client_order_id, quantity=quantity, lots=contract.lots)
        return placed(self._calls, name, operation, reply, asked)

    def _already_there(self, ticket: EntryTicket | ExitTicket, said: str) -> OrderReport:
        # We send an id once. If something on the way sent it twice, this is the second answer and the order stands.
        try:
            found = self._find(ticket.account, ticket.client_order_id)
        except NotSent as error:
            raise Unclear(f"{said}; {error}") from error
        if found is None:
            raise Unclear(said)
        return found

    def _find(self, account: AccountKey, client_order_id: str, order_id: str | None = None) -> OrderReport | None:
        find = self._calls.described("find", self._template.find)
        if find.orders is None and order_id is None and "client_order_id" not in names_of(find):
            raise NotSent(f"{self._template.name} finds orders by its own id only, which is not known", final=True)
        values: dict[str, Value] = {"client_order_id": client_order_id, "order_id": order_id}
        reply = self._calls.call("find", find, account, **values)
        absent = find.absent or (NOT_FOUND if find.orders is None else None)
        if absent is not None and absent.holds(reply):
            return None
        self._calls.require("find", find, reply)
        row = self._row_of(find, reply.body, client_order_id, reply)
        if row is None:
            return None
        lots = self._lots.get(text_at(row, find.answer.symbol) or "", Decimal(1))
        asked = Asked(client_order_id=client_order_id, quantity=None, lots=lots)
        return reported(self._calls, "find", find.answer, row, asked)

    def _row_of(self, find: FindOrder, body: Any, client_order_id: str, reply: Any) -> Any:
        rows = [body] if find.orders is None else self._calls.list_at("find", reply, find.orders)
        if find.tag is not None:
            rows = [row for row in rows if is_word(at(row, find.tag), client_order_id)]
        if len(rows) > 1:
            raise Unclear(f"find: {len(rows)} orders under {client_order_id}", {"orders": self._calls.hide(rows)})
        return rows[0] if rows else None

    def _held(self, ticket: ExitTicket) -> Decimal:
        """Return how many lots the exit's side could close, below 0 where the position is on the other side."""
        held = sum(
            (p.quantity for p in self.positions(ticket.account) if p.symbol == ticket.contract.symbol), Decimal(0)
        )
        return held if ticket.side is Side.SELL else -held

    def _close(self, account: AccountKey, position: Position) -> None:
        values: dict[str, Value] = {"client_order_id": f"fl{uuid4().hex[:18]}", "symbol": position.symbol}
        side = Side.SELL if position.quantity > 0 else Side.BUY
        quantity = abs(position.quantity)
        reply = self._calls.call(
            "exit", self._template.exit, account, **values, side=self._word(side), quantity=quantity
        )
        asked = Asked(client_order_id=str(values["client_order_id"]), quantity=quantity, lots=Decimal(1))
        report = placed(self._calls, "exit", self._template.exit, reply, asked)
        if report.state is OrderState.REJECTED:
            raise NotSent(f"{self._template.name} does not close {quantity:f} {position.symbol}: {report.message}")

    def _word(self, side: Side) -> str | int:
        return self._template.sides.buy if side is Side.BUY else self._template.sides.sell


def _nothing_to_close(ticket: ExitTicket) -> OrderReport:
    return OrderReport(
        state=OrderState.CANCELLED,
        order_id=None,
        client_order_id=ticket.client_order_id,
        message=f"nothing of {ticket.contract.symbol} is held that a {ticket.side} would close",
    )


def _with_word_on(cut: Cut, report: OrderReport) -> OrderReport:
    unprotected = cut.done if report.state is OrderState.REJECTED else []
    told = [part for part in (report.message, *cut.failed, *unprotected) if part is not None]
    return replace(report, message="; ".join(told) or None)
