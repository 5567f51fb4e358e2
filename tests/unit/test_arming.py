"""Arming: an account's entries go out live only when nothing is missing, and everything that is missing is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.arming import Armed, DryBecause, arming, readiness
from config.platforms import FACTS, Platform
from config.problems import Severity
from config.settings import Settings
from domain.account import AccountKey
from domain.dry_reason import DryReason
from tests.armed import ACKNOWLEDGED, armed

FTMO_1, APEX_1, APEX_2 = AccountKey("FTMO", 1), AccountKey("APEX", 1), AccountKey("APEX", 2)
GOOD = {
    "EXECUTION_DRY_RUN": "false",
    "WEBHOOK_SECRET": "s",
    "ROUTE_TO_FIRMS": "FTMO,APEX",
    "FTMO_PROGRAM_IDS": "1",
    "APEX_PROGRAM_IDS": "1,2",
    **armed(FTMO_1, APEX_1, APEX_2),
}


def settings_of(**changes: str | None) -> Settings:
    merged = {**GOOD, **changes}
    return Settings.from_env({name: text for name, text in merged.items() if text is not None})


def dry(account: AccountKey, **changes: str | None) -> DryBecause:
    answer = arming(account, settings_of(**changes))
    assert isinstance(answer, DryBecause)
    return answer


def test_with_everything_in_place_every_account_is_armed() -> None:
    settings = settings_of()
    assert settings.errors == ()
    for account in settings.accounts:
        answer = arming(account, settings)
        assert isinstance(answer, Armed)
        assert (answer.account, answer.login.firm_code) == (account, account.firm_code)
        assert readiness(account, settings) == answer


# Every gap is named by its variable, and keeps that account dry and no other.
LOGIN = [(FTMO_1, f"FTMO_1_{name}") for name in FACTS[Platform.CTRADER].needs]
LOGIN += [(APEX_1, f"APEX_1_{name}") for name in FACTS[Platform.TRADOVATE].needs]


@pytest.mark.parametrize(("account", "variable"), LOGIN)
def test_a_missing_part_of_the_login_keeps_its_account_dry(account: AccountKey, variable: str) -> None:
    answer = dry(account, **{variable: None})
    firms = variable if variable.endswith("ACCOUNT_NAME") else variable.replace("_1_", "_")
    assert (answer.reason, answer.missing) == (DryReason.NOT_ARMED, (firms,))
    assert variable in answer.why[0]
    others = set(settings_of().accounts) - {account}
    assert all(isinstance(arming(other, settings_of(**{variable: None})), Armed) for other in others)


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"WEBHOOK_SECRET": None}, ["WEBHOOK_SECRET"]),
        ({"WEBHOOK_SECRET": " "}, ["WEBHOOK_SECRET"]),
        ({"APEX_1_MAX_TOTAL_LOSS": None}, ["APEX_1_RULE_SET"]),
        ({"APEX_1_MAX_TOTAL_LOSS": None, "APEX_1_MAX_CONTRACTS": "1"}, ["APEX_1_RULE_SET"]),
        ({"APEX_1_MAX_TOTAL_LOSS": None, "APEX_MAX_TOTAL_LOSS": "100"}, ["APEX_1_RULE_SET"]),
        ({"APEX_1_MAX_TOTAL_LOSS": "lots"}, ["APEX_1_RULE_SET", "APEX_1_MAX_TOTAL_LOSS"]),
        ({"APEX_1_RULE_SET": "apex-eod-51k"}, ["APEX_1_RULE_SET"]),
        ({"APEX_MAX_POSITION_SIZE": "0"}, ["APEX_MAX_POSITION_SIZE"]),
        ({"APEX_PLATFORM": "rithmic"}, ["APEX_PLATFORM"]),
        ({"APEX_1_POLICY_ACK": "too short"}, ["APEX_1_POLICY_ACK", "APEX_1_POLICY_ACK"]),
        ({"NQ_POINT_VALUE": "-1"}, ["NQ_POINT_VALUE"]),
        ({"NQ_CONTRACT": "NQZ2020"}, ["NQ_CONTRACT"]),
        ({"APEX_SYMBOL_MAP": "XX=US100.cash*20"}, ["APEX_SYMBOL_MAP"]),
        ({"APEX_1_ACCOUNT_NAME": "FTMO_1_ACCOUNT_NAME-value"}, ["APEX_1_ACCOUNT_NAME"]),
        ({"ENTRY_MAX_AGE": "soon"}, ["ENTRY_MAX_AGE"]),
    ],
)
def test_what_else_is_missing_or_wrong_is_named(changes: dict[str, str | None], missing: list[str]) -> None:
    answer = dry(APEX_1, **changes)
    assert answer.reason is DryReason.NOT_ARMED
    assert [gap.variable for gap in answer.gaps] == missing
    assert answer.missing == tuple(dict.fromkeys(missing))


@pytest.mark.parametrize(
    ("account", "url", "fits"),
    [
        (FTMO_1, "wss://live.ctrader.test:5036", True),
        (FTMO_1, "ws://localhost:5036", True),
        (FTMO_1, "https://live.ctrader.test", False),
        (APEX_1, "https://demo.tradovate.test/v1", True),
        (APEX_1, "http://localhost:1", True),
        (APEX_1, "wss://demo.tradovate.test/v1", False),
    ],
)
def test_an_address_that_is_not_of_the_platforms_kind_keeps_its_account_dry(
    account: AccountKey, url: str, fits: bool
) -> None:
    answer = arming(account, settings_of(**{f"{account.firm_code}_1_API_URL": url}))
    assert isinstance(answer, Armed) is fits
    if isinstance(answer, DryBecause):
        assert (answer.reason, answer.missing) == (DryReason.NOT_ARMED, (f"{account.firm_code}_API_URL",))


@pytest.mark.parametrize("limit", ["MAX_DAILY_LOSS", "MAX_TOTAL_LOSS", "MAX_DRAWDOWN"])
def test_one_loss_limit_of_its_own_or_a_rule_set_is_enough(limit: str) -> None:
    for own in ({f"APEX_1_{limit}": "500"}, {"APEX_1_RULE_SET": "apex-eod-50k@2026-03-01"}):
        changes = {"APEX_1_MAX_TOTAL_LOSS": None, **own}
        assert isinstance(arming(APEX_1, settings_of(**changes)), Armed)


def test_everything_that_is_missing_is_named_at_once() -> None:
    answer = dry(
        APEX_1,
        WEBHOOK_SECRET=None,
        APEX_1_API_URL=None,
        APEX_1_ACCOUNT_NAME=None,
        APEX_1_MAX_TOTAL_LOSS=None,
        APEX_1_POLICY_ACK=None,
        APEX_1_BUFFER="x",
    )
    assert answer.missing == (
        "WEBHOOK_SECRET",
        "APEX_API_URL",
        "APEX_1_ACCOUNT_NAME",
        "APEX_1_RULE_SET",
        "APEX_1_BUFFER",
        "APEX_1_POLICY_ACK",
    )
    assert answer.reason is DryReason.NOT_ARMED
    assert len(answer.why) == len(answer.missing)


def test_an_account_that_is_not_routed_is_not_armed() -> None:
    assert dry(APEX_2, APEX_PROGRAM_IDS="1").missing[0] == "ROUTE_TO_FIRMS"


@pytest.mark.parametrize(
    ("changes", "reason", "variable"),
    [
        ({"EXECUTION_DRY_RUN": "true"}, DryReason.GLOBAL, "EXECUTION_DRY_RUN"),
        ({"EXECUTION_DRY_RUN": None}, DryReason.GLOBAL, "EXECUTION_DRY_RUN"),
        ({"EXECUTION_DRY_RUN": "False"}, DryReason.GLOBAL, "EXECUTION_DRY_RUN"),
        ({"APEX_DRY_RUN": "true"}, DryReason.FIRM, "APEX_DRY_RUN"),
        ({"APEX_DRY_RUN": "nope"}, DryReason.FIRM, "APEX_DRY_RUN"),
        ({"APEX_1_DRY_RUN": "true"}, DryReason.ACCOUNT, "APEX_1_DRY_RUN"),
        ({"APEX_1_DRY_RUN": "False"}, DryReason.ACCOUNT, "APEX_1_DRY_RUN"),
        ({"APEX_PLATFORM": "none"}, DryReason.NO_CONNECTOR, "APEX_PLATFORM"),
        ({"WEBHOOK_SECRET": None}, DryReason.NOT_ARMED, "WEBHOOK_SECRET"),
        ({"APEX_1_POLICY_ACK": None}, DryReason.POLICY, "APEX_1_POLICY_ACK"),
    ],
)
def test_each_reason_by_itself(changes: dict[str, str | None], reason: DryReason, variable: str) -> None:
    answer = dry(APEX_1, **changes)
    assert (answer.reason, answer.missing) == (reason, (variable,))


def test_a_plain_permission_needs_no_answer() -> None:
    assert isinstance(arming(FTMO_1, settings_of(FTMO_1_POLICY_ACK=None)), Armed)


def test_of_several_reasons_the_first_is_told() -> None:
    causes: list[dict[str, str | None]] = [
        {"EXECUTION_DRY_RUN": "true"},
        {"APEX_DRY_RUN": "true"},
        {"APEX_1_DRY_RUN": "true"},
        {"APEX_PLATFORM": "none"},
        {"WEBHOOK_SECRET": None},
        {"APEX_1_POLICY_ACK": None},
    ]
    for number, reason in enumerate(DryReason):
        together: dict[str, str | None] = {}
        for cause in causes[number:]:
            together |= cause
        assert dry(APEX_1, **together).reason is reason


def test_one_account_may_be_live_while_its_neighbour_is_dry() -> None:
    settings = settings_of(APEX_2_DRY_RUN="true")
    assert isinstance(arming(APEX_1, settings), Armed)
    assert isinstance(arming(APEX_2, settings), DryBecause)
    assert not settings.is_dry("APEX")


@pytest.mark.parametrize("switch", ["EXECUTION_DRY_RUN", "APEX_DRY_RUN", "APEX_1_DRY_RUN"])
def test_readiness_looks_behind_the_switches(switch: str) -> None:
    settings = settings_of(**{switch: "true"})
    assert isinstance(readiness(APEX_1, settings), Armed)
    lacking = readiness(APEX_1, settings_of(**{switch: "true"}, APEX_1_API_KEY=None))
    assert isinstance(lacking, DryBecause)
    assert (lacking.reason, lacking.missing) == (DryReason.NOT_ARMED, ("APEX_API_KEY",))


@pytest.mark.parametrize("code", ["LEELOO", "BULENOX"])
def test_a_firm_without_a_connector_stays_dry_and_says_whose(code: str) -> None:
    answer = dry(AccountKey(code, 1), ROUTE_TO_FIRMS=code, **{f"{code}_PROGRAM_IDS": "1"})
    assert (answer.reason, answer.missing) == (DryReason.NO_CONNECTOR, (f"{code}_PLATFORM",))
    assert "Rithmic has no connector" in answer.why[0]


def test_a_firm_may_be_armed_on_a_platform_of_the_owners_choice() -> None:
    settings = settings_of(ROUTE_TO_FIRMS="BULENOX", BULENOX_PROGRAM_IDS="1", **armed(("BULENOX", 1)))
    assert isinstance(arming(AccountKey("BULENOX", 1), settings), Armed)
    assert dry(
        AccountKey("BULENOX", 1),
        ROUTE_TO_FIRMS="BULENOX",
        BULENOX_PROGRAM_IDS="1",
        **{**armed(("BULENOX", 1)), "BULENOX_1_API_URL": None},
    ).missing == ("BULENOX_API_URL",)


def test_an_unknown_firm_is_never_armed() -> None:
    answer = dry(AccountKey("XYZ", 1))
    assert answer.reason is DryReason.FIRM
    behind = readiness(AccountKey("XYZ", 1), settings_of())
    assert isinstance(behind, DryBecause)
    assert "not a known firm" in behind.why[0]


# What start-up says.


def warnings_of(**changes: str | None) -> list[tuple[str, str]]:
    return [(problem.variable, problem.message) for problem in settings_of(**changes).warnings]


def test_start_up_tells_of_each_account_that_stays_dry_with_all_that_it_lacks() -> None:
    [(variable, message)] = [
        told for told in warnings_of(APEX_1_API_KEY=None, APEX_1_API_SECRET=None) if "stays in dry-run" in told[1]
    ]
    assert variable == "APEX_API_KEY"
    assert message.startswith("APEX/1 stays in dry-run (NOT_ARMED). ")
    for name in ("APEX_API_KEY", "APEX_1_API_KEY", "APEX_API_SECRET", "APEX_1_API_SECRET"):
        assert name in message


def test_start_up_tells_of_a_firm_without_a_connector_and_of_a_policy_without_an_answer() -> None:
    assert [text for text in warnings_of(APEX_PLATFORM="none") if "NO_LIVE_CONNECTOR" in text[1]]
    [(variable, message)] = [told for told in warnings_of(APEX_1_POLICY_ACK=None) if "stays in dry-run" in told[1]]
    assert variable == "APEX_1_POLICY_ACK"
    assert "POLICY_NOT_ACKNOWLEDGED" in message
    assert "prohibited" in message


def test_what_the_owner_switched_off_is_no_problem() -> None:
    told = warnings_of(APEX_DRY_RUN="true", FTMO_1_DRY_RUN="true")
    assert told == []
    assert warnings_of(EXECUTION_DRY_RUN="true", WEBHOOK_SECRET="s", APEX_1_API_KEY=None) == []


def test_an_armed_account_under_an_acknowledged_policy_is_told_of_with_the_answer() -> None:
    problems = [problem for problem in settings_of().warnings if problem.account == APEX_1]
    assert [(problem.variable, problem.value, problem.severity) for problem in problems] == [
        ("APEX_1_POLICY_ACK", ACKNOWLEDGED, Severity.WARNING)
    ]
    assert "prohibited" in problems[0].message
    assert [problem for problem in settings_of().warnings if problem.account == FTMO_1] == []


def test_an_armed_account_of_cfds_without_a_map_is_told_of() -> None:
    [(variable, message)] = [told for told in warnings_of(FTMO_SYMBOL_MAP=None) if told[0] == "FTMO_SYMBOL_MAP"]
    assert "NO_CONTRACT" in message
    assert [told for told in warnings_of() if told[0] == variable] == []


# Tightening never arms.

TIGHTER: dict[str, list[str | None]] = {
    "EXECUTION_DRY_RUN": ["true", None, "x"],
    "APEX_DRY_RUN": ["true", "x"],
    "APEX_1_DRY_RUN": ["true", "x"],
    "APEX_PLATFORM": ["none"],
    "WEBHOOK_SECRET": [None, ""],
    "APEX_1_API_KEY": [None],
    "APEX_1_ACCOUNT_NAME": [None, ""],
    "APEX_1_MAX_TOTAL_LOSS": [None, "0"],
    "APEX_1_POLICY_ACK": [None, "short"],
    "APEX_PROGRAM_IDS": ["2"],
    "PORT": ["x"],
}


@st.composite
def tightened(draw: st.DrawFn) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    names = draw(st.lists(st.sampled_from(sorted(TIGHTER)), unique=True))
    less = {name: draw(st.sampled_from(TIGHTER[name])) for name in names}
    more = draw(st.lists(st.sampled_from(sorted(TIGHTER)), unique=True))
    return less, {**{name: draw(st.sampled_from(TIGHTER[name])) for name in more}, **less}


@given(tightened())
def test_tightening_never_arms(pair: tuple[Mapping[str, Any], Mapping[str, Any]]) -> None:
    less, more = pair
    if isinstance(arming(APEX_1, settings_of(**less)), DryBecause):
        assert isinstance(arming(APEX_1, settings_of(**more)), DryBecause)
    # A bad port concerns no order; everything else of the list disarms by itself.
    assert isinstance(arming(APEX_1, settings_of(**less)), Armed) == (set(less) <= {"PORT"})
