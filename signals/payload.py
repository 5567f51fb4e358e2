"""One parser for every accepted body: a JSON object becomes a typed signal, or a refusal that names each field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.money import decimal_of
from signals.fields import DIRECTION_WORDS, PLACEHOLDER, AlertTime, Price, Symbol
from signals.lifecycle import EVENT_WORDS, EXIT_WORDS, Lifecycle
from signals.model import BreakEvenTriggered, EntrySignal, ExitSignal, MfeUpdate, Signal
from signals.problem import FieldProblem, InvalidSignal

# Which names a sender may use for a field, the first one given counts.
SPELLINGS: dict[str, tuple[str, ...]] = {
    "trade_id": ("trade_id",),
    "symbol": ("symbol", "ticker"),
    "alert_time": ("alert_time", "time", "timestamp", "timenow"),
    "direction": ("direction", "side", "action", "bias"),
    "entry_price": ("entry_price", "price"),
    "stop_loss": ("stop_loss", "stop"),
    "contracts": ("contracts", "quantity"),
    "session": ("session",),
    "bias": ("bias",),
    "exit_type": ("exit_type",),
    "exit_price": ("exit_price", "price"),
    # Names of their own: the contracts in an alert are the strategy's, and an exit without these closes everything.
    "exit_contracts": ("exit_contracts",),
    "exit_percent": ("exit_percent",),
    "be_mfe": ("be_mfe", "final_be_mfe"),
    "no_be_mfe": ("no_be_mfe", "final_no_be_mfe"),
    "current_price": ("current_price", "price"),
    "price": ("price",),
}
REQUIRED: dict[type[BaseModel], tuple[str, ...]] = {
    EntrySignal: ("trade_id", "direction", "entry_price", "stop_loss"),
    ExitSignal: ("trade_id",),
    MfeUpdate: ("trade_id",),
    BreakEvenTriggered: ("trade_id",),
}
M = TypeVar("M", bound=BaseModel)
MAY_BE_EMPTY = frozenset({"session", "bias", "exit_type"})


class PriceUpdate(BaseModel):
    """The last price of a symbol, in points; ``alert_time`` is when it was seen, None for "now"."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    symbol: Symbol = Field(description="a symbol such as NQ, NQ1!, CME_MINI:NQ1! or NQZ2025")
    price: Price = Field(description="a price above 0, in points")
    alert_time: AlertTime | None = Field(
        None, description="a time as ISO 8601 (2025-11-22T14:30:00Z), Unix seconds or milliseconds"
    )


def parse_signal(fields: Mapping[str, Any]) -> Signal:
    """Return the signal that a webhook body describes. Raises InvalidSignal with every field that is wrong."""
    return _parse(fields, required=None)


def _parse(fields: Mapping[str, Any], *, required: tuple[str, ...] | None) -> Signal:
    lifecycle = _event(fields)
    model: type[Signal]
    match lifecycle:
        case Lifecycle.ENTRY:
            model = EntrySignal
        case Lifecycle.MFE_UPDATE:
            model = MfeUpdate
        case Lifecycle.BE_TRIGGERED:
            model = BreakEvenTriggered
        case _:
            model = ExitSignal
            lifecycle = _exit(lifecycle, fields)
    if model is EntrySignal:
        _refuse_contradictions(fields)
    signal = _build(model, fields, required, lifecycle=lifecycle)
    if isinstance(signal, EntrySignal) and not signal.stop_is_on_the_losing_side:
        raise InvalidSignal(_problem(EntrySignal, fields, "stop_loss"))
    if isinstance(signal, MfeUpdate) and signal.be_mfe is None and signal.no_be_mfe is None:
        raise InvalidSignal(
            FieldProblem(
                field="be_mfe",
                given=None,
                accepted="be_mfe or no_be_mfe; an update without either says nothing",
            )
        )
    return signal


def signal_of_payload(trade_id: str, event_type: str, payload: Mapping[str, Any]) -> Signal:
    """Return the signal behind a task's payload, for callers that enqueue tasks themselves.

    Here an entry without prices is let through: sizing then finds no size for it. Raises InvalidSignal.
    """
    fields = {**payload, "event_type": event_type, "trade_id": trade_id}
    return _parse(fields, required=("trade_id",))


