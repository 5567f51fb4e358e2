"""Dead letters: tasks that failed for good and orders that were never sent."""

from __future__ import annotations

from argparse import Namespace

from control import texts
from control.desk import Answer, Command, Desk
from control.words import Commands, add_limit, limit, read, signature
from database.dead_letters import DeadLetters
from domain.acts import LetterName


def add_dead_letters(commands: Commands) -> None:
    """Add ``deadletters`` with its ways."""
    letters = commands.add("deadletters", _list, "tasks that failed for good and orders that were never sent")
    add_limit(letters)
    ways = commands.within(letters, "list|show|retry|discard")
    add_limit(ways.add("list", _list, "what nobody has dealt with, the newest first"))
    show = ways.add("show", _show, "show one: its task, its log, its order")
    retry = ways.add(
        "retry",
        _retry,
        "give one another try; an order is never sent again, a new task asks for the same",
        signed=True,
    )
    discard = ways.add("discard", _discard, "put one aside for good", signed=True)
    for way in (show, retry, discard):
        way.add_argument("name", type=read(LetterName.of), metavar="task:12|leg:34")


def _list(typed: Namespace) -> Command:
    def run(desk: Desk) -> Answer:
        rows = DeadLetters(desk.database).waiting(limit=limit(typed))
        return Answer({"dead_letters": rows}, texts.dead_letters(rows))

    return run


def _show(typed: Namespace) -> Command:
    def run(desk: Desk) -> Answer:
        row = DeadLetters(desk.database).show(typed.name)
        return Answer({"dead_letter": row}, texts.dead_letter(row))

    return run


def _retry(typed: Namespace) -> Command:
    signed = signature(typed)

    def run(desk: Desk) -> Answer:
        row = DeadLetters(desk.database).retry(typed.name, signed)
        return Answer({"status": "requeued", **row}, texts.retried(row))

    return run


def _discard(typed: Namespace) -> Command:
    signed = signature(typed)

    def run(desk: Desk) -> Answer:
        row = DeadLetters(desk.database).discard(typed.name, signed)
        return Answer({"status": "discarded", **row}, texts.discarded(row))

    return run
