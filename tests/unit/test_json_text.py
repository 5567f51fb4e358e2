"""The JSON that goes on record: money as numbers to the last digit it has, nothing written by accident."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.checks import json_default
from domain.json_text import json_text
from domain.rules import Rule

texts = st.text(st.characters(exclude_categories=["Cs"]))
figures = st.decimals(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts | figures,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_it_says_what_the_standard_library_says(value: Any) -> None:
    assert json.loads(json_text(value)) == json.loads(json.dumps(value, default=json_default))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("-1200.25"), "-1200.25"),
        (Decimal(2), "2"),
        (10**25, str(10**25)),
        ({"limit": Decimal(10) ** 25}, '{"limit": 10000000000000000000000000}'),
        (Rule.MAX_DRAWDOWN, '"MAX_DRAWDOWN"'),
        ("Zürich", '"Zürich"'),
    ],
)
def test_figures_and_words_keep_their_form(value: Any, text: str) -> None:
    assert json_text(value) == text


@dataclass
class Row:
    contracts: int


@pytest.mark.parametrize("value", [Row(contracts=1), datetime(2026, 1, 1, tzinfo=UTC), {1, 2}, {"inner": object()}])
def test_what_has_no_place_in_a_record_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="has no place in a record"):
        json_text(value)
