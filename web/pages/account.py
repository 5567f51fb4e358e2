"""One account: its equity over the levels it must stay above, its days, its target, its rules, and what would pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from account_engine.daily_history import DayResult, TargetDistance, target_distance
from account_engine.day_report import DayReport, day_report
from account_engine.standing import AccountStanding
from domain.account import AccountKey
from domain.rule_set import AccountRules
from signals.problem import FieldProblem, InvalidSignal
from web.pages.account_reader import AccountReader
from web.pages.curve_drawing import draw
from web.pages.what_if import answer, question_of
from web.refusals import Refused

if TYPE_CHECKING:
    from web.pages.site import Site

POINTS = 400
MOST_DAYS_LISTED = 20
MOST_ALERTS = 20
PERIODS = {"1": "1 day", "7": "7 days", "30": "30 days", "366": "1 year"}
USUAL_PERIOD = "30"


@dataclass(frozen=True, slots=True, kw_only=True)
class DayShown:
    """A day with its result as a part of the largest one listed, for a bar: -1 to 1."""

    result: DayResult
    part: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The way to the profit target. Dollars."""

    target: Decimal
    profit: Decimal
    distance: TargetDistance


def add_account(routes: Blueprint, site: Site) -> None:
    """Add ``/accounts/APEX/1``. The question of the form on it stands in the address, so that it can be kept."""
    known = {str(key): key for key in site.settings.accounts}
    rules = {key: site.tracker.rules_of(key) for key in site.settings.accounts}
    rows = AccountReader(site)

    def load(key: AccountKey) -> Mapping[str, Any]:
        row = rows.read([key])[0]
        account = site.tracker.known(key)
        question = question_of(request.args, site.settings, rules[key], site.record.usual_distance())
        told = answer(question, key, site.router.facts_of)
        report = day_report(account, rules[key])
        now = site.clock()
        override = account.override
        return {
            "account": row,
            "rules": rules[key],
            "drawing": _drawing(site, key, rules[key]),
            "period": _period(),
            "periods": PERIODS,
            "days": _days(report),
            "report": report,
            "target": _target(row.standing, rules[key]),
            "what_if": told,
            "sessions": rules[key].allowed_sessions,
            "alerts": site.history.alerts(
                firm_code=key.firm_code, program_id=key.program_id, only_open=True, limit=MOST_ALERTS
            ),
            "paused": site.tracker.view(key).state.get("paused") not in (None, False),
            "override": override if override is not None and now < override.expires_at else None,
            "flags": {name: flag for name, flag in account.flags.items() if flag not in (None, False)},
        }

    @routes.get("/accounts/<firm>/<program>")
    def account(firm: str, program: str) -> Response:
        def show() -> Mapping[str, Any]:
            key = known.get(f"{firm.upper()}/{program}")
            if key is None:
                there = ", ".join(known) or "none"
                raise Refused(404, "unknown_account", f"There is no account {firm}/{program}. Routed are: {there}.")
            return load(key)

        return site.frame.show("account.html", show)


def _period() -> str:
    period = request.args.get("days", USUAL_PERIOD)
    if period not in PERIODS:
        raise InvalidSignal(FieldProblem(field="days", given=period, accepted=f"one of {', '.join(PERIODS)}"))
    return period


def _drawing(site: Site, key: AccountKey, rules: AccountRules) -> Any:
    until = site.clock()
    curve = site.history.curve(key, since=until - timedelta(days=int(_period())), until=until, points=POINTS)
    return draw(curve, rules.day, None if rules.drawdown is None else rules.drawdown.lock_at)


def _days(report: DayReport) -> list[DayShown]:
    listed = list(reversed(report.results))[:MOST_DAYS_LISTED]
    largest = max((abs(day.counted) for day in listed if day.counted is not None), default=Decimal(0))
    return [
        DayShown(result=day, part=0.0 if not largest or day.counted is None else float(day.counted / largest))
        for day in listed
    ]


def _target(standing: AccountStanding, rules: AccountRules) -> Target | None:
    if rules.rule_set is None or rules.rule_set.profit_target is None:
        return None
    start = rules.rule_set.account_size if rules.drawdown is None else rules.drawdown.starting_balance
    profit = standing.total_pl if standing.balance is None else standing.balance - start
    if profit is None:
        return None
    wanted = rules.rule_set.profit_target
    return Target(target=wanted, profit=profit, distance=target_distance(profit, wanted))
