"""Several secrets at once: labels, ends, digests, and what is said of those that cannot be read."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_network

import pytest

from config.printout import printout
from config.problems import Severity
from config.settings import Settings
from config.webhook_keys import digest_of

TODAY = date(2026, 11, 21)
NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)
DIGEST = "sha256:" + digest_of("hidden-one").hex()


def read(**environ: str) -> Settings:
    return Settings.from_env(environ, today=TODAY)


def said(settings: Settings) -> list[tuple[str, Severity, bool]]:
    """Return what is wrong with keys: the variable, how bad it is, and whether live entries are refused."""
    return [
        (problem.variable, problem.severity, problem.severity is Severity.ERROR and problem.stops_entries)
        for problem in settings.problems
        if problem.variable.startswith("WEBHOOK_S")
    ]


def test_each_secret_has_its_label_and_its_end() -> None:
    settings = read(
        WEBHOOK_SECRET="first-one",
        WEBHOOK_SECRET_EXPIRES="2026-12-31",
        WEBHOOK_SECRET_NEW2027=" second-one ",
        WEBHOOK_SECRET_HIDDEN=DIGEST,
        WEBHOOK_SECRET_HIDDEN_EXPIRES="2027-01-01T01:00:00+01:00",
        WEBHOOK_SECRET_EMPTY=" ",
        WEBHOOK_SIGNING_KEY_PY="signing-one",
    )
    assert said(settings) == []
    found = {key.label: (key.text, key.digest, key.expires_at) for key in settings.webhook_keys.secrets}
    assert found == {
        "default": ("first-one", digest_of("first-one"), NEW_YEAR),
        "NEW2027": ("second-one", digest_of("second-one"), None),
        "HIDDEN": (None, digest_of("hidden-one"), NEW_YEAR),
    }
    assert [(key.label, key.text) for key in settings.webhook_keys.signing] == [("PY", "signing-one")]
    assert settings.webhook_keys.secrets[0].has_ended(NEW_YEAR)
    assert not settings.webhook_keys.secrets[0].has_ended(NEW_YEAR - timedelta(microseconds=1))
    texts = [printout(settings), repr(settings), repr(settings.webhook_keys), str(settings.problems)]
    for secret in ("first-one", "second-one", "signing-one", DIGEST):
        assert secret in settings.secrets()
        assert not any(secret in text for text in texts)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"WEBHOOK_SECRET_old": "x1"}, [("WEBHOOK_SECRET_old", "ERROR", True)]),
        ({"WEBHOOK_SECRET_OLD_EXPIRE": "2026-12-31"}, [("WEBHOOK_SECRET_OLD_EXPIRE", "ERROR", True)]),
        ({"WEBHOOK_SECRET_A": "sha256:12"}, [("WEBHOOK_SECRET_A", "ERROR", True)]),
        ({"WEBHOOK_SIGNING_KEY": DIGEST}, [("WEBHOOK_SIGNING_KEY", "ERROR", True)]),
        (
            {"WEBHOOK_SECRET_A": "x1", "WEBHOOK_SECRET_A_EXPIRES": "soon"},
            [("WEBHOOK_SECRET_A_EXPIRES", "ERROR", True)],
        ),
        (
            {"WEBHOOK_SECRET_A": "x1", "WEBHOOK_SECRET_A_EXPIRES": "2026-12-31T00:00:00"},
            [("WEBHOOK_SECRET_A_EXPIRES", "ERROR", True)],
        ),
        (
            {"WEBHOOK_SECRET_A": "x1", "WEBHOOK_SECRET_A_EXPIRES": "2026-11-27"},
            [("WEBHOOK_SECRET_A_EXPIRES", "WARNING", False)],
        ),
        ({"WEBHOOK_SECRET_A": "x1", "WEBHOOK_SECRET_A_EXPIRES": "2026-11-28"}, []),
        (
            {"WEBHOOK_SECRET_A": "x1", "WEBHOOK_SECRET_A_EXPIRES": "2020-01-01"},
            [("WEBHOOK_SECRET_A_EXPIRES", "WARNING", False)],
        ),
        ({"WEBHOOK_SECRET_A_EXPIRES": "2027-01-01"}, [("WEBHOOK_SECRET_A_EXPIRES", "WARNING", False)]),
        (
            {"WEBHOOK_SECRET_A": "x1", "WEBHOOK_SECRET_B": "x1"},
            [("WEBHOOK_SECRET_B", "WARNING", False)],
        ),
    ],
)
def test_what_cannot_be_right_is_said(environ: dict[str, str], expected: list[tuple[str, str, bool]]) -> None:
    settings = read(**{"WEBHOOK_SECRET": "first-one", **environ})
    assert said(settings) == [(variable, Severity(severity), stops) for variable, severity, stops in expected]
    assert not any("x1" in str(problem) or "soon" in str(problem) for problem in settings.problems)


def test_an_end_that_cannot_be_read_is_none_so_that_no_exit_is_lost() -> None:
    [key] = read(WEBHOOK_SECRET="a", WEBHOOK_SECRET_EXPIRES="soon").webhook_keys.secrets
    assert key.expires_at is None


@pytest.mark.parametrize(
    "environ", [{"WEBHOOK_SECRET_NEW": "x"}, {"WEBHOOK_SIGNING_KEY": "x"}, {"WEBHOOK_SECRET": "x"}]
)
def test_live_mode_starts_with_any_secret_and_with_none_it_does_not(environ: dict[str, str]) -> None:
    live = {"EXECUTION_DRY_RUN": "false", "ROUTE_TO_FIRMS": "FTMO", "FTMO_PROGRAM_IDS": "1"}
    assert read(**live).start_refusal is not None
    settings = read(**live, **environ)
    assert settings.start_refusal is None
    assert said(settings) == []


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("tradingview", ["52.89.214.238", "34.212.75.30", "54.218.53.128", "52.32.178.7"]),
        (" TradingView, 10.0.0.0/8,10.0.0.0/8,2001:db8::/32", None),
        ("203.0.113.7", ["203.0.113.7"]),
    ],
)
def test_addresses_that_may_post(text: str, networks: list[str] | None) -> None:
    settings = read(WEBHOOK_ALLOW=text)
    found = settings.webhook_allow or ()
    assert len(found) == len(set(found)) == (6 if networks is None else len(networks))
    if networks is not None:
        assert list(found) == [ip_network(network) for network in networks]
    for wrong in ("10.0.0.1/8", "tradingvew", "300.1.1.1"):
        assert [problem.variable for problem in read(WEBHOOK_ALLOW=wrong).errors] == ["WEBHOOK_ALLOW"]
