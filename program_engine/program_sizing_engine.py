"""How many contracts a program's risk budget pays for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from functools import lru_cache
from typing import Any

from config.instruments import InstrumentBook, exchange_instruments
from domain.checks import CheckResult, Comparison, Status
from domain.limits import failed_check
from domain.money import optional_decimal
from domain.rules import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramSizingResult(CheckResult):
    """The size for one account in contracts; ``sized`` is None where sizing is not configured."""

    contracts: int = 0
    sized: int | None = None

    def as_row(self) -> dict[str, Any]:
        # Named outright: a slots dataclass is a new class, so a bare super() would look in the old one.
        row = CheckResult.as_row(self)
        row["contracts"] = self.contracts
        return row


def calculate_program_sizing(
    firm_code: str,
    program_id: int,
    scaling_rules: Mapping[str, Any],
    task_payload: Mapping[str, Any],
    *,
    instruments: InstrumentBook | None = None,
    default_symbol: str = "NQ",
) -> ProgramSizingResult:
    """Return floor(account_size x risk_per_trade / (stop distance x point value)), capped by the program and the firm.

    ``scaling_rules``: account_size (dollars), risk_per_trade (fraction), max_contracts and max_position_size
    (contracts). ``task_payload``: entry_price and stop_loss (points), symbol. Without account_size or risk_per_trade
    sizing is not configured: approved with 0 contracts and ``sized`` None. A symbol without a known point value in
    dollars refuses with UNKNOWN_SYMBOL; a value that is not a number refuses with EXCEPTION.
    Formula: document 003, "Program Sizing Engine"; with NQ at its exchange value of 20 dollars a point its example
    gives 100000 x 0.01 / (25 x 20) = 2.
    """
    symbol = str(task_payload.get("symbol") or default_symbol)
    book = exchange_instruments() if instruments is None else instruments
    instrument = book.resolve(symbol)
    if instrument is None or instrument.point_value is None:
        return _unknown_symbol(firm_code, program_id, symbol, None if instrument is None else instrument.currency)
    try:
        details, sized = _size(scaling_rules, task_payload, instrument.point_value)
    except (ValueError, TypeError, ArithmeticError) as error:
        failed = failed_check("Program sizing", firm_code, program_id, error)
        return ProgramSizingResult(
            firm_code=firm_code,
            program_id=program_id,
            status=failed.status,
            rule=failed.rule,
            reason=failed.reason,
            details=failed.details,
        )
    details = {"symbol": instrument.root, **details}
    return ProgramSizingResult(
        firm_code=firm_code, program_id=program_id, contracts=sized or 0, sized=sized, details=details
    )


def _size(
    rules: Mapping[str, Any], payload: Mapping[str, Any], point_value: Decimal
) -> tuple[Mapping[str, Any], int | None]:
    account_size = optional_decimal(rules, "account_size")
    risk_per_trade = optional_decimal(rules, "risk_per_trade")
    most, most_of_firm = optional_decimal(rules, "max_contracts"), optional_decimal(rules, "max_position_size")
    entry, stop = optional_decimal(payload, "entry_price"), optional_decimal(payload, "stop_loss")
    return _sized(account_size, risk_per_trade, most, most_of_firm, entry, stop, point_value)


# Accounts of one strategy are mostly sized alike, and an order asks for all of them at once.
@lru_cache(maxsize=256)
def _sized(
    account_size: Decimal | None,
    risk_per_trade: Decimal | None,
    max_contracts: Decimal | None,
    max_position_size: Decimal | None,
    entry: Decimal | None,
    stop: Decimal | None,
    point_value: Decimal,
) -> tuple[Mapping[str, Any], int | None]:
    caps = {"max_contracts": max_contracts, "max_position_size": max_position_size}
    details: dict[str, Any] = {
        "account_size": account_size,
        "risk_per_trade": risk_per_trade,
        "point_value": point_value,
        **caps,
    }
    if account_size is None or risk_per_trade is None:
        return {
            **details,
            "note": "sizing is not configured: account_size and risk_per_trade are both needed",
        }, None
    distance = None if entry is None or stop is None else abs(entry - stop)
    risk_amount = account_size * risk_per_trade
    details |= {"risk_amount": risk_amount, "risk_distance": distance}
    if distance is None or distance == 0 or risk_amount <= 0:
        note = "no size without a risk budget and a distance from entry to stop"
        return {**details, "final_contracts": 0, "note": note}, 0
    loss_per_contract = distance * point_value
    calculated = risk_amount / loss_per_contract
    # Integer division of the exact figures: rounding the quotient first could turn 1.999... into 2.
    affordable = int(risk_amount // loss_per_contract)
    final = int(min([Decimal(affordable), *(cap for cap in caps.values() if cap is not None)]))
    details |= {
        "calculated_contracts": calculated.quantize(Decimal("0.0001"), rounding=ROUND_FLOOR),
        "final_contracts": max(final, 0),
    }
    return details, max(final, 0)


def _unknown_symbol(firm_code: str, program_id: int, symbol: str, currency: str | None) -> ProgramSizingResult:
    why = "is not a known symbol" if currency is None else f"is quoted in {currency}, so its dollars move with the rate"
    return ProgramSizingResult(
        firm_code=firm_code,
        program_id=program_id,
        status=Status.REJECTED,
        rule=Rule.UNKNOWN_SYMBOL,
        reason=f"{symbol} {why}; set its point value in dollars to trade it.",
        details={"symbol": symbol},
        compared=(Comparison(rule=Rule.UNKNOWN_SYMBOL, value=symbol, limit="a known point value", passed=False),),
    )
