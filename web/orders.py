"""Orders over HTTP: what the ledger says, and what a person does about orders, dead letters, differences and halts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from flask import Blueprint, Response

from config.settings import Settings
from database.connection import Database
from database.dead_letters import DeadLetters
from database.differences import Differences
from database.halts import HaltRecord, WrongPhrase
from database.operator_acts import NotKnown, NotPossible
from database.operator_desk import OperatorDesk
from database.order_inspection import OrderInspection
from domain.acts import HIGHEST_ID, LetterName, Signature
from domain.json_text import with_times
from signals.order_acts import (
    parse_halt,
    parse_limit,
    parse_query,
    parse_release,
    parse_resolution,
    parse_settlement,
    parse_signature,
)
from signals.problem import FieldProblem, InvalidSignal
from web.api import NOTHING_STORED, Api, asked
from web.refusals import Refused

ORDER = f"/api/orders/<int(max={HIGHEST_ID}):order_id>"
LETTER = "/api/dead-letters/<name>"
DIFFERENCE = f"/api/differences/<int(max={HIGHEST_ID}):difference_id>"
HALT = f"/api/halts/<int(max={HIGHEST_ID}):halt_id>"

Parsed = TypeVar("Parsed")
Told = Mapping[str, Any]


class Counter:
    """Where a person asks and acts."""

    def __init__(self, api: Api, clock: Callable[[], datetime]) -> None:
        self._api = api
        self._clock = clock

    def show(self, tell: Callable[[], Told]) -> Response:
        """Answer with what ``tell`` returns."""
        return self._api.show(lambda: _told(tell))

    def ask(self, parse: Callable[[Mapping[str, Any], datetime], Parsed], tell: Callable[[Parsed], Told]) -> Response:
        """Answer with what ``tell`` returns for the query of the address."""
        return self._api.show(lambda: _told(lambda: tell(parse(asked(), self._clock()))))

    def act(self, parse: Callable[[Mapping[str, Any], datetime], Parsed], act: Callable[[Parsed], Told]) -> Response:
        """Do what the body asks, and answer with what ``act`` returns."""
        return self._api.change(lambda fields: _told(lambda: act(parse(fields, self._clock()))), signed=True)


def order_routes(
    settings: Settings, database: Database, *, clock: Callable[[], datetime], logger: logging.Logger
) -> Blueprint:
    """Return the routes. ``database``: one whose statements may take their time; ``clock`` gives the time in UTC."""
    routes = Blueprint("orders", __name__)
    counter = Counter(Api(settings, logger), clock)
    desk = OperatorDesk(database, settings.accounts)
    _add_orders(routes, counter, OrderInspection(database), desk)
    _add_dead_letters(routes, counter, DeadLetters(database))
    _add_differences(routes, counter, Differences(database))
    _add_halts(routes, counter, HaltRecord(database), desk)
    return routes


def _add_orders(routes: Blueprint, counter: Counter, inspection: OrderInspection, desk: OperatorDesk) -> None:
    @routes.get("/api/orders")
    def orders() -> Response:
        return counter.ask(parse_query, lambda wanted: {"orders": inspection.orders(wanted)})

    @routes.get(ORDER)
    def order(order_id: int) -> Response:
        return counter.show(lambda: {"order": inspection.order(order_id)})

    @routes.post(f"{ORDER}/resolve")
    def resolve(order_id: int) -> Response:
        return counter.act(parse_resolution, lambda told: {"status": "resolved", **desk.resolve(order_id, *told)})


def _add_dead_letters(routes: Blueprint, counter: Counter, letters: DeadLetters) -> None:
    @routes.get("/api/dead-letters")
    def dead_letters() -> Response:
        return counter.ask(parse_limit, lambda limit: {"dead_letters": letters.waiting(limit=limit)})

    @routes.get(LETTER)
    def dead_letter(name: str) -> Response:
        return counter.show(lambda: {"dead_letter": letters.show(_letter(name))})

    @routes.post(f"{LETTER}/retry")
    def retry(name: str) -> Response:
        def again(signature: Signature) -> Told:
            return {"status": "requeued", **letters.retry(_letter(name), signature)}

        return counter.act(parse_signature, again)

    @routes.post(f"{LETTER}/discard")
    def discard(name: str) -> Response:
        def aside(signature: Signature) -> Told:
            return {"status": "discarded", **letters.discard(_letter(name), signature)}

        return counter.act(parse_signature, aside)


def _add_differences(routes: Blueprint, counter: Counter, differences: Differences) -> None:
    @routes.get("/api/differences")
    def open_differences() -> Response:
        return counter.show(lambda: {"differences": differences.open()})

    @routes.post(f"{DIFFERENCE}/settle")
    def settle(difference_id: int) -> Response:
        return counter.act(
            parse_settlement, lambda told: {"status": "settled", **differences.settle(difference_id, *told)}
        )


def _add_halts(routes: Blueprint, counter: Counter, record: HaltRecord, desk: OperatorDesk) -> None:
    @routes.get("/api/halts")
    def halts() -> Response:
        return counter.ask(parse_limit, lambda limit: {"halts": record.listed(limit=limit)})

    @routes.post("/api/halts")
    def halt() -> Response:
        return counter.act(parse_halt, lambda told: {"status": "halted", **desk.halt(*told)})

    @routes.post(f"{HALT}/release")
    def release(halt_id: int) -> Response:
        return counter.act(parse_release, lambda told: {"status": "released", **desk.release(halt_id, *told)})


def _letter(text: str) -> LetterName:
    try:
        return LetterName.of(text)
    except ValueError as error:
        raise InvalidSignal(FieldProblem(field="dead_letter", given=text, accepted="task:12 or leg:34")) from error


def _told(tell: Callable[[], Told]) -> dict[str, Any]:
    try:
        return {name: with_times(value) for name, value in tell().items()}
    except WrongPhrase as error:
        raise InvalidSignal(FieldProblem(field="phrase", given=None, accepted=str(error))) from error
    except NotKnown as error:
        raise Refused(404, "not_found", f"{error}.") from error
    except NotPossible as error:
        raise Refused(409, "not_possible", f"{error}. {NOTHING_STORED}") from error
