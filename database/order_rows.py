"""Between the ledger's rows and the domain's words for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from decimal import Decimal
from typing import Any

from database.connection import Row
from domain.account import AccountKey
from domain.contract import Contract
from domain.ledger import LedgerOrder, Purpose
from domain.order_state import OrderState, Side


def keys(accounts: Iterable[AccountKey]) -> dict[str, Any]:
    """Return accounts as the statements take them."""
    listed = list(accounts)
    return {"firm_codes": [key.firm_code for key in listed], "program_ids": [key.program_id for key in listed]}


def contract_row(contract: Contract) -> dict[str, Any]:
    """Return a contract as it is kept."""
    return {entry.name: getattr(contract, entry.name) for entry in fields(contract)}


def order_of(row: Row) -> LedgerOrder:
    """Return a row of the ledger as a leg."""
    plain = {entry.name: row[entry.name] for entry in fields(LedgerOrder) if entry.name in row}
    contract = dict(row["contract"])
    for name in ("tick_size", "lots"):
        contract[name] = None if contract[name] is None else Decimal(str(contract[name]))
    return LedgerOrder(
        **{
            **plain,
            "account": AccountKey(row["firm_code"], row["program_id"]),
            "purpose": Purpose(row["purpose"]),
            "state": OrderState(row["state"]),
            "side": Side(row["side"]),
            "contract": Contract(**contract),
        }
    )
