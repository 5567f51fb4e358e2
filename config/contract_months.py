"""Delivery months, and the owner's own choice of one: ``{SYMBOL}_CONTRACT=NQZ6``, in place of the roll rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from config.instruments import MONTH_CODES, InstrumentBook, Named, environment_name
from config.problems import Problem, Severity

SUFFIX = "_CONTRACT"
EXPECTED = "a contract of the symbol with its month, such as NQZ6, that has not passed"
YEARS_BACK = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractMonth:
    """A delivery month; the year has four digits."""

    year: int
    month_code: str

    def passed(self, on: date) -> bool:
        """Return whether the month is over. A contract may end before: its venue says so then."""
        return (self.year, MONTH_CODES.index(self.month_code) + 1) < (on.year, on.month)


def month_of(named: Named, on: date, *, years_back: int = 0) -> ContractMonth | None:
    """Return the month that a symbol names, None where it names none.

    A year of one digit is the first such year that began at most ``years_back`` years before that of ``on``.
    """
    if named.month_code is None or named.year is None:
        return None
    year = int(named.year)
    if len(named.year) == 1:
        first = on.year - years_back
        year = first + (year - first) % 10
    elif len(named.year) == 2:
        year += 2000
    return ContractMonth(year=year, month_code=named.month_code)


def read_contract_months(
    environ: Mapping[str, str], book: InstrumentBook, firm_prefixes: tuple[str, ...], today: date
) -> tuple[dict[str, ContractMonth], list[Problem]]:
    """Return the owner's months by root, and a problem for each that cannot be read or has passed."""
    months: dict[str, ContractMonth] = {}
    problems: list[Problem] = []
    roots = {environment_name(instrument.root): instrument.root for instrument in book}
    for variable, text in environ.items():
        symbol = variable.removesuffix(SUFFIX)
        if symbol in (variable, "") or variable.startswith(firm_prefixes):
            continue
        if symbol not in roots:
            problems.append(_unknown_symbol(variable, text))
            continue
        named = book.read(text)
        # A year of one digit that has just passed is last year's setting, not a month in nine years.
        month = None if named is None else month_of(named, today, years_back=YEARS_BACK)
        if named is None or month is None or named.instrument.root != roots[symbol] or month.passed(today):
            problems.append(_not_usable(variable, text))
        else:
            months[roots[symbol]] = month
    return months, problems


def _unknown_symbol(variable: str, text: str) -> Problem:
    return Problem(
        severity=Severity.WARNING,
        variable=variable,
        value=text,
        expected="a symbol that is known, such as NQ_CONTRACT",
        message=f"{variable} names no known symbol and has no effect.",
        stops_entries=False,
    )


def _not_usable(variable: str, text: str) -> Problem:
    return Problem(
        severity=Severity.ERROR,
        variable=variable,
        value=text,
        expected=EXPECTED,
        message=f'{variable} must be {EXPECTED}, not "{text}"; until it is corrected, live entries of all accounts are '
        "refused.",
    )
