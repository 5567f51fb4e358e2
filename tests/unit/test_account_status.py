"""What a connector says of an account: read whole, or refused with the reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.account_status import InvalidStatus, read_status, refuse_zeros
from domain.account_update import FIGURES, AccountUpdate, Source

ASKED = datetime(2026, 11, 18, 17, 0, tzinfo=UTC)
ANSWERED = ASKED + timedelta(seconds=2)
STATUS = {"equity": 50100.25, "balance": "50000", "day_pl": Decimal("100.25")}


def read(status: Any) -> AccountUpdate:
    return read_status(status, asked_at=ASKED, received_at=ANSWERED)


def test_a_status_is_read_exactly() -> None:
    update = read({**STATUS, "positions": [{"symbol": "NQ", "contracts": 2}], "leverage": 30, "total_pl": None})
    assert update == AccountUpdate(
        at=ASKED,
        received_at=ANSWERED,
        source=Source.FIRM_API,
        equity=Decimal("50100.25"),
        balance=Decimal(50000),
        day_pl=Decimal("100.25"),
        positions=({"symbol": "NQ", "contracts": 2},),
    )
    assert read({name: number for number, name in enumerate(FIGURES, start=1)}).figures() == {
        name: number for number, name in enumerate(FIGURES, start=1)
    }


def test_the_noise_of_doubles_is_cut_off() -> None:
    assert read({"equity": 48500.00000000285, "balance": "48500.000001"}).figures() == {
        "equity": Decimal(48500),
        "balance": Decimal("48500.000001"),
    }


@pytest.mark.parametrize(
    ("at", "read_as"),
    [
        (None, ASKED),
        ("2026-11-18T17:59:00+01:00", ASKED - timedelta(minutes=1)),
        ("2026-11-18T16:59:00Z", ASKED - timedelta(minutes=1)),
        (ANSWERED - timedelta(days=31), ANSWERED - timedelta(days=31)),
        (ANSWERED + timedelta(seconds=60), ANSWERED + timedelta(seconds=60)),
    ],
)
def test_figures_are_as_of_the_firms_time_or_of_the_question(at: object, read_as: datetime) -> None:
    assert read({**STATUS, "at": at}).at == read_as


def test_a_firm_without_a_connection_says_nothing_of_the_account() -> None:
    update = read({"connected": False, "equity": 0, "balance": 0})
    assert (update.no_data, update.figures(), update.at) == (True, {}, ASKED)
    assert read({"connected": True, **STATUS}).no_data is False


@pytest.mark.parametrize(
    ("status", "because"),
    [
        ({}, "none of equity"),
        ({"note": "closed"}, r"none of equity.*\['note'\]"),
        ({"equity": None}, "none of equity"),
        ("50000", "'50000' is no dictionary"),
        ([("equity", 1)], "no dictionary"),
        ({**STATUS, "equity": "n/a"}, "equity: 'n/a' is not a number"),
        ({**STATUS, "balance": float("nan")}, "balance: nan is not a finite number"),
        ({**STATUS, "equity": float("inf")}, "equity: inf is not a finite number"),
        ({**STATUS, "equity": 1000000000.01}, "equity: 1000000000.01 is out of range"),
        ({**STATUS, "day_pl": True}, "day_pl: True is not a number"),
        ({**STATUS, "equity": {}}, "equity: {} is not a number"),
        ({**STATUS, "connected": "no"}, "connected: 'no' is neither True nor False"),
        ({"connected": None}, "connected: None is neither"),
        ({**STATUS, "at": "yesterday"}, "at: 'yesterday' is no time in ISO 8601"),
        ({**STATUS, "at": "2026-11-18T17:00:00"}, "at: .* is no time with an offset"),
        ({**STATUS, "at": datetime(2026, 11, 18, 17, 0)}, "at: .* is no time with an offset"),  # noqa: DTZ001
        ({**STATUS, "at": 1763485200}, "at: 1763485200 is no time with an offset"),
        ({**STATUS, "at": ANSWERED + timedelta(seconds=60, microseconds=1)}, "60 s ahead of this machine's clock"),
        ({**STATUS, "at": "2099-01-01T00:00:00Z"}, "ahead of this machine's clock"),
        ({**STATUS, "at": ANSWERED - timedelta(days=31, microseconds=1)}, "at: .* is more than 31 days ago"),
        ({**STATUS, "at": "1970-01-01T00:00:00Z"}, "is more than 31 days ago"),
        ({**STATUS, "positions": {"NQ": 1}}, "positions: {'NQ': 1} is no list"),
        ({**STATUS, "positions": ["NQ"]}, r"positions: \['NQ'\] is no list of dictionaries"),
        ({**STATUS, "positions": [{"since": ASKED}]}, "positions: datetime has no place in a record"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(status: object, because: str) -> None:
    with pytest.raises(InvalidStatus, match=because):
        read(status)


@pytest.mark.parametrize("status", [{"equity": 0}, {"equity": "0.00", "balance": 1}, {"equity": 5, "balance": 0}])
@pytest.mark.parametrize(
    ("levels", "refused"),
    [
        ((Decimal(48000), None), True),
        ((None, Decimal(49000)), True),
        ((Decimal(0), Decimal(-1)), True),
        ((Decimal("-0.01"), None), False),
        ((None, None), False),
    ],
)
def test_zeros_are_refused_where_an_account_would_be_lost_by_them(
    status: dict[str, Any], levels: tuple[Decimal | None, Decimal | None], refused: bool
) -> None:
    if refused:
        with pytest.raises(InvalidStatus, match="is 0, as on a platform without a connection"):
            refuse_zeros(read(status), levels)
    else:
        refuse_zeros(read(status), levels)
    refuse_zeros(read(STATUS), levels)
    refuse_zeros(read({"day_pl": 0}), levels)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.datetimes(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
)


keys = st.sampled_from([*FIGURES, "at", "connected", "positions", "other"]) | st.text()


@settings(max_examples=40)
@given(st.dictionaries(keys, anything) | anything)
def test_no_answer_whatever_does_anything_but_be_read_or_refused(status: object) -> None:
    try:
        update = read(status)
    except InvalidStatus:
        return
    assert update.no_data or update.figures()
    assert all(figure.is_finite() for figure in update.figures().values())
