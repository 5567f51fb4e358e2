"""What each command does: from what was typed to an answer for machines, and the same in words."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from control import texts
from control.arguments import USUAL_ROWS
from database.connection import Database
from database.dead_letters import DeadLetters
from database.differences import Differences
from database.halts import HaltRecord
from database.operator_desk import OperatorDesk
from database.order_inspection import OrderInspection
from database.replay import Replays
from domain.account import AccountKey
from domain.acts import OrderFilter, Resolution, Signature


@dataclass(frozen=True, slots=True)
class Answer:
    """``data`` is what the API answers, too; ``text`` says it to a person. ``good``: nothing in it is amiss."""

    data: Mapping[str, Any]
    text: str
    good: bool = True


LIST = "list"
Command = Callable[[Database, Iterable[AccountKey]], Answer]


def command_of(typed: Namespace) -> Command:
    """Return what was asked for. Raises ValueError where its parts contradict each other."""
    way = getattr(typed, "way", None)
    return _COMMANDS[typed.command if way in {None, LIST} else f"{typed.command} {way}"](typed)


def _orders(typed: Namespace) -> Command:
    wanted = OrderFilter(
        account=typed.account, trade_id=typed.trade, state=typed.state, only_open=typed.open, limit=_limit(typed)
    )

    def run(database: Database, _: Iterable[AccountKey]) -> Answer:
        rows = OrderInspection(database).orders(wanted)
        return Answer({"orders": rows}, texts.orders(rows))

    return run


def _order(typed: Namespace) -> Command:
    def run(database: Database, _: Iterable[AccountKey]) -> Answer:
        row = OrderInspection(database).order(typed.id)
        return Answer({"order": row}, texts.order(row))

    return run


def _resolve(typed: Namespace) -> Command:
    signature = _signature(typed)
    resolution = Resolution(
        outcome=typed.outcome, filled=typed.filled, average_price=typed.price, venue_order_id=typed.venue_order_id
    )

    def run(database: Database, known: Iterable[AccountKey]) -> Answer:
        row = OperatorDesk(database, known).resolve(typed.id, resolution, signature)
        return Answer({"status": "resolved", **row}, texts.resolved(row))

    return run


def _list_dead_letters(typed: Namespace) -> Command:
    def run(database: Database, _: Iterable[AccountKey]) -> Answer:
        rows = DeadLetters(database).waiting(limit=_limit(typed))
        return Answer({"dead_letters": rows}, texts.dead_letters(rows))

    return run


def _show_dead_letter(typed: Namespace) -> Command:
    def run(database: Database, _: Iterable[AccountKey]) -> Answer:
        row = DeadLetters(database).show(typed.name)
        return Answer({"dead_letter": row}, texts.dead_letter(row))

    return run


def _retry(typed: Namespace) -> Command:
    signature = _signature(typed)

    def run(database: Database, _: Iterable[AccountKey]) -> Answer:
        row = DeadLetters(database).retry(typed.name, signature)
        return Answer({"status": "requeued", **row}, texts.retried(row))

    return run


def _discard(typed: Namespace) -> Command:
    signature = _signature(typed)

    def run(database: Database, _: Iterable[AccountKey]) -> Answer:
        row = DeadLetters(database).discard(typed.name, signature)
        return Answer({"status": "discarded", **row}, texts.discarded(row))

    return run


def _list_differences(_: Namespace) -> Command:
    def run(database: Database, _: Iterable[AccountKey]) -> Answer:
        rows = Differences(database).open()
        return Answer({"differences": rows}, texts.differences(rows))

    return run


def _settle(typed: Namespace) -> Command:
    signature = _signature(typed)

    def run(database: Database, _: Iterable[AccountKey]) -> Answer:
        row = Differences(database).settle(typed.id, typed.how, signature)
        return Answer({"status": "settled", **row}, texts.settled(row))

    return run


def _halt(typed: Namespace) -> Command:
    signature = _signature(typed)

    def run(database: Database, known: Iterable[AccountKey]) -> Answer:
        row = OperatorDesk(database, known).halt(typed.scope, typed.level, signature)
        return Answer({"status": "halted", **row}, texts.halted(row))

    return run


def _halts(typed: Namespace) -> Command:
    def run(database: Database, _: Iterable[AccountKey]) -> Answer:
        rows = HaltRecord(database).listed(limit=_limit(typed))
        return Answer({"halts": rows}, texts.halts(rows))

    return run


def _release(typed: Namespace) -> Command:
    signature = _signature(typed)

    def run(database: Database, known: Iterable[AccountKey]) -> Answer:
        row = OperatorDesk(database, known).release(typed.id, typed.phrase, signature)
        return Answer({"status": "released", **row}, texts.released(row))

    return run


def _replay(typed: Namespace) -> Command:
    def run(database: Database, _: Iterable[AccountKey]) -> Answer:
        replays = Replays(database)
        found = [replays.of(typed.id)] if typed.id is not None else list(replays.every())
        rows = [texts.replay_row(one) for one in found]
        return Answer({"replays": rows}, texts.replayed(rows), good=all(one.same for one in found))

    return run


def _limit(typed: Namespace) -> int:
    return int(getattr(typed, "limit", USUAL_ROWS))


def _signature(typed: Namespace) -> Signature:
    return Signature(typed.by, typed.reason)


_COMMANDS: Mapping[str, Callable[[Namespace], Command]] = {
    "orders": _orders,
    "order": _order,
    "resolve": _resolve,
    "deadletters": _list_dead_letters,
    "deadletters show": _show_dead_letter,
    "deadletters retry": _retry,
    "deadletters discard": _discard,
    "differences": _list_differences,
    "differences settle": _settle,
    "halt": _halt,
    "halts": _halts,
    "release": _release,
    "replay": _replay,
}
