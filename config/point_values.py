"""The owner's point values: ``{SYMBOL}_POINT_VALUE``, over the exchange's."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache

from pydantic import TypeAdapter, ValidationError

from config.instruments import InstrumentBook
from config.kinds import Dollars
from config.problems import Problem, Severity
from domain.money import plain

SUFFIX = "_POINT_VALUE"
EXPECTED = "dollars above 0 for one point of the chart and one contract, such as 20 for NQ"


@cache
def _reader() -> TypeAdapter[Decimal]:
    return TypeAdapter(Dollars)


def read_point_values(
    environ: Mapping[str, str], book: InstrumentBook, firm_prefixes: tuple[str, ...]
) -> tuple[InstrumentBook, list[Problem]]:
    """Return the book with the owner's point values, and a problem for each that cannot be read or looks mistaken."""
    overrides: dict[str, Decimal] = {}
    problems: list[Problem] = []
    for variable, text in environ.items():
        symbol = variable.removesuffix(SUFFIX)
        if symbol in (variable, "") or variable.startswith(firm_prefixes):
            continue
        try:
            overrides[symbol] = _reader().validate_python(text)
        except ValidationError:
            problems.append(_unreadable(variable, text, book.resolve(symbol) is not None))
            continue
        problems.extend(_unlike_the_exchange(variable, text, overrides[symbol], book))
    return book.with_point_values(overrides), problems


def _unreadable(variable: str, text: str, known: bool) -> Problem:  # noqa: FBT001 said by its name
    used = "the exchange's figure is used" if known else "the symbol stays unknown"
    return Problem(
        severity=Severity.ERROR,
        variable=variable,
        value=text,
        expected=EXPECTED,
        message=f'{variable} must be {EXPECTED}, not "{text}"; until it is corrected, {used} and live entries of all '
        "accounts are refused.",
    )


def _unlike_the_exchange(variable: str, text: str, value: Decimal, book: InstrumentBook) -> list[Problem]:
    """Warn where the owner's figure is not the exchange's; the value of a tick would size trades far too large."""
    known = book.resolve(variable.removesuffix(SUFFIX))
    if known is None or known.point_value is None or known.point_value == value:
        return []
    exchange = plain(known.point_value)
    tick = known.tick_size is not None and known.tick_size * known.point_value == value
    hint = f", and {text} is the value of one tick" if tick else ""
    return [
        Problem(
            severity=Severity.WARNING,
            variable=variable,
            value=text,
            expected=f"{exchange}, the exchange's point value of {known.root}",
            message=f"The exchange's point value of {known.root} is {exchange}{hint}; trades are sized with {text}.",
        )
    ]
