"""Tradovate's words: what its requests look like and what its answers mean. No IO.

Fields, enums and status words are those of Tradovate's partner documentation (orders, authentication, error handling).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from connectors.tickets import EntryTicket, VenueLogin
from connectors.venue import NotSent, OrderReport, Unclear
from domain.money import decimal_of
from domain.order_state import OrderState, Side

APP_ID = "prop-firm-execution-router"
APP_VERSION = "1.0"
# The protective stop's own client order id: the entry's, and this.
STOP_SUFFIX = "S"
ACTIONS = {Side.BUY: "Buy", Side.SELL: "Sell"}
SIDES = {action: side for side, action in ACTIONS.items()}
FINAL = frozenset({"Canceled", "Completed", "Expired", "Filled", "Rejected"})
# A command is under way; what will have become of the order is not known yet.
CHANGING = frozenset({"PendingCancel", "PendingNew", "PendingReplace"})
# Tradovate does not say that nothing came of the order: the check before the market gave no answer, or nobody knows.
DOUBTFUL = frozenset({"RiskCheckTimeout", "UnknownReason"})
# Refused as a request: malformed, not allowed, not found. Every other status of 3xx and 4xx leaves the outcome open.
CLEAR_REFUSALS = frozenset({400, 403, 404, 405, 413, 415, 422})
MOST_TEXT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account as Tradovate knows it: number and name (``accountId``, ``accountSpec``)."""

    id: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer that says no. ``doubtful``: it leaves open whether nothing came of the request."""

    text: str
    doubtful: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRecord:
    """An order with its valid version and its fills. ``status`` is the ``ordStatus``; ``average`` in points."""

    id: int
    account_id: int
    contract_id: int | None
    side: Side
    status: str
    quantity: Decimal | None
    filled: Decimal
    average: Decimal | None
    kind: str = ""
    stop_price: Any = None
    time_in_force: str | None = None

    @property
    def final(self) -> bool:
        return self.status in FINAL

    @property
    def leaves(self) -> Decimal:
        """What may still fill; nothing of an order that is over."""
        return Decimal(0) if self.final else max((self.quantity or Decimal(0)) - self.filled, Decimal(0))

    @property
    def unfilled(self) -> Decimal:
        """What did not fill, of an order that is over too."""
        return max((self.quantity or Decimal(0)) - self.filled, Decimal(0))

    @property
    def state(self) -> OrderState:
        """Tradovate has no word for partly filled: such an order is Working."""
        if self.status == "Filled" or (self.status == "Completed" and self.filled and not self.unfilled):
            return OrderState.FILLED
        if self.status == "Rejected" and not self.filled:
            return OrderState.REJECTED
        if self.final:
            return OrderState.CANCELLED
        return OrderState.PARTIALLY_FILLED if self.filled else OrderState.ACCEPTED

    def report(self, client_order_id: str | None, message: str | None = None) -> OrderReport:
        return OrderReport(
            state=self.state,
            order_id=str(self.id),
            client_order_id=client_order_id,
            filled=self.filled,
            average_price=self.average,
            message=message,
            raw={"ordStatus": self.status, "orderQty": self.quantity, "contractId": self.contract_id},
        )


def device_id(login: VenueLogin) -> str:
    """Return the ``deviceId`` of a login: always the same one, in every process, with no secret in it."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{APP_ID}/{login.url}/{login.user}"))


def token_request(login: VenueLogin) -> dict[str, Any]:
    """Return the body of a login. Raises NotSent where the name or the password is missing."""
    if not login.user or not login.password:
        raise NotSent(f"{login.firm_code}: a Tradovate login needs a user and a password", final=True)
    body: dict[str, Any] = {
        "name": login.user,
        "password": login.password,
        "appId": APP_ID,
        "appVersion": APP_VERSION,
        "deviceId": device_id(login),
    }
    if login.key:
        # The documentation shows the key's id as a number.
        body["cid"] = int(login.key) if login.key.isdigit() else login.key
    if login.secret:
        body["sec"] = login.secret
    return body