def parse_price(fields: Mapping[str, Any]) -> PriceUpdate:
    """Return the price update that a body describes. Raises InvalidSignal with every field that is wrong."""
    return _build(PriceUpdate, fields, ())


def given(fields: Mapping[str, Any], name: str) -> tuple[str, Any]:
    """Return under which spelling a field was given, and its value; None as the value where it was not."""
    for spelling in SPELLINGS[name]:
        value = fields.get(spelling)
        if value is not None and not (value == "" and name in MAY_BE_EMPTY):
            return spelling, value
    return SPELLINGS[name][0], None


def _event(fields: Mapping[str, Any]) -> Lifecycle:
    name = "event_type" if fields.get("event_type") is not None else "event"
    word = fields.get(name)
    lifecycle = EVENT_WORDS.get(word.strip().upper()) if isinstance(word, str) else None
    if lifecycle is None:
        name = "event_type" if word is None else name
        raise InvalidSignal(FieldProblem(field=name, given=word, accepted=f"one of {', '.join(EVENT_WORDS)}"))
    return lifecycle


def _exit(lifecycle: Lifecycle, fields: Mapping[str, Any]) -> Lifecycle:
    """Join the event's word with exit_type; they must not contradict each other."""
    word = fields.get("exit_type")
    kind = EXIT_WORDS.get(word.strip().upper()) if isinstance(word, str) else None
    if kind is None or kind is lifecycle:
        return lifecycle
    if lifecycle is Lifecycle.EXIT:
        return kind
    raise InvalidSignal(
        FieldProblem(field="exit_type", given=word, accepted=f"the exit that the event names, {lifecycle}, or none")
    )


def _build(model: type[M], fields: Mapping[str, Any], required: tuple[str, ...] | None, **fixed: Any) -> M:
    found = {name: given(fields, name) for name in model.model_fields if name in SPELLINGS}
    values = {name: value for name, (_, value) in found.items() if value is not None}
    problems = [
        _problem(model, fields, name)
        for name in (REQUIRED[model] if required is None else required)
        if name not in values
    ]
    for name, value in list(values.items()):
        if isinstance(value, str) and "{{" in value and PLACEHOLDER.search(value):
            problems.append(_unfilled(found[name][0], value))
            del values[name]
    try:
        built = model.model_validate({**values, **fixed})
    except ValidationError as error:
        wrong = dict.fromkeys(str(detail["loc"][0]) for detail in error.errors())
        missing = {problem.field for problem in problems}
        problems += [_problem(model, fields, name) for name in wrong if found[name][0] not in missing]
        raise InvalidSignal(*problems) from error
    if problems:
        raise InvalidSignal(*problems)
    return built


def _problem(model: type[BaseModel], fields: Mapping[str, Any], name: str) -> FieldProblem:
    spelling, value = given(fields, name)
    return FieldProblem(field=spelling, given=value, accepted=model.model_fields[name].description or "a value")


def _unfilled(spelling: str, value: str) -> FieldProblem:
    accepted = "a value; TradingView left this placeholder unfilled, so its name is unknown in this kind of alert"
    return FieldProblem(field=spelling, given=value, accepted=accepted)


def _refuse_contradictions(fields: Mapping[str, Any]) -> None:
    """Two spellings of one field may both be there, but must say the same: which one counts is no guess of ours."""
    sizes = [fields[name] for name in SPELLINGS["contracts"] if fields.get(name) is not None]
    if len(sizes) > 1 and len({_as_number(size) for size in sizes}) > 1:
        accepted = "the same number as contracts, or only one of the two"
        raise InvalidSignal(FieldProblem(field="quantity", given=fields["quantity"], accepted=accepted))
    words = {name: fields[name] for name in ("direction", "side", "action") if isinstance(fields.get(name), str)}
    if len(words) < 2:
        return
    meant = {name: DIRECTION_WORDS.get(word.strip().upper()) for name, word in words.items()}
    told = [name for name, direction in meant.items() if direction is not None]
    if len({meant[name] for name in told}) > 1:
        accepted = "the same direction in every field that names one"
        raise InvalidSignal(FieldProblem(field=told[-1], given=fields[told[-1]], accepted=accepted))


def _as_number(value: Any) -> object:
    try:
        return decimal_of(value)
    except ValueError:
        return str(value)
