"""The documented functions: what is configured, as plain dictionaries."""

from datetime import date
from decimal import Decimal

import pytest

import config
from config import (
    Settings,
    get_account_breach_rules,
    get_firm_config,
    get_firm_risk_rules,
    get_program_scaling_rules,
    get_routing_rules_for_task,
    get_unified_program_metadata,
)
from domain.account import AccountKey

ENVIRON = {
    "ROUTE_TO_FIRMS": "FTMO,APEX",
    "FTMO_PROGRAM_IDS": "3,1",
    "APEX_PROGRAM_IDS": "1",
    "FTMO_MAX_POSITION_SIZE": "10",
    "FTMO_MAX_DAILY_LOSS": "1000.0",
    "FTMO_API_KEY": "key-one",
    "FTMO_1_ACCOUNT_SIZE": "100000.0",
    "FTMO_1_RISK_PER_TRADE": "0.01",
    "FTMO_1_MAX_CONTRACTS": "5",
    "FTMO_1_MAX_DAILY_LOSS": "900",
    "FTMO_1_MAX_DRAWDOWN": "2000.0",
    "FTMO_1_ALLOWED_SESSIONS": "London,NY AM",
}
SETTINGS = Settings.from_env(ENVIRON)
ONLY_WITH_A_RULE_SET = (
    *("rule_set", "max_micros", "profit_target", "min_days", "time_limit_days", "day_reset", "flat_by"),
    *("automation", "news", "stop_required"),
)


def test_routing_is_by_pairs() -> None:
    firm_codes, meta = get_routing_rules_for_task({"symbol": "NQ"}, settings=SETTINGS)
    assert firm_codes == ["FTMO", "APEX"]
    assert meta == {
        "program_ids": [1, 3],
        "accounts": [AccountKey("FTMO", 3), AccountKey("FTMO", 1), AccountKey("APEX", 1)],
    }


def test_routing_without_configuration_is_empty() -> None:
    answer = get_routing_rules_for_task({}, settings=Settings.from_env({}))
    assert answer == ([], {"program_ids": [], "accounts": []})


def test_a_firm_without_programs_is_not_routed_to() -> None:
    settings = Settings.from_env({"ROUTE_TO_FIRMS": "FTMO,APEX", "APEX_PROGRAM_IDS": "1"})
    assert get_routing_rules_for_task({}, settings=settings)[0] == ["APEX"]


@pytest.mark.parametrize("code", ["FTMO", "ftmo", " Ftmo "])
def test_rules_hold_only_what_is_set(code: str) -> None:
    assert get_firm_risk_rules(code, settings=SETTINGS) == {
        "max_position_size": 10,
        "max_daily_loss": Decimal("1000.0"),
    }
    assert get_program_scaling_rules(code, 1, settings=SETTINGS) == {
        "account_size": Decimal("100000.0"),
        "risk_per_trade": Decimal("0.01"),
        "max_contracts": 5,
        "max_position_size": 10,
    }
    assert get_account_breach_rules(code, 1, settings=SETTINGS) == {
        "max_daily_loss": Decimal(900),
        "max_drawdown": Decimal("2000.0"),
    }


@pytest.mark.parametrize(("code", "program_id"), [("APEX", 1), ("APEX", 9), ("NOPE", 1)])
def test_published_figures_never_become_rules(code: str, program_id: int) -> None:
    assert get_firm_risk_rules(code, settings=SETTINGS) == {}
    assert get_program_scaling_rules(code, program_id, settings=SETTINGS) == {}
    assert get_account_breach_rules(code, program_id, settings=SETTINGS) == {}
    metadata = get_unified_program_metadata(code, program_id, settings=SETTINGS)
    assert {key for key, value in metadata.items() if value is not None} == {"firm", "sources"}
    assert metadata["sources"] == {}


def test_metadata_names_each_rule_and_its_variable() -> None:
    metadata = get_unified_program_metadata("ftmo", 1, settings=SETTINGS)
    published = metadata.pop("firm")
    assert metadata == {
        "allowed_sessions": ["LONDON", "NY AM"],
        "max_contracts": 5,
        "max_risk_per_trade_pct": None,
        "daily_loss_limit": Decimal(900),
        "max_drawdown": Decimal("2000.0"),
        "starting_balance": None,
        "account_size": Decimal("100000.0"),
        "risk_per_trade": Decimal("0.01"),
        "max_position_size": 10,
        **dict.fromkeys(ONLY_WITH_A_RULE_SET),
        "buffer": None,
        "sources": {
            "allowed_sessions": "FTMO_1_ALLOWED_SESSIONS",
            "max_contracts": "FTMO_1_MAX_CONTRACTS",
            "daily_loss_limit": "FTMO_1_MAX_DAILY_LOSS",
            "max_drawdown": "FTMO_1_MAX_DRAWDOWN",
            "account_size": "FTMO_1_ACCOUNT_SIZE",
            "risk_per_trade": "FTMO_1_RISK_PER_TRADE",
            "max_position_size": "FTMO_MAX_POSITION_SIZE",
        },
    }
    assert published["max_daily_loss"]["source"]
    assert published["max_daily_loss"]["checked"] == "2026-10-04"


