"""cTrader's Open API over JSON: CFDs at FTMO and other firms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors.platforms.ctrader_answers import answer_of, report, said
from connectors.platforms.ctrader_errors import GONE
from connectors.platforms.ctrader_exits import Exits
from connectors.platforms.ctrader_lookup import Lookup, numbers
from connectors.platforms.ctrader_orders import HeldPosition, PlacedOrder, entry_fields, placed_order
from connectors.platforms.ctrader_record import Record
from connectors.platforms.ctrader_sent import Sent
from connectors.platforms.ctrader_session import Session, before_sending
from connectors.platforms.ctrader_symbols import Symbols
from connectors.platforms.ctrader_waiter import Watched
from connectors.platforms.ctrader_wire import ExecutionType, Message, choice, part, parts, text, whole
from connectors.tickets import EntryTicket, ExitTicket, VenueLogin
from connectors.venue import STOP_OF, Capabilities, NotSent, OrderReport, Position, Unclear, WorkingOrder
from domain.account import AccountKey
from domain.contract import Contract
from domain.order_state import OrderState, Side

# Spotware reports lists of past orders that lagged behind an execution and advises to look again until 60 s later.
SETTLING_SECONDS = 60.0
READINGS = 3


class CTrader:
    """One login (application and access token) at cTrader with the accounts that it trades.

    ``login``: ``key`` and ``secret`` are the application's id and secret, ``token`` the access token, ``url`` is
    ``wss://host:port``. ``accounts`` gives each account's ``ctidTraderAccountId``. The first use opens the connection.
    """

    # The client order id is kept with the order and, as its label, with the position; nothing says that a second one is
    # refused. A closing carries none: `find_order` raises Unclear where an exit cannot be told from another. Rejected
    # orders may be missing in the list, and were then not taken. A closing request names its position.
    capabilities = Capabilities(
        client_tag=True,
        unique_tag=False,
        lookup_by_tag=True,
        complete_list=True,
        settling_seconds=SETTLING_SECONDS,
        brackets=True,
        reduce_only=True,
    )

    def __init__(self, login: VenueLogin, accounts: Mapping[AccountKey, str]) -> None:
        self._accounts = dict(accounts)
        self._session = Session(login)
        self._symbols = Symbols(self._session)
        self._record = Record(self._session)
        self._sent = Sent()
        self._exits = Exits(self._session, self._record, self._symbols, self._sent)
        self._lookup = Lookup(self._record, self._symbols, self._sent)

    def place_entry(self, ticket: EntryTicket) -> OrderReport:
        """Send a market order with its stop as a distance from the fill; wait a moment for the fill."""
        account = self._account(ticket.account)
        with before_sending():
            symbol = self._symbols.named(account, ticket.contract.symbol)
        fields = entry_fields(ticket, symbol)
        self._sent.entry(ticket.client_order_id)
        watched = Watched(account=account, tag=ticket.client_order_id)
        outcome = self._session.act(Message.NEW_ORDER_REQ, fields, watched)
        return report([answer_of(outcome, ticket.contract.lots, symbol)], ticket.client_order_id)

    def place_exit(self, ticket: ExitTicket) -> OrderReport:
        """Close the positions of the trade's entries; their protection goes with them."""
        return self._exits.place(self._account(ticket.account), ticket)

    def find_order(
        self,
        account: AccountKey,
        client_order_id: str,
        *,
        sent_at: datetime,
        order_id: str | None = None,
        contract: Contract | None = None,  # noqa: ARG002 - the venue's interface
        entries: Sequence[str] = (),
    ) -> OrderReport | None:
        """Return what became of an order; see ``Lookup.by_tag``.

        ``entries``: of an exit, the client order ids of the trade's entries. With them it is found by any process;
        without them only by the one that sent it.
        """
        number = self._account(account)
        if client_order_id.endswith(STOP_OF):
            return self._lookup.stop_of(number, client_order_id, sent_at)
        if order_id is not None:
            return self._lookup.by_number(number, client_order_id, order_id)
        return self._lookup.by_tag(number, client_order_id, sent_at, entries)

    def working_orders(self, account: AccountKey) -> list[WorkingOrder]:
        """Return orders that wait; stops that belong to positions are none."""
        number = self._account(account)
        return [self._working(number, order) for order in self._record.open(number).orders]

    def positions(self, account: AccountKey) -> list[Position]:
        """Return what is held, by symbol and side: a hedged account may hold both."""
        number = self._account(account)
        held: dict[tuple[int, Side], list[HeldPosition]] = defaultdict(list)
        for position in self._record.positions(number):
            held[position.symbol_id, position.side].append(position)
        return [self._position(number, *key, positions) for key, positions in held.items()]

    def cancel_order(self, account: AccountKey, order_id: str) -> None:
        """Cancel a working order. Raises NotSent where the venue refuses to."""
        for number in numbers(order_id):
            self._cancel(self._account(account), number)

    def flatten(self, account: AccountKey) -> list[str]:
        """Cancel every order and close every position. What fails is raised at the end, when the rest was tried."""
        number = self._account(account)
        done: list[str] = []
        failed: list[NotSent | Unclear] = []
        now = self._record.open(number)
        for order in now.orders:
            try:
                self._cancel(number, order.id)
                done.append(f"order {order.id} cancelled")
            except (NotSent, Unclear) as error:
                failed.append(error)
        for position in self._record.positions(number) if now.orders else now.positions:
            try:
                done.append(self._close(number, position))
            except (NotSent, Unclear) as error:
                failed.append(error)
        if failed:
            words = "; ".join([*done, *(f"failed: {error}" for error in failed)])
            unclear = any(isinstance(error, Unclear) for error in failed)
            raise Unclear(words) if unclear else NotSent(words)
        return done

    def account_status(self, account: AccountKey) -> dict[str, Any] | None:
        """Return balance, open profit and equity in the account's currency.

        Profit is read between two readings of the balance: a position that closes meanwhile would be in neither.
        """
        number = self._account(account)
        before = self._record.trader(number)
        for _ in range(READINGS):
            request, expected = Message.POSITION_UNREALIZED_PNL_REQ, Message.POSITION_UNREALIZED_PNL_RES
            profits = self._session.ask(number, request, expected)
            after = self._record.trader(number)
            if _version(before) == _version(after):
                balance = _money(whole(after, "balance"), whole(after, "moneyDigits", 2))
                digits = whole(profits, "moneyDigits", 2)
                open_profits = parts(profits, "positionUnrealizedPnL")
                unrealized = sum((_money(whole(one, "netUnrealizedPnL"), digits) for one in open_profits), Decimal(0))
                return {"balance": balance, "unrealized_pl": unrealized, "equity": balance + unrealized}
            before = after
        raise Unclear(f"the balance of account {number} changed during each of {READINGS} readings")

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _account(self, account: AccountKey) -> int:
        number = self._accounts.get(account, "")
        if not number.isdecimal():
            raise NotSent(f"{account}: ctidTraderAccountId {number!r}: digits were expected", final=True)
        return int(number)

    def _working(self, account: int, order: PlacedOrder) -> WorkingOrder:
        symbol = self._symbols.of(account, order.symbol_id)
        return WorkingOrder(
            order_id=str(order.id),
            client_order_id=order.tag,
            symbol=symbol.name,
            side=order.side,
            quantity=symbol.lots(order.volume - order.executed),
            kind=order.kind.name if order.kind else "UNKNOWN",
        )

    def _position(self, account: int, symbol_id: int, side: Side, held: list[HeldPosition]) -> Position:
        symbol = self._symbols.of(account, symbol_id)
        volume = sum(position.volume for position in held)
        prices = [position.average * position.volume for position in held if position.average is not None]
        lots = symbol.lots(volume)
        return Position(
            symbol=symbol.name,
            quantity=lots if side is Side.BUY else -lots,
            average_price=sum(prices, Decimal(0)) / volume if len(prices) == len(held) else None,
        )

    def _cancel(self, account: int, order_id: int) -> None:
        watched = Watched(account=account, order_id=order_id)
        outcome = self._session.act(Message.CANCEL_ORDER_REQ, {"orderId": order_id}, watched)
        if outcome.event is None:
            if outcome.refusal is not None and outcome.refusal.code not in GONE:
                raise NotSent(f"order {order_id} was not cancelled: {outcome.refusal}")
        elif choice(ExecutionType, outcome.event, "executionType") is ExecutionType.ORDER_CANCEL_REJECTED:
            code = text(outcome.event, "errorCode")
            if code not in GONE:
                raise NotSent(f"order {order_id} was not cancelled: {code}")
        elif placed_order(part(outcome.event, "order")).state in {OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED}:
            raise Unclear(f"whether order {order_id} was cancelled is not known", outcome.event)

    def _close(self, account: int, position: HeldPosition) -> str:
        outcome = self._exits.send(account, position, position.volume, "")
        words = f"position {position.id}: {position.side} {self._named(account, position)}"
        if outcome.refusal is not None and outcome.refusal.code in GONE:
            return f"{words} was gone already"
        state, reason, _ = said(outcome)
        if state is OrderState.REJECTED:
            raise NotSent(f"{words} was not closed: {reason}")
        return f"{words} closed" if state is OrderState.FILLED else f"{words}: closing is {state}"

    def _named(self, account: int, position: HeldPosition) -> str:
        # Nothing that is only needed for words may keep a position from being closed.
        try:
            symbol = self._symbols.of(account, position.symbol_id)
        except (NotSent, Unclear):
            return f"volume {position.volume} of symbol {position.symbol_id}"
        return f"{symbol.lots(position.volume)} {symbol.name}"


def _money(amount: int, digits: int) -> Decimal:
    return Decimal(amount).scaleb(-digits)


def _version(trader: Mapping[str, Any]) -> tuple[Any, Any]:
    return trader.get("balanceVersion"), trader.get("balance")
