"""What accounts at ProjectX hold."""

from __future__ import annotations

from decimal import Decimal

from connectors.platforms.projectx_answers import OPEN_POSITIONS, Row, decimal_of, rows
from connectors.platforms.projectx_session import Call
from connectors.venue import Unclear

# PositionType: the size is never negative.
SIGNS = {1: Decimal(1), 2: Decimal(-1)}


class Positions:
    """Positions of one login's accounts."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def listed(self, account_id: int) -> list[Row]:
        """Return the venue's list of an account's open positions."""
        return [
            row
            for row in rows(OPEN_POSITIONS, self._call(OPEN_POSITIONS, {"accountId": account_id}), "positions")
            if row.get("size")
        ]

    def held(self, account_id: int) -> dict[str, Decimal]:
        """Return what an account holds of each contract, by the venue's contract ids; short below 0."""
        held: dict[str, Decimal] = {}
        for row in self.listed(account_id):
            contract_id = str(row.get("contractId"))
            held[contract_id] = held.get(contract_id, Decimal(0)) + quantity_of(row)
        return held


def quantity_of(row: Row) -> Decimal:
    """Return a position's contracts, short below 0. Raises Unclear for a direction that is not known."""
    sign = SIGNS.get(row.get("type", 0))
    if sign is None:
        raise Unclear(f"position {row.get('id')} has type {row.get('type')}", row)
    return sign * decimal_of(row.get("size"))