def test_metadata_of_an_account_with_a_rule_set_names_it_as_a_source() -> None:
    own = {"APEX_1_MAX_DAILY_LOSS": "600", "APEX_1_MAX_DRAWDOWN": "2500", "APEX_1_BUFFER": "100"}
    chosen = {"APEX_1_RULE_SET": "apex-eod-50k@2026-03-01", "APEX_1_RISK_PER_TRADE": "0.01"}
    settings = Settings.from_env({**ENVIRON, **own, **chosen}, today=date(2026, 11, 21))
    metadata = get_unified_program_metadata("apex", 1, settings=settings)
    published = metadata.pop("firm")
    digest = settings.rule_sets[AccountKey("APEX", 1)].ref.digest
    from_rule_set = "rule set apex-eod-50k@2026-03-01"
    assert metadata == {
        "rule_set": {"id": "apex-eod-50k", "version": "2026-03-01", "digest": digest},
        "allowed_sessions": None,
        "max_contracts": 6,
        "max_micros": 60,
        "max_risk_per_trade_pct": None,
        "daily_loss_limit": Decimal(600),
        "max_drawdown": Decimal(2000),
        "starting_balance": Decimal(50000),
        "account_size": Decimal(50000),
        "risk_per_trade": Decimal("0.01"),
        "max_position_size": None,
        "buffer": Decimal(100),
        "profit_target": Decimal(3000),
        "min_days": None,
        "time_limit_days": 30,
        "day_reset": "18:00 America/New_York",
        "flat_by": "16:59 America/New_York",
        "automation": "prohibited",
        "news": None,
        "stop_required": None,
        "sources": {
            "rule_set": "APEX_1_RULE_SET",
            "daily_loss_limit": "APEX_1_MAX_DAILY_LOSS",
            "risk_per_trade": "APEX_1_RISK_PER_TRADE",
            "buffer": "APEX_1_BUFFER",
            **dict.fromkeys(
                (
                    *("max_contracts", "max_micros", "max_drawdown", "starting_balance", "account_size"),
                    *("profit_target", "time_limit_days", "day_reset", "flat_by", "automation"),
                ),
                from_rule_set,
            ),
        },
    }
    assert published["max_daily_loss"]["value"] == 1000
    allowed = Settings.from_env({**ENVIRON, **chosen, "APEX_1_ALLOWED_SESSIONS": "NY AM"})
    assert get_unified_program_metadata("APEX", 1, settings=allowed)["allowed_sessions"] == ["NY AM"]


def test_firm_config_shows_capabilities_and_no_secret() -> None:
    answer = get_firm_config("ftmo", settings=SETTINGS)
    assert answer["code"] == "FTMO"
    assert answer["api_enabled"] is True
    assert answer["program_ids"] == [3, 1]
    assert answer["routed"] is True
    assert answer["dry_run"] is True
    assert answer["risk_rules"] == get_firm_risk_rules("FTMO", settings=SETTINGS)
    assert "key-one" not in str(answer)
    assert get_firm_config("NOPE", settings=SETTINGS) == {}


def test_without_settings_the_environment_is_read_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULENOX_MAX_POSITION_SIZE", "7")
    assert get_firm_risk_rules("BULENOX") == {"max_position_size": 7}
    monkeypatch.setenv("BULENOX_MAX_POSITION_SIZE", "8")
    assert get_firm_risk_rules("BULENOX") == {"max_position_size": 8}


def test_an_unreadable_limit_is_left_out_and_reported() -> None:
    settings = Settings.from_env({**ENVIRON, "FTMO_1_MAX_DAILY_LOSS": "0", "FTMO_MAX_POSITION_SIZE": "ten"})
    assert "max_daily_loss" not in get_account_breach_rules("FTMO", 1, settings=settings)
    assert "max_position_size" not in get_program_scaling_rules("FTMO", 1, settings=settings)
    errors = [problem.variable for problem in settings.errors_of(AccountKey("FTMO", 1))]
    assert errors == ["FTMO_MAX_POSITION_SIZE", "FTMO_1_MAX_DAILY_LOSS"]


def test_the_package_offers_the_documented_names() -> None:
    assert [name for name in config.__all__ if not hasattr(config, name)] == []
