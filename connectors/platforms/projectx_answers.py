"""What ProjectX says: enumerations, error codes, and orders as it lists them.

From the API's own description (api.topstepx.com/swagger/v1/swagger.json) and gateway.docs.projectx.com. HTTP 200 says
nothing: ``success`` and ``errorCode`` do, and each call has error codes of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from types import MappingProxyType
from typing import Any

from connectors.http_calls import MOST_TEXT, Reply
from connectors.venue import OrderReport, Unclear
from domain.order_state import OrderState, Side

Row = dict[str, Any]

PLACE = "/api/Order/place"
MODIFY = "/api/Order/modify"
CANCEL = "/api/Order/cancel"
ORDER_BY_ID = "/api/Order/searchById"
CLOSE_CONTRACT = "/api/Position/closeContract"
OPEN_POSITIONS = "/api/Position/searchOpen"

# The names of each call's codes in their order; the first is code 0.
ERRORS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        PLACE: (
            *("Success", "AccountNotFound", "OrderRejected", "InsufficientFunds", "AccountViolation"),
            *("OutsideTradingHours", "OrderPending", "UnknownError", "ContractNotFound", "ContractNotActive"),
            "AccountRejected",
        ),
        MODIFY: (
            *("Success", "AccountNotFound", "OrderNotFound", "Rejected", "Pending", "UnknownError"),
            *("AccountRejected", "ContractNotFound"),
        ),
        CANCEL: (
            *("Success", "AccountNotFound", "OrderNotFound", "Rejected", "Pending", "UnknownError"),
            "AccountRejected",
        ),
        ORDER_BY_ID: ("Success", "OrderNotFound"),
        CLOSE_CONTRACT: (
            *("Success", "AccountNotFound", "PositionNotFound", "ContractNotFound", "ContractNotActive"),
            *("OrderRejected", "OrderPending", "UnknownError", "AccountRejected"),
        ),
    }
)
OTHER_ERRORS = ("Success", "AccountNotFound")
# The venue may still do what it was asked for.
LEAVES_OPEN = frozenset({"OrderPending", "Pending", "UnknownError"})
# Below 500, and yet no word on whether the request was carried out: a time-out, a conflict, a repeated request.
UNCLEAR_STATUS = frozenset({408, 409, 425, 499})


class Kind(IntEnum):
    """OrderType."""

    LIMIT = 1
    MARKET = 2
    STOP_LIMIT = 3
    STOP = 4
    TRAILING_STOP = 5
    JOIN_BID = 6
    JOIN_ASK = 7


class Status(IntEnum):
    """OrderStatus. SUSPENDED is a bracket's order whose entry has not filled yet."""

    OPEN = 1
    FILLED = 2
    CANCELLED = 3
    EXPIRED = 4
    REJECTED = 5
    PENDING = 6
    PENDING_CANCELLATION = 7
    SUSPENDED = 8


STOPS = frozenset({Kind.STOP_LIMIT, Kind.STOP, Kind.TRAILING_STOP})
AT_REST = frozenset({Status.FILLED, Status.CANCELLED, Status.EXPIRED, Status.REJECTED})
WORKING = frozenset(Status) - AT_REST
SIDE_CODES: Mapping[Side, int] = MappingProxyType({Side.BUY: 0, Side.SELL: 1})
SIDES: Mapping[int, Side] = MappingProxyType({code: side for side, code in SIDE_CODES.items()})

_STATES: Mapping[Status, OrderState] = MappingProxyType(
    {
        Status.FILLED: OrderState.FILLED,
        Status.CANCELLED: OrderState.CANCELLED,
        Status.EXPIRED: OrderState.CANCELLED,
        Status.REJECTED: OrderState.REJECTED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The venue's clear no. ``order_id``: a refused order may have got an id, and stand on record as rejected."""

    name: str
    message: str | None = None
    order_id: str | None = None
    raw: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.name}: {self.message}" if self.message else self.name

    @property
    def tag_in_use(self) -> bool:
        """Return whether the tag is taken: OrderRejected has no code for it, only "custom tag is already in use"."""
        return "tag" in (self.message or "").lower()


def refusal(path: str, reply: Reply) -> Refusal | None:
    """Return why the venue did not do what it was asked for, None where it did.

    Raises Unclear where the answer leaves that open: a code that says so, an unknown one, or one that contradicts.
    """
    if reply.status != 200:
        if 400 <= reply.status < 500 and reply.status not in UNCLEAR_STATUS:
            told = str(reply.body)[:MOST_TEXT] if reply.body else None
            return Refusal(name=f"HTTP {reply.status}", message=told, raw={"status": reply.status, "body": reply.body})
        raise Unclear(f"{path}: HTTP {reply.status}", {"status": reply.status, "body": reply.body})
    fields = reply.fields
    success, code = fields.get("success"), fields.get("errorCode")
    if success is True and code in (0, None):
        return None
    names = ERRORS.get(path, OTHER_ERRORS)
    name = names[code] if isinstance(code, int) and 0 < code < len(names) else f"code {code}"
    if success is not False or name not in names or name in LEAVES_OPEN:
        raise Unclear(f"{path}: success {success}, {name}: {fields.get('errorMessage')}", fields)
    order_id = fields.get("orderId")
    return Refusal(
        name=name,
        message=fields.get("errorMessage"),
        order_id=None if order_id is None else str(order_id),
        raw=fields,
    )


def rows(path: str, reply: Reply, field: str) -> list[Row]:
    """Return a list that was asked for. Raises Unclear where there is none: a missing list is no empty one."""
    refused = refusal(path, reply)
    if refused is not None:
        raise Unclear(f"{path}: {refused}", refused.raw)
    listed = reply.fields.get(field)
    if not isinstance(listed, list) or not all(isinstance(row, dict) for row in listed):
        raise Unclear(f"{path}: no list of {field}", reply.fields)
    return listed


def status_of(row: Row) -> Status:
    """Return an order's status. Raises Unclear for one that is not known."""
    try:
        return Status(row.get("status", 0))
    except ValueError as error:
        raise Unclear(f"order {row.get('id')} has status {row.get('status')}", row) from error


def decimal_of(value: object) -> Decimal:
    """Return a JSON number as Decimal, 0 for null."""
    return Decimal(0) if value is None else Decimal(str(value))


def report_of(row: Row, message: str | None = None) -> OrderReport:
    """Return a listed order as a report. Raises Unclear for an unknown status.

    What is pending, pending cancellation or suspended may still fill: ACCEPTED, or PARTIALLY_FILLED.
    """
    status, filled = status_of(row), decimal_of(row.get("fillVolume"))
    if status is Status.FILLED and not filled:
        filled = decimal_of(row.get("size"))
    price, order_id = row.get("filledPrice"), row.get("id")
    return OrderReport(
        state=_STATES.get(status) or (OrderState.PARTIALLY_FILLED if filled else OrderState.ACCEPTED),
        order_id=None if order_id is None else str(order_id),
        client_order_id=row.get("customTag"),
        filled=filled,
        average_price=decimal_of(price) if price is not None and filled else None,
        message=message,
        raw=row,
    )
