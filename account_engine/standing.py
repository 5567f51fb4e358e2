"""The words of an account's standing: the facts of one moment, and what the rule engine makes of them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from account_engine.drawdown import Standing as DrawdownStanding
from domain.account import AccountKey
from domain.money import json_number
from domain.rule_set import AccountRules


class StandingState(StrEnum):
    """What an account may do now. In order of precedence: where several hold, the first one is its state.

    HALTED covers a halt and the owner's pause. It stands above PAUSED_TO_RESET, which promises that the next reset
    ends it: no reset ends what a person ordered.
    """

    BREACHED = "BREACHED"
    HALTED = "HALTED"
    PAUSED_TO_RESET = "PAUSED_TO_RESET"
    UNKNOWN = "UNKNOWN"
    REDUCE_ONLY = "REDUCE_ONLY"
    ACTIVE = "ACTIVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPicture:
    """The facts that a standing is made of. Dollars, fractions, seconds, instants in UTC; None where not known.

    ``drawdown``: the account's path so far under ``rules.drawdown``. ``equity``: the newest one, from which the rooms
    are counted. ``no_data``: the platform is disconnected. ``state_age``: age of the figures, None where none ever
    came. ``halted``, ``paused`` and ``reduce_only`` are flags as they were told: False and None are a clear no,
    anything else is a yes. ``at_risk_per_trade``: what one losing trade costs at the current size.
    ``consistency_share``: the best day's share as ``rules`` counts it. ``reset_day``: the day that the last reset to be
    carried out began, named as FirmDay names it.
    """

    key: AccountKey
    rules: AccountRules
    now: datetime
    max_age: Decimal
    drawdown: DrawdownStanding | None = None
    equity: Decimal | None = None
    balance: Decimal | None = None
    day_pl: Decimal | None = None
    total_pl: Decimal | None = None
    no_data: bool = False
    state_age: Decimal | None = None
    source: str | None = None
    halted: object = False
    halted_reason: str | None = None
    paused: object = False
    paused_reason: str | None = None
    reduce_only: object = False
    day_started_at: datetime | None = None
    reset_day: date | None = None
    at_risk_per_trade: Decimal | None = None
    consistency_share: Decimal | None = None
    consistency_passed: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStanding:
    """Where an account stands at one moment. Dollars, fractions, seconds, instants in UTC.

    None is "no such limit" where the limit itself is None, "not known" elsewhere.

    - ``reasons``: a sentence for each state that holds, strongest first; none for ACTIVE.
    - ``daily_limit``, ``drawdown_limit``: the rules' amounts; ``daily_floor``, ``floor``: the levels they put under
      equity; ``daily_room``, ``floor_room``: equity less level, 0 or less is reached.
    - ``daily_used``: (day start - equity) / daily limit. ``floor_used``: 1 - floor room / drawdown limit, in every
      family: the part of the drawdown that no longer lies between equity and the floor. Both are 0 while nothing is
      used and above 1 past the level.
    - ``daily_paused``: the daily limit is reached and stops the account until ``resets_at``. ``breached``: the account
      is lost, ``lost_by_day`` by its daily limit. The moments beside them are those that the path recorded.
    - ``room``: what an entry may risk: the smaller of the rooms less the owner's buffer, never below 0.
    - ``losing_trades_left``: how many trades in a row may still enter and lose ``at_risk_per_trade`` each. A trade that
      would use up the room exactly may not enter and is not counted.
    - ``room_gone_at``: when ``room`` is used up if the day goes on losing as it has since its start. None unless equity
      is below the day's start, the figures are current, and the room would be gone before ``resets_at``.
    - ``distance_to_target``: dollars of closed profit still wanted, 0 once it is reached.
    """

    key: AccountKey
    at: datetime
    state: StandingState
    reasons: tuple[str, ...]
    equity: Decimal | None
    balance: Decimal | None
    day_pl: Decimal | None
    total_pl: Decimal | None
    day_start: Decimal | None
    daily_limit: Decimal | None
    daily_floor: Decimal | None
    daily_room: Decimal | None
    daily_used: Decimal | None
    daily_paused: bool
    daily_reached_at: datetime | None
    high_water_mark: Decimal | None
    drawdown_limit: Decimal | None
    floor: Decimal | None
    floor_room: Decimal | None
    floor_used: Decimal | None
    locked: bool
    breached: bool
    breached_at: datetime | None
    lost_by_day: bool
    buffer: Decimal
    room: Decimal | None
    losing_trades_left: int | None
    room_gone_at: datetime | None
    resets_at: datetime
    reset_day: date | None
    consistency_share: Decimal | None
    consistency_passed: bool | None
    distance_to_target: Decimal | None
    no_data: bool
    stale: bool
    age: Decimal | None
    max_age: Decimal
    source: str | None

    @property
    def entries_allowed(self) -> bool:
        return self.state is StandingState.ACTIVE

    @property
    def daily_left(self) -> Decimal | None:
        """Return the daily room as a fraction of its limit; above 1 on a day in profit."""
        return _fraction(self.daily_room, self.daily_limit)

    @property
    def floor_left(self) -> Decimal | None:
        """Return the room to the floor as a fraction of the drawdown's amount."""
        return _fraction(self.floor_room, self.drawdown_limit)

    def as_row(self) -> dict[str, Any]:
        """Return the standing in JSON's own types: money as numbers, times in ISO 8601."""
        row = {entry.name: _json(getattr(self, entry.name)) for entry in fields(self) if entry.name != "key"}
        return {
            "firm_code": self.key.firm_code,
            "program_id": self.key.program_id,
            **row,
            "entries_allowed": self.entries_allowed,
            "daily_left": _json(self.daily_left),
            "floor_left": _json(self.floor_left),
        }


def _fraction(part: Decimal | None, whole: Decimal | None) -> Decimal | None:
    return None if part is None or whole is None else part / whole


def _json(value: object) -> object:
    match value:
        case Decimal():
            return json_number(value)
        case date():
            return value.isoformat()
        case StrEnum():
            return str(value)
        case tuple():
            return list(value)
        case _:
            return value
