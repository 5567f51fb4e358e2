"""What is open or pending on an account: the dollars it may still lose, and the names of its legs."""

from __future__ import annotations

import string
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.account import AccountKey
from domain.ledger import Exposure, OpenLeg, Purpose, client_order_id


def leg(risk: int | None, *, settled: bool = True, quantity: int = 1, root: str = "NQ") -> OpenLeg:
    return OpenLeg(root=root, quantity=Decimal(quantity), risk=None if risk is None else Decimal(risk), settled=settled)


@pytest.mark.parametrize(
    ("legs", "unrealized", "reserved"),
    [
        ([], None, 0),
        ([], 500, 0),
        ([leg(500)], None, 500),
        # 300 of the 500 are in equity already; 200 more can go.
        ([leg(500)], -300, 200),
        ([leg(500)], -500, 0),
        # Past the stop: nothing is reserved, and nothing is given back.
        ([leg(500)], -700, 0),
        # A profit that is in equity goes as well on the way to the stop.
        ([leg(500)], 250, 750),
        ([leg(500), leg(400)], -300, 600),
        # What equity does not hold yet counts in full, whatever else is open.
        ([leg(500, settled=False)], -300, 500),
        ([leg(500, settled=False), leg(500)], -300, 700),
        ([leg(500), leg(None)], None, None),
    ],
)
def test_what_equity_may_still_lose(legs: list[OpenLeg], unrealized: int | None, reserved: int | None) -> None:
    open_pl = None if unrealized is None else Decimal(unrealized)
    assert Exposure(legs=tuple(legs)).reserved(open_pl) == reserved


amounts = st.integers(0, 10_000)
legs = st.lists(st.builds(leg, amounts, settled=st.booleans()), max_size=5)


@given(legs, st.none() | st.integers(-20_000, 20_000).map(Decimal), amounts, st.booleans())
def test_one_more_leg_never_reserves_less(
    known: list[OpenLeg], unrealized: Decimal | None, risk: int, settled: bool
) -> None:
    before = Exposure(legs=tuple(known))
    after = before.with_leg(leg(risk, settled=settled))
    reserved, more = before.reserved(unrealized), after.reserved(unrealized)
    assert reserved is not None
    assert more is not None
    if settled and not any(one.settled for one in known) and unrealized is not None and unrealized < 0:
        # The open loss belongs to the leg that is new to us.
        assert more >= 0
    else:
        assert more >= reserved


@given(st.uuids(), st.integers(1, 2**63 - 1), st.integers(1, 999_999_999), st.integers(1, 99))
def test_a_legs_name_is_short_legal_and_its_own(identity: object, task: int, program: int, number: int) -> None:
    firm = "APEX"
    key = AccountKey(firm, program)
    name = client_order_id(str(identity), task, key, Purpose.ENTRY, number)
    assert name == client_order_id(str(identity), task, key, Purpose.ENTRY, number)
    assert len(name) == 20
    assert set(name) <= set(string.ascii_lowercase + string.digits)
    others = {
        client_order_id(str(identity), task, key, Purpose.EXIT, number),
        client_order_id(str(identity), task, key, Purpose.ENTRY, number + 1),
        client_order_id(str(identity), task + 1, key, Purpose.ENTRY, number),
        client_order_id(str(identity), task, AccountKey(firm, program + 1), Purpose.ENTRY, number),
        client_order_id("another ledger", task, key, Purpose.ENTRY, number),
    }
    assert len(others) == 5
    assert name not in others
