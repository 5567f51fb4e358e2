"""Rules as plain text: what is in force for an account and where it came from, and which rule sets there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from domain.drawdown_rule import Consequence, DayBase, DrawdownRule
from domain.money import plain
from domain.rule_set import AccountRules, Consistency, RuleSet

NONE = "-"
UNKNOWN = "unknown"

Row = tuple[str, str, str]

BASES = {
    DayBase.BALANCE: "the day's first balance",
    DayBase.EQUITY: "the day's first equity",
    DayBase.LARGER: "the larger of the day's first balance and equity",
}
CONSEQUENCES = {
    Consequence.PAUSED_TO_RESET: "pauses until the reset",
    Consequence.ACCOUNT_LOST: "loses the account",
}

COLUMNS = (
    *("rule set", "program", "phase", "size", "drawdown", "daily loss", "minis/micros", "target"),
    *("checked", "check again", "confidence"),
)


@dataclass(frozen=True, slots=True)
class _Nothing:
    """How a value that is not there reads: ``unknown`` where no source was found, ``-`` where there is no such rule."""

    unknown: tuple[str, ...]

    def unless(self, name: str, value: Decimal | int | None) -> str:
        return _text(value) or (UNKNOWN if name in self.unknown else NONE)


def rule_rows(rules: AccountRules) -> Iterator[Row]:
    """Yield name, value and source of each rule in force for an account."""
    rule_set, rule, sources = rules.rule_set, rules.drawdown, rules.sources
    chosen = "none chosen" if rule_set is None else f"{rule_set.ref} (digest {rule_set.ref.digest})"
    yield "rule set", chosen, sources.get("rule_set", "")
    yield "day", f"from {rules.day.reset:%H:%M} {rules.day.zone}", sources["day"]
    nothing = _Nothing(() if rule_set is None else rule_set.unknown)
    yield from _drawdown_rows(rule, nothing, sources)
    if rule is not None:
        yield "drawdown family", rule.family, sources["drawdown_family"]
        start_source = sources.get("starting_balance", sources.get("account_size", ""))
        yield "starting balance", plain(rule.starting_balance), start_source
    yield "most minis", nothing.unless("max_minis", rules.max_minis), sources.get("max_contracts", "")
    yield "most micros", nothing.unless("max_micros", rules.max_micros), sources.get("max_micros", "")
    if rule_set is not None:
        yield from _rule_set_rows(rule_set)
    sessions = "all" if rules.allowed_sessions is None else ",".join(rules.allowed_sessions) or "none"
    yield "sessions", sessions, sources.get("allowed_sessions", "")
    yield "stop required", "yes" if rules.stop_required else "no", sources.get("stop_required", "")
    yield "buffer", plain(rules.buffer), sources.get("buffer", "")


def _drawdown_rows(rule: DrawdownRule | None, nothing: _Nothing, sources: Mapping[str, str]) -> Iterator[Row]:
    amount = None if rule is None else rule.amount
    daily = None if rule is None else rule.daily
    lock = "" if rule is None or rule.lock_at is None else f", floor stops at {plain(rule.lock_at)}"
    yield "drawdown", nothing.unless("drawdown", amount) + lock, sources.get("max_drawdown", "")
    counted = "" if daily is None else f" from {BASES[daily.base]}, {CONSEQUENCES[daily.consequence]}"
    limit = nothing.unless("daily_loss", None if daily is None else daily.amount)
    yield "daily loss", limit + counted, sources.get("daily_loss_limit", "")


def _rule_set_rows(rule_set: RuleSet) -> Iterator[Row]:
    """Yield what only a rule set says."""
    source = f"rule set {rule_set.ref}"
    steps = ", ".join(f"{tier.max_minis} above {plain(tier.profit_from)}" for tier in rule_set.scaling)
    facts = (
        ("scaling", steps),
        ("profit target", _text(rule_set.profit_target)),
        ("consistency", _consistency(rule_set.consistency)),
        ("minimum days", _text(rule_set.min_days)),
        ("time limit in days", _text(rule_set.time_limit_days)),
        ("flat by", "" if rule_set.flat_by is None else f"{rule_set.flat_by:%H:%M} {rule_set.day.zone}"),
        ("automation", rule_set.automation),
        ("news", rule_set.news or ""),
        ("unknown", ", ".join(rule_set.unknown)),
    )
    yield from ((name, text, source) for name, text in facts if text)


def _consistency(consistency: Consistency | None) -> str:
    if consistency is None:
        return ""
    when = ", judged at a payout" if consistency.at_payout else ""
    return f"best day at most {plain((consistency.share * 100).normalize())} % of {consistency.of}{when}"


def rule_set_table(rule_sets: Iterable[RuleSet], today: date) -> str:
    """Return the rule sets in aligned columns; a date to check again that has passed is marked."""
    rows = [COLUMNS, *(rule_set_cells(rule_set) for rule_set in rule_sets)]
    past = ["", *(" PAST" if today > rule_set.check_again else "" for rule_set in rule_sets)]
    marked = [(*row[:-2], row[-2] + mark, row[-1]) for row, mark in zip(rows, past, strict=True)]
    widths = [max(len(row[column]) for row in marked) for column in range(len(COLUMNS))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in marked)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def rule_set_cells(rule_set: RuleSet) -> tuple[str, ...]:
    """Return a rule set as one row of ``COLUMNS``."""
    rule = rule_set.drawdown
    nothing = _Nothing(rule_set.unknown)
    contracts = (nothing.unless(name, getattr(rule_set, name)) for name in ("max_minis", "max_micros"))
    return (
        str(rule_set.ref),
        rule_set.program,
        rule_set.phase,
        plain(rule_set.account_size),
        UNKNOWN if rule.amount is None else f"{plain(rule.amount)} {rule.family}",
        nothing.unless("daily_loss", None if rule.daily is None else rule.daily.amount),
        "/".join(contracts),
        nothing.unless("profit_target", rule_set.profit_target),
        rule_set.checked,
        rule_set.check_again.isoformat(),
        rule_set.confidence,
    )


def _text(value: Decimal | int | None) -> str:
    return "" if value is None else plain(Decimal(value))
