"""The dated rule sets of the firms, read from ``config/firms/<firm>.toml`` and checked; every error is named."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType

from config.firm_data import FIRMS_DIRECTORY
from config.rule_set_content import digest_of
from config.rule_set_file import FirmFile, RuleSetProblem, read_firm_file
from config.rule_set_shape import DayShape, RuleSetShape
from domain.drawdown_rule import DailyLoss, DrawdownRule, Family
from domain.firm_day import FirmDay
from domain.rule_set import Consistency, RuleSet, RuleSetRef, ScalingTier

NEAREST = 3
NOT_FOUND = "not_found"


class InvalidRuleSets(ValueError):
    """A file of rule sets has errors; ``problems`` names every one of them."""

    def __init__(self, problems: Iterable[RuleSetProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join([f"errors in rule sets: {len(self.problems)}", *map(str, self.problems)]))


class UnknownRuleSet(LookupError):
    """No rule set has this name; ``closest`` are those that its writer may have meant, nearest first."""

    def __init__(self, text: str, closest: tuple[str, ...]) -> None:
        self.closest = closest
        hint = f"; closest: {', '.join(closest)}" if closest else ""
        super().__init__(f'there is no rule set "{text}"{hint}')


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSetBook:
    """The rule sets of a directory by ``id@version``, and all that is wrong with its files.

    ``days`` are the firms' own days by firm code, ``day_sources`` where each of them was found.
    """

    sets: Mapping[str, RuleSet]
    days: Mapping[str, FirmDay]
    day_sources: Mapping[str, str]
    problems: tuple[RuleSetProblem, ...] = ()


def rule_sets() -> Mapping[str, RuleSet]:
    """Return the rule sets of this release by ``id@version``, read once. Raises InvalidRuleSets."""
    book = rule_set_book()
    if book.problems:
        raise InvalidRuleSets(book.problems)
    return book.sets


@cache
def rule_set_book() -> RuleSetBook:
    """Return the rule sets of this release with the errors of their files, read once."""
    return read_directory(FIRMS_DIRECTORY)


def read_directory(directory: Path) -> RuleSetBook:
    """Return all rule sets of the TOML files of a directory that are right, and every error of the others."""
    books = [_read(path.read_text(encoding="utf-8"), path.name) for path in sorted(directory.glob("*.toml"))]
    return RuleSetBook(
        sets=MappingProxyType({name: rule_set for book in books for name, rule_set in book.sets.items()}),
        days=MappingProxyType({code: day for book in books for code, day in book.days.items()}),
        day_sources=MappingProxyType({code: text for book in books for code, text in book.day_sources.items()}),
        problems=tuple(problem for book in books for problem in book.problems),
    )


def load_rule_sets(text: str, file_name: str) -> Mapping[str, RuleSet]:
    """Return the rule sets of a firm's TOML text by ``id@version``.

    Raises InvalidRuleSets, which names every error with file, rule set, field, what is given and what is expected.
    """
    book = _read(text, file_name)
    if book.problems:
        raise InvalidRuleSets(book.problems)
    return MappingProxyType(book.sets)


def find_rule_set(text: str, *, today: date | None = None, among: Mapping[str, RuleSet] | None = None) -> RuleSet:
    """Return the rule set ``id@version``, or for a bare ``id`` its newest version that is in force on ``today``.

    Without ``today`` the newest version of all. ``among`` are the rule sets of this release unless given. Case does
    not matter. Raises UnknownRuleSet, and InvalidRuleSets where the release's own files have errors.
    """
    known = rule_sets() if among is None else among
    name = text.strip().lower()
    if name in known:
        return known[name]
    versions = [
        rule_set
        for rule_set in known.values()
        if rule_set.ref.id == name and (today is None or rule_set.ref.version <= today)
    ]
    if not versions:
        raise UnknownRuleSet(text, _closest(name, known))
    return max(versions, key=lambda rule_set: rule_set.ref.version)


def _closest(name: str, known: Mapping[str, RuleSet]) -> tuple[str, ...]:
    """Return the versions of the id that is meant, or else those of the ids that look most like it."""
    wanted = name.partition("@")[0]
    ids = [rule_set.ref.id for rule_set in known.values()]
    near = [wanted] if wanted in ids else difflib.get_close_matches(wanted, dict.fromkeys(ids), n=NEAREST)
    return tuple(key for rule_set_id in near for key, rule_set in known.items() if rule_set.ref.id == rule_set_id)


def _read(text: str, file_name: str) -> RuleSetBook:
    file = read_firm_file(text, file_name)
    found = [_rule_set(row, file.firm_code) for row in file.rows]
    return RuleSetBook(
        sets={str(rule_set.ref): rule_set for rule_set in found},
        days={} if file.day is None else {file.firm_code: _firm_day(file.day)},
        day_sources={} if file.day is None else {file.firm_code: _found(file.day)},
        problems=(*file.problems, *_repeated(file, file_name)),
    )


def _repeated(file: FirmFile, file_name: str) -> Iterable[RuleSetProblem]:
    counted = Counter((row.id, row.effective) for row in file.rows)
    for (name, effective), times in counted.items():
        if times > 1:
            yield RuleSetProblem(
                file=file_name,
                rule_set=name,
                field="id",
                given=f"{name} effective {effective} {times} times",
                expected="each id once for each effective date",
            )


def _rule_set(row: RuleSetShape, firm_code: str) -> RuleSet:
    day_unknown = row.day.status == NOT_FOUND
    consistency = row.consistency
    sessions = row.allowed_sessions
    unsigned = RuleSet(
        ref=RuleSetRef(id=row.id, version=row.effective, digest=""),
        firm_code=firm_code,
        program=row.program,
        phase=row.phase,
        source=row.source,
        checked=row.checked,
        check_again=row.check_again,
        confidence=row.confidence,
        account_size=row.account_size,
        drawdown=_drawdown(row),
        day=_firm_day(row.day),
        max_minis=row.max_minis,
        max_micros=row.max_micros,
        scaling=tuple(ScalingTier(profit_from=tier.profit_from, max_minis=tier.max_minis) for tier in row.scaling),
        consistency=None if consistency is None else Consistency(**dict(consistency)),
        profit_target=row.profit_target,
        min_days=row.min_days,
        time_limit_days=row.time_limit_days,
        flat_by=row.flat_by,
        allowed_sessions=None
        if sessions is None
        else tuple(sorted({" ".join(name.upper().split()) for name in sessions})),
        stop_required=row.stop_required,
        automation=row.automation,
        news=row.news,
        unknown=tuple(sorted({*row.unknown, *(("day",) if day_unknown else ())})),
        notes=MappingProxyType({"day": _found(row.day), **row.notes}),
    )
    return replace(unsigned, ref=replace(unsigned.ref, digest=digest_of(unsigned)))


def _firm_day(day: DayShape) -> FirmDay:
    return FirmDay(reset=day.reset, zone=day.zone)


def _found(day: DayShape) -> str:
    return f"{day.status}: {day.source}"


def _drawdown(row: RuleSetShape) -> DrawdownRule:
    start = row.account_size if row.starting_balance is None else row.starting_balance
    daily = None if row.daily_loss is None else DailyLoss(**dict(row.daily_loss))
    if row.drawdown is None:
        # Nobody knows what the floor follows, so whatever limit the owner adds trails the strictest figure.
        return DrawdownRule(family=Family.TRAILING_INTRADAY, starting_balance=start, amount=None, daily=daily)
    return DrawdownRule(
        family=row.drawdown.family,
        starting_balance=start,
        amount=row.drawdown.amount,
        lock_at=row.drawdown.lock_at,
        daily=daily,
    )
