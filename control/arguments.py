"""The command's words: what may be typed, and what ``--help`` says of it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from domain.account import AccountKey
from domain.acts import HIGHEST_ID, LetterName, Outcome, Settlement
from domain.halt import HaltLevel, Scope
from domain.money import decimal_of
from domain.order_state import OrderState

MOST_ROWS, USUAL_ROWS = 1000, 100
E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")

EXAMPLES = """\
examples:
  python -m control orders --open
  python -m control orders --account APEX/1 --state UNRESOLVED
  python -m control order 17
  python -m control resolve 17 --outcome filled --filled 2 --price 16501.25 --by anna --reason "seen at the venue"
  python -m control deadletters
  python -m control deadletters retry leg:34 --by anna --reason "the venue is back"
  python -m control differences settle 3 --how accept --by anna --reason "my own position"
  python -m control halt --scope APEX --level entries --by anna --reason "news"
  python -m control release 2 --phrase "RELEASE APEX" --by anna --reason "news are out"

exit status: 0 done, 1 refused (nothing was changed) or no database, 2 not understood
"""
RESOLVE = """\
Say how an order ended of which nobody knows it. Look at the venue first: what is said here is believed.
  filled     all of it was filled; --filled says how many contracts
  cancelled  it is not working any more; --filled says how many contracts were filled before, 0 if none
  rejected   the venue refused it
  not_sent   it never arrived at the venue
What an exit did not close is closed by another order at once.
"""
HALT = """\
Stop trading at once. When the command returns no entry of the scope leaves any more, from any process.
  entries  no entry goes out; exits do
  cancel   entries that are working are taken back, too
  flatten  everything is closed besides
"""


def command_parser() -> argparse.ArgumentParser:
    """Return the parser of ``python -m control``. What it parses has the command's name in ``command``."""
    shape = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m control",
        description="Look after orders, dead letters, differences and halts.",
        epilog=EXAMPLES,
        formatter_class=shape,
    )
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="answer in JSON, for machines")
    signed = argparse.ArgumentParser(add_help=False, parents=[shared])
    signed.add_argument("--by", required=True, metavar="NAME", help="who does it")
    signed.add_argument("--reason", required=True, metavar="TEXT", help="why; it stays on record")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    orders = commands.add_parser("orders", parents=[shared], help="list orders, the newest first")
    orders.add_argument("--account", type=_read(AccountKey.of), metavar="APEX/1", help="of one account")
    orders.add_argument("--trade", metavar="TRADE_ID", help="of one trade")
    orders.add_argument("--state", type=_one_of(OrderState), help=f"one of {', '.join(OrderState)}")
    orders.add_argument("--open", action="store_true", help="only what may still fill or is not closed again")
    _add_limit(orders)

    order = commands.add_parser("order", parents=[shared], help="show one order with every change of it")
    order.add_argument("id", type=_id)

    resolve = commands.add_parser(
        "resolve",
        parents=[signed],
        formatter_class=shape,
        help="say how an unresolved order ended",
        description=RESOLVE,
    )
    resolve.add_argument("id", type=_id)
    resolve.add_argument(
        "--outcome", type=_one_of(Outcome), required=True, help="filled, cancelled, rejected, not_sent"
    )
    resolve.add_argument("--filled", type=_number, metavar="CONTRACTS", help="how many contracts were filled")
    resolve.add_argument("--price", type=_number, help="the average price of what was filled, in points")
    resolve.add_argument("--venue-order-id", metavar="X", help="the venue's id of the order")

    replay = commands.add_parser(
        "replay", parents=[shared], help="decide an entry again from its record alone; without an id, every one"
    )
    replay.add_argument("id", type=_id, nargs="?", metavar="TASK_ID")
    _add_dead_letters(commands, shared, signed)
    _add_differences(commands, shared, signed)
    _add_halts(commands, shared, signed, shape)
    return parser


def _add_dead_letters(commands: Any, shared: argparse.ArgumentParser, signed: argparse.ArgumentParser) -> None:
    letters = commands.add_parser(
        "deadletters", parents=[shared], help="tasks that failed for good and orders that were never sent"
    )
    _add_limit(letters)
    ways = letters.add_subparsers(dest="way", metavar="list|show|retry|discard")
    _add_limit(ways.add_parser("list", parents=[shared], help="what nobody has dealt with, the newest first"))
    for name, parent, words in (
        ("show", shared, "show one: its task, its log, its order"),
        ("retry", signed, "give one another try; an order is never sent again, a new task asks for the same"),
        ("discard", signed, "put one aside for good"),
    ):
        ways.add_parser(name, parents=[parent], help=words, description=words).add_argument(
            "name", type=_read(LetterName.of), metavar="task:12|leg:34"
        )


def _add_differences(commands: Any, shared: argparse.ArgumentParser, signed: argparse.ArgumentParser) -> None:
    differences = commands.add_parser(
        "differences", parents=[shared], help="where a venue holds something else than the ledger says"
    )
    ways = differences.add_subparsers(dest="way", metavar="list|settle")
    ways.add_parser("list", parents=[shared], help="what nobody has settled")
    settle = ways.add_parser("settle", parents=[signed], help="settle one")
    settle.add_argument("id", type=_id)
    settle.add_argument(
        "--how",
        type=_one_of(Settlement),
        required=True,
        help="accept: it is yours, entries are allowed again. close: the venue holds less; its trades are closed in "
        "the ledger",
    )


def _add_halts(
    commands: Any,
    shared: argparse.ArgumentParser,
    signed: argparse.ArgumentParser,
    shape: type[argparse.HelpFormatter],
) -> None:
    halt = commands.add_parser(
        "halt", parents=[signed], formatter_class=shape, help="stop trading at once", description=HALT
    )
    halt.add_argument(
        "--scope",
        type=_read(Scope.of),
        default=Scope(),
        help="ALL, a firm (APEX) or an account (APEX/1); ALL if not given",
    )
    halt.add_argument(
        "--level",
        type=_one_of(HaltLevel),
        default=HaltLevel.ENTRIES,
        help="entries, cancel or flatten; entries if not given",
    )
    _add_limit(commands.add_parser("halts", parents=[shared], help="list halts, those in force first"))
    release = commands.add_parser("release", parents=[signed], help="release a halt")
    release.add_argument("id", type=_id)
    release.add_argument("--phrase", required=True, help="what releases it, such as RELEASE APEX; the halt has said it")


def _add_limit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=_rows, default=USUAL_ROWS, help=f"how many at most, {USUAL_ROWS} if not given")


def _read(parse: Callable[[str], T]) -> Callable[[str], T]:
    def read(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read


def _one_of(words: type[E]) -> Callable[[str], E]:
    def member(text: str) -> E:
        try:
            return words(text.strip().upper().replace("-", "_"))
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(words).lower()}") from error

    return member


def _number(text: str) -> Decimal:
    return _read(decimal_of)(text)


def _whole(text: str, most: int) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= number <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to {most}")
    return number


def _id(text: str) -> int:
    return _whole(text, HIGHEST_ID)


def _rows(text: str) -> int:
    return _whole(text, MOST_ROWS)
