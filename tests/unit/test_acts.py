"""What a person may decide: how orders can have ended, and how accounts, scopes and dead letters are written."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.account import AccountKey
from domain.acts import LetterName, Outcome, Resolution, Signature, objection
from domain.contract import Contract
from domain.halt import Scope
from domain.json_text import with_times
from domain.ledger import LedgerOrder, Purpose
from domain.order_state import OrderState, Side

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
NQZ6 = Contract(root="NQ", symbol="NQZ6", month_code="Z", year=2026)
US100 = Contract(root="NQ", symbol="US100.cash", lots=Decimal("0.1"))
O = Outcome  # noqa: E741 - a table of outcomes


def order(**changes: Any) -> LedgerOrder:
    plain = LedgerOrder(
        id=7, task_id=1, trade_id="T1", account=AccountKey("APEX", 1), purpose=Purpose.ENTRY, leg=1,
        client_order_id="a" * 20, state=OrderState.UNRESOLVED, contract=NQZ6, side=Side.BUY, quantity=Decimal(3),
        entry_price=None, stop_price=None, worst_case=None, filled=Decimal(0), average_price=None, not_held=Decimal(0),
        closed=Decimal(0), open_quantity=Decimal(3), venue_order_id=None, attempts=1, created_at=NOON, sent_at=NOON,
        expires_at=NOON, updated_at=NOON, cause="NO_CLEAR_ANSWER", actor="w1",
    )  # fmt: skip
    return replace(plain, **changes)


def said(outcome: Outcome, filled: str | None = None, price: str | None = None) -> Resolution:
    return Resolution(
        outcome=outcome,
        filled=None if filled is None else Decimal(filled),
        average_price=None if price is None else Decimal(price),
    )


@pytest.mark.parametrize(
    ("outcome", "filled", "price"),
    [(O.FILLED, "3", None), (O.FILLED, "3", "16500.25"), (O.CANCELLED, None, None), (O.CANCELLED, "0", None),
     (O.CANCELLED, "2", "1"), (O.REJECTED, None, None), (O.REJECTED, "0", None), (O.NOT_SENT, None, None)],
)  # fmt: skip
def test_an_order_may_have_ended_so(outcome: Outcome, filled: str | None, price: str | None) -> None:
    assert objection(order(), said(outcome, filled, price)) is None


@pytest.mark.parametrize(
    ("outcome", "filled", "price", "about"),
    [(O.FILLED, None, None, "filled"), (O.FILLED, "0", None, "filled"), (O.FILLED, "-1", None, "filled"),
     (O.CANCELLED, "-1", None, "filled"), (O.REJECTED, "1", None, "filled"), (O.NOT_SENT, "1", None, "filled"),
     (O.FILLED, "3", "0", "price"), (O.FILLED, "3", "-1", "price"), (O.CANCELLED, None, "16500", "price"),
     (O.CANCELLED, "0", "16500", "price"), (O.NOT_SENT, None, "16500", "price")],
)  # fmt: skip
def test_a_resolution_that_contradicts_itself_is_none(
    outcome: Outcome, filled: str | None, price: str | None, about: str
) -> None:
    with pytest.raises(ValueError, match=f"^{about}: "):
        said(outcome, filled, price)


@pytest.mark.parametrize(
    ("changes", "outcome", "filled", "words"),
    [({}, O.FILLED, "4", "4 cannot be filled"),
     ({}, O.CANCELLED, "3.5", "3.5 cannot be filled"),
     ({}, O.FILLED, "2", "its outcome is cancelled"),
     ({}, O.CANCELLED, "3", "its outcome is filled"),
     ({}, O.CANCELLED, "1.5", "only whole ones"),
     ({"filled": Decimal(2)}, O.CANCELLED, "1", "2 are known to be filled"),
     ({"filled": Decimal(2)}, O.NOT_SENT, None, "2 are known to be filled")],
)  # fmt: skip
def test_an_order_cannot_have_ended_so(
    changes: dict[str, Any], outcome: Outcome, filled: str | None, words: str
) -> None:
    against = objection(order(**changes), said(outcome, filled))
    assert against is not None
    assert words in against
    assert "order 7 is for 3 contracts" in against


def test_a_part_of_a_contract_for_difference_may_be_filled() -> None:
    assert objection(order(contract=US100), said(O.CANCELLED, "1.5")) is None


@pytest.mark.parametrize("text", ["x" * 201, "", "a\nb"])
def test_a_venues_order_id_is_short_and_printable(text: str) -> None:
    with pytest.raises(ValueError, match="venue's order id"):
        Resolution(outcome=O.NOT_SENT, venue_order_id=text)


@pytest.mark.parametrize(
    ("by", "reason"),
    [("", "why"), ("  ", "why"), ("anna", ""), ("anna", "\t"), ("a" * 101, "why"), ("anna", "w" * 501),
     ("an\x00na", "why"), ("anna", "line\nbreak"), ("anna", "\ud800")],
)  # fmt: skip
def test_who_and_why_are_obligatory_and_printable(by: str, reason: str) -> None:
    with pytest.raises(ValueError, match="must be given in 1 to"):
        Signature(by, reason)


def test_a_signature_loses_the_spaces_around_it() -> None:
    assert Signature(" anna ", " news ") == Signature("anna", "news")


@pytest.mark.parametrize(("text", "name"), [("task:12", ("task", 12)), (" LEG:34 ", ("leg", 34))])
def test_a_dead_letter_is_named(text: str, name: tuple[str, int]) -> None:
    letter = LetterName.of(text)
    assert (letter.kind, letter.id) == name
    assert LetterName.of(str(letter)) == letter


@pytest.mark.parametrize(
    "text", ["12", "task", "task:", "task:-1", "order:3", "leg:3 leg:4", "task:9999999999999999999"]
)
def test_what_names_no_dead_letter_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="accepted is task:12 or leg:34"):
        LetterName.of(text)


def test_an_account_is_read_as_it_is_written() -> None:
    assert AccountKey.of(" apex/01 ") == AccountKey("APEX", 1)
    assert str(AccountKey.of("FTMO/12")) == "FTMO/12"


@pytest.mark.parametrize(
    "text", ["", "APEX", "APEX/", "APEX/0", "APEX/x", "APEX/1/2", "/1", "APEX/2147483648", "A B/1"]
)
def test_what_is_no_account_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no account"):
        AccountKey.of(text)


@pytest.mark.parametrize("scope", [Scope(), Scope(firm_code="APEX"), Scope(firm_code="APEX", program_id=1)])
def test_a_scope_is_read_as_it_is_written(scope: Scope) -> None:
    assert Scope.of(str(scope)) == scope
    assert Scope.of(f" {str(scope).lower()} ") == scope


@pytest.mark.parametrize("text", ["", "  ", "APEX/", "/1", "APEX/0", "AP EX", "*"])
def test_what_is_no_scope_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no (scope|account)"):
        Scope.of(text)


def test_times_become_text_at_every_depth() -> None:
    later = NOON + timedelta(seconds=1)
    rows = {"at": NOON, "list": [{"at": later}, (NOON, 1)], "price": Decimal("1.5"), "none": None}
    text, after = "2026-11-18T12:00:00+00:00", "2026-11-18T12:00:01+00:00"
    assert with_times(rows) == {
        "at": text,
        "list": [{"at": after}, [text, 1]],
        "price": Decimal("1.5"),
        "none": None,
    }
