"""How an account's platform is reached: which platform, which login, and what is missing for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from config.firm_data import firms
from config.platforms import FACTS, Platform
from config.settings import Settings
from config.venue_logins import carries_stop, platform_of, venue_login
from connectors.tickets import VenueLogin as AsConnectorsKnowIt
from domain.account import AccountKey
from domain.venue_login import VenueLogin

APEX_1, APEX_2, FTMO_1 = AccountKey("APEX", 1), AccountKey("APEX", 2), AccountKey("FTMO", 1)
TRADOVATE = {
    "APEX_API_URL": "https://demo.tradovate.test/v1",
    "APEX_API_USER": "trader",
    "APEX_API_PASSWORD": "pw-one",
    "APEX_API_KEY": "8",
    "APEX_API_SECRET": "sec-two",
    "APEX_1_ACCOUNT_NAME": "APEX-1",
}


def settings_of(**environ: str) -> Settings:
    return Settings.from_env({"ROUTE_TO_FIRMS": "APEX,FTMO", "APEX_PROGRAM_IDS": "1,2", **environ})


@pytest.mark.parametrize(
    ("code", "platform", "url"),
    [
        ("APEX", "tradovate", None),
        ("TOPSTEP", "projectx", "https://api.topstepx.com"),
        ("FTMO", "ctrader", None),
        ("BULENOX", "none", None),
        ("LEELOO", "none", None),
    ],
)
def test_each_firms_own_platform_with_its_source(code: str, platform: str, url: str | None) -> None:
    known = firms()[code].platform
    assert (known.name, known.url) == (platform, url)
    assert all((known.status, known.note, known.source, known.checked))
    assert platform_of(code, Settings.from_env({})) == platform


@pytest.mark.parametrize(("text", "platform"), [(" DXtrade ", "dxtrade"), ("http", "http"), ("none", "none")])
def test_the_owners_platform_goes_before_the_firms(text: str, platform: str) -> None:
    assert platform_of("FTMO", settings_of(FTMO_PLATFORM=text)) == platform


@pytest.mark.parametrize("text", ["rithmic", "", "mt5", "tradovate,projectx"])
def test_an_unknown_platform_is_an_error_that_names_those_there_are(text: str) -> None:
    [problem] = [problem for problem in settings_of(APEX_PLATFORM=text).errors if problem.variable == "APEX_PLATFORM"]
    assert problem.expected == "one of tradovate, projectx, ctrader, dxtrade, http, none"


def test_an_unknown_firm_has_no_platform() -> None:
    assert platform_of("XYZ", Settings.from_env({})) is Platform.NONE


def test_a_complete_login_has_every_field_and_the_time_out() -> None:
    login = venue_login(APEX_1, settings_of(**TRADOVATE, CONNECTOR_TIMEOUT_SECONDS="3.5"))
    assert login == VenueLogin(
        firm_code="APEX",
        platform="tradovate",
        url="https://demo.tradovate.test/v1",
        user="trader",
        password="pw-one",
        key="8",
        secret="sec-two",
        timeout=3.5,
    )
    assert isinstance(login, AsConnectorsKnowIt)
    assert [secret for secret in login.secrets() if secret in repr(login).replace("tradovate", "")] == []
    assert set(login.secrets()) == {"pw-one", "8", "sec-two"}


def test_every_credential_has_its_field() -> None:
    names = ("USER", "PASSWORD", "KEY", "SECRET", "TOKEN", "DOMAIN")
    environ = {f"FTMO_API_{name}": name.lower() for name in names}
    login = venue_login(FTMO_1, settings_of(**environ, FTMO_API_URL="wss://x.test", FTMO_1_ACCOUNT_NAME="7"))
    assert isinstance(login, VenueLogin)
    assert {name: getattr(login, name) for name in map(str.lower, names)} == {
        name: name for name in map(str.lower, names)
    }
    assert (login.platform, login.firm_code, login.template) == ("ctrader", "FTMO", None)


def test_what_is_set_for_the_account_goes_before_its_firm_field_by_field() -> None:
    own = {"APEX_2_ACCOUNT_NAME": "APEX-2", "APEX_2_API_USER": "other", "APEX_2_API_PASSWORD": "pw-three"}
    settings = settings_of(**TRADOVATE, **own)
    first, second = venue_login(APEX_1, settings), venue_login(APEX_2, settings)
    assert isinstance(first, VenueLogin)
    assert isinstance(second, VenueLogin)
    assert (first.user, first.password, first.key) == ("trader", "pw-one", "8")
    assert (second.user, second.password, second.key, second.url) == ("other", "pw-three", "8", first.url)


def test_accounts_of_one_login_have_equal_logins() -> None:
    settings = settings_of(**TRADOVATE, APEX_2_ACCOUNT_NAME="APEX-2")
    assert len({venue_login(APEX_1, settings), venue_login(APEX_2, settings)}) == 1


NEEDS = [(platform, name) for platform, facts in FACTS.items() for name in facts.needs]


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "calls.json"
    path.write_text(json.dumps({"capabilities": {"brackets": True}}))
    return path


def everything(platform: Platform, template: Path) -> dict[str, str]:
    values = {"API_URL": "https://x.test", "API_TEMPLATE": str(template)}
    needed = {f"FTMO_{name}": values.get(name, name) for name in FACTS[platform].needs if name != "ACCOUNT_NAME"}
    return {"FTMO_PLATFORM": str(platform), **needed, "FTMO_1_ACCOUNT_NAME": "7"}


@pytest.mark.parametrize(("platform", "name"), NEEDS)
def test_each_field_that_a_platform_needs_is_named_when_it_is_missing(
    platform: Platform, name: str, template: Path
) -> None:
    environ = everything(platform, template)
    assert isinstance(venue_login(FTMO_1, settings_of(**environ)), VenueLogin)
    variable = f"FTMO_1_{name}" if name == "ACCOUNT_NAME" else f"FTMO_{name}"
    del environ[variable]
    assert venue_login(FTMO_1, settings_of(**environ)) == (variable,)


def test_what_each_platform_needs() -> None:
    assert {str(platform): set(facts.needs) for platform, facts in FACTS.items()} == {
        "tradovate": {"API_URL", "API_USER", "API_PASSWORD", "API_KEY", "API_SECRET", "ACCOUNT_NAME"},
        "projectx": {"API_URL", "API_USER", "API_KEY", "ACCOUNT_NAME"},
        "ctrader": {"API_URL", "API_KEY", "API_SECRET", "API_TOKEN", "ACCOUNT_NAME"},
        "dxtrade": {"API_URL", "API_USER", "API_PASSWORD", "ACCOUNT_NAME"},
        "http": {"API_URL", "API_TEMPLATE", "ACCOUNT_NAME"},
    }


def test_everything_that_is_missing_is_named_and_without_a_platform_that() -> None:
    missing = ("API_URL", "API_USER", "API_PASSWORD", "API_KEY", "API_SECRET")
    assert venue_login(APEX_1, settings_of()) == (*(f"APEX_{name}" for name in missing), "APEX_1_ACCOUNT_NAME")
    assert venue_login(AccountKey("LEELOO", 1), settings_of()) == ("LEELOO_PLATFORM",)


def test_a_published_address_is_the_default_for_that_firm_on_that_platform_only() -> None:
    known = {"API_USER": "u", "API_KEY": "k"}
    environ = {f"{code}_{name}": text for code in ("TOPSTEP", "BULENOX") for name, text in known.items()}
    environ |= {"TOPSTEP_1_ACCOUNT_NAME": "1", "BULENOX_1_ACCOUNT_NAME": "2", "BULENOX_PLATFORM": "projectx"}
    login = venue_login(AccountKey("TOPSTEP", 1), settings_of(**environ))
    assert isinstance(login, VenueLogin)
    assert login.url == "https://api.topstepx.com"
    assert venue_login(AccountKey("BULENOX", 1), settings_of(**environ)) == ("BULENOX_API_URL",)
    other = settings_of(**environ, TOPSTEP_PLATFORM="dxtrade", TOPSTEP_API_PASSWORD="p")
    assert venue_login(AccountKey("TOPSTEP", 1), other) == ("TOPSTEP_API_URL",)
    own = venue_login(AccountKey("TOPSTEP", 1), settings_of(**environ, TOPSTEP_API_URL="https://own.test"))
    assert isinstance(own, VenueLogin)
    assert own.url == "https://own.test"


@pytest.mark.parametrize(
    ("url", "readable"),
    [
        ("https://live.platform.test", True),
        ("wss://live.platform.test/ws", True),
        ("ws://localhost:5036", True),
        ("tls://live.platform.test:5035", False),
        ("ftp://live.platform.test", False),
        ("live.platform.test", False),
    ],
)
def test_addresses_of_platforms(url: str, readable: bool) -> None:
    problems = settings_of(APEX_1_API_URL=url).errors
    assert [problem.variable for problem in problems if "API_URL" in problem.variable] == (
        [] if readable else ["APEX_1_API_URL"]
    )


# What a platform's template says.


@pytest.mark.parametrize(
    ("text", "carries"),
    [
        ('{"capabilities": {"brackets": true}}', True),
        ('{"capabilities": {"brackets": false}}', False),
        ('{"capabilities": {"brackets": "yes"}}', False),
        ('{"capabilities": {"brackets": 1}}', False),
        ('{"capabilities": {}}', False),
        ('{"capabilities": true}', False),
        ("{}", False),
    ],
)
def test_whether_a_stop_can_travel_over_http_is_what_the_template_says(
    tmp_path: Path, text: str, carries: bool
) -> None:
    path = tmp_path / "calls.json"
    path.write_text(text)
    settings = settings_of(FTMO_PLATFORM="http", FTMO_API_TEMPLATE=f" {path} ")
    assert settings.firms["FTMO"].api_template is not None
    assert carries_stop(FTMO_1, settings) is carries


def test_the_accounts_own_template_goes_before_the_firms(tmp_path: Path, template: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text("{}")
    settings = settings_of(FTMO_PLATFORM="http", FTMO_API_TEMPLATE=str(template), FTMO_1_API_TEMPLATE=str(other))
    assert carries_stop(FTMO_1, settings) is False
    assert carries_stop(AccountKey("FTMO", 2), settings) is True
    named = {**everything(Platform.HTTP, template), "FTMO_1_API_TEMPLATE": str(other)}
    login = venue_login(FTMO_1, settings_of(**named))
    assert isinstance(login, VenueLogin)
    assert login.template == str(other)


@pytest.mark.parametrize("text", ["[]", '"text"', "{", "", "\x00"])
def test_a_template_that_cannot_be_read_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "calls.json"
    path.write_text(text)
    for named in (str(path), str(tmp_path), str(tmp_path / "none.json"), "", "\x00"):
        problems = settings_of(FTMO_PLATFORM="http", FTMO_API_TEMPLATE=named).errors
        assert "FTMO_API_TEMPLATE" in [problem.variable for problem in problems]


@pytest.mark.parametrize(
    ("platform", "carries"),
    [("tradovate", True), ("projectx", True), ("ctrader", True), ("dxtrade", True), ("http", False), ("none", None)],
)
def test_which_platforms_carry_a_stop(platform: str, carries: bool | None) -> None:
    assert carries_stop(FTMO_1, settings_of(FTMO_PLATFORM=platform)) is carries
