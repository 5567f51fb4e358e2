"""The words that commands share: what an account, a number or a time looks like, and the options that come again."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from control.desk import Command
from domain.acts import HIGHEST_ID, Signature
from domain.money import decimal_of

MOST_ROWS, USUAL_ROWS = 1000, 100
SHAPE = argparse.RawDescriptionHelpFormatter
E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")

# What a command's parser leaves in ``make``. Raises ValueError where what was typed contradicts itself.
Make = Callable[[argparse.Namespace], Command]


@dataclass(frozen=True, slots=True)
class Commands:
    """Where a family of commands puts its own. ``signed``: options of what stays on record with a name and a reason."""

    among: Any
    shared: argparse.ArgumentParser
    signed: argparse.ArgumentParser

    def add(self, name: str, make: Make, words: str, *, signed: bool = False, about: str | None = None) -> Any:
        """Return the parser of a new command: ``words`` in the list of commands, ``about`` in its own help."""
        parser = self.among.add_parser(
            name,
            parents=[self.signed if signed else self.shared],
            formatter_class=SHAPE,
            help=words,
            description=about or words,
        )
        parser.set_defaults(make=make)
        return parser

    def within(self, parser: Any, names: str) -> Commands:
        """Return where the ways of a command go; ``names`` lists them."""
        return Commands(parser.add_subparsers(dest="way", metavar=names), self.shared, self.signed)


def signature(typed: argparse.Namespace) -> Signature:
    """Return who does it and why. Raises ValueError where either is no printable text."""
    return Signature(typed.by, typed.reason)


def limit(typed: argparse.Namespace) -> int:
    """Return how many rows are wanted at most."""
    return int(getattr(typed, "limit", USUAL_ROWS))


def add_limit(parser: argparse.ArgumentParser) -> None:
    """Let a command take ``--limit``."""
    parser.add_argument("--limit", type=_rows, default=USUAL_ROWS, help=f"how many at most, {USUAL_ROWS} if not given")


def read(parse: Callable[[str], T]) -> Callable[[str], T]:
    """Return ``parse`` with its ValueError told as argparse tells it."""

    def parsed(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parsed


def one_of(words: type[E]) -> Callable[[str], E]:
    """Return what reads one of these words, in capitals or not."""

    def member(text: str) -> E:
        try:
            return words(text.strip().upper().replace("-", "_"))
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(words).lower()}") from error

    return member


def number(text: str) -> Decimal:
    """Read a number exactly as it is written."""
    return read(decimal_of)(text)


def moment(text: str) -> datetime:
    """Read a time or a day, which begins at midnight; in UTC unless it says otherwise."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 2026-11-20 or 2026-11-20T14:30Z") from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def whole(most: int) -> Callable[[str], int]:
    """Return what reads a whole number from 1 to ``most``."""

    def parsed(text: str) -> int:
        value = int(text) if text.isascii() and text.isdigit() else 0
        if not 1 <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to {most}")
        return value

    return parsed


def row_id(text: str) -> int:
    """Read the id of a row."""
    return whole(HIGHEST_ID)(text)


def _rows(text: str) -> int:
    return whole(MOST_ROWS)(text)
