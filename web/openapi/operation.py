"""What one JSON route asks and answers, beside what its path and the table of routes already say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Schema = dict[str, Any]


class Shown(BaseModel):
    """A part of an answer. Its form is made when it is first asked for, not when the process starts."""

    model_config = ConfigDict(defer_build=True)


class FieldRefused(Shown):
    """One field that could not be read."""

    field: str
    given: Any
    accepted: str


class Refusal(Shown):
    """Why a request was refused. Where fields are at fault the first of them stands on top, too."""

    status: Literal["error", "conflict"]
    code: str
    message: str
    errors: list[FieldRefused] = Field(default_factory=list)


REFUSALS = {
    400: "A field cannot be read; `errors` names each with what is accepted. Nothing was stored.",
    401: "The token or secret is missing or wrong.",
    403: "Whoever asks may not do this.",
    404: "There is no such thing.",
    409: "It contradicts what is on record. Nothing was changed.",
    413: "The body is too large. Nothing was stored.",
    429: "Too many; `Retry-After` says in how many seconds one more is taken.",
    503: "The database cannot be reached, or others change the same; send it again after `Retry-After` seconds.",
}
# To be told when to come again.
WAITS = frozenset({429, 503})


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """``answer``: what a 200 holds. ``query``: the forms of an address's parameters by name, ``path`` of those
    parts of its path that may not be any text.

    ``body``: the form of the JSON body, None where none is read; ``bodiless``: it may also be missing. ``refusals``:
    the statuses beside those that follow from who may call it and from its path. ``others``: further answers that are
    no refusals, each with its model and what it means.
    """

    summary: str
    answer: type[BaseModel]
    query: Mapping[str, Schema] = field(default_factory=dict)
    path: Mapping[str, Schema] = field(default_factory=dict)
    body: Schema | None = None
    bodiless: bool = False
    refusals: frozenset[int] = frozenset()
    others: Mapping[int, tuple[type[BaseModel], str]] = field(default_factory=dict)
    # What is answered where it is no JSON: the pages' own file tells people what is wrong.
    refused_as: str = "application/json"
