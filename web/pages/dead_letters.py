"""Dead letters: what was given up and waits for a person, and one of them with all that is on record of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response

from database.dead_letters import DeadLetters
from domain.acts import LetterName
from signals.problem import FieldProblem, InvalidSignal

if TYPE_CHECKING:
    from web.pages.site import Site

MOST_LISTED = 200


def add_dead_letters(routes: Blueprint, site: Site) -> None:
    """Add ``/dead-letters`` and ``/dead-letters/task:12``. They show; its template adds what a person may do."""
    letters = DeadLetters(site.database)

    @routes.get("/dead-letters")
    def dead_letters() -> Response:
        return site.frame.show(
            "dead_letters.html",
            lambda: {"letters": letters.waiting(limit=MOST_LISTED), "most_listed": MOST_LISTED},
        )

    @routes.get("/dead-letters/<name>")
    def dead_letter(name: str) -> Response:
        def show() -> Mapping[str, Any]:
            return {"letter": letters.show(name_of(name))}

        return site.frame.show("dead_letter.html", show)


def name_of(text: str) -> LetterName:
    """Return which letter a path names. Raises InvalidSignal."""
    try:
        return LetterName.of(text)
    except ValueError as error:
        raise InvalidSignal(FieldProblem(field="dead_letter", given=text, accepted="task:12 or leg:34")) from error