def market_order(account: Account, symbol: str, side: Side, quantity: int, client_order_id: str) -> dict[str, Any]:
    """Return the body of a market order that no person clicked."""
    return {
        "accountSpec": account.name,
        "accountId": account.id,
        "clOrdId": client_order_id,
        "action": ACTIONS[side],
        "symbol": symbol,
        "orderQty": quantity,
        "orderType": "Market",
        "timeInForce": "Day",
        "isAutomated": True,
    }


def protective_stop(ticket: EntryTicket, stop_price: Decimal) -> dict[str, Any]:
    """Return the bracket of an entry: a stop on the other side, good till cancelled.

    A bracket has no ``isAutomated`` of its own: the flag of the whole order covers it. Its size is the entry's.
    """
    return {
        "action": ACTIONS[ticket.side.opposite],
        "clOrdId": ticket.client_order_id + STOP_SUFFIX,
        "orderType": "Stop",
        "stopPrice": on_tick(stop_price, ticket.contract.tick_size, ticket.side),
        "timeInForce": "GTC",
    }


def on_tick(price: Decimal, tick: Decimal | None, entry: Side) -> Decimal:
    """Return a stop price on the contract's ticks; one between two is moved away from the entry."""
    if tick is None or tick <= 0:
        return price
    return (price / tick).to_integral_value(ROUND_FLOOR if entry is Side.BUY else ROUND_CEILING) * tick


def whole(quantity: Decimal) -> int:
    """Return a number of futures. Raises NotSent for what is none."""
    if quantity <= 0 or quantity != quantity.to_integral_value():
        raise NotSent(f"{quantity} is no number of futures; a whole number above 0 is expected", final=True)
    return int(quantity)


def refusal_of(fields: Mapping[str, Any]) -> Refusal | None:
    """Return what an answer says against the request, with HTTP 200 too; ``Success`` is a reason that is none."""
    reason = fields.get("failureReason")
    named = [] if reason in {None, "", "Success"} else [str(reason)]
    told = [str(fields[name]) for name in ("failureText", "errorText") if fields.get(name)]
    violations = fields.get("violations")
    if isinstance(violations, list):
        told += [str(v.get("description") or v) if isinstance(v, dict) else str(v) for v in violations]
    parts = named + told
    if not parts and fields.get("ok") is False:
        parts = ["ok: false"]
    return Refusal(text=": ".join(parts)[:MOST_TEXT], doubtful=reason in DOUBTFUL) if parts else None


def order_record(
    order: Mapping[str, Any], version: Mapping[str, Any], fills: Iterable[Mapping[str, Any]]
) -> OrderRecord:
    """Return an order from the three entities that tell of it. Raises Unclear where they cannot be read.

    What ``active`` of a fill means is not documented: every fill counts.
    """
    try:
        parts = [(decimal_of(fill["qty"]), decimal_of(fill["price"])) for fill in fills]
        filled = sum((quantity for quantity, _ in parts), Decimal(0))
        quantity = None if version.get("orderQty") is None else decimal_of(version["orderQty"])
        status = str(order["ordStatus"])
        average = sum((q * p for q, p in parts), Decimal(0)) / filled if filled else None
        if status == "Filled" and quantity is not None and filled < quantity:
            # The status is ahead of the fills: the size is certain, the price is not.
            filled, average = quantity, None
        return OrderRecord(
            id=int(order["id"]),
            account_id=int(order["accountId"]),
            contract_id=order.get("contractId"),
            side=SIDES[order["action"]],
            status=status,
            quantity=quantity,
            filled=filled,
            average=average,
            kind=str(version.get("orderType") or ""),
            stop_price=version.get("stopPrice"),
            time_in_force=version.get("timeInForce"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Unclear(f"order {order.get('id')} cannot be read: {error!r}", {"order": dict(order)}) from error
