"""Whether a firm's symbol map fits: symbols that are known, and lots that carry the risk that trades are sized with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from config.groups import FirmSettings
from config.instruments import InstrumentBook
from config.problems import Problem, Severity
from config.reading import firm_owner
from config.symbol_pair import SymbolPair
from domain.money import plain

TOLERANCE = Decimal("0.01")


def symbol_map_checks(firms: Mapping[str, FirmSettings], book: InstrumentBook) -> Iterator[Problem]:
    """Refuse a map of a symbol that is not known, and warn of lots that are worth something else than one contract."""
    for firm_code, firm in firms.items():
        for pair in firm.symbol_map or ():
            if book.resolve(pair.symbol) is None:
                yield _problem(
                    Severity.ERROR,
                    firm_code,
                    pair,
                    "symbols with a known point value, such as NQ",
                    f"{pair.symbol} is not a known symbol; until it is corrected, live entries of every {firm_code} "
                    "account are refused",
                )
            else:
                yield from _mismatch(firm_code, pair, book)


def _mismatch(firm_code: str, pair: SymbolPair, book: InstrumentBook) -> Iterator[Problem]:
    ours, theirs = book.resolve(pair.symbol), book.resolve(pair.at_venue)
    if ours is None or theirs is None or ours.point_value is None or theirs.point_value is None:
        return
    worth = theirs.point_value * pair.lots
    if abs(worth - ours.point_value) > TOLERANCE * ours.point_value:
        yield _problem(
            Severity.WARNING,
            firm_code,
            pair,
            f"{pair.symbol}={pair.at_venue}*{plain((ours.point_value / theirs.point_value).normalize())}",
            f"{plain(pair.lots)} lots of {pair.at_venue} are worth {plain(worth)} dollars a point, one {ours.root} "
            f"{plain(ours.point_value)}: trades are sized with the latter, so their risk would be another",
        )


def _problem(severity: Severity, firm_code: str, pair: SymbolPair, expected: str, fault: str) -> Problem:
    variable = firm_owner(firm_code).prefix + "SYMBOL_MAP"
    return Problem(
        severity=severity,
        variable=variable,
        value=str(pair),
        expected=expected,
        message=f"{variable}: {fault}.",
        firm_code=firm_code,
    )
