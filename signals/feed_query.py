"""Which signals a person asks to see: the query of the feed's address."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from domain.acts import HIGHEST_ID
from domain.halt import Scope
from domain.rules import Rule
from signals.account_fields import read
from signals.fields import AlertTime, TradeId
from signals.json_forms import SCOPE, digits, matching
from signals.problem import FieldProblem, InvalidSignal

TIME = "a time with its zone, such as 2026-11-18T12:00:00Z"


class FeedStatus(StrEnum):
    """What became of a signal. WAITING and GIVEN_UP are the whole task's; the others are one account's."""

    WAITING = "WAITING"
    GIVEN_UP = "GIVEN_UP"
    APPROVED = "APPROVED"
    REFUSED = "REFUSED"
    SUCCESS = "SUCCESS"
    PENDING = "PENDING"
    FAILED = "FAILED"
    UNRESOLVED = "UNRESOLVED"
    SKIPPED = "SKIPPED"


def number_of(value: Any) -> int:
    """Return an id as an address has it. Raises ValueError for what is none."""
    text = str(value).strip()
    if not text.isascii() or not text.isdecimal() or not 0 < int(text[:20]) <= HIGHEST_ID:
        raise ValueError("no id")
    return int(text)


def scope_of(value: Any) -> Scope:
    """Return a firm or account as an address has it. Raises ValueError for what is none."""
    return Scope.of(word_of(value))


def word_of(value: Any) -> str:
    """Return a code as an address has it, in capitals. Raises ValueError for what is no text."""
    if not isinstance(value, str):
        raise ValueError("not a word")
    return value.strip().upper()


def _status(value: Any) -> FeedStatus:
    return FeedStatus(word_of(value))


def _rule(value: Any) -> Rule:
    return Rule(word_of(value))


SignalId = Annotated[int, BeforeValidator(number_of), digits(1, HIGHEST_ID)]


class FeedQuery(BaseModel):
    """Which signals, the newest first. ``before``: a signal's id, only those older than it. ``until`` is excluded.

    Firm, account, status and rule are asked of one and the same account of a signal.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    account: Annotated[Scope, BeforeValidator(scope_of), matching(SCOPE)] = Field(
        Scope(), description="a firm such as APEX, or an account such as APEX/1"
    )
    status: Annotated[FeedStatus, BeforeValidator(_status)] | None = Field(
        None, description=f"one of {', '.join(FeedStatus)}"
    )
    rule: Annotated[Rule, BeforeValidator(_rule)] | None = Field(
        None, description="the code of a rule, such as MAX_DAILY_LOSS"
    )
    trade: TradeId | None = Field(None, description="a trade's id, at most 255 printable characters")
    since: AlertTime | None = Field(None, description=TIME)
    until: AlertTime | None = Field(None, description=TIME)
    before: SignalId | None = Field(None, description="the id of a signal")

    @property
    def looks_inside(self) -> bool:
        """Return whether verdicts have to be read to answer it."""
        return self.account != Scope() or self.status is not None or self.rule is not None


def parse_feed(arguments: Mapping[str, Any], now: datetime) -> FeedQuery:
    """Return which signals an address asks for; a field that is empty asks for nothing. Raises InvalidSignal."""
    given = {name: text for name, text in arguments.items() if not isinstance(text, str) or text.strip()}
    body = read(FeedQuery, given, {name: (name,) for name in FeedQuery.model_fields}, now=now)
    if body.ignored:
        accepted = f"one of {', '.join(FeedQuery.model_fields)}"
        raise InvalidSignal(*(FieldProblem(field=name, given=None, accepted=accepted) for name in body.ignored[:20]))
    return body.model
