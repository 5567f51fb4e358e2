"""The registry: the five firms, their capabilities, and figures that each carry a source."""

import re
from decimal import Decimal

import pytest

from config.firm_data import load_firm
from prop_firm_registry import get_firm_by_code, get_firm_registry, is_firm_supported

DOCUMENTED = (
    "code",
    "name",
    "api_enabled",
    "supports_automated_execution",
    "max_daily_loss_default",
    "max_total_loss_default",
    "max_position_size_default",
)


@pytest.mark.parametrize(
    ("code", "api_enabled", "automated", "policy"),
    [
        ("FTMO", True, True, "allowed"),
        ("APEX", True, False, "prohibited"),
        ("TOPSTEP", True, False, "allowed_from_personal_device_only"),
        ("BULENOX", False, False, "unverified"),
        ("LEELOO", False, False, "prohibited"),
    ],
)
def test_what_each_firm_can_do(code: str, api_enabled: bool, automated: bool, policy: str) -> None:
    firm = get_firm_by_code(code)
    assert firm is not None
    assert (firm.code, firm.api_enabled, firm.supports_automated_execution) == (code, api_enabled, automated)
    assert firm.automation_policy.policy == policy
    assert firm.automation_policy.source


def test_the_five_firms_read_as_attributes_and_as_mappings() -> None:
    registry = get_firm_registry()
    assert sorted(registry) == ["APEX", "BULENOX", "FTMO", "LEELOO", "TOPSTEP"]
    for code, firm in registry.items():
        assert firm["code"] == firm.code == code
        assert {key: firm[key] for key in DOCUMENTED} == {key: getattr(firm, key) for key in DOCUMENTED}
        assert set(DOCUMENTED) < set(dict(firm))
        assert firm.get("nothing") is None
        with pytest.raises(KeyError):
            firm["as_row"]


def test_the_registry_given_out_is_the_callers_own() -> None:
    get_firm_registry().clear()
    assert len(get_firm_registry()) == 5


def test_every_figure_has_its_program_its_source_and_its_date() -> None:
    for firm in get_firm_registry().values():
        assert firm.figures
        assert re.fullmatch(r"\d{4}(-\d{2}(-\d{2})?)?", firm.automation_policy.checked)
        for figure in firm.figures.values():
            assert figure.value > 0
            assert all((figure.unit, figure.applies_to, figure.source))
            assert re.fullmatch(r"\d{4}(-\d{2}(-\d{2})?)?", figure.checked)


@pytest.mark.parametrize(
    ("code", "daily", "total", "size"),
    [
        ("FTMO", 5000, 10000, 50),
        ("APEX", 1000, 2000, 6),
        ("TOPSTEP", 1000, 2000, 5),
        ("BULENOX", 1100, 2500, 7),
        ("LEELOO", None, 2500, 8),
    ],
)
def test_defaults_are_the_published_figures(code: str, daily: int | None, total: int, size: int) -> None:
    firm = get_firm_registry()[code]
    assert firm.max_daily_loss_default == daily
    assert firm.max_total_loss_default == total
    assert firm.max_position_size_default == size


@pytest.mark.parametrize(("code", "supported"), [("FTMO", True), (" apex ", True), ("XYZ", False), ("", False)])
def test_is_firm_supported(code: str, supported: bool) -> None:
    assert is_firm_supported(code) is supported
    assert (get_firm_by_code(code) is not None) is supported


def test_fractions_of_a_dollar_are_exact() -> None:
    firm = load_firm(
        'code = "X"\nname = "X"\napi_enabled = false\nsupports_automated_execution = false\n'
        '[automation_policy]\npolicy = "p"\nstatus = "s"\nnote = "n"\nsource = "s"\nchecked = "2026"\n'
        '[platform]\nname = "none"\nstatus = "s"\nnote = "n"\nsource = "s"\nchecked = "2026"\n'
        "[figures.max_daily_loss]\nvalue = 0.1\n"
        'unit = "USD"\napplies_to = "a"\nsource = "s"\nchecked = "2026"\n'
    )
    assert firm.max_daily_loss_default == Decimal("0.1")
