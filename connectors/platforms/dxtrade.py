"""DXtrade over its REST interface (``dxsca-web``): entries with their stop, exits by position, lookups by order code.

Read from Devexperts' REST specification (revisions of 2023 and later, also published by brokers) and from live reports
of 2026; never run against a broker. A broker decides whether the interface is open: a login answered with 403 says no.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from connectors.attempts import Attempts
from connectors.http_calls import Reply
from connectors.platforms.dxtrade_exit import Closing, close_parts, own_codes, share_out
from connectors.platforms.dxtrade_lists import Lists
from connectors.platforms.dxtrade_orders import (
    closing_body,
    entry_body,
    net_positions,
    part_code,
    report_of,
    working_order,
)
from connectors.platforms.dxtrade_rows import HeldPosition, ListedOrder
from connectors.platforms.dxtrade_session import Limits, Session
from connectors.tickets import EntryTicket, ExitTicket, VenueLogin
from connectors.venue import Capabilities, NotSent, OrderReport, Position, Unclear, WorkingOrder
from domain.account import AccountKey
from domain.contract import Contract
from domain.order_state import OrderState

# "Order with this id already exists".
DUPLICATE = 100
# The list of orders may change between reading its version and cancelling.
CANCEL_ATTEMPTS = 3


class DXtrade:
    """One login. ``accounts``: account codes, ``clearing:account``, or the account alone with ``default`` understood.

    Quantities at DXtrade are units: ``Contract.lots`` has to be units to a contract. ``lots``: the same by symbol, for
    orders that another process sent; what this one trades it knows. Brackets need position-based accounts: others
    refuse the entry.
    """

    capabilities = Capabilities(
        client_tag=True,
        # Documented as refused (409, error 100), how long an id is remembered is not: not relied on.
        unique_tag=False,
        lookup_by_tag=True,
        # Nothing says how soon an order is in the history.
        complete_list=False,
        settling_seconds=None,
        brackets=True,
        # What becomes of a closing order that is larger than its position is not documented.
        reduce_only=False,
    )

    def __init__(
        self,
        login: VenueLogin,
        accounts: Mapping[AccountKey, str],
        *,
        limits: Limits | None = None,
        lots: Mapping[str, Decimal] | None = None,
    ) -> None:
        self._lots = dict(lots or {})
        self._session = Session(login, limits or Limits())
        self._lists = Lists(self._session, accounts)

    def place_entry(self, ticket: EntryTicket) -> OrderReport:
        """Send a market order, with its stop as one group where it has one. Fills are told by ``find_order``."""
        self._lots[ticket.contract.symbol] = ticket.contract.lots
        return self._send(ticket.account, ticket.client_order_id, entry_body(ticket))

    def place_exit(self, ticket: ExitTicket) -> OrderReport:
        """Close positions of the trade, each with an order of its own.

        The stop of an entry belongs to the entry's position: it shrinks with it and is taken away with it, by the
        venue (read from "position attached" in the specification; seen live by one client in 2026-08), and as a closing
        order it can open nothing. To cancel it first would leave the trade without protection for the second that the
        venue's limit puts between two orders.
        """
        self._lots[ticket.contract.symbol] = ticket.contract.lots
        try:
            held = self._lists.held(ticket.account)
        except Unclear as error:
            raise NotSent(f"the exit was not sent, the positions are not known: {error}") from error
        own = own_codes(ticket, held, lambda code: self._lists.order(ticket.account, code))
        closings = share_out(ticket, held, own)
        if not closings:
            return OrderReport(
                state=OrderState.CANCELLED,
                order_id=None,
                client_order_id=ticket.client_order_id,
                message=f"nothing of {ticket.contract.symbol} is held that a {ticket.side} would close",
            )
        return close_parts(ticket, closings, lambda code, closing: self._close(ticket.account, code, closing))

    def find_order(
        self,
        account: AccountKey,
        client_order_id: str,
        *,
        sent_at: datetime,  # noqa: ARG002 - the venue's interface
        order_id: str | None = None,  # noqa: ARG002 - the venue's interface
        contract: Contract | None = None,
        entries: Sequence[str] = (),  # noqa: ARG002 - the venue's interface
    ) -> OrderReport | None:
        """Look an order up by the code it was sent under; the several orders of one exit are told as one."""
        if contract is not None:
            self._lots[contract.symbol] = contract.lots
        first = self._lists.order(account, client_order_id)
        if first is None:
            return None
        parts = [first]
        while first.closing and (more := self._lists.order(account, part_code(client_order_id, len(parts) + 1))):
            parts.append(more)
        return report_of(parts, client_order_id, self._lots.get(first.symbol, Decimal(1)))

    def working_orders(self, account: AccountKey) -> list[WorkingOrder]:
        """Return the orders that wait; quantities in units."""
        orders = self._lists.open_orders(account)[0]
        held = self._lists.held(account) if any(order.quantity == 0 for order in orders) else []
        return [working_order(order, held) for order in orders]

    def positions(self, account: AccountKey) -> list[Position]:
        """Return what is held by symbol, longs less shorts; quantities in units."""
        return net_positions(self._lists.held(account))

    def cancel_order(self, account: AccountKey, order_id: str) -> None:
        """Cancel a working order, named by its orderId, its orderCode or the system's own code."""
        refusal = ""
        for _ in range(CANCEL_ATTEMPTS):
            orders, version = self._lists.open_orders(account)
            order = next((o for o in orders if o.order_id == order_id or o.carries(order_id)), None)
            if order is None:
                return
            path = f"{self._lists.path(account)}/orders/{quote(order.code, safe='')}"
            reply = self._session.trade("DELETE", path, headers={"If-Match": version})
            if 200 <= reply.status < 300 or reply.status == 404:
                return
            if _is_unclear(reply):
                raise Unclear(f"DELETE {path}: HTTP {reply.status}")
            refusal = self._session.reason(reply)
            # 412: the list has changed meanwhile. 409: the order may have ended, then it is no longer listed.
            if reply.status not in {409, 412}:
                break
        raise NotSent(f"DXtrade does not cancel order {order_id}: {refusal}")

    def flatten(self, account: AccountKey) -> list[str]:
        """Cancel what would open, close every position, then cancel the rest but the stops of what could not be closed.

        All of it is tried before the first failure is raised.
        """
        attempts = Attempts()
        for order in attempts.result(lambda: self._lists.open_orders(account)[0]) or []:
            if not order.closing:
                self._cancel_listed(account, order, attempts)
        held = attempts.result(lambda: self._lists.held(account))
        if held is None:
            return attempts.done()
        still_held = {position.code for position in held if not self._close_whole(account, position, attempts)}
        for order in attempts.result(lambda: self._lists.open_orders(account)[0]) or []:
            if not (order.closing and order.position_code in still_held):
                self._cancel_listed(account, order, attempts)
        return attempts.done()

    def account_status(self, account: AccountKey) -> dict[str, Any] | None:
        """Return equity, balance and open profit; None where the venue has no figures of the account."""
        return self._lists.figures(account)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _send(self, account: AccountKey, code: str, body: dict[str, Any]) -> OrderReport:
        path = f"{self._lists.path(account)}/orders"
        reply = self._session.trade("POST", path, body)
        if 200 <= reply.status < 300:
            return _accepted(path, reply, code, len(body.get("orders", [body])))
        reason = self._session.reason(reply)
        if reply.status == 409 and isinstance(reply.body, dict) and str(reply.body.get("errorCode")) == str(DUPLICATE):
            return self._already_there(account, code, reason)
        if _is_unclear(reply):
            raise Unclear(f"POST {path}: HTTP {reply.status}", {"status": reply.status, "body": reply.body})
        return OrderReport(
            state=OrderState.REJECTED,
            order_id=None,
            client_order_id=code,
            message=reason,
            raw={"status": reply.status, "body": reply.body},
        )

    def _already_there(self, account: AccountKey, code: str, reason: str) -> OrderReport:
        # We send a code once. If something on the way sent it twice, this is the second answer and the order stands.
        try:
            found = self._lists.order(account, code)
        except NotSent as error:
            raise Unclear(f"{reason}; {error}") from error
        if found is None:
            raise Unclear(reason)
        return report_of([found], code, self._lots.get(found.symbol, Decimal(1)))

    def _close(self, account: AccountKey, code: str, closing: Closing) -> OrderReport:
        return self._send(account, code, closing_body(code, closing.position, closing.quantity))

    def _close_whole(self, account: AccountKey, position: HeldPosition, attempts: Attempts) -> bool:
        name = f"{position.quantity:f} {position.symbol}"

        def close() -> OrderReport:
            report = self._close(account, f"fl{uuid4().hex[:18]}", Closing(position, position.quantity))
            if report.state is OrderState.REJECTED:
                raise NotSent(f"DXtrade does not close {name}: {report.message}")
            return report

        report = attempts.result(close)
        if report is not None:
            attempts.say(f"closed {name} with order {report.order_id}")
        return report is not None

    def _cancel_listed(self, account: AccountKey, order: ListedOrder, attempts: Attempts) -> None:
        if attempts.succeeds(lambda: self.cancel_order(account, order.order_id)):
            attempts.say(f"cancelled {order.kind} {order.side} of {order.symbol}, order {order.order_id}")


def _is_unclear(reply: Reply) -> bool:
    # A redirect, or a time-out that something before the venue ran into.
    return reply.status < 400 or reply.status == 408


def _accepted(path: str, reply: Reply, code: str, sent: int) -> OrderReport:
    body = reply.body
    answers = body.get("orderResponses", [body]) if isinstance(body, dict) else body
    first = answers[0] if isinstance(answers, list) and answers else None
    if not isinstance(first, dict) or first.get("orderId") is None:
        raise Unclear(f"POST {path}: HTTP {reply.status} without an orderId", {"body": body})
    short = len(answers) < sent
    return OrderReport(
        state=OrderState.ACCEPTED,
        order_id=str(first["orderId"]),
        client_order_id=code,
        message=f"DXtrade answered for {len(answers)} of {sent} orders: the stop may be missing" if short else None,
        raw={"body": body},
    )
