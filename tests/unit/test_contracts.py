"""From a signal's symbol to a contract: dated futures, the owner's months, CFDs by the owner's map; never a guess."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.contracts import ContractTerms, contract_of, contract_terms
from config.instruments import InstrumentBook, exchange_instruments
from config.platforms import Platform
from config.settings import Settings
from domain.account import AccountKey
from domain.contract import Contract

TODAY = date(2026, 11, 21)
BOOK = exchange_instruments()
FUTURES = ContractTerms(platform=Platform.TRADOVATE)


def settings_of(today: date = TODAY, /, **environ: str) -> Settings:
    return Settings.from_env({"ROUTE_TO_FIRMS": "APEX", "APEX_PROGRAM_IDS": "1", **environ}, today=today)


def symbol_of(text: str, on: date = TODAY, *, terms: ContractTerms = FUTURES) -> str | None:
    contract = contract_of(text, BOOK, terms, on=on)
    return None if contract is None else contract.symbol


def at(code: str, text: str, environ: Mapping[str, str], on: date = TODAY) -> Contract | None:
    """The contract that a symbol means for the first account of a firm."""
    settings = settings_of(TODAY, **environ)
    terms = contract_terms(AccountKey(code, 1), settings)
    assert terms is not None
    return contract_of(text, settings.instruments, terms, on=on)


@pytest.mark.parametrize("text", ["NQ", "NQ1!", "CME_MINI:NQ1!", " nq ", "cme_mini:nq1!"])
def test_a_root_or_a_continuous_contract_means_the_front_month(text: str) -> None:
    assert contract_of(text, BOOK, FUTURES, on=TODAY) == Contract(
        root="NQ", symbol="NQZ6", month_code="Z", year=2026, tick_size=Decimal("0.25")
    )
    assert symbol_of(text, date(2026, 12, 13)) == "NQZ6"
    assert symbol_of(text, date(2026, 12, 14)) == "NQH7"


def test_terms_that_remember_say_the_same_of_every_symbol_day_and_book() -> None:
    terms = ContractTerms(platform=Platform.TRADOVATE)
    unknown = [f"NO{number}" for number in range(100)]
    questions = [
        (text, book, on)
        for book in (BOOK, InstrumentBook(instruments={"ES": BOOK.instruments["ES"]}))
        for text in ("NQ", "ES", *unknown, "NQ")
        for on in (TODAY, date(2026, 12, 14), TODAY)
    ]

    for text, book, on in questions:
        assert terms.contract_of(text, book, on=on) == contract_of(text, book, FUTURES, on=on)
    assert terms == FUTURES


@pytest.mark.parametrize("text", ["NQ2!", "CME_MINI:NQ9!"])
def test_a_later_continuous_contract_means_none(text: str) -> None:
    assert symbol_of(text) is None


@pytest.mark.parametrize(
    ("text", "year", "symbol"),
    [
        ("NQZ2026", 2026, "NQZ6"),
        ("NQZ26", 2026, "NQZ6"),
        ("NQZ6", 2026, "NQZ6"),
        ("NQ 12-26", 2026, "NQZ6"),
        ("NQ 12-2026", 2026, "NQZ6"),
        ("CME_MINI:NQZ2026", 2026, "NQZ6"),
        ("nqh7", 2027, "NQH7"),
        ("NQH27", 2027, "NQH7"),
        ("NQ 03-27", 2027, "NQH7"),
        ("NQX6", 2026, "NQX6"),
        ("6EZ6", 2026, "6EZ6"),
        ("E7Z6", 2026, "E7Z6"),
        ("M2KH7", 2027, "M2KH7"),
        ("LEG7", 2027, "LEG7"),
        ("NQZ5", 2035, "NQZ5"),
    ],
)
def test_a_dated_symbol_means_that_very_month(text: str, year: int, symbol: str) -> None:
    contract = contract_of(text, BOOK, FUTURES, on=TODAY)
    assert contract is not None
    assert (contract.year, contract.symbol, contract.month_code) == (year, symbol, symbol[-2])


@pytest.mark.parametrize("text", ["NQV2026", "NQV26", "NQV6", "NQ 10-26", "NQZ2025", "NQZ25", "NQ 12-25"])
def test_a_month_that_has_passed_is_no_contract_and_none_in_ten_years(text: str) -> None:
    assert symbol_of(text) is None


@pytest.mark.parametrize(("on", "symbol"), [("2026-12-31", "NQZ6"), ("2027-01-01", None)])
def test_a_dated_symbol_holds_to_the_end_of_its_month(on: str, symbol: str | None) -> None:
    assert symbol_of("NQZ2026", date.fromisoformat(on)) == symbol


@pytest.mark.parametrize("text", ["LE", "HE1!", "GF", "NOPE", "", "EURUSD", "US100.cash"])
def test_without_a_rule_and_without_a_future_there_is_no_contract(text: str) -> None:
    assert symbol_of(text) is None


# The owner's month


def test_the_owners_month_replaces_the_roll_rule_for_the_symbol_and_its_micro() -> None:
    months = {"NQ_CONTRACT": "NQH7", "LE_CONTRACT": "LEZ6", "ES_CONTRACT": "ES 03-27", "MES_CONTRACT": "MESM7"}
    expected = {"NQ": "NQH7", "NQ1!": "NQH7", "MNQ": "MNQH7", "LE": "LEZ6", "ES": "ESH7", "MES": "MESM7", "YM": "YMZ6"}
    for text, symbol in expected.items():
        contract = at("APEX", text, months)
        assert contract is not None
        assert contract.symbol == symbol
    dated = at("APEX", "NQZ2026", months)
    assert dated is not None
    assert dated.symbol == "NQZ6"


def test_the_owners_month_ends_with_its_month() -> None:
    assert at("APEX", "NQ", {"NQ_CONTRACT": "NQH7"}, date(2027, 3, 31)) is not None
    assert at("APEX", "NQ", {"NQ_CONTRACT": "NQH7"}, date(2027, 4, 1)) is None


def test_a_symbol_of_the_owners_own_has_a_contract_where_its_month_is_named() -> None:
    own = {"FDAX_POINT_VALUE": "25"}
    assert at("APEX", "FDAX", own) is None
    contract = at("APEX", "FDAX", {**own, "FDAX_CONTRACT": "FDAXZ6"})
    assert contract == Contract(root="FDAX", symbol="FDAXZ6", month_code="Z", year=2026)


@pytest.mark.parametrize(
    ("text", "today", "usable"),
    [
        ("NQX6", "2026-11-30", True),
        ("NQX6", "2026-12-01", False),
        ("NQZ6", "2027-01-01", False),
        ("NQZ6", "2028-12-31", False),
        ("NQZ2025", "2026-11-21", False),
        ("NQZ25", "2026-11-21", False),
        ("NQ 12-26", "2026-11-21", True),
        ("NQH7", "2026-11-21", True),
        ("NQ", "2026-11-21", False),
        ("NQ1!", "2026-11-21", False),
        ("MNQZ6", "2026-11-21", False),
        ("ESZ6", "2026-11-21", False),
        ("Z6", "2026-11-21", False),
        ("", "2026-11-21", False),
    ],
)
def test_a_contract_that_passed_or_cannot_be_read_is_an_error_for_every_account(
    text: str, today: str, usable: bool
) -> None:
    settings = settings_of(date.fromisoformat(today), NQ_CONTRACT=text)
    errors = [problem for problem in settings.errors if problem.variable == "NQ_CONTRACT"]
    assert bool(errors) is not usable
    assert ("NQ" in settings.contract_months) is usable
    if errors:
        assert (errors[0].value, errors[0].concerns(AccountKey("APEX", 1))) == (text, True)


def test_the_contract_of_an_unknown_symbol_is_pointed_out_and_stops_nothing() -> None:
    settings = settings_of(SMART_CONTRACT="0x12", NQX_CONTRACT="NQZ6", _CONTRACT="x", WEBHOOK_SECRET="s")
    assert settings.errors == ()
    assert [problem.variable for problem in settings.warnings] == ["SMART_CONTRACT", "NQX_CONTRACT"]


def test_a_misspelt_setting_of_an_account_is_told_of_once() -> None:
    settings = settings_of(APEX_1_MAX_CONTRACT="5", WEBHOOK_SECRET="s")
    assert [problem.variable for problem in settings.problems] == ["APEX_1_MAX_CONTRACT"]
    assert "did you mean APEX_1_MAX_CONTRACTS" in settings.problems[0].message


# CFDs


def test_a_venue_of_cfds_trades_what_the_map_names() -> None:
    own = {"FTMO_SYMBOL_MAP": " NQ = US100.cash * 20 ,ES=US500.cash*50, EURUSD=EURUSD.x*0.5,GC=XAUUSD*1"}
    mapped = Contract(root="NQ", symbol="US100.cash", lots=Decimal(20))
    assert [at("FTMO", text, own) for text in ("NQ", "NQ1!", "CME_MINI:NQZ2026", "NQ 12-26")] == [mapped] * 4
    assert at("FTMO", "ES", own) == Contract(root="ES", symbol="US500.cash", lots=Decimal(50))
    assert at("FTMO", "GC", own) == Contract(root="GC", symbol="XAUUSD", tick_size=Decimal("0.01"))
    assert at("FTMO", "EURUSD", own) == Contract(root="EURUSD", symbol="EURUSD.x", lots=Decimal("0.5"))


@pytest.mark.parametrize("platform", ["ctrader", "dxtrade"])
def test_a_venue_of_cfds_trades_nothing_else_but_cfds_by_their_own_names(platform: str) -> None:
    own = {"FTMO_PLATFORM": platform}
    assert at("FTMO", "NQ", own) is None
    assert at("FTMO", "NQZ2026", own) is None
    assert at("FTMO", "MNQ", {**own, "FTMO_SYMBOL_MAP": "NQ=US100.cash*20"}) is None
    assert at("FTMO", "us100.CASH", own) == Contract(root="US100.cash", symbol="US100.cash")
    assert at("FTMO", "XAUUSD", own) == Contract(root="XAUUSD", symbol="XAUUSD", tick_size=Decimal("0.01"))


def test_the_owners_month_makes_no_future_of_a_venue_of_cfds() -> None:
    assert at("FTMO", "NQ", {"NQ_CONTRACT": "NQZ6"}) is None


def test_over_http_the_map_goes_before_the_futures_own_names() -> None:
    own = {"FTMO_PLATFORM": "http", "FTMO_SYMBOL_MAP": "NQ=NAS100*20"}
    assert at("FTMO", "NQ", own) == Contract(root="NQ", symbol="NAS100", lots=Decimal(20))
    plain = at("FTMO", "ES", own)
    assert plain is not None
    assert plain.symbol == "ESZ6"
    assert at("FTMO", "US100.cash", own) == Contract(root="US100.cash", symbol="US100.cash")


@pytest.mark.parametrize("platform", ["tradovate", "projectx"])
def test_a_map_has_no_effect_where_futures_have_their_own_names(platform: str) -> None:
    contract = at("APEX", "NQ", {"APEX_PLATFORM": platform, "APEX_SYMBOL_MAP": "NQ=US100.cash*20"})
    assert contract is not None
    assert (contract.symbol, contract.lots) == ("NQZ6", Decimal(1))


def test_an_account_without_a_platform_has_no_terms() -> None:
    assert contract_terms(AccountKey("LEELOO", 1), settings_of()) is None


@pytest.mark.parametrize(
    "text",
    [
        "NQ",
        "NQ=US100.cash",
        "NQ=US100.cash*",
        "NQ=US100.cash*0",
        "NQ=US100.cash*-1",
        "NQ=US100.cash*x",
        "NQ=US100.cash*nan",
        "NQ=US100.cash*1000000.1",
        "NQ=*20",
        "=US100.cash*20",
        "NQ=US100.cash*20,",
        "NQ=US100.cash*20;ES=US500.cash*50",
        "NQ=US100.cash*20,nq=NAS100*20",
        "",
    ],
)
def test_a_map_that_cannot_be_read_is_an_error(text: str) -> None:
    settings = settings_of(FTMO_SYMBOL_MAP=text)
    assert [problem.variable for problem in settings.errors] == ["FTMO_SYMBOL_MAP"]
    assert settings.firms["FTMO"].symbol_map is None


def test_a_map_is_shown_as_it_is_written() -> None:
    pairs = settings_of(FTMO_SYMBOL_MAP="NQ=US100.cash*0.000001,ES=US Tech 500*1000000").firms["FTMO"].symbol_map
    assert pairs is not None
    assert [str(pair) for pair in pairs] == ["NQ=US100.cash*0.000001", "ES=US Tech 500*1000000"]


@pytest.mark.parametrize(
    ("text", "severities"),
    [
        ("NQ=US100.cash*20", []),
        ("NQ=US100.cash*20.2", []),
        ("NQ=US100.cash*20.21", ["WARNING"]),
        ("NQ=US100.cash*19.8", []),
        ("NQ=US100.cash*19.79", ["WARNING"]),
        ("NQ=US100.cash*1", ["WARNING"]),
        ("MNQ=US100.cash*2", []),
        ("NQ=UNKNOWN*1", []),
        ("NQ=GER40.cash*1", []),
        ("USDJPY=USDJPY*3", []),
        ("NOPE=US100.cash*20", ["ERROR"]),
        ("NQ=US100.cash*1,NOPE=X*1", ["WARNING", "ERROR"]),
    ],
)
def test_lots_that_are_worth_something_else_are_pointed_out(text: str, severities: list[str]) -> None:
    problems = [problem for problem in settings_of(FTMO_SYMBOL_MAP=text).problems if problem.firm_code == "FTMO"]
    problems = [problem for problem in problems if problem.value is not None and "=" in problem.value]
    assert [problem.severity for problem in problems] == severities
    for problem in problems:
        if problem.severity == "WARNING":
            assert problem.expected == "NQ=US100.cash*20"


# Never guessed


SYMBOLS = st.one_of(
    st.sampled_from([known.root for known in BOOK]),
    st.text(alphabet="NQESMCLGZHU0123456789!-: .", max_size=10),
    st.tuples(
        st.sampled_from([known.root for known in BOOK]),
        st.sampled_from("FGHJKMNQUVXZ"),
        st.integers(0, 2099).map(str),
    ).map("".join),
)


@given(SYMBOLS, st.dates(date(2024, 1, 1), date(2040, 12, 31)), st.sampled_from(list(Platform)[:-1]))
def test_a_contract_is_of_the_symbols_own_instrument_and_has_not_passed(
    text: str, on: date, platform: Platform
) -> None:
    contract = contract_of(text, BOOK, ContractTerms(platform=platform), on=on)
    if contract is None:
        return
    instrument = BOOK.resolve(text)
    assert instrument is not None
    assert contract.root == instrument.root
    assert contract.lots == 1
    if contract.year is None:
        assert contract.symbol == instrument.root
        assert instrument.exchange == "CFD"
    else:
        assert contract.symbol == f"{instrument.root}{contract.month_code}{contract.year % 10}"
        month = "FGHJKMNQUVXZ".index(contract.month_code or "") + 1
        assert (contract.year, month) >= (on.year, on.month)
