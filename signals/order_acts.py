"""What a person asks of orders, dead letters, differences and halts: as a body, or as the query of an address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from domain.account import AccountKey
from domain.acts import LONGEST_VENUE_ORDER_ID, OrderFilter, Outcome, Resolution, Settlement, Signature, contradictions
from domain.halt import HaltLevel, Scope
from domain.order_state import OrderState
from signals.account_fields import Read, read
from signals.fields import DirectionWord, Figure, Price, Symbol, TradeId, Words, text_of
from signals.json_forms import ACCOUNT, SCOPE, digits, matching, one_of, printable
from signals.manual import REASON
from signals.problem import FieldProblem, InvalidSignal

MOST_ROWS, USUAL_ROWS = 1000, 100
YES = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
SPELLINGS = {"by": ("by", "set_by"), "price": ("price", "average_price")}
BY = "who does it, 1 to 100 printable characters"
OUTCOMES = "what became of it: filled, cancelled, rejected or not_sent"
LEVELS = "entries (no entry goes out), cancel (working entries are taken back, too) or flatten (all is closed besides)"
SETTLEMENTS = "accept (it is yours; entries are allowed again) or close (the ledger's trades were closed at the venue)"
ROWS = f"a whole number from 1 to {MOST_ROWS}; without it {USUAL_ROWS}"

E = TypeVar("E", bound=StrEnum)
M = TypeVar("M", bound=BaseModel)


def _one_of(words: type[E]) -> Callable[[Any], E]:
    def member(value: Any) -> E:
        if not isinstance(value, str):
            raise ValueError("not a word")
        return words(value.strip().upper().replace("-", "_").replace(" ", "_"))

    return member


def _scope(value: Any) -> Scope:
    return Scope.of(text_of(100)(value))


def _account(value: Any) -> AccountKey:
    return AccountKey.of(text_of(100)(value))


def _yes(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word not in YES:
        raise ValueError("neither yes nor no")
    return YES[word]


def _rows(value: Any) -> int:
    text = str(value).strip()
    # In the digits of ASCII alone: int() reads those of every script, and underscores.
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= 10 else 0
    if not 1 <= number <= MOST_ROWS:
        raise ValueError("out of range")
    return number


Rows = Annotated[int, BeforeValidator(_rows), digits(1, MOST_ROWS)]
VenueOrderId = Annotated[str, BeforeValidator(text_of(LONGEST_VENUE_ORDER_ID)), printable(LONGEST_VENUE_ORDER_ID)]


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", arbitrary_types_allowed=True)


class SignedBody(_Plain):
    by: Words = Field(description=BY)
    reason: Annotated[str, BeforeValidator(text_of(500)), printable(500)] = Field(description=REASON)

    def signature(self) -> Signature:
        return Signature(self.by, self.reason)


class ResolveBody(SignedBody):
    outcome: Annotated[Outcome, BeforeValidator(_one_of(Outcome))] = Field(description=OUTCOMES)
    filled: Figure | None = Field(None, description="how many contracts were filled")
    price: Figure | None = Field(None, description="the average price of what was filled, in points")
    venue_order_id: VenueOrderId | None = Field(
        None, description=f"the venue's id of the order, at most {LONGEST_VENUE_ORDER_ID} printable characters"
    )


class SettleBody(SignedBody):
    how: Annotated[Settlement, BeforeValidator(_one_of(Settlement))] = Field(description=SETTLEMENTS)


class HaltBody(SignedBody):
    scope: Annotated[Scope, BeforeValidator(_scope), matching(SCOPE)] = Field(
        Scope(), description="ALL, a firm such as APEX, or an account such as APEX/1; without it ALL"
    )
    level: Annotated[HaltLevel, BeforeValidator(_one_of(HaltLevel))] = Field(HaltLevel.ENTRIES, description=LEVELS)


class TestSignalBody(SignedBody):
    # Its name begins as those of tests do.
    __test__ = False
    symbol: Symbol = Field(description="a symbol such as NQ, NQ1!, CME_MINI:NQ1! or NQZ2025")
    direction: DirectionWord = Field(description="Bullish, Bearish, long, short, buy or sell")
    entry_price: Price = Field(description="a price above 0, in points")
    stop_loss: Price = Field(
        description="a price above 0, in points, below the entry of a LONG and above the entry of a SHORT"
    )


class ReleaseBody(SignedBody):
    phrase: Annotated[str, BeforeValidator(text_of(200)), printable(200)] = Field(
        description="the phrase that releases this halt, such as RELEASE APEX; the halt's own answer has it"
    )


class OrderQuery(_Plain):
    account: Annotated[AccountKey, BeforeValidator(_account), matching(ACCOUNT)] | None = Field(
        None, description="a firm and a program, such as APEX/1"
    )
    trade: TradeId | None = Field(None, description="a trade's id")
    state: Annotated[OrderState, BeforeValidator(_one_of(OrderState))] | None = Field(
        None, description=f"one of {', '.join(OrderState)}"
    )
    open: Annotated[bool, BeforeValidator(_yes), one_of(*YES)] = Field(False, description="true or false")
    limit: Rows = Field(USUAL_ROWS, description=ROWS)


class LimitQuery(_Plain):
    limit: Rows = Field(USUAL_ROWS, description=ROWS)


def parse_resolution(fields: Mapping[str, Any], now: datetime) -> tuple[Resolution, Signature]:
    """Return how an order ended, by whom and why. Raises InvalidSignal, as every parser here does.

    A field nobody knows is refused, not left out.
    """
    body = read_closed(ResolveBody, fields, now)
    told = body.model
    filled: Decimal | None = told.filled
    wrong = contradictions(told.outcome, filled, told.price)
    if wrong:
        given = {"filled": filled, "price": told.price}
        raise InvalidSignal(
            *(
                FieldProblem(field=body.names[name], given=_text(given[name]), accepted=accepted)
                for name, accepted in wrong.items()
            )
        )
    resolution = Resolution(
        outcome=told.outcome, filled=filled, average_price=told.price, venue_order_id=told.venue_order_id
    )
    return resolution, told.signature()


def parse_settlement(fields: Mapping[str, Any], now: datetime) -> tuple[Settlement, Signature]:
    """Return how a difference is settled, by whom and why."""
    told = read_closed(SettleBody, fields, now).model
    return told.how, told.signature()


def parse_halt(fields: Mapping[str, Any], now: datetime) -> tuple[Scope, HaltLevel, Signature]:
    """Return what is halted and how far, by whom and why; everything's entries unless the body says otherwise."""
    told = read_closed(HaltBody, fields, now).model
    return told.scope, told.level, told.signature()


