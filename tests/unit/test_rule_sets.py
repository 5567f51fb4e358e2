"""Rule sets read from a firm's file: what is merged, every error named, digests, names, and the way back from JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.rule_set_content import content_of, digest_of, rule_set_of
from config.rule_set_file import RuleSetProblem
from config.rule_sets import InvalidRuleSets, UnknownRuleSet, find_rule_set, load_rule_sets, read_directory, rule_sets
from domain.drawdown_rule import Consequence, DailyLoss, DayBase, DrawdownRule, Family
from domain.firm_day import FirmDay
from domain.rule_set import Confidence, Consistency, RuleSet, RuleSetRef, ScalingTier, ShareOf

TEXT = """
code = "ACME"

[automation_policy]
policy = "allowed"

[day]
reset = 17:00:00
zone = "America/Chicago"
status = "secondary"
source = "acme.example/day"

[every_program]
source = "acme.example/rules"
unknown = ["news"]
notes.flat_by = "the firm's"
notes.scaling = "the firm's"

[[programs]]
program = "Quick"
phase = "evaluation"
effective = 2026-03-01
checked = "2026-03"
check_again = 2026-05-30
confidence = "medium"
drawdown = { family = "trailing_eod" }
daily_loss = { base = "larger", consequence = "paused_to_reset" }
flat_by = 15:10:00
unknown = ["min_days"]
notes.scaling = "the program's"

[[programs.rule_sets]]
id = "acme-quick-50k"
account_size = 50_000
drawdown.amount = 2000
drawdown.lock_at = 50_100
daily_loss.amount = 1000
profit_target = 3000
max_minis = 5
max_micros = 50
scaling = [{ profit_from = 0, max_minis = 2 }, { profit_from = 1500, max_minis = 5 }]

