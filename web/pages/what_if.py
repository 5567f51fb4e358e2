"""Would an entry pass now? The router's own checks on the present facts; nothing is stored and nothing is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from account_engine.standing import AccountStanding
from config.settings import Settings
from domain.account import AccountKey
from domain.order import Direction, EntryOrder
from domain.rule_set import AccountRules
from domain.rules import Rule
from risk_engine.decision import Approved, EntryDecision, EntryFacts, Refusal, Rejected
from risk_engine.live_checks import loss_at_stop
from risk_engine.pipeline import decide_entry
from signals.problem import FieldProblem, InvalidSignal

FactsOf = Callable[[EntryOrder, AccountKey], EntryFacts]
MOST_CONTRACTS = 10_000
USUAL_DISTANCE = Decimal(10)
# The checks look at distances and never at prices, so any price far enough from 0 will do.
FAR = Decimal(10)
PARTS = ("risk_checks", "program_sizing", "account_breaches", "enforcement_checks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """An entry that might come. ``contracts`` None: as many as sizing gives; ``distance`` to the stop in points."""

    symbol: str
    contracts: int | None
    distance: Decimal
    session: str | None

    def order(self) -> EntryOrder:
        """Return it as an order."""
        return EntryOrder(
            trade_id="what-if",
            symbol=self.symbol,
            direction=Direction.LONG,
            entry_price=self.distance * FAR,
            stop_loss=self.distance * FAR - self.distance,
            contracts=self.contracts,
            session=self.session,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the checks say: every value beside its limit, and why not. ``risk``: dollars lost at the stop.

    ``sizing``: what the size was worked out from, empty where it was not. ``live_refusals``: what would besides refuse
    the account if it were live.
    """

    question: Question
    passes: bool
    contracts: int
    symbol: str
    risk: Decimal | None
    refusals: tuple[Refusal, ...]
    live_refusals: tuple[Refusal, ...]
    sizing: Mapping[str, Any]
    compared: tuple[Mapping[str, Any], ...]


class _Form(BaseModel):
    """The fields of the form, each as its sender wrote it."""

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True, extra="ignore")

    symbol: str = Field(min_length=1, max_length=50, pattern=r"^[\w.:!/-]+$")
    contracts: int | None = Field(None, ge=1, le=MOST_CONTRACTS)
    distance: Decimal = Field(gt=0, le=Decimal(1_000_000), max_digits=20)
    session: str | None = Field(None, max_length=50)


ACCEPTED = {
    "symbol": "a symbol such as NQ, MNQ or NQZ6",
    "contracts": f"a whole number from 1 to {MOST_CONTRACTS}; empty: as many as sizing gives",
    "distance": "the points between entry and stop, above 0",
    "session": "the name of a session, at most 50 characters",
}


def question_of(given: Mapping[str, str], settings: Settings, rules: AccountRules, usual: Decimal | None) -> Question:
    """Return what the address asks, or the usual question where it asks nothing. Raises InvalidSignal.

    ``usual``: points to the stop of the newest entry, None where there is none.
    """
    sessions = rules.allowed_sessions
    if not any(name in given for name in ACCEPTED):
        return Question(
            symbol=settings.default_symbol,
            contracts=1,
            distance=usual or USUAL_DISTANCE,
            session=sessions[0] if sessions else None,
        )
    told = {name: text for name, text in given.items() if name in ACCEPTED and text.strip()}
    try:
        form = _Form.model_validate(told)
    except ValidationError as error:
        names = dict.fromkeys(str(fault["loc"][0]) for fault in error.errors())
        problems = [FieldProblem(field=name, given=given.get(name), accepted=ACCEPTED[name]) for name in names]
        raise InvalidSignal(*problems) from error
    return Question(symbol=form.symbol, contracts=form.contracts, distance=form.distance, session=form.session)


def answer(question: Question, account: AccountKey, facts_of: FactsOf) -> tuple[Answer, AccountStanding | None]:
    """Return what the checks say of this entry now, and the standing that it was held against."""
    facts = facts_of(question.order(), account)
    decision = decide_entry(facts)
    decided = decision.accounts[0]
    verdict = decided.verdict
    refusals = verdict.refusals if isinstance(verdict, Rejected) else ()
    told = Answer(
        question=question,
        passes=isinstance(verdict, Approved),
        contracts=verdict.contracts,
        symbol=verdict.order.symbol,
        risk=loss_at_stop(verdict.order, facts.instruments, verdict.contracts),
        refusals=refusals,
        live_refusals=decided.blocked_if_live,
        sizing=decision.program_sizing[0]["details"] or {},
        compared=tuple(_compared(decision)),
    )
    return told, facts.accounts[0].standing


def _compared(decision: EntryDecision) -> Iterator[Mapping[str, Any]]:
    for part in PARTS:
        for row in getattr(decision, part):
            for compared in row["compared"]:
                # Its value is the stop's price, and prices are made up here.
                yield {**compared, "value": "yes"} if compared["rule"] == Rule.STOP_REQUIRED else compared
