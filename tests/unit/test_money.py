"""Numbers are read by their printed form, and written back as JSON numbers."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from domain.money import decimal_of, json_number, optional_decimal, plain


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (0.1, "0.1"),
        (1, "1"),
        (-1200.0, "-1200.0"),
        (10**20, "100000000000000000000"),
        ("1.50", "1.50"),
        (" 2 ", "2"),
        ("1e3", "1E+3"),
        (Decimal("16500.25"), "16500.25"),
        (0, "0"),
    ],
)
def test_a_number_is_read_by_its_printed_form(value: Any, read: str) -> None:
    assert str(decimal_of(value)) == read


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        "",
        " ",
        "two",
        "1,000",
        "1_000",
        "0x10",
        float("nan"),
        float("inf"),
        float("-inf"),
        "NaN",
        "sNaN",
        "Infinity",
        Decimal("NaN"),
        Decimal("-Infinity"),
        [],
        {},
        b"1",
        1j,
    ],
    ids=repr,
)
def test_what_is_not_a_finite_number_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"is not a (finite )?number"):
        decimal_of(value)


def test_a_whole_number_too_long_to_print_is_refused() -> None:
    with pytest.raises(ValueError, match="limit"):
        decimal_of(10**5000)


@pytest.mark.parametrize("values", [{}, {"day_pl": None}])
def test_an_absent_figure_is_none(values: dict[str, Any]) -> None:
    assert optional_decimal(values, "day_pl") is None


@pytest.mark.parametrize("zero", [0, 0.0, "0", Decimal(0)])
def test_zero_is_a_figure_and_not_an_absent_one(zero: Any) -> None:
    assert optional_decimal({"day_pl": zero}, "day_pl") == Decimal(0)


def test_an_unreadable_figure_is_named() -> None:
    with pytest.raises(ValueError, match="day_pl: 'a lot' is not a number"):
        optional_decimal({"day_pl": "a lot"}, "day_pl")


@pytest.mark.parametrize(
    ("number", "text"),
    [("-1200.0", "-1200.0"), ("1000", "1000"), ("1E+3", "1000"), ("1E-7", "0.0000001"), ("0.50", "0.50")],
)
def test_a_number_is_written_without_exponent_and_with_its_own_decimals(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [("2", "2"), ("2.0", "2.0"), ("-1200.25", "-1200.25"), ("0", "0"), ("1E+3", "1000.0"), ("1E-7", "1e-07")],
)
def test_a_decimal_becomes_a_json_number(number: str, text: str) -> None:
    assert json.dumps(json_number(Decimal(number))) == text


@pytest.mark.parametrize("number", ["1E+400", "-1E+400", "1E-400"])
def test_a_number_beyond_a_double_is_still_valid_json(number: str) -> None:
    json.loads(json.dumps(json_number(Decimal(number)), allow_nan=False))