[[programs.rule_sets]]
id = "acme-quick-100k"
account_size = 100_000
drawdown.amount = 3000
daily_loss.amount = 2000
flat_by = 15:00:00
allowed_sessions = ["NY PM", "ny  am"]
consistency = { share = 0.5, of = "total_profit" }
time_limit_days = 30
automation = "prohibited"
"""
QUICK = "acme-quick-50k@2026-03-01"
LARGE = "acme-quick-100k@2026-03-01"


def problems_of(text: str) -> tuple[RuleSetProblem, ...]:
    with pytest.raises(InvalidRuleSets) as caught:
        load_rule_sets(text, "acme.toml")
    return caught.value.problems


def changed(old: str, new: str, count: int = 1) -> str:
    assert old in TEXT
    return TEXT.replace(old, new, count)


def test_a_row_stands_over_its_program_over_its_firm() -> None:
    found = load_rule_sets(TEXT, "acme.toml")
    assert list(found) == [QUICK, LARGE]
    expected = RuleSet(
        ref=RuleSetRef(id="acme-quick-50k", version=date(2026, 3, 1), digest=found[QUICK].ref.digest),
        firm_code="ACME",
        program="Quick",
        phase="evaluation",
        source="acme.example/rules",
        checked="2026-03",
        check_again=date(2026, 5, 30),
        confidence=Confidence.MEDIUM,
        account_size=Decimal(50000),
        drawdown=DrawdownRule(
            family=Family.TRAILING_EOD,
            starting_balance=Decimal(50000),
            amount=Decimal(2000),
            lock_at=Decimal(50100),
            daily=DailyLoss(amount=Decimal(1000), base=DayBase.LARGER, consequence=Consequence.PAUSED_TO_RESET),
        ),
        day=FirmDay(reset=time(17), zone="America/Chicago"),
        max_minis=5,
        max_micros=50,
        scaling=(
            ScalingTier(profit_from=Decimal(0), max_minis=2),
            ScalingTier(profit_from=Decimal(1500), max_minis=5),
        ),
        profit_target=Decimal(3000),
        flat_by=time(15, 10),
        automation="allowed",
        unknown=("min_days", "news"),
        notes={
            "day": "secondary: acme.example/day",
            "flat_by": "the firm's",
            "scaling": "the program's",
        },
    )
    assert found[QUICK] == expected
    large = found[LARGE]
    assert large.flat_by == time(15)
    assert large.allowed_sessions == ("NY AM", "NY PM")
    assert large.consistency == Consistency(share=Decimal("0.5"), of=ShareOf.TOTAL_PROFIT)
    assert (large.time_limit_days, large.automation, large.drawdown.lock_at) == (30, "prohibited", None)


def test_a_file_without_programs_has_no_rule_sets() -> None:
    assert load_rule_sets(TEXT[: TEXT.index("[[programs]]")], "acme.toml") == {}


def test_an_assumed_day_and_an_unknown_drawdown_say_so() -> None:
    text = changed('"secondary"', '"not_found"').replace('drawdown = { family = "trailing_eod" }\n', "")
    text = text.replace("drawdown.amount = 2000\ndrawdown.lock_at = 50_100", 'unknown = ["drawdown"]')
    rule_set = load_rule_sets(text.replace("drawdown.amount = 3000", 'unknown = ["drawdown"]'), "acme.toml")[QUICK]
    assert rule_set.unknown == ("day", "drawdown", "min_days", "news")
    rule = rule_set.drawdown
    assert (rule.family, rule.amount, rule.starting_balance) == (Family.TRAILING_INTRADAY, None, Decimal(50000))
    assert rule.daily is not None


def test_a_starting_balance_of_its_own() -> None:
    text = changed("account_size = 50_000\n", "account_size = 50_000\nstarting_balance = 0\n").replace("50_100", "0")
    rule_set = load_rule_sets(text, "acme.toml")[QUICK]
    assert rule_set.account_size == 50000
    rule = rule_set.drawdown
    assert [rule.starting_balance, rule.first_floor, rule.lock_at] == [0, -2000, 0]


BAD = (
    # what is changed, into what, the field that is named, what is said to be given, what is expected
    ("drawdown.amount = 2000", "drawdown.amount = 0", "drawdown.amount", "0", "dollars above 0"),
    ("drawdown.amount = 2000", "drawdown.amount = nan", "drawdown.amount", "NaN", "dollars above 0"),
    ("drawdown.amount = 2000", 'drawdown.amount = "2000"', "drawdown.amount", '"2000"', "dollars above 0"),
    ("drawdown.amount = 2000", "drawdown.amount = true", "drawdown.amount", "True", "dollars above 0"),
    ("drawdown.amount = 2000\n", "", "drawdown.amount", "nothing", "dollars above 0"),
    ("50_100", "47_999.99", "drawdown", "below the first floor 48000", "lock_at not below the first floor"),
    ("50_100", "inf", "drawdown.lock_at", "Infinity", "a balance in dollars"),
    ("daily_loss.amount = 1000", "daily_loss.amount = -1", "daily_loss.amount", "-1", "dollars above 0"),
    ("daily_loss.amount = 1000", 'daily_loss.base = "start"', "daily_loss.base", '"start"', "balance, equity, larger"),
    ("daily_loss.amount = 1000\n", "", "daily_loss.amount", "nothing", "dollars above 0"),
    ("profit_target = 3000", "profit_target = 1_000_000_001", "profit_target", "1000000001", "dollars above 0"),
    ("max_minis = 5\n", "max_minis = 0\n", "max_minis", "0", "a whole number above 0"),
    ("max_minis = 5\n", "max_minis = 5.0\n", "max_minis", "5.0", "a whole number above 0"),
    ("max_micros = 50", "max_micros = 4", "max_micros", "4 (fewer than the 5 minis)", "not below max_minis"),
    ("profit_from = 0", "profit_from = 1", "scaling", "no steps upwards", "steps from profit 0 upwards"),
    ("profit_from = 1500", "profit_from = 0", "scaling", "no steps upwards", "steps from profit 0 upwards"),
    ("max_minis = 2 }", "max_minis = 6 }", "scaling", "no steps upwards", "steps from profit 0 upwards"),
    ("max_minis = 5 }]", "max_minis = 6 }]", "scaling", "no steps upwards", "more than max_minis"),
    ("profit_from = 1500", "profit_from = -1", "scaling.profit_from", "-1", "the profit in dollars"),
    ("max_minis = 2 }", "max_minis = 2, micros = 1 }", "scaling.micros", "1", "one of profit_from, max_minis"),
    ('"acme-quick-50k"', '"Acme-50k"', "id", '"Acme-50k"', "in small letters"),
    ('"acme-quick-50k"', '"apex-quick-50k"', "id", "does not start with acme-", "the firm's code"),
    ("max_minis = 5\n", "max_mini = 5\n", "max_mini", "5", "one of id, program, phase"),
    ("account_size = 50_000\n", "", "account_size", "nothing", "dollars above 0"),
    ("max_micros = 50", 'max_micros = 50\nunknown = ["max_micros"]', "unknown", "max_micros is given", "not found"),
    ("max_micros = 50", 'unknown = ["drawdown.lock_at"]', "unknown", "drawdown.lock_at is given", "not found"),
    ("max_micros = 50", 'unknown = ["micros"]', "unknown", "micros is no parameter", "drawdown.lock_at"),
    ("max_micros = 50", 'unknown = "x"', "unknown", '"x"', "not found"),
    ("max_micros = 50", "allowed_sessions = []", "allowed_sessions", "[]", "names such as"),
    ("max_micros = 50", "min_days = true", "min_days", "True", "a whole number above 0"),
    ("max_micros = 50", "notes.x = 1", "notes.x", "1", "a text for each parameter"),
    ("max_micros = 50", 'day.zone = "Mars/Base"', "day.zone", "no such time zone", "an IANA time zone"),
    ("max_micros = 50", 'day.zone = "/etc/x"', "day.zone", "no such time zone", "an IANA time zone"),
    ("max_micros = 50", 'day.reset = "17:00"', "day.reset", '"17:00"', "a time on the wall clock"),
    ("max_micros = 50", "flat_by = 1510", "flat_by", "1510", "a time on the wall clock"),
    ("max_micros = 50", 'confidence = "certain"', "confidence", '"certain"', "high, medium, low"),
    ("max_micros = 50", 'phase = "demo"', "phase", '"demo"', "evaluation, evaluation_1"),
    ("max_micros = 50", "effective = 2026-03-01T00:00:00", "effective", "2026-03-01T00:00:00", "a date such as"),
    ("max_micros = 50", 'checked = "March"', "checked", '"March"', "the date of the source"),
    ("max_micros = 50", 'checked = "2026-13"', "checked", "month must be in 1..12", "the date of the source"),
    ("max_micros = 50", "check_again = 2026-03-01", "check_again", "2026-03-01 (not after", "a date after checked"),
    ("max_micros = 50", 'source = " "', "source", '" "', "where it was found"),
    ("max_micros = 50", "consistency.share = 1.1", "consistency.share", "1.1", "at most 1"),
    ("max_micros = 50", "consistency.share = 0.5", "consistency.of", "nothing", "total_profit, positive_days"),
)


@pytest.mark.parametrize(("old", "new", "field", "given", "expected"), BAD, ids=[f"{row[2]}: {row[1]}" for row in BAD])
def test_an_error_names_file_rule_set_field_value_and_what_was_expected(
    old: str, new: str, field: str, given: str, expected: str
) -> None:
    found = [problem for problem in problems_of(changed(old, new)) if problem.field == field]
    assert len(found) == 1
    named = "acme-quick-50k" if field != "id" else new.strip('"')
    assert (found[0].file, found[0].rule_set) == ("acme.toml", named)
    assert given in found[0].given
    assert expected in found[0].expected
    text = str(found[0])
    assert all(part in text for part in ("acme.toml", named, field, given, expected))


def test_every_error_is_named_at_once() -> None:
    text = changed("drawdown.amount = 2000", "drawdown.amount = -2000")
    text = text.replace("max_micros = 50", 'max_micros = 4\ncolour = "red"\ncheck_again = 2026-01-01')
    text = text.replace('family = "trailing_eod"', 'family = "sideways"').replace("drawdown.amount = 3000\n", "")
    text = text.replace('zone = "America/Chicago"', 'zone = "Chicago"') + "[weather]\nsun = true\n"
    found = problems_of(text)
    assert [(problem.rule_set, problem.field) for problem in found] == [
        ("-", "weather"),
        ("-", "day.zone"),
        ("acme-quick-50k", "check_again"),
        ("acme-quick-50k", "drawdown.family"),
        ("acme-quick-50k", "drawdown.amount"),
        ("acme-quick-50k", "day.zone"),
        ("acme-quick-50k", "max_micros"),
        ("acme-quick-50k", "colour"),
        ("acme-quick-100k", "drawdown.family"),
        ("acme-quick-100k", "drawdown.amount"),
        ("acme-quick-100k", "day.zone"),
    ]
    with pytest.raises(InvalidRuleSets, match=r"errors in rule sets: 11\n") as caught:
        load_rule_sets(text, "acme.toml")
    assert all(str(problem) in str(caught.value) for problem in found)


@pytest.mark.parametrize(
    ("old", "new"),
    [("50_100", "48_000"), ("max_micros = 50", "max_micros = 5"), ("max_minis = 2 }", "max_minis = 5 }")],
)
def test_the_edge_of_what_fits_together_is_right(old: str, new: str) -> None:
    assert QUICK in load_rule_sets(changed(old, new), "acme.toml")


def test_a_row_without_an_id_is_named_by_its_place() -> None:
    (problem,) = problems_of(changed('id = "acme-quick-100k"\n', ""))
    assert (problem.rule_set, problem.field, problem.given) == ("programs 1.rule_sets 2", "id", "nothing")


def test_a_drawdown_that_is_neither_given_nor_unknown_is_an_error() -> None:
    text = changed('drawdown = { family = "trailing_eod" }\n', "").replace("drawdown.amount = 3000\n", "")
    text = text.replace("drawdown.amount = 2000\ndrawdown.lock_at = 50_100\n", "")
    assert [(problem.rule_set, problem.field) for problem in problems_of(text)] == [
        ("acme-quick-50k", "unknown"),
        ("acme-quick-100k", "unknown"),
    ]
    assert all("no drawdown" in problem.given for problem in problems_of(text))
    silent = text.replace('unknown = ["news"]\n', "").replace('unknown = ["min_days"]\n', "")
    assert [problem.field for problem in problems_of(silent)] == ["unknown", "unknown"]


@pytest.mark.parametrize(
    ("text", "field", "expected"),
    [
        ("this is = not = toml", "-", "readable TOML"),
        (TEXT.replace('code = "ACME"', "code = 3"), "code", "the firm's code"),
        (TEXT.replace("[[programs]]", "[[programmes]]"), "programmes", "one of code, name"),
        (TEXT.replace("[every_program]", "[every]"), "every", "one of code, name"),
        ('code = "ACME"\nprograms = 3\nday = 1', "programs", "a list of tables"),
        ('code = "ACME"\nprograms = [{ rule_sets = [3] }]', "programs 1.rule_sets", "a list of tables"),
        ('code = "ACME"\nprograms = [{ program = "x" }]', "programs 1.rule_sets", "a list of tables"),
        ('code = "ACME"\nevery_program = 1\n', "every_program", "a table"),
    ],
)
def test_an_error_of_the_whole_file(text: str, field: str, expected: str) -> None:
    (problem,) = [problem for problem in problems_of(text) if problem.field == field]
    assert (problem.rule_set, problem.file) == ("-", "acme.toml")
    assert expected in problem.expected


def test_an_id_may_have_versions_but_not_twice_the_same() -> None:
    again = TEXT[TEXT.index("[[programs]]") :]
    found = load_rule_sets(TEXT + again.replace("2026-03-01", "2026-04-01"), "acme.toml")
    assert len(found) == 4
    assert [(problem.rule_set, problem.field) for problem in problems_of(TEXT + again)] == [
        ("acme-quick-50k", "id"),
        ("acme-quick-100k", "id"),
    ]


LATER = """
[[programs.later]]
effective = 2026-06-01
stop_required = true
notes.effective = "learned later"
"""


def test_a_later_version_of_each_row_says_only_what_changed() -> None:
    found = load_rule_sets(TEXT + LATER + LATER.replace("2026-06", "2026-07").replace("true", "false"), "acme.toml")
    versions = [f"{name}@2026-0{month}-01" for name in ("acme-quick-50k", "acme-quick-100k") for month in (3, 6, 7)]
    assert list(found) == versions
    first, later, last = (found[name] for name in versions[:3])
    assert later == replace(
        first, ref=later.ref, stop_required=True, notes={**first.notes, "effective": "learned later"}
    )
    assert last == replace(later, ref=last.ref, stop_required=False)
    assert first.ref == load_rule_sets(TEXT, "acme.toml")[QUICK].ref
    assert len({first.ref.digest, later.ref.digest, last.ref.digest}) == 3


@pytest.mark.parametrize(
    ("later", "field"),
    [
        ("[[programs.later]]\nstop_required = true\n", "id"),
        ('[[programs.later]]\neffective = 2026-06-01\nstop_required = "yes"\n', "stop_required"),
        ("[[programs.later]]\neffective = 2026-06-01\nstop = true\n", "stop"),
        ("[programs.later]\neffective = 2026-06-01\nstop_required = 1\n", "stop_required"),
    ],
)
def test_a_later_version_is_checked_like_a_first(later: str, field: str) -> None:
    assert [problem.field for problem in problems_of(TEXT + later)] == [field, field]


def test_a_directory_gives_what_is_right_and_all_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "acme.toml").write_text(changed("max_minis = 5\n", "max_minis = 0\n"))
    (tmp_path / "other.toml").write_text(TEXT.replace("ACME", "OTHER").replace('"acme-', '"other-') + "= bad")
    book = read_directory(tmp_path)
    assert list(book.sets) == [LARGE]
    assert [problem.file for problem in book.problems] == ["acme.toml", "other.toml"]
    assert dict(book.days) == {"ACME": FirmDay(reset=time(17), zone="America/Chicago")}
    assert dict(book.day_sources) == {"ACME": "secondary: acme.example/day"}


# Digests


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("account_size = 50_000", "account_size = 50000.00"),
        ("drawdown.amount = 2000", "drawdown.amount = 2_000.0"),
        ("[[programs]]", "# a comment\n\n[[programs]]"),
        ('unknown = ["news"]', 'unknown = ["news", "news"]'),
        (
            'notes.flat_by = "the firm\'s"\nnotes.scaling = "the firm\'s"',
            'notes.scaling = "the firm\'s"\nnotes.flat_by = "the firm\'s"',
        ),
        ("max_minis = 5\nmax_micros = 50", "max_micros = 50\nmax_minis = 5"),
        ('{ family = "trailing_eod" }', '{family="trailing_eod"}'),
        ('confidence = "medium"\n', ""),
    ],
)
def test_the_digest_does_not_depend_on_spelling_or_place(old: str, new: str) -> None:
    text = changed(old, new)
    if not new:
        text = text.replace("[every_program]", '[every_program]\nconfidence = "medium"')
    assert load_rule_sets(text, "acme.toml")[QUICK] == load_rule_sets(TEXT, "acme.toml")[QUICK]


def test_the_digest_of_one_rule_set_does_not_depend_on_the_others() -> None:
    alone = TEXT[: TEXT.rindex("[[programs.rule_sets]]")]
    assert load_rule_sets(alone, "other-name.toml")[QUICK].ref == load_rule_sets(TEXT, "acme.toml")[QUICK].ref


CHANGES: Mapping[str, Any] = {
    "firm_code": "OTHER",
    "program": "Slow",
    "phase": "funded",
    "source": "elsewhere",
    "checked": "2026-04",
    "check_again": date(2026, 5, 31),
    "confidence": Confidence.LOW,
    "account_size": Decimal(50001),
    "drawdown": DrawdownRule(family=Family.STATIC, starting_balance=Decimal(50000), amount=Decimal(2000)),
    "day": FirmDay(reset=time(17), zone="America/New_York"),
    "max_minis": 6,
    "max_micros": 51,
    "scaling": (),
    "consistency": Consistency(share=Decimal("0.3"), of=ShareOf.TOTAL_PROFIT),
    "profit_target": Decimal(3001),
    "min_days": 1,
    "time_limit_days": 30,
    "flat_by": time(15, 11),
    "allowed_sessions": ("NY AM",),
    "stop_required": True,
    "automation": "prohibited",
    "news": "none",
    "unknown": (),
    "notes": {"x": "y"},
    "ref": RuleSetRef(id="acme-quick-50k", version=date(2026, 3, 2), digest=""),
}


@pytest.mark.parametrize("name", [entry.name for entry in fields(RuleSet)])
def test_the_digest_covers_every_field_but_itself(name: str) -> None:
    rule_set = load_rule_sets(TEXT, "acme.toml")[QUICK]
    assert digest_of(rule_set) == rule_set.ref.digest
    assert digest_of(replace(rule_set, **{name: CHANGES[name]})) != rule_set.ref.digest
    assert digest_of(replace(rule_set, ref=replace(rule_set.ref, digest="x"))) == rule_set.ref.digest
    assert len(rule_set.ref.digest) == 16
    assert set(rule_set.ref.digest) <= set("0123456789abcdef")


@given(st.sampled_from(list(rule_sets().values())))
def test_what_is_written_down_is_read_back_the_same(rule_set: RuleSet) -> None:
    written = json.loads(json.dumps(content_of(rule_set)))
    assert rule_set_of(written) == rule_set
    assert digest_of(rule_set_of(written)) == rule_set.ref.digest


def test_what_is_no_rule_set_cannot_be_read_back() -> None:
    content = content_of(load_rule_sets(TEXT, "acme.toml")[QUICK])
    with pytest.raises(ValueError, match="account_size"):
        rule_set_of({**content, "account_size": "much"})


# Names

BOOK = load_rule_sets(
    TEXT + TEXT[TEXT.index("[[programs]]") :].replace("effective = 2026-03-01", "effective = 2026-09-01"), "acme.toml"
)


@pytest.mark.parametrize(
    ("text", "today", "found"),
    [
        (QUICK, None, "2026-03-01"),
        (f"  {QUICK.upper()} ", None, "2026-03-01"),
        ("acme-quick-50k@2026-09-01", date(2026, 1, 1), "2026-09-01"),
        ("acme-quick-50k", None, "2026-09-01"),
        ("acme-quick-50k", date(2026, 9, 1), "2026-09-01"),
        ("acme-quick-50k", date(2026, 8, 31), "2026-03-01"),
        ("acme-quick-50k", date(2026, 3, 1), "2026-03-01"),
    ],
)
def test_a_rule_set_is_found_by_its_name_and_date(text: str, today: date | None, found: str) -> None:
    assert find_rule_set(text, today=today, among=BOOK).ref.version == date.fromisoformat(found)


@pytest.mark.parametrize(
    ("text", "today", "closest"),
    [
        ("acme-quick-50k", date(2026, 2, 28), (QUICK, "acme-quick-50k@2026-09-01")),
        ("acme-quick-50k@2026-03-02", None, (QUICK, "acme-quick-50k@2026-09-01")),
        ("acme-quik-100k", None, (LARGE, "acme-quick-100k@2026-09-01", QUICK, "acme-quick-50k@2026-09-01")),
        ("zzz", None, ()),
        ("", None, ()),
    ],
)
def test_an_unknown_name_tells_the_closest(text: str, today: date | None, closest: tuple[str, ...]) -> None:
    with pytest.raises(UnknownRuleSet) as caught:
        find_rule_set(text, today=today, among=BOOK)
    assert caught.value.closest == closest
    assert all(name in str(caught.value) for name in (text, *closest))


def test_without_a_book_the_names_are_those_of_this_release() -> None:
    rule_set = find_rule_set("apex-eod-50k@2026-03-01")
    assert rule_set is rule_sets()["apex-eod-50k@2026-03-01"]
    assert str(rule_set.ref) == "apex-eod-50k@2026-03-01"
