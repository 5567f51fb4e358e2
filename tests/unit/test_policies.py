"""The firms' policies on automated orders: which holds, when an owner has to answer, and what goes on record."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest

from config.policies import plainly_allowed, policy_of, policy_rows
from config.rule_sets import rule_sets
from config.settings import Settings
from domain.account import AccountKey

ROUTED = {"ROUTE_TO_FIRMS": "FTMO,APEX,TOPSTEP,BULENOX,LEELOO"}
ROUTED |= {f"{code}_PROGRAM_IDS": "1" for code in ROUTED["ROUTE_TO_FIRMS"].split(",")}


def settings_of(**environ: str) -> Settings:
    return Settings.from_env({**ROUTED, **environ})


@pytest.mark.parametrize(
    ("code", "policy", "needs"),
    [
        ("FTMO", "allowed", False),
        ("APEX", "prohibited", True),
        ("TOPSTEP", "allowed_from_personal_device_only", True),
        ("BULENOX", "unverified", True),
        ("LEELOO", "prohibited", True),
    ],
)
def test_each_firms_policy_and_whether_it_needs_an_answer(code: str, policy: str, needs: bool) -> None:
    found = policy_of(AccountKey(code, 1), settings_of())
    assert (found.policy, found.needs_acknowledgement, found.acknowledgement) == (policy, needs, None)
    assert all((found.note, found.source, found.checked))


@pytest.mark.parametrize(
    ("policy", "status", "plain"),
    [
        ("allowed", "first_party", True),
        ("allowed", "secondary", True),
        ("allowed", "conflict", False),
        ("allowed", "not_found", False),
        ("unverified", "first_party", False),
        ("allowed_from_personal_device_only", "first_party", False),
    ],
)
def test_what_sources_contradict_is_not_plainly_allowed(policy: str, status: str, plain: bool) -> None:
    assert plainly_allowed(policy, status) is plain


def under(code: str, automation: str) -> Settings:
    """Settings in which the account chose a rule set with this policy."""
    settings = settings_of()
    chosen = replace(rule_sets()["ftmo-2step-eval1-100k@2026-10-04"], automation=automation)
    return replace(settings, rule_sets=MappingProxyType({AccountKey(code, 1): chosen}))


@pytest.mark.parametrize(
    ("code", "automation", "holds"),
    [
        ("FTMO", "allowed", "allowed"),
        ("FTMO", "allowed_from_personal_device_only", "allowed_from_personal_device_only"),
        ("FTMO", "unverified", "unverified"),
        ("FTMO", "some new word", "some new word"),
        ("FTMO", "prohibited_via_api", "prohibited_via_api"),
        ("TOPSTEP", "allowed", "allowed_from_personal_device_only"),
        ("TOPSTEP", "unverified", "unverified"),
        ("TOPSTEP", "prohibited_via_api", "prohibited_via_api"),
        ("BULENOX", "allowed_from_personal_device_only", "unverified"),
        ("BULENOX", "unknown", "unverified"),
        ("BULENOX", "prohibited", "prohibited"),
        ("BULENOX", "prohibited_via_api", "prohibited_via_api"),
        ("APEX", "unverified", "prohibited"),
        ("APEX", "allowed", "prohibited"),
        ("APEX", "prohibited_via_api", "prohibited"),
    ],
)
def test_the_stricter_of_firm_and_rule_set_holds(code: str, automation: str, holds: str) -> None:
    found = policy_of(AccountKey(code, 1), under(code, automation))
    assert (found.policy, found.needs_acknowledgement) == (holds, holds != "allowed")


def test_a_rule_sets_policy_is_told_with_the_rule_sets_source() -> None:
    settings = settings_of(TOPSTEP_1_RULE_SET="topstep-live-50k@2026-04-01")
    found = policy_of(AccountKey("TOPSTEP", 1), settings)
    assert (found.policy, found.source, found.checked) == ("prohibited_via_api", "help.topstep.com 10657969", "2026-04")
    assert found.note == "rule set topstep-live-50k@2026-04-01"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("123456789", None),
        ("1234567890", "1234567890"),
        ("12345678901", "12345678901"),
        ("  12345678   9  ", "12345678 9"),
        ("         a         ", None),
        ("", None),
    ],
)
def test_an_answer_has_at_least_ten_characters(text: str, kept: str | None) -> None:
    settings = settings_of(APEX_1_POLICY_ACK=text)
    assert policy_of(AccountKey("APEX", 1), settings).acknowledgement == kept
    unreadable = [problem.variable for problem in settings.errors if problem.variable == "APEX_1_POLICY_ACK"]
    assert unreadable == ([] if kept else ["APEX_1_POLICY_ACK"])


def test_the_record_has_a_row_for_every_routed_account() -> None:
    rows = policy_rows(settings_of(APEX_1_POLICY_ACK="consent by mail of 2026-10-01", FTMO_PROGRAM_IDS="1,2"))
    assert [(row["firm_code"], row["program_id"], row["policy"]) for row in rows] == [
        ("FTMO", 1, "allowed"),
        ("FTMO", 2, "allowed"),
        ("APEX", 1, "prohibited"),
        ("TOPSTEP", 1, "allowed_from_personal_device_only"),
        ("BULENOX", 1, "unverified"),
        ("LEELOO", 1, "prohibited"),
    ]
    assert [row["acknowledgement"] for row in rows] == [None, None, "consent by mail of 2026-10-01", None, None, None]
    assert all(set(row) == set(rows[0]) for row in rows)
    assert set(rows[0]) == {"firm_code", "program_id", "policy", "note", "source", "checked", "acknowledgement"}


def test_an_unknown_firm_has_no_policy() -> None:
    with pytest.raises(LookupError, match="XYZ"):
        policy_of(AccountKey("XYZ", 1), settings_of())
