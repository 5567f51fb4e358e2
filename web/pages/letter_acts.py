"""What a person does about a dead letter: give it another try, or put it aside for good."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request, url_for

from database.connection import Row
from database.dead_letters import DeadLetters
from domain.acts import LetterName, Signature
from domain.order import TaskEvent
from signals.order_acts import parse_signature
from web.formats import words
from web.pages.confirmation import Confirmation
from web.pages.dead_letters import name_of
from web.pages.forms import form, signed

if TYPE_CHECKING:
    from web.pages.site import Site

LETTER = "/dead-letters/<name>"


def add_letter_acts(routes: Blueprint, site: Site) -> None:
    """Add ``/dead-letters/task:12/retry`` and ``discard``: GET asks, POST acts."""
    desk = _LetterDesk(site)

    @routes.get(f"{LETTER}/retry")
    def retry_form(name: str) -> Response:
        return site.frame.show("act.html", lambda: desk.retrying(name), own=True)

    @routes.post(f"{LETTER}/retry")
    def retry(name: str) -> Response:
        return site.forms.act(lambda: desk.retry(name), "act.html", lambda: desk.retrying(name))

    @routes.get(f"{LETTER}/discard")
    def discard_form(name: str) -> Response:
        return site.frame.show("act.html", lambda: desk.discarding(name), own=True)

    @routes.post(f"{LETTER}/discard")
    def discard(name: str) -> Response:
        return site.forms.act(lambda: desk.discard(name), "act.html", lambda: desk.discarding(name))


class _LetterDesk:
    """Each act with what is said before it. Every method raises InvalidSignal and NotKnown for a name of nothing."""

    def __init__(self, site: Site) -> None:
        self._site = site
        # What is asked is read beside the other pages, what is done must not wait behind them.
        self._read, self._act = DeadLetters(site.database), DeadLetters(site.acts)

    def retrying(self, text: str) -> Mapping[str, Any]:
        """Return what another try would do."""
        letter = self._read.show(name_of(text))
        order, task = letter["order"], letter["task"]
        what = f"{words(task['event_type'] if order is None else order['purpose'])} of {task['trade_id']}"
        does = [f"Task {task['id']}, {what}, waits again with all its tries before it."]
        if order is not None:
            does = [
                f"A new task asks for it again, on {order['account']} alone: {what}.",
                f"Order {order['id']} itself is never sent again.",
            ]
        live = ", ".join(self._site.frame.status().live_anywhere)
        does += [
            "A router decides it anew by all checks, on the figures of that moment.",
            f"Where it passes, orders go to the venues of what trades live: {live}."
            if live
            else "Every account is in dry-run, so nothing is sent.",
        ]
        why = letter["retry"]["why"]
        warnings = () if letter["retry"]["makes_sense"] else (f"Another try is of no use: {why}.",)
        return self._confirmed(letter, "retry", "Give another try to", tuple(does), warnings)

    def discarding(self, text: str) -> Mapping[str, Any]:
        """Return what putting it aside would do."""
        letter = self._read.show(name_of(text))
        does = (
            f"{letter['name']} is put aside for good: it is listed no more, and cannot be given another try.",
            "Nothing is sent, and nothing of what is on record of it is deleted.",
        )
        event = letter["task"]["event_type"] if letter["order"] is None else letter["order"]["purpose"]
        warnings: tuple[str, ...] = ()
        if event == TaskEvent.EXIT and letter["retry"]["makes_sense"]:
            warnings = (f"{letter['retry']['why']}, and nobody closes them then.",)
        return self._confirmed(letter, "discard", "Discard", does, warnings)

    def retry(self, text: str) -> str:
        """Give it another try as the form says; return where that is shown. Raises NotPossible."""
        return url_for("pages.task", task_id=self._done(text, self._act.retry)["task_id"])

    def discard(self, text: str) -> str:
        """Put it aside as the form says; return where that is shown. Raises NotPossible."""
        self._done(text, self._act.discard)
        return url_for("pages.dead_letters")

    def _done(self, text: str, act: Callable[[LetterName, Signature], Row]) -> Row:
        name = name_of(text)
        return act(name, parse_signature(signed("reason"), self._site.clock()))

    def _confirmed(
        self, letter: Row, act: str, verb: str, does: tuple[str, ...], warnings: tuple[str, ...]
    ) -> Mapping[str, Any]:
        waits, title = _waits(letter), f"{verb} {letter['name']}"
        return form(
            act=Confirmation(
                title=title,
                does=does if waits else (f"Nothing: {letter['name']} is no dead letter any more.",),
                warnings=warnings if waits else (),
                button=title,
                address=url_for(f"pages.{act}", name=letter["name"]),
                back=url_for("pages.dead_letter", name=letter["name"]),
                reason=request.form.get("reason", ""),
                danger=act == "discard",
                may=waits,
            )
        )


def _waits(letter: Row) -> bool:
    order, task = letter["order"], letter["task"]
    if order is not None:
        return bool(order["state"] == "NOT_SENT" and order["dealt_with_at"] is None)
    return bool(task["status"] == "FAILED" and task["dealt_with_at"] is None)