def parse_release(fields: Mapping[str, Any], now: datetime) -> tuple[str, Signature]:
    """Return the phrase that was typed, by whom and why."""
    told = read_closed(ReleaseBody, fields, now).model
    return told.phrase, told.signature()


def parse_signature(fields: Mapping[str, Any], now: datetime) -> Signature:
    """Return who does something and why."""
    return read_closed(SignedBody, fields, now).model.signature()


def parse_test_signal(fields: Mapping[str, Any], now: datetime) -> tuple[Mapping[str, Any], Signature]:
    """Return the fields of a test signal, and who sends it and why."""
    told = read_closed(TestSignalBody, fields, now).model
    given = {name: getattr(told, name) for name in ("symbol", "direction", "entry_price", "stop_loss")}
    return given, told.signature()


def parse_query(arguments: Mapping[str, Any], now: datetime) -> OrderFilter:
    """Return which orders an address asks for."""
    told = read_closed(OrderQuery, arguments, now).model
    return OrderFilter(
        account=told.account, trade_id=told.trade, state=told.state, only_open=told.open, limit=told.limit
    )


def parse_limit(arguments: Mapping[str, Any], now: datetime) -> int:
    """Return how many rows an address asks for."""
    return read_closed(LimitQuery, arguments, now).model.limit


def read_closed(model: type[M], fields: Mapping[str, Any], now: datetime) -> Read[M]:
    """Return what a body or an address says. Raises InvalidSignal, also for a field that nobody knows."""
    body = read(model, fields, {name: SPELLINGS.get(name, (name,)) for name in model.model_fields}, now=now)
    if body.ignored:
        accepted = f"one of {', '.join(model.model_fields)}"
        raise InvalidSignal(*(FieldProblem(field=name, given=None, accepted=accepted) for name in body.ignored[:20]))
    return body


def _text(number: Decimal | None) -> str | None:
    return None if number is None else str(number)
