"""cTrader's Open API on the wire: JSON frames, the numbers of its messages, and how fields are read.

Numbers and units are those of Spotware's openapi-proto-messages. The JSON port sends enums as numbers; their names and
64-bit integers as text are read as well, as protobuf's own JSON has them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import IntEnum
from typing import Any, TypeVar

from connectors.venue import Unclear
from domain.json_text import json_text

Fields = Mapping[str, Any]


class Message(IntEnum):
    """``payloadType`` of the messages that are used here."""

    ERROR = 50
    HEARTBEAT = 51
    APPLICATION_AUTH_REQ = 2100
    APPLICATION_AUTH_RES = 2101
    ACCOUNT_AUTH_REQ = 2102
    ACCOUNT_AUTH_RES = 2103
    NEW_ORDER_REQ = 2106
    CANCEL_ORDER_REQ = 2108
    CLOSE_POSITION_REQ = 2111
    SYMBOLS_LIST_REQ = 2114
    SYMBOLS_LIST_RES = 2115
    SYMBOL_BY_ID_REQ = 2116
    SYMBOL_BY_ID_RES = 2117
    SYMBOL_CHANGED_EVENT = 2120
    TRADER_REQ = 2121
    TRADER_RES = 2122
    RECONCILE_REQ = 2124
    RECONCILE_RES = 2125
    EXECUTION_EVENT = 2126
    ORDER_ERROR_EVENT = 2132
    OA_ERROR = 2142
    ACCOUNTS_TOKEN_INVALIDATED_EVENT = 2147
    CLIENT_DISCONNECT_EVENT = 2148
    ACCOUNT_DISCONNECT_EVENT = 2164
    ORDER_LIST_REQ = 2175
    ORDER_LIST_RES = 2176
    ORDER_DETAILS_REQ = 2181
    ORDER_DETAILS_RES = 2182
    ORDER_LIST_BY_POSITION_ID_REQ = 2183
    ORDER_LIST_BY_POSITION_ID_RES = 2184
    POSITION_UNREALIZED_PNL_REQ = 2187
    POSITION_UNREALIZED_PNL_RES = 2188


REFUSALS = frozenset({Message.ERROR, Message.OA_ERROR, Message.ORDER_ERROR_EVENT})


class OrderType(IntEnum):
    MARKET = 1
    LIMIT = 2
    STOP = 3
    STOP_LOSS_TAKE_PROFIT = 4
    MARKET_RANGE = 5
    STOP_LIMIT = 6


class TradeSide(IntEnum):
    BUY = 1
    SELL = 2


class OrderStatus(IntEnum):
    ORDER_STATUS_ACCEPTED = 1
    ORDER_STATUS_FILLED = 2
    ORDER_STATUS_REJECTED = 3
    ORDER_STATUS_EXPIRED = 4
    ORDER_STATUS_CANCELLED = 5


class ExecutionType(IntEnum):
    ORDER_ACCEPTED = 2
    ORDER_FILLED = 3
    ORDER_REPLACED = 4
    ORDER_CANCELLED = 5
    ORDER_EXPIRED = 6
    ORDER_REJECTED = 7
    ORDER_CANCEL_REJECTED = 8
    SWAP = 9
    DEPOSIT_WITHDRAW = 10
    ORDER_PARTIAL_FILL = 11
    BONUS_DEPOSIT_WITHDRAW = 12


class PositionStatus(IntEnum):
    POSITION_STATUS_OPEN = 1
    POSITION_STATUS_CLOSED = 2
    POSITION_STATUS_CREATED = 3
    POSITION_STATUS_ERROR = 4


class AccountType(IntEnum):
    HEDGED = 0
    NETTED = 1
    SPREAD_BETTING = 2


class Unreadable(Exception):
    """What came in is no frame of the protocol."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message. ``type`` is a plain number: the venue sends more kinds than are used here."""

    type: int
    payload: Fields
    client_msg_id: str | None


def frame_text(message: Message, fields: Fields, client_msg_id: str | None) -> str:
    """Return a frame's text; a heartbeat goes without an id."""
    body: dict[str, Any] = {"payloadType": int(message), "payload": fields}
    if client_msg_id is not None:
        body["clientMsgId"] = client_msg_id
    return json_text(body)


def read_frame(text: str | bytes) -> Frame:
    """Read one frame; an answer without fields comes without a payload. Raises Unreadable."""
    try:
        body = json.loads(text, parse_float=Decimal)
    except ValueError as error:
        raise Unreadable("a frame that is no JSON") from error
    if not isinstance(body, dict):
        raise Unreadable("a frame that is no JSON object")
    kind, payload, sender = body.get("payloadType"), body.get("payload") or {}, body.get("clientMsgId")
    if not isinstance(kind, int) or not isinstance(payload, dict):
        raise Unreadable("a frame without a payloadType or with a payload that is no object")
    return Frame(kind, payload, None if sender is None else str(sender))


def whole(fields: Fields, name: str, default: int | None = None) -> int:
    """Return an integer, ``default`` where the field is missing. Raises Unclear for anything else."""
    value = fields.get(name, default)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lstrip("-").isdecimal():
        return int(value)
    raise Unclear(f"{name}: {value!r} is no whole number", fields)


def price(fields: Fields, name: str) -> Decimal | None:
    """Return a price in points, None where there is none; 0 stands for none. Raises Unclear for anything else."""
    value = fields.get(name)
    if value is None:
        return None
    try:
        figure = Decimal(str(value))
    except InvalidOperation:
        figure = Decimal("NaN")
    if not figure.is_finite():
        raise Unclear(f"{name}: {value!r} is no price", fields)
    return figure if figure > 0 else None


def text(fields: Fields, name: str) -> str | None:
    """Return a text, None where there is none or it is empty."""
    value = fields.get(name)
    return str(value) if value not in (None, "") else None


def part(fields: Fields, name: str) -> Fields:
    """Return an object within, an empty one where it is missing. Raises Unclear for anything else."""
    value = fields.get(name, {})
    if not isinstance(value, dict):
        raise Unclear(f"{name}: {value!r} is no object", fields)
    return value


def parts(fields: Fields, name: str) -> list[Fields]:
    """Return a list of objects, an empty one where it is missing. Raises Unclear for anything else."""
    value = fields.get(name, [])
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise Unclear(f"{name}: no list of objects", fields)
    return value


def wholes(fields: Fields, name: str) -> set[int]:
    """Return a list of integers as a set, an empty one where it is missing. Raises Unclear for anything else."""
    value = fields.get(name, [])
    if not isinstance(value, list):
        raise Unclear(f"{name}: no list of whole numbers", fields)
    return {whole({name: entry}, name) for entry in value}


Choice = TypeVar("Choice", bound=IntEnum)


def choice(kind: type[Choice], fields: Fields, name: str, default: Choice | None = None) -> Choice:
    """Return one of an enum's members, given by number or name. Raises Unclear for anything else."""
    value = fields.get(name, default)
    try:
        return kind[value] if isinstance(value, str) and not value.isdecimal() else kind(int(value))
    except (KeyError, ValueError, TypeError) as error:
        raise Unclear(f"{name}: {value!r} is no {kind.__name__}", fields) from error


def known_choice(kind: type[Choice], fields: Fields, name: str) -> Choice | None:
    """Return one of an enum's members, None for what is not known here: it may be newer than this module."""
    try:
        return choice(kind, fields, name)
    except Unclear:
        return None
