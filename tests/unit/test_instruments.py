"""Symbols resolve to the instrument they mean, or to none."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.instruments import MONTH_CODES, InstrumentBook, environment_name, exchange_instruments


def root_of(symbol: str, book: InstrumentBook | None = None) -> str | None:
    found = (exchange_instruments() if book is None else book).resolve(symbol)
    return None if found is None else found.root


@pytest.mark.parametrize(
    ("symbol", "root"),
    [
        ("NQ", "NQ"),
        ("nq", "NQ"),
        (" NQ ", "NQ"),
        ("NQ1!", "NQ"),
        ("NQ2!", "NQ"),
        ("CME_MINI:NQ1!", "NQ"),
        ("cme_mini : nq1!", "NQ"),
        ("NQZ2025", "NQ"),
        ("CME_MINI:NQZ2026", "NQ"),
        ("NQZ25", "NQ"),
        ("NQZ5", "NQ"),
        ("NQ 12-26", "NQ"),
        ("NQ 12-2026", "NQ"),
        ("MNQ", "MNQ"),
        ("MNQZ6", "MNQ"),
        ("6E1!", "6E"),
        ("6EH2026", "6E"),
        ("E7", "E7"),
        ("E71!", "E7"),
        ("E7 03-26", "E7"),
        ("M2K", "M2K"),
        ("M2KZ2025", "M2K"),
        ("M2K1!", "M2K"),
        ("US100.cash", "US100.cash"),
        ("FTMO:us100.CASH", "US100.cash"),
        ("OANDA:XAUUSD", "XAUUSD"),
        ("BTC1!", "BTC"),
        ("BTCUSD", "BTCUSD"),
    ],
)
def test_known_symbols(symbol: str, root: str) -> None:
    assert root_of(symbol) == root


@pytest.mark.parametrize(
    "symbol",
    [
        "",
        " ",
        ":",
        "1!",
        "NOPE",
        "N",
        "NQ!",
        "NQ0!",
        "NQ11!",
        "NQA5",
        "NQZ",
        "NQZ123",
        "NQZ20255",
        "NQ 13-26",
        "NQ 00-26",
        "NQ 12-6",
        "US100",
        "US30",
        "NQ1!-ES1!",
        "CME:NQ1!-CME:ES1!",
        "NQ1!/ES1!",
        "XNQ",
        "NQ\u0661!",
        "CON.F.US.MNQ.Z25",
    ],
)
def test_unknown_symbols_are_not_guessed(symbol: str) -> None:
    assert root_of(symbol) is None


ROOTS = sorted(exchange_instruments().instruments)
FORMS = st.one_of(
    st.just("{root}"),
    st.integers(1, 9).map(lambda number: f"{{root}}{number}!"),
    st.tuples(
        st.sampled_from(MONTH_CODES),
        st.one_of(st.integers(2000, 2099).map(str), st.integers(0, 99).map("{:02}".format), st.integers(0, 9).map(str)),
    ).map(lambda dated: "{root}" + "".join(dated)),
    st.tuples(st.integers(1, 12), st.integers(0, 99)).map(lambda dated: f"{{root}} {dated[0]:02}-{dated[1]:02}"),
)


@given(
    root=st.sampled_from(ROOTS),
    form=FORMS,
    exchange=st.sampled_from(["", "CME:", "CME_MINI:", "FX: "]),
    change_case=st.sampled_from([str.upper, str.lower, str]),
    space=st.sampled_from(["", " "]),
)
def test_every_form_of_every_root_resolves_to_that_root(
    root: str, form: str, exchange: str, change_case: type[str], space: str
) -> None:
    symbol = change_case(space + exchange + form.replace("{root}", root) + space)
    assert root_of(symbol) == root


@given(st.text(max_size=15))
def test_any_text_is_answered(symbol: str) -> None:
    found = exchange_instruments().resolve(symbol)
    assert found is None or environment_name(found.root) in environment_name("".join(symbol.split()))


@pytest.mark.parametrize(
    ("root", "tick_size", "point_value"),
    [
        ("NQ", "0.25", "20"),
        ("ES", "0.25", "50"),
        ("YM", "1", "5"),
        ("MNQ", "0.25", "2"),
        ("MES", "0.25", "5"),
        ("MYM", "1", "0.5"),
        ("ZF", "0.0078125", "1000"),
        ("6J", "0.0000005", "12500000"),
        ("ZC", "0.25", "50"),
        ("ZL", "0.01", "600"),
        ("LE", "0.025", "400"),
        ("EURUSD", None, "100000"),
        ("XAUUSD", "0.01", "100"),
        ("US100.cash", None, "1"),
        ("USDJPY", None, None),
        ("GER40.cash", None, None),
    ],
)
def test_figures_in_chart_terms(root: str, tick_size: str | None, point_value: str | None) -> None:
    instrument = exchange_instruments().instruments[root]
    assert instrument.tick_size == (None if tick_size is None else Decimal(tick_size))
    assert instrument.point_value == (None if point_value is None else Decimal(point_value))


def test_every_instrument_is_plausible() -> None:
    book = exchange_instruments()
    assert len(book.instruments) == 64
    for instrument in book:
        assert instrument.point_value is None or instrument.point_value > 0
        assert instrument.tick_size is None or instrument.tick_size > 0
        assert (instrument.point_value is None) == (instrument.currency != "USD")
        assert set(instrument.month_codes) <= set(MONTH_CODES)
        assert (instrument.micro_of is None) == (instrument.micro_ratio is None)
        assert instrument.micro_of is None or instrument.micro_of in book.instruments


def test_micros_pay_their_part_of_the_mini() -> None:
    book = exchange_instruments()
    for micro in book:
        if micro.micro_of is not None:
            mini = book.instruments[micro.micro_of]
            assert micro.point_value is not None
            assert micro.micro_ratio is not None
            assert mini.point_value == micro.point_value * micro.micro_ratio, micro.root


def test_point_values_of_the_owner() -> None:
    book = exchange_instruments().with_point_values(
        {"NQ": Decimal(21), "US100_CASH": Decimal(2), "USDJPY": Decimal("6.5"), "NEW_ONE": Decimal("0.5")}
    )
    values = {symbol: book.resolve(symbol) for symbol in ("NQ1!", "us100.cash", "USDJPY", "new.one", "NEW-ONE1!")}
    assert {symbol: found and found.point_value for symbol, found in values.items()} == {
        "NQ1!": 21,
        "us100.cash": 2,
        "USDJPY": Decimal("6.5"),
        "new.one": Decimal("0.5"),
        "NEW-ONE1!": Decimal("0.5"),
    }
    assert book.instruments["MNQ"].point_value == 2
    assert exchange_instruments().instruments["NQ"].point_value == 20


@pytest.mark.parametrize("value", ["0", "-1", "NaN", "Infinity"])
def test_a_point_value_must_be_above_zero(value: str) -> None:
    with pytest.raises(ValueError, match="NQ must be above 0"):
        exchange_instruments().with_point_values({"NQ": Decimal(value)})
