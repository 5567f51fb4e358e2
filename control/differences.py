"""Differences: where a venue holds something else than the ledger says."""

from __future__ import annotations

from argparse import Namespace

from control import texts
from control.desk import Answer, Command, Desk
from control.words import Commands, one_of, row_id, signature
from database.differences import Differences
from domain.acts import Settlement


def add_differences(commands: Commands) -> None:
    """Add ``differences`` with its ways."""
    differences = commands.add("differences", _list, "where a venue holds something else than the ledger says")
    ways = commands.within(differences, "list|settle")
    ways.add("list", _list, "what nobody has settled")
    settle = ways.add("settle", _settle, "settle one", signed=True)
    settle.add_argument("id", type=row_id)
    settle.add_argument(
        "--how",
        type=one_of(Settlement),
        required=True,
        help="accept: it is yours, entries are allowed again. close: the venue holds less; its trades are closed in "
        "the ledger",
    )


def _list(_: Namespace) -> Command:
    def run(desk: Desk) -> Answer:
        rows = Differences(desk.database).open()
        return Answer({"differences": rows}, texts.differences(rows))

    return run


def _settle(typed: Namespace) -> Command:
    signed = signature(typed)

    def run(desk: Desk) -> Answer:
        row = Differences(desk.database).settle(typed.id, typed.how, signed)
        return Answer({"status": "settled", **row}, texts.settled(row))

    return run
