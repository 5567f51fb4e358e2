"""Choosing a rule set: what is an error, what is a warning, and who is told what."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from config.groups import ProgramSettings
from config.problems import Problem, Severity
from config.rule_choice import chosen_rule_sets
from config.rule_sets import read_directory, rule_set_book
from config.settings import Settings, load_settings
from domain.account import AccountKey
from domain.rule_set import Confidence

TODAY = date(2026, 11, 21)
APEX_1 = AccountKey("APEX", 1)
ROUTED = {"ROUTE_TO_FIRMS": "APEX", "APEX_PROGRAM_IDS": "1", "WEBHOOK_SECRET": "s"}
EOD = "apex-eod-50k@2026-03-01"


def settings_of(**own: str) -> Settings:
    return settings_on(TODAY, **own)


def settings_on(today: date, /, **own: str) -> Settings:
    return Settings.from_env({**ROUTED, **{f"APEX_1_{name}": text for name, text in own.items()}}, today=today)


def only(problems: tuple[Problem, ...]) -> Problem:
    assert len(problems) == 1, problems
    return problems[0]


@pytest.mark.parametrize(
    ("text", "chosen"),
    [(EOD, EOD), (" APEX-EOD-50K@2026-03-01 ", EOD), ("apex-eod-50k", "apex-eod-50k@2026-10-04")],
)
def test_a_good_choice_is_no_problem(text: str, chosen: str) -> None:
    settings = settings_of(RULE_SET=text)
    assert settings.problems == ()
    assert {account: str(rule_set.ref) for account, rule_set in settings.rule_sets.items()} == {APEX_1: chosen}


def test_without_a_choice_there_is_none() -> None:
    assert settings_of(MAX_CONTRACTS="1").rule_sets == {}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("apex-eod-500k@2026-03-01", EOD),
        ("apex-eod-50k@2026-03-02", EOD),
        ("apex-legacy-50k", "apex-legacy-pa-50k@2026-03-16"),
        ("zz", "apex-eod-pa-150k@2026-03-01"),
        ("ftmo-2step-eval1-100k@2026-10-04", "is a rule set of FTMO"),
        ("topstep-combine-50k", "is a rule set of TOPSTEP"),
    ],
)
def test_an_unknown_rule_set_or_one_of_another_firm_stops_entries(text: str, named: str) -> None:
    settings = settings_of(RULE_SET=text)
    error = only(settings.errors)
    assert (error.variable, error.value, error.account) == ("APEX_1_RULE_SET", text, APEX_1)
    assert settings.errors_of(APEX_1) == (error,)
    assert settings.errors_of(AccountKey("APEX", 2)) == ()
    assert named in error.message + error.expected
    assert "apex-" in error.expected
    assert "live entries of APEX/1 are refused" in error.message
    assert settings.rule_sets == {}


@pytest.mark.parametrize("text", ["", " ", "apex eod", "apex-eod-50k@March", "apex-eod-50k@", "@2026-03-01", "a--b"])
def test_a_choice_that_is_no_name_cannot_be_read(text: str) -> None:
    error = only(settings_of(RULE_SET=text).errors)
    assert (error.variable, error.value) == ("APEX_1_RULE_SET", text)
    assert "apex-eod-50k@2026-03-01" in error.expected
    assert "python -m config rule-sets" in error.expected


@pytest.mark.parametrize(
    ("today", "past"),
    [(date(2027, 1, 1), False), (date(2027, 1, 2), False), (date(2027, 1, 3), True)],
)
def test_a_rule_set_past_its_date_to_check_again_warns(today: date, past: bool) -> None:
    warnings = settings_on(today, RULE_SET=EOD).warnings
    assert bool(warnings) is past
    if past:
        assert "was to be checked again by 2027-01-02 (its source is of 2026-10-04)" in only(warnings).message
        assert only(warnings).variable == "APEX_1_RULE_SET"


@pytest.mark.parametrize(
    ("today", "early"), [(date(2026, 2, 28), True), (date(2026, 3, 1), False), (date(2026, 3, 2), False)]
)
def test_a_rule_set_that_is_not_in_force_yet_warns(today: date, early: bool) -> None:
    settings = settings_on(today, RULE_SET=EOD)
    assert ["in force only from 2026-03-01" in problem.message for problem in settings.warnings] == [True] * early
    assert APEX_1 in settings.rule_sets
    assert bool(settings_on(today, RULE_SET="apex-eod-50k").errors) is early


@pytest.mark.parametrize("confidence", list(Confidence))
def test_low_confidence_warns(confidence: Confidence) -> None:
    book = rule_set_book()
    changed = replace(book, sets={EOD: replace(book.sets[EOD], confidence=confidence)})
    chosen, problems = chosen_rule_sets({APEX_1: ProgramSettings(rule_set=EOD)}, changed, TODAY)
    assert chosen[APEX_1].confidence is confidence
    assert ["low confidence" in problem.message for problem in problems] == [True] * (confidence is Confidence.LOW)


@pytest.mark.parametrize(
    ("firm", "name", "missing"),
    [
        ("APEX", "apex-eod-50k", None),
        ("APEX", "apex-eod-pa-50k", "daily_loss, scaling"),
        ("APEX", "apex-intraday-pa-50k", "daily_loss, max_minis, scaling"),
        ("TOPSTEP", "topstep-live-50k", "drawdown, max_minis, starting_balance"),
        ("TOPSTEP", "topstep-xfa-50k", None),
        ("TOPSTEP", "topstep-xfa-100k", "scaling"),
        ("BULENOX", "bulenox-option2-50k", None),  # the first step of its plan holds
        ("BULENOX", "bulenox-option2-250k", "scaling"),
        ("LEELOO", "leeloo-launch-50k", "day"),
        ("FTMO", "ftmo-2step-eval1-100k", None),
    ],
)
def test_a_limit_that_nobody_knows_warns(firm: str, name: str, missing: str | None) -> None:
    _, problems = chosen_rule_sets(
        {AccountKey(firm, 1): ProgramSettings(rule_set=name)}, rule_set_book(), date(2026, 11, 22)
    )
    told = [problem.message for problem in problems if "no source was found" in problem.message]
    assert len(told) == (missing is not None)
    assert missing is None or f"the firm's {missing}, " in told[0]
    assert {problem.severity for problem in problems} <= {Severity.WARNING}


@pytest.mark.parametrize(
    ("name", "loose", "equal", "limit"),
    [
        ("MAX_DAILY_LOSS", "1000.01", "1000.00", "1000"),
        ("MAX_DRAWDOWN", "2000.01", "2000", "2000"),
        ("MAX_CONTRACTS", "7", "6", "6"),
        ("ACCOUNT_SIZE", "50000.01", "50000", "50000"),
    ],
)
def test_a_looser_setting_warns_and_an_equal_one_does_not(name: str, loose: str, equal: str, limit: str) -> None:
    assert settings_of(RULE_SET=EOD, **{name: equal}).problems == ()
    assert settings_of(RULE_SET=EOD, **{name: "1"}).problems == ()
    warning = only(settings_of(RULE_SET=EOD, **{name: loose}).warnings)
    assert (warning.variable, warning.value, warning.account) == (f"APEX_1_{name}", loose, APEX_1)
    assert f"looser than the {limit} of rule set {EOD}, which stays in force" in warning.message


def test_a_looser_count_says_what_holds_for_micros() -> None:
    assert "of micros 20 are allowed" in only(settings_of(RULE_SET=EOD, MAX_CONTRACTS="20").warnings).message
    assert "of micros 60 are allowed" in only(settings_of(RULE_SET=EOD, MAX_CONTRACTS="100").warnings).message


def test_sessions_that_the_rule_set_does_not_allow_warn() -> None:
    book = rule_set_book()
    narrow = replace(book, sets={EOD: replace(book.sets[EOD], allowed_sessions=("NY AM", "NY PM"))})
    for own, looser in ((("NY AM",), False), (("NY AM", "NY PM"), False), (("LONDON", "NY AM"), True)):
        program = ProgramSettings(rule_set=EOD, allowed_sessions=own)
        _, problems = chosen_rule_sets({APEX_1: program}, narrow, TODAY)
        assert [problem.variable for problem in problems] == ["APEX_1_ALLOWED_SESSIONS"] * looser


@pytest.mark.parametrize(("start", "warned"), [("49999.99", True), ("50000", False), ("50000.01", True)])
def test_another_starting_balance_warns(start: str, warned: bool) -> None:
    warnings = settings_of(RULE_SET=EOD, STARTING_BALANCE=start).warnings
    assert [problem.variable for problem in warnings] == ["APEX_1_STARTING_BALANCE"] * warned


@pytest.mark.parametrize(("buffer", "warned"), [("0", False), ("1999.99", False), ("2000", True)])
def test_a_buffer_that_leaves_no_room_warns(buffer: str, warned: bool) -> None:
    warnings = settings_of(RULE_SET=EOD, BUFFER=buffer).warnings
    assert [problem.variable for problem in warnings] == ["APEX_1_BUFFER"] * warned


@pytest.mark.parametrize(
    ("text", "bad"), [("0", False), ("250.5", False), ("-0.01", True), ("", True), ("1000000001", True)]
)
def test_a_buffer_is_dollars_from_0(text: str, bad: bool) -> None:
    assert [problem.variable for problem in settings_of(BUFFER=text).errors] == ["APEX_1_BUFFER"] * bad


def test_errors_in_the_files_refuse_all_live_entries(tmp_path: Path) -> None:
    (tmp_path / "acme.toml").write_text('code = "ACME"\nprograms = [{ rule_sets = [{ id = "acme-1" }] }]\n')
    book = read_directory(tmp_path)
    assert len(book.problems) > 5
    _, problems = chosen_rule_sets({APEX_1: ProgramSettings()}, book, TODAY)
    assert len(problems) == len(book.problems)
    assert all(problem.severity is Severity.ERROR and problem.concerns(APEX_1) for problem in problems)
    assert {problem.variable for problem in problems} == {"config/firms/acme.toml"}


def test_a_live_account_with_a_rule_set_has_limits() -> None:
    live = {**ROUTED, "EXECUTION_DRY_RUN": "false"}
    without = Settings.from_env(live, today=TODAY).warnings
    chosen = Settings.from_env({**live, "APEX_1_RULE_SET": EOD}, today=TODAY).warnings
    assert ["no loss limit" in problem.message for problem in without] == [True]
    assert ["no loss limit" in problem.message for problem in chosen] == [False]


def test_the_date_comes_from_the_caller(tmp_path: Path) -> None:
    environ = {**ROUTED, "APEX_1_RULE_SET": EOD}
    for today, warnings in ((date(2026, 11, 21), 0), (date(2028, 1, 1), 1)):
        settings = load_settings(environ, dotenv_path=tmp_path / ".env", today=today)
        assert len(settings.warnings) == warnings
        example = tmp_path / "example"
        example.write_text("".join(f"{name}={text}\n" for name, text in environ.items()))
        shown = load_settings({"WEBHOOK_SECRET": "s"}, tmp_path / ".env", example, today)
        assert (shown.demonstration, len(shown.warnings)) == (True, warnings)
