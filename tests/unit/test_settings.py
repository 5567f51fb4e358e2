"""Settings: every value typed, everything wrong reported together, nothing unreadable ever silently off."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.environment_files import read_environment_file
from config.groups import FirmSettings, ProgramSettings, ServiceSettings
from config.problems import MASK, Problem, Severity
from config.reading import setting_fields
from config.settings import EXAMPLE_PATH, Settings, load_settings
from config.variables import settings_table, variables
from domain.account import AccountKey

FTMO_1 = AccountKey("FTMO", 1)
APEX_1 = AccountKey("APEX", 1)
GOOD = {
    "WEBHOOK_SECRET": "wh-secret-1",
    "ROUTE_TO_FIRMS": "FTMO,APEX",
    "FTMO_PROGRAM_IDS": "1,2",
    "APEX_PROGRAM_IDS": "1",
    "FTMO_MAX_POSITION_SIZE": "10",
    "FTMO_1_MAX_DAILY_LOSS": "1000.0",
    "FTMO_1_RISK_PER_TRADE": "0.01",
    "APEX_1_MAX_CONTRACTS": "10",
}
SECRETS = {
    "DATABASE_URL": "postgresql://router:pa%24s-one@db.internal:5432/router",
    "DATABASE_DIRECT_URL": "postgresql://router:eighteen@db.internal:5433/router",
    "WEBHOOK_SECRET": "webhook-secret-two",
    "WEBHOOK_SECRET_OLD": "webhook-secret-twenty-one",
    "WEBHOOK_SIGNING_KEY": "signing-key-twenty-two",
    "API_TOKEN": "api-token-three",
    "API_VIEWER_TOKEN": "api-viewer-token-eighteen",
    "ADMIN_PASSWORD": "admin-password-nineteen",
    "VIEWER_PASSWORD_HASH": "scrypt:32768:8:1$saltoftwenty$" + "20" * 64,
    "SECRET_KEY": "a-secret-key-of-at-least-thirty-two",
    "FTMO_API_KEY": "ftmo-key-four",
    "FTMO_API_SECRET": "ftmo-secret-five",
    "FTMO_API_URL": "https://six.broker.example",
    "FTMO_API_PASSWORD": "ftmo-password-eleven",
    "FTMO_API_TOKEN": "ftmo-token-twelve",
    "APEX_1_API_KEY": "apex-key-thirteen",
    "APEX_1_API_SECRET": "apex-secret-fourteen",
    "APEX_1_API_PASSWORD": "apex-password-fifteen",
    "APEX_1_API_TOKEN": "apex-token-sixteen",
    "APEX_1_API_URL": "wss://seventeen.broker.example",
}


def read(**changes: str | None) -> Settings:
    """Return the good settings with these variables changed; None takes one away."""
    merged = {**GOOD, **changes}
    return Settings.from_env({name: text for name, text in merged.items() if text is not None})


def problems_of(settings: Settings, variable: str) -> list[Problem]:
    return [problem for problem in settings.problems if problem.variable == variable]


def test_good_settings_have_no_problems() -> None:
    settings = read()
    assert settings.problems == ()
    assert settings.accounts == (FTMO_1, AccountKey("FTMO", 2), APEX_1)
    assert settings.firms["FTMO"].program_ids == (1, 2)
    assert settings.firms["FTMO"].max_position_size == 10
    assert settings.programs[FTMO_1].max_daily_loss == Decimal("1000.0")
    assert settings.programs[FTMO_1].risk_per_trade == Decimal("0.01")
    assert settings.programs[APEX_1].max_contracts == 10
    assert settings.programs[APEX_1].max_daily_loss is None


def test_defaults() -> None:
    settings = read()
    values = {entry.name: getattr(settings, entry.name) for entry in setting_fields(ServiceSettings)}
    assert values == {
        "dry_run": True,
        "database_url": None,
        "database_direct_url": None,
        "data_dir": Path(".data"),
        "host": "0.0.0.0",
        "port": 5000,
        "webhook_secret": "wh-secret-1",
        "webhook_allow": None,
        "webhook_entry_max_age": None,
        "webhook_exit_max_age": None,
        "webhook_source_rate": None,
        "webhook_strategy_rate": None,
        "account_update_rate": None,
        "api_token": None,
        "api_viewer_token": None,
        "admin_password": None,
        "admin_password_hash": None,
        "viewer_password": None,
        "viewer_password_hash": None,
        "secret_key": None,
        "trusted_proxies": 0,
        "session_idle": 28800,
        "session_lifetime": 604800,
        "router_enabled": True,
        "poll_interval": 2.0,
        "batch_size": 20,
        "task_lease": 10.0,
        "task_max_attempts": 5,
        "task_retry_base": 1.0,
        "entry_max_age": 120,
        "exit_max_age": 86400,
        "connector_timeout": 10.0,
        "send_max_attempts": 8,
        "send_retry_base": 0.5,
        "reconcile_interval": 60.0,
        "default_symbol": "NQ",
        "allow_unknown_account_state": False,
        "account_state_max_age": 300,
        "account_poll_interval": 15.0,
        "database_pool_size": 10,
        "web_threads": 64,
        "log_level": "INFO",
        "log_format": "human",
        "alert_urls": None,
        "alert_quiet_hours": None,
        "alert_session": None,
        "alert_silence": 3600,
    }


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("DATA_DIR", "/var/lib/router", "data_dir", Path("/var/lib/router")),
        ("HOST", "127.0.0.1", "host", "127.0.0.1"),
        ("PORT", "8080", "port", 8080),
        ("PORT", "0", "port", 0),
        ("PORT", "65535", "port", 65535),
        ("ROUTER_ENABLED", "False", "router_enabled", False),
        ("ROUTER_POLL_INTERVAL", "0.25", "poll_interval", 0.25),
        ("ROUTER_BATCH_SIZE", "1", "batch_size", 1),
        ("TASK_LEASE_SECONDS", "30", "task_lease", 30.0),
        ("TASK_MAX_ATTEMPTS", "1000", "task_max_attempts", 1000),
        ("TASK_RETRY_BASE_SECONDS", "0.5", "task_retry_base", 0.5),
        ("ENTRY_MAX_AGE", "1", "entry_max_age", 1),
        ("EXIT_MAX_AGE", "604800", "exit_max_age", 604800),
        ("CONNECTOR_TIMEOUT_SECONDS", "2.5", "connector_timeout", 2.5),
        ("SEND_MAX_ATTEMPTS", "1", "send_max_attempts", 1),
        ("SEND_RETRY_BASE_SECONDS", "0.1", "send_retry_base", 0.1),
        ("RECONCILE_SECONDS", "30", "reconcile_interval", 30.0),
        ("DEFAULT_SYMBOL", " ES1! ", "default_symbol", "ES1!"),
        ("ALLOW_UNKNOWN_ACCOUNT_STATE", "yes", "allow_unknown_account_state", True),
        ("ACCOUNT_STATE_MAX_AGE", "60", "account_state_max_age", 60),
        ("DATABASE_POOL_SIZE", "64", "database_pool_size", 64),
        ("WEB_THREADS", "10", "web_threads", 10),
        ("LOG_LEVEL", "debug", "log_level", "DEBUG"),
        ("LOG_FORMAT", "JSON", "log_format", "json"),
        ("DATABASE_URL", "", "database_url", None),
        ("DATABASE_DIRECT_URL", "", "database_direct_url", None),
        ("API_TOKEN", "  ", "api_token", None),
        ("TRUSTED_PROXIES", "2", "trusted_proxies", 2),
        ("WEBHOOK_ENTRY_MAX_AGE", "60", "webhook_entry_max_age", 60),
        ("WEBHOOK_STRATEGY_RATE", "100000", "webhook_strategy_rate", 100000),
        ("WEBHOOK_ALLOW", " , ", "webhook_allow", None),
        ("SESSION_IDLE_SECONDS", "600", "session_idle", 600),
    ],
)
def test_a_readable_service_setting(variable: str, text: str, field: str, value: object) -> None:
    settings = read(**{variable: text})
    assert getattr(settings, field) == value
    assert settings.problems == ()


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("DATA_DIR", " "),
        ("HOST", ""),
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("PORT", "http"),
        ("ROUTER_ENABLED", "maybe"),
        ("ROUTER_POLL_INTERVAL", "0"),
        ("ROUTER_POLL_INTERVAL", "86400.1"),
        ("ROUTER_POLL_INTERVAL", "nan"),
        ("ROUTER_BATCH_SIZE", "0"),
        ("ROUTER_BATCH_SIZE", "1001"),
        ("ROUTER_BATCH_SIZE", "2.5"),
        ("TASK_LEASE_SECONDS", "inf"),
        ("TASK_MAX_ATTEMPTS", ""),
        ("TASK_RETRY_BASE_SECONDS", "-1"),
        ("ENTRY_MAX_AGE", "0"),
        ("ENTRY_MAX_AGE", "1.5"),
        ("EXIT_MAX_AGE", "604801"),
        ("CONNECTOR_TIMEOUT_SECONDS", "0"),
        ("SEND_MAX_ATTEMPTS", "0"),
        ("SEND_RETRY_BASE_SECONDS", "0"),
        ("RECONCILE_SECONDS", "0"),
        ("DEFAULT_SYMBOL", ""),
        ("ALLOW_UNKNOWN_ACCOUNT_STATE", ""),
        ("ACCOUNT_STATE_MAX_AGE", "0"),
        ("DATABASE_POOL_SIZE", "0"),
        ("LOG_LEVEL", "LOUD"),
        ("LOG_FORMAT", "xml"),
        ("DATABASE_URL", "mysql://user:pw-seven@host/db"),
    ],
)
def test_an_unreadable_service_setting_is_an_error_and_keeps_its_default(variable: str, text: str) -> None:
    settings = read(**{variable: text})
    (problem,) = settings.errors
    entry = next(entry for entry in setting_fields(ServiceSettings) if entry.suffix == variable)
    assert getattr(settings, entry.name) == entry.default
    assert (problem.variable, problem.expected, problem.account, problem.firm_code) == (
        variable,
        entry.expected,
        None,
        None,
    )
    assert problem.value == (MASK if variable == "DATABASE_URL" else text)


DOLLAR_LIMITS = ["FTMO_MAX_DAILY_LOSS", "FTMO_MAX_TOTAL_LOSS"] + [
    f"FTMO_1_{suffix}"
    for suffix in ("ACCOUNT_SIZE", "MAX_DAILY_LOSS", "MAX_TOTAL_LOSS", "MAX_DRAWDOWN", "STARTING_BALANCE")
]
CONTRACT_LIMITS = ["FTMO_MAX_POSITION_SIZE", "FTMO_1_MAX_CONTRACTS"]
FRACTIONS = ["FTMO_1_RISK_PER_TRADE", "FTMO_1_MAX_RISK_PER_TRADE_PCT"]
METRICS = [f"FTMO_1_{suffix}" for suffix in ("EQUITY", "BALANCE", "DAY_PL", "TOTAL_PL", "DRAWDOWN", "PEAK_EQUITY")]
NO_NUMBERS = ["", " ", "abc", "NaN", "sNaN", "inf", "-Infinity", "1,000", "$500", "1e9999", "1e-9999", "true", "None"]


def limit_of(settings: Settings, variable: str) -> object:
    account = variable.startswith("FTMO_1_")
    owner = settings.programs[FTMO_1] if account else settings.firms["FTMO"]
    return getattr(owner, variable.removeprefix("FTMO_1_" if account else "FTMO_").lower())


@pytest.mark.parametrize(
    ("variables_", "text", "value"),
    [
        (DOLLAR_LIMITS, "0.01", Decimal("0.01")),
        (DOLLAR_LIMITS, " 1000.0 ", Decimal("1000.0")),
        (DOLLAR_LIMITS, "1000000000", Decimal(1000000000)),
        (CONTRACT_LIMITS, "1", 1),
        (CONTRACT_LIMITS, "100000", 100000),
        (FRACTIONS, "0.000001", Decimal("0.000001")),
        (FRACTIONS, "1", Decimal(1)),
        (METRICS, "-250.5", Decimal("-250.5")),
        (METRICS, "0", Decimal(0)),
    ],
)
def test_a_number_within_its_bounds(variables_: list[str], text: str, value: object) -> None:
    settings = read(**dict.fromkeys(variables_, text))
    assert settings.errors == ()
    assert [limit_of(settings, variable) for variable in variables_] == [value] * len(variables_)


@pytest.mark.parametrize(
    ("variables_", "texts"),
    [
        (DOLLAR_LIMITS, [*NO_NUMBERS, "0", "0.0", "-0.01", "-1000", "1000000000.01"]),
        (CONTRACT_LIMITS, [*NO_NUMBERS, "0", "-1", "1.5", "100001"]),
        (FRACTIONS, [*NO_NUMBERS, "0", "-0.01", "1.01", "5", "1%"]),
        (METRICS, [*NO_NUMBERS, "1000000000.01", "-1000000000.01"]),
    ],
)
def test_a_number_out_of_bounds_is_never_silently_no_limit(variables_: list[str], texts: list[str]) -> None:
    for text in texts:
        settings = read(**dict.fromkeys(variables_, text))
        for variable in variables_:
            assert limit_of(settings, variable) is None, (variable, text)
            (problem,) = [problem for problem in settings.errors if problem.variable == variable]
            assert problem.value == text
            assert problem.expected in problem.message
            assert problem.account == (FTMO_1 if variable.startswith("FTMO_1_") else None)
            assert problem.firm_code == "FTMO"
            assert problem in settings.errors_of(FTMO_1)
        assert settings.errors_of(APEX_1) == ()


@pytest.mark.parametrize(
    ("text", "dry_run", "error"),
    [
        (None, True, False),
        ("true", True, False),
        ("TRUE", True, False),
        ("1", True, False),
        ("Yes", True, False),
        ("on", True, False),
        ("false", False, False),
        ("0", False, False),
        ("no", False, False),
        ("off", False, False),
        ("False", True, True),
        ("OFF", True, True),
        (" false", True, True),
        ("false ", True, True),
        ("flase", True, True),
        ("", True, True),
        ("2", True, True),
    ],
)
def test_words_of_dry_run(text: str | None, dry_run: bool, error: bool) -> None:
    settings = read(EXECUTION_DRY_RUN=text)
    assert settings.dry_run is dry_run
    assert settings.is_dry("FTMO") is dry_run
    assert bool(settings.errors) is error


@pytest.mark.parametrize(
    ("everywhere", "firm", "dry", "error"),
    [
        ("false", None, False, False),
        ("false", "false", False, False),
        ("false", "true", True, False),
        ("false", "False", True, True),
        ("false", "flase", True, True),
        ("false", "", True, True),
        ("true", "false", True, False),
        (None, "false", True, False),
        (None, "off", True, False),
    ],
)
def test_a_firm_can_only_be_made_dry(everywhere: str | None, firm: str | None, dry: bool, error: bool) -> None:
    settings = read(EXECUTION_DRY_RUN=everywhere, FTMO_DRY_RUN=firm)
    assert settings.is_dry("ftmo") is dry
    assert bool(problems_of(settings, "FTMO_DRY_RUN")) is error
    assert bool(settings.errors_of(FTMO_1)) is error
    assert settings.errors_of(APEX_1) == ()


def test_an_unknown_firm_is_dry() -> None:
    assert read(EXECUTION_DRY_RUN="false").is_dry("XYZ")


@pytest.mark.parametrize(
    ("text", "accounts", "errors"),
    [
        ("1", [1], 0),
        (" 2 , 1 ", [2, 1], 0),
        ("999999999", [999999999], 0),
        ("1,1", [1], 1),
        ("1,x", [1], 1),
        ("0", [], 1),
        ("-1", [], 1),
        ("1.0", [], 1),
        ("01", [], 1),
        ("1000000000", [], 1),
        ("1;2", [], 1),
        ("1,,2", [1, 2], 1),
        ("", [], 1),
        ("0,-1,a,1", [1], 3),
        (None, [], 1),
    ],
)
def test_program_ids(text: str | None, accounts: list[int], errors: int) -> None:
    settings = read(FTMO_PROGRAM_IDS=text)
    assert [account.program_id for account in settings.accounts if account.firm_code == "FTMO"] == accounts
    assert len(problems_of(settings, "FTMO_PROGRAM_IDS")) == errors
    assert APEX_1 in settings.accounts
    assert settings.errors_of(APEX_1) == ()


def test_firms_route_to_their_own_programs_only() -> None:
    settings = read(ROUTE_TO_FIRMS="apex, ftmo", FTMO_PROGRAM_IDS="2", APEX_PROGRAM_IDS="3,1")
    assert settings.accounts == (AccountKey("APEX", 3), APEX_1, AccountKey("FTMO", 2))


def test_an_unknown_firm_is_an_error_and_the_others_are_routed() -> None:
    settings = read(ROUTE_TO_FIRMS="FTMO,APXE,APEX,FTMO")
    (problem,) = settings.errors
    assert (problem.variable, problem.firm_code) == ("ROUTE_TO_FIRMS", "APXE")
    assert "APXE" in problem.message
    assert [warning.firm_code for warning in settings.warnings] == ["FTMO"]
    assert settings.accounts == (FTMO_1, AccountKey("FTMO", 2), APEX_1)
    assert settings.errors_of(FTMO_1) == ()


def test_several_errors_are_reported_together_and_to_the_right_account() -> None:
    settings = read(
        PORT="abc",
        FTMO_MAX_POSITION_SIZE="0",
        FTMO_1_MAX_DAILY_LOSS="lots",
        FTMO_2_MAX_CONTRACTS="-3",
        APEX_1_RISK_PER_TRADE="2",
        NQ_POINT_VALUE="-5",
    )
    assert [problem.variable for problem in settings.errors] == [
        "PORT",
        "FTMO_MAX_POSITION_SIZE",
        "FTMO_1_MAX_DAILY_LOSS",
        "FTMO_2_MAX_CONTRACTS",
        "APEX_1_RISK_PER_TRADE",
        "NQ_POINT_VALUE",
    ]
    concerned = {
        account: [problem.variable for problem in settings.errors_of(account)] for account in settings.accounts
    }
    assert concerned == {
        FTMO_1: ["FTMO_MAX_POSITION_SIZE", "FTMO_1_MAX_DAILY_LOSS", "NQ_POINT_VALUE"],
        AccountKey("FTMO", 2): ["FTMO_MAX_POSITION_SIZE", "FTMO_2_MAX_CONTRACTS", "NQ_POINT_VALUE"],
        APEX_1: ["APEX_1_RISK_PER_TRADE", "NQ_POINT_VALUE"],
    }


@pytest.mark.parametrize(
    ("fraction", "warned"), [("0.01", False), ("0.1", False), ("0.1001", True), ("0.99", True), ("1", True)]
)
@pytest.mark.parametrize("variable", FRACTIONS)
def test_a_large_risk_is_pointed_out(variable: str, fraction: str, warned: bool) -> None:
    settings = read(**{variable: fraction})
    assert settings.errors == ()
    assert [problem.variable for problem in settings.warnings] == ([variable] if warned else [])
    if warned:
        assert "1 = 100 % of the account" in settings.warnings[0].message


@pytest.mark.parametrize(
    ("variable", "suggestion"),
    [
        ("FTMO_MAX_DAILY_LOS", "FTMO_MAX_DAILY_LOSS"),
        ("FTMO_1_MAX_DRAWDONW", "FTMO_1_MAX_DRAWDOWN"),
        ("FTMO_PROGRAM_ID", "FTMO_PROGRAM_IDS"),
        ("FTMO_01_MAX_CONTRACTS", "FTMO_1_MAX_CONTRACTS"),
        ("ftmo_max_daily_loss", "FTMO_MAX_DAILY_LOSS"),
        ("FTMO_API_KYE", "FTMO_API_KEY"),
    ],
)
def test_a_misspelt_name_is_pointed_out(variable: str, suggestion: str) -> None:
    settings = read(**{variable: "hush-eight"})
    (problem,) = settings.warnings
    assert problem.variable == variable
    assert f"did you mean {suggestion}?" in problem.message
    assert "hush-eight" not in str(problem)


def test_an_account_that_is_not_routed_is_pointed_out_once() -> None:
    settings = read(FTMO_3_MAX_CONTRACTS="5", FTMO_3_ACCOUNT_SIZE="1000", TOPSTEP_1_MAX_CONTRACTS="bad")
    assert [(problem.severity, problem.variable) for problem in settings.problems] == [
        (Severity.ERROR, "TOPSTEP_1_MAX_CONTRACTS"),
        (Severity.WARNING, "FTMO_3_ACCOUNT_SIZE"),
        (Severity.WARNING, "TOPSTEP_1_MAX_CONTRACTS"),
    ]
    assert settings.errors_of(FTMO_1) == ()
    assert settings.programs[AccountKey("FTMO", 3)].max_contracts == 5


@pytest.mark.parametrize(
    ("environ", "errors", "warnings"),
    [
        ({}, [], ["WEBHOOK_SECRET"]),
        ({"EXECUTION_DRY_RUN": "false"}, ["WEBHOOK_SECRET", "ROUTE_TO_FIRMS"], []),
        ({"EXECUTION_DRY_RUN": "false", "WEBHOOK_SECRET": " "}, ["WEBHOOK_SECRET", "ROUTE_TO_FIRMS"], []),
        ({"FTMO_MAX_DAILY_LOSS": "5", "WEBHOOK_SECRET": "x"}, ["ROUTE_TO_FIRMS"], []),
        ({"ROUTE_TO_FIRMS": "XYZ", "WEBHOOK_SECRET": "x"}, ["ROUTE_TO_FIRMS"], []),
        ({"ROUTE_TO_FIRMS": "", "WEBHOOK_SECRET": "x"}, [], []),
        ({"DEFAULT_SYMBOL": "NOPE", "WEBHOOK_SECRET": "x"}, [], ["DEFAULT_SYMBOL"]),
        ({"WEB_THREADS": "9", "WEBHOOK_SECRET": "x"}, [], ["WEB_THREADS"]),
        ({"WEB_THREADS": "10", "WEBHOOK_SECRET": "x"}, [], []),
    ],
)
def test_settings_that_do_not_fit_together(environ: dict[str, str], errors: list[str], warnings: list[str]) -> None:
    settings = Settings.from_env(environ)
    assert [problem.variable for problem in settings.errors] == errors
    assert [problem.variable for problem in settings.warnings] == warnings


def test_an_open_webhook_refuses_every_live_account() -> None:
    settings = read(EXECUTION_DRY_RUN="false", WEBHOOK_SECRET=None)
    assert all(settings.errors_of(account) for account in settings.accounts)


def test_accounts_that_should_be_live_are_warned_of_all_that_is_missing() -> None:
    live = {"EXECUTION_DRY_RUN": "false", "WEBHOOK_SECRET": "x", "ROUTE_TO_FIRMS": "FTMO,APEX,TOPSTEP"}
    ids = {"FTMO_PROGRAM_IDS": "1", "APEX_PROGRAM_IDS": "1", "TOPSTEP_PROGRAM_IDS": "1"}
    settings = Settings.from_env({**live, **ids, "APEX_MAX_TOTAL_LOSS": "5", "TOPSTEP_DRY_RUN": "true"})
    assert settings.errors == ()
    assert [(problem.variable, problem.firm_code) for problem in settings.warnings] == [
        ("FTMO_API_URL", "FTMO"),
        ("APEX_API_URL", "APEX"),
    ]
    for warning in settings.warnings:
        assert f"{warning.firm_code}/1 stays in dry-run (NOT_ARMED)" in warning.message
        assert "no rule set and no loss limit of its own" in warning.message
    assert "prohibited" in settings.warnings[1].message


def test_sessions_are_upper_case_names() -> None:
    settings = read(FTMO_1_ALLOWED_SESSIONS=" ny  am,London,NY AM")
    assert settings.programs[FTMO_1].allowed_sessions == ("NY AM", "LONDON")
    for text in ("", "LONDON,", " , "):
        assert [problem.variable for problem in read(FTMO_1_ALLOWED_SESSIONS=text).errors] == [
            "FTMO_1_ALLOWED_SESSIONS"
        ]


def test_an_unreadable_pause_pauses() -> None:
    settings = read(FTMO_1_PAUSED="perhaps")
    assert settings.programs[FTMO_1].paused is True
    assert [problem.variable for problem in settings.errors] == ["FTMO_1_PAUSED"]


@pytest.mark.parametrize(
    ("variable", "meanwhile"),
    [
        ("FTMO_1_STOP_REQUIRED", "entries of FTMO/1 need a stop"),
        ("FTMO_1_DRY_RUN", "FTMO/1 stays in dry-run"),
        ("FTMO_DRY_RUN", "FTMO stays in dry-run"),
        ("EXECUTION_DRY_RUN", "dry-run stays on"),
        ("FTMO_1_PAUSED", "FTMO/1 counts as paused"),
        ("FTMO_1_USE_MICROS", "live entries of FTMO/1 are refused"),
    ],
)
def test_what_holds_until_a_switch_can_be_read(variable: str, meanwhile: str) -> None:
    (problem,) = read(**{variable: "perhaps"}).errors
    assert f"until it is corrected, {meanwhile}" in problem.message


def test_a_direct_address_alone_has_no_effect_and_says_so() -> None:
    address = "postgresql://router@db.internal/router"
    (problem,) = read(DATABASE_DIRECT_URL=address).problems
    assert (problem.severity, problem.variable, problem.value) == (Severity.WARNING, "DATABASE_DIRECT_URL", "****")
    assert read(DATABASE_DIRECT_URL=address, DATABASE_URL=address).problems == ()


def test_secrets_are_in_no_text() -> None:
    bad_url = {"APEX_API_URL": "ftp://apex-nine.example"}
    settings = read(**SECRETS, **bad_url, FTMO_API_KYE="typo-ten", EXECUTION_DRY_RUN="false")
    text = repr(settings) + repr(settings.firms["FTMO"]) + str(settings.problems)
    for secret in [*SECRETS.values(), "pa%24s-one", *bad_url.values(), "typo-ten"]:
        assert secret not in text
    assert {*SECRETS.values(), "pa%24s-one", "pa$s-one", "eighteen", *bad_url.values()} == set(settings.secrets())
    lengths = [len(secret) for secret in settings.secrets()]
    assert lengths == sorted(lengths, reverse=True)


@pytest.mark.parametrize(
    ("variable", "text", "hidden"),
    [
        ("APEX_API_KEY", "99999", False),
        ("APEX_API_KEY", "999999", True),
        ("APEX_1_API_KEY", " 8 ", False),
        ("APEX_1_API_KEY", "8a", True),
        ("APEX_API_SECRET", "8", True),
        ("API_TOKEN", "1234", True),
    ],
)
def test_a_key_that_is_a_small_number_is_not_hidden_with_every_figure_that_holds_it(
    variable: str, text: str, hidden: bool
) -> None:
    assert (text.strip() in read(**{variable: text}).secrets()) is hidden


def test_point_values_are_the_owners_where_given() -> None:
    settings = read(NQ_POINT_VALUE="20", US100_CASH_POINT_VALUE="1.0", NEW_ONE_POINT_VALUE="7.5")
    assert settings.problems == ()
    added = settings.instruments.resolve("new.one")
    assert added is not None
    assert added.point_value == Decimal("7.5")
    for text in ("0", "-1", "abc", "", "NaN"):
        faulty = read(NQ_POINT_VALUE=text)
        assert [problem.variable for problem in faulty.errors] == ["NQ_POINT_VALUE"]
        assert faulty.errors_of(APEX_1) == faulty.errors
        nq = faulty.instruments.resolve("NQ")
        assert nq is not None
        assert nq.point_value == 20


def test_a_tick_value_in_place_of_a_point_value_is_pointed_out() -> None:
    settings = read(NQ_POINT_VALUE="5.0", ES_POINT_VALUE="12.5", YM_POINT_VALUE="5.0")
    assert [problem.variable for problem in settings.warnings] == ["NQ_POINT_VALUE", "ES_POINT_VALUE"]
    assert all("value of one tick" in problem.message for problem in settings.warnings)
    nq = settings.instruments.resolve("NQ1!")
    assert nq is not None
    assert nq.point_value == Decimal("5.0")


NAMES = sorted(
    variable.name.replace("{FIRM}", "FTMO").replace("{ID}", "1").replace("{SYMBOL}", "NQ").replace("{LABEL}", "OLD")
    for variable in variables()
)


@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=12), max_size=12))
def test_no_text_makes_reading_fail_and_no_unreadable_limit_goes_unreported(environ: dict[str, str]) -> None:
    settings = Settings.from_env(environ)
    reported = {problem.variable for problem in settings.errors}
    program = settings.programs.get(FTMO_1, ProgramSettings())
    for group, values, prefix in (
        (ProgramSettings, program, "FTMO_1_"),
        (FirmSettings, settings.firms["FTMO"], "FTMO_"),
    ):
        for entry in setting_fields(group):
            if prefix + entry.suffix in environ and getattr(values, entry.name) is None and not entry.secret:
                assert prefix + entry.suffix in reported


def load(tmp_path: Path, dotenv: str | None, environ: Mapping[str, str]) -> Settings:
    path = tmp_path / ".env"
    if dotenv is not None:
        path.write_text(dotenv, encoding="utf-8")
    return load_settings(environ, dotenv_path=path)


def test_the_environment_wins_over_the_file_and_sources_say_so(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        "PORT=1111\nHOST=127.0.0.1\nROUTE_TO_FIRMS=FTMO\nFTMO_PROGRAM_IDS=1\nAPI_TOKEN=a${PORT}b\n",
        {"PORT": "2222"},
    )
    assert (settings.port, settings.host, settings.api_token) == (2222, "127.0.0.1", "a${PORT}b")
    assert settings.sources["PORT"] == "environment"
    assert settings.sources["HOST"] == ".env"
    assert settings.sources["WEB_THREADS"] == "default"
    assert settings.accounts == (FTMO_1,)
    assert settings.demonstration is False


@pytest.mark.parametrize(
    ("environ", "demonstration"),
    [
        ({}, True),
        ({"PORT": "80", "WEBHOOK_SECRET": "x"}, True),
        ({"EXECUTION_DRY_RUN": "nonsense"}, True),
        ({"EXECUTION_DRY_RUN": "false"}, False),
        ({"ROUTE_TO_FIRMS": "FTMO"}, False),
        ({"ROUTE_TO_FIRMS": ""}, False),
        ({"BULENOX_1_MAX_CONTRACTS": "1"}, False),
        ({"apex_program_ids": "1"}, False),
    ],
)
def test_the_example_accounts_stand_in_only_while_nothing_is_configured(
    tmp_path: Path, environ: dict[str, str], demonstration: bool
) -> None:
    settings = load(tmp_path, None, environ)
    assert settings.demonstration is demonstration
    assert (settings.accounts == (FTMO_1, APEX_1)) is demonstration
    if demonstration:
        assert settings.dry_run
        assert settings.sources["FTMO_1_MAX_CONTRACTS"] == "example (.env.example)"
        assert settings.programs[FTMO_1].max_contracts == 5


def test_without_the_example_file_nothing_is_routed(tmp_path: Path) -> None:
    settings = load_settings({}, dotenv_path=tmp_path / ".env", example_path=tmp_path / "none")
    assert (settings.accounts, settings.demonstration) == ((), False)


def test_a_line_that_cannot_be_read_is_an_error_for_every_account(tmp_path: Path) -> None:
    dotenv = "ROUTE_TO_FIRMS=FTMO\nFTMO_PROGRAM_IDS=1\nFTMO_MAX_DAILY_LOSS 1000\nPORT=1\nPORT=2\n"
    settings = load(tmp_path, dotenv, {"WEBHOOK_SECRET": "x"})
    (problem,) = settings.errors
    assert problem.variable.endswith(".env line 3")
    assert settings.errors_of(FTMO_1) == (problem,)
    assert [warning.variable for warning in settings.warnings] == ["PORT"]
    (tmp_path / ".env").write_bytes(b"PORT=\xff\xfe\n")
    assert [error.expected for error in load(tmp_path, None, {}).errors] == ["a readable text file in UTF-8"]


def test_the_example_file_is_free_of_errors_and_names_every_setting() -> None:
    example = read_environment_file(EXAMPLE_PATH)
    settings = Settings.from_env(example.variables)
    assert (example.problems, settings.errors) == ((), ())
    assert [problem.variable for problem in settings.warnings] == ["WEBHOOK_SECRET"]
    lines = EXAMPLE_PATH.read_text(encoding="utf-8").splitlines()
    named = [line.removeprefix("#").partition("=")[0] for line in lines if "=" in line]
    assert [name for name in NAMES if named.count(name) != 1] == []
    switched_on = {line.removeprefix("#") for line in lines if line.startswith("#") and line[1:2].isupper()}
    text = "\n".join(switched_on - {line for line in switched_on if line.endswith("=")})
    everything = dict(line.split("=", 1) for line in text.splitlines())
    assert Settings.from_env({**example.variables, **everything}).errors == ()


def test_the_example_figures_are_the_documented_ones() -> None:
    settings = Settings.from_env(read_environment_file(EXAMPLE_PATH).variables)
    assert settings.firms["FTMO"] == FirmSettings(
        code="FTMO",
        program_ids=(1,),
        max_position_size=10,
        max_daily_loss=Decimal("1000.0"),
        max_total_loss=Decimal("5000.0"),
    )
    assert settings.firms["APEX"] == FirmSettings(
        code="APEX",
        program_ids=(1,),
        max_position_size=15,
        max_daily_loss=Decimal("1500.0"),
        max_total_loss=Decimal("7500.0"),
    )
    assert settings.programs[FTMO_1] == ProgramSettings(
        account_size=Decimal("100000.0"),
        risk_per_trade=Decimal("0.01"),
        max_contracts=5,
        max_daily_loss=Decimal("1000.0"),
        max_total_loss=Decimal("5000.0"),
        max_drawdown=Decimal("2000.0"),
    )
    assert settings.programs[APEX_1] == ProgramSettings(
        account_size=Decimal("150000.0"),
        risk_per_trade=Decimal("0.01"),
        max_contracts=10,
        max_daily_loss=Decimal("1500.0"),
        max_total_loss=Decimal("7500.0"),
        max_drawdown=Decimal("3000.0"),
        day_pl=Decimal("-1600.0"),
    )


def test_the_table_has_one_row_for_each_setting() -> None:
    rows = settings_table().splitlines()[2:]
    assert len(rows) == len(variables()) == len({variable.name for variable in variables()})
    assert all(row.count("|") == 5 for row in rows)
    assert "| `{FIRM}_{ID}_MAX_DRAWDOWN` |" in settings_table()
    secrets = {variable.name for variable in variables() if variable.secret}
    assert secrets == {
        "DATABASE_URL",
        "DATABASE_DIRECT_URL",
        "WEBHOOK_SECRET",
        "WEBHOOK_SECRET_{LABEL}",
        "WEBHOOK_SIGNING_KEY",
        "WEBHOOK_SIGNING_KEY_{LABEL}",
        "API_TOKEN",
        "API_VIEWER_TOKEN",
        "ALERT_URLS",
        "ADMIN_PASSWORD",
        "ADMIN_PASSWORD_HASH",
        "VIEWER_PASSWORD",
        "VIEWER_PASSWORD_HASH",
        "SECRET_KEY",
        *(
            f"{owner}_API_{name}"
            for owner in ("{FIRM}", "{FIRM}_{ID}")
            for name in ("URL", "PASSWORD", "KEY", "SECRET", "TOKEN")
        ),
    }


def test_a_platforms_name_leads_to_its_account() -> None:
    settings = Settings.from_env(
        {"ROUTE_TO_FIRMS": "APEX", "APEX_PROGRAM_IDS": "1,2", "APEX_1_ACCOUNT_NAME": " APEX-123-01 "}
    )
    assert settings.account_names() == {"APEX-123-01": AccountKey("APEX", 1)}
    assert settings.errors == ()


def test_a_platforms_name_that_two_accounts_claim_is_an_error_and_counts_for_the_first() -> None:
    settings = Settings.from_env(
        {
            "ROUTE_TO_FIRMS": "APEX",
            "APEX_PROGRAM_IDS": "1,2",
            "APEX_1_ACCOUNT_NAME": "Sim101",
            "APEX_2_ACCOUNT_NAME": "Sim101",
        }
    )
    [problem] = settings.errors
    assert (problem.variable, problem.value) == ("APEX_2_ACCOUNT_NAME", "Sim101")
    assert "APEX/1's name already" in problem.message
    assert settings.account_names() == {"Sim101": AccountKey("APEX", 1)}
