"""What an account is right now: its figures from the best source there is, their age, and where it stands. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from account_engine.consistency import ConsistencyStanding, consistency
from account_engine.daily_history import merge_history
from account_engine.figures import peak_of
from account_engine.rule_engine import evaluate_standing
from account_engine.standing import AccountPicture, AccountStanding
from account_engine.tracked import Known, Mark, Tracked
from account_engine.tracking import apply, under_rules
from domain.account import AccountKey
from domain.account_update import FIGURES, AccountUpdate, Source
from domain.rule_set import AccountRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What the owner's environment says of an account, for as long as nobody else does. Dollars.

    ``read_at`` is when it was read: the figures are at least as old as that.
    """

    read_at: datetime
    figures: Mapping[str, Decimal] = field(default_factory=dict)
    peak_equity: Decimal | None = None
    paused: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """An account at one moment. ``state`` is the dictionary that the checks read; ``age`` in seconds.

    ``figures_at`` is the time of the figures, None where there are none. ``tracked`` is what is on record.
    """

    key: AccountKey
    state: Mapping[str, Any]
    source: Source
    figures_at: datetime | None
    age: Decimal | None
    standing: AccountStanding
    tracked: Tracked

    def as_row(self) -> dict[str, Any]:
        """Return which account it is of, and how old and whose its figures are; age in seconds."""
        return {
            "firm_code": self.key.firm_code,
            "program_id": self.key.program_id,
            "version": self.tracked.version,
            "source": str(self.source),
            "figures_at": None if self.figures_at is None else self.figures_at.isoformat(),
            "age": self.age,
            "life": self.tracked.life,
        }


# The account with figures laid over it, where they are from, and of when they are.
Effective = tuple[Tracked, Source, datetime | None]


class Laid(NamedTuple):
    """An account under its rules, and with the best figures that hold until something of it changes.

    ``state``: the dictionary that the checks read, while these figures are its own and not too old.
    """

    tracked: Tracked
    effective: Effective
    state: Mapping[str, Any]


def view_of(
    key: AccountKey,
    known: Known,
    rules: AccountRules,
    environment: Environment,
    *,
    now: datetime,
    max_age: Decimal,
    share: ConsistencyStanding | None = None,
    laid: Laid | None = None,
) -> AccountView:
    """Return an account as of ``now``: override before platform before stored snapshot before environment.

    A figure that the better source does not have is taken from the next one. ``max_age`` in seconds: figures of a
    platform that are older are no longer its word but the last stored snapshot, and are stale. ``share`` is what
    ``best_day_share`` says of the account's days; ``laid``: what ``laid_over`` returned for the same account.
    """
    if laid is None:
        laid = laid_over(known, rules, environment)
    tracked = laid.tracked
    effective, source, figures_at = _overridden(tracked, known, rules, now) or laid.effective
    age = None if figures_at is None else Decimal(str(round(max((now - figures_at).total_seconds(), 0.0), 3)))
    if source in (Source.FIRM_API, Source.PLATFORM, Source.PROGRAM) and age is not None and age > max_age:
        source = Source.SNAPSHOT
    # The same object while nothing changes, so that what was worked out from it can be told to hold still.
    unchanged = effective is laid.effective[0] and source is laid.effective[1]
    state = laid.state if unchanged else _state(effective, known, rules, environment, source)
    picture = AccountPicture(
        key=key,
        rules=rules,
        now=now,
        max_age=max_age,
        drawdown=effective.standing,
        equity=effective.figures.get("equity"),
        balance=effective.figures.get("balance"),
        day_pl=effective.figures.get("day_pl"),
        total_pl=effective.figures.get("total_pl"),
        no_data=effective.no_data_since is not None,
        state_age=age,
        source=str(source),
        halted=state.get("halted"),
        paused=state.get("paused"),
        reduce_only=state.get("reduce_only"),
        day_started_at=None if effective.day is None else rules.day.starts_at(effective.day.day),
        reset_day=_reset_day(known, tracked),
        at_risk_per_trade=rules.risk_per_trade,
        consistency_share=None if share is None else share.share,
        consistency_passed=None if share is None else share.passed,
    )
    return AccountView(
        key=key,
        state=state,
        source=source,
        figures_at=figures_at,
        age=age,
        standing=evaluate_standing(picture),
        tracked=tracked,
    )


def best_day_share(known: Known, rules: AccountRules) -> ConsistencyStanding | None:
    """Return where the account's closed days stand against its consistency rule, None where it has none."""
    rule_set = rules.rule_set
    if rule_set is None or rule_set.consistency is None:
        return None
    days = merge_history(known.days, known.platform_days)
    return consistency(days, rule_set.consistency, rule_set.profit_target)


def with_peak(tracked: Tracked, environment: Environment) -> Tracked:
    """Return an account of which no figures ever came with the peak that its owner knows from before our first look."""
    peak, marks = environment.peak_equity, tracked.marks
    if peak is None or tracked.observed_at is not None or tracked.life > 1 or marks.intraday is not None:
        return tracked
    # Without a digest its floor is worked out anew, from the peak.
    return replace(tracked, marks=replace(marks, intraday=Mark(value=peak, at=environment.read_at)), rule_digest=None)


def laid_over(known: Known, rules: AccountRules, environment: Environment) -> Laid:
    """Return the account with the best figures laid over it that hold at any time; nothing of it is kept on record."""
    tracked = under_rules(known.tracked, rules)
    best: Effective = (tracked, Source.NONE, None)
    if tracked.figures:
        best = (tracked, tracked.source, tracked.observed_at)
    elif environment.figures:
        at = environment.read_at
        best = (_with(tracked, environment.figures, rules, at), Source.ENV, at)
    return Laid(tracked, best, _state(best[0], known, rules, environment, best[1]))


def _overridden(tracked: Tracked, known: Known, rules: AccountRules, now: datetime) -> Effective | None:
    override = known.override
    if override is None or now >= override.expires_at:
        return None
    told = {name: figure for name, figure in override.figures.items() if name in FIGURES}
    return _with(tracked, told, rules, now), Source.OVERRIDE, now


def _with(tracked: Tracked, figures: Mapping[str, Decimal], rules: AccountRules, at: datetime) -> Tracked:
    moment = at if tracked.observed_at is None else max(at, tracked.observed_at)
    told = AccountUpdate.of(figures, at=moment, received_at=moment, source=Source.PROGRAM)
    return apply(tracked, told, rules).tracked


def _state(
    tracked: Tracked, known: Known, rules: AccountRules, environment: Environment, source: Source
) -> dict[str, Any]:
    """Return the dictionary that the documents' checks read; only what is known is in it."""
    day, mark = tracked.day, tracked.marks.intraday
    peak = None if mark is None else peak_of(tracked, rules)
    facts: dict[str, Any] = {
        "peak_equity": peak,
        "high_water_mark": peak,
        "day_start_balance": day.start_balance if day is not None and day.start_known else None,
        "paused": environment.paused,
    }
    received = tracked.received_at
    if received is not None:
        facts["last_update"] = received.timestamp()
    told = {name: fact for name, fact in facts.items() if fact is not None}
    filled = {name: figure for name, figure in environment.figures.items() if name not in tracked.figures}
    state = {**filled, **tracked.figures, **told, **tracked.details, **known.flags}
    return {**state, "source": str(source)} if state else {}


def _reset_day(known: Known, tracked: Tracked) -> Any:
    day = tracked.day
    finalised = (record.day for record in known.days if record.finalised)
    return day.day if day is not None and max(finalised, default=day.day) < day.day else None
