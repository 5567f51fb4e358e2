"""Accounts: what platforms and programs tell, what a person orders, where each stands and stood."""

from __future__ import annotations

from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import Field, create_model

from account_engine.alerts import Severity
from account_engine.standing import AccountStanding
from account_engine.tracked import Outcome
from database.account_history import POINTS_A_STRETCH
from domain.account_update import Source
from signals.account_update import SPELLINGS, STATE_SPELLINGS, NinjaTraderBody, StateBody
from signals.json_forms import EARLIEST, LATEST, one_of
from signals.manual import FLAG_NAME, MOST_FLAGS, SWITCHES, OverrideBody, Signed, Withdrawal
from signals.manual import SPELLINGS as BY_HAND
from web.account_history import HIGHEST_PROGRAM, MOST_ALERTS, MOST_POINTS, USUAL_ALERTS, USUAL_POINTS
from web.openapi.forms import body_form
from web.openapi.operation import Operation, Schema, Shown

Word = Annotated[str, one_of(*Source)]
TOO_MANY = frozenset({429})
# As the token's bearer may also sign what he does.
SIGNED = {**BY_HAND, "set_by": ("set_by", "by")}


class Account(Shown):
    """Which account, whose its figures are and how old, in seconds; ``life`` counts its new starts."""

    firm_code: str
    program_id: int
    version: int
    source: Word
    figures_at: datetime | None
    age: float | None
    life: int


_hints = get_type_hints(AccountStanding)
_fields: dict[str, Any] = {
    "firm_code": (str, ...),
    "program_id": (int, ...),
    **{each.name: (_hints[each.name], ...) for each in fields(AccountStanding) if each.name != "key"},
    "entries_allowed": (bool, ...),
    "daily_left": (Decimal | None, ...),
    "floor_left": (Decimal | None, ...),
}
Standing = create_model(
    "Standing", __base__=Shown, __doc__="Where an account stands. Dollars, fractions, seconds.", **_fields
)


class Standings(Shown):
    """One account and its standing."""

    account: Account
    standing: Standing  # type: ignore[valid-type]  # made from the standing's own fields


class AllStandings(Shown):
    """Every routed account."""

    accounts: list[Standings]


class FullStanding(Standings):
    """With what is known besides: positions as a platform told them, flags, and a person's override in force."""

    positions: list[dict[str, Any]] | None
    flags: dict[str, Any]
    override: dict[str, Any] | None


class UpdateTaken(Standings):
    """An update is on record. ``ignored``: names in the body that mean nothing here."""

    status: Annotated[str, one_of(*Outcome)]
    ignored: list[str] = Field(default_factory=list)


class Ordered(Standings):
    """What a person ordered is in force."""

    status: Literal["overridden", "withdrawn", "set", "restarted"]


class CurvePoint(Shown):
    """Dollars; a level that the account's rules do not have is null."""

    time: datetime
    equity: Decimal | None
    balance: Decimal | None
    high_water_mark: Decimal | None
    floor: Decimal | None
    daily_floor: Decimal | None


class EquityCurve(Shown):
    """Points in the order of time."""

    firm_code: str
    program_id: int
    points: list[CurvePoint]


class DayShown(Shown):
    """What a day of the firm made, in dollars. ``counted``: the figure that the rules count."""

    day: date
    pnl: Decimal | None
    platform_pnl: Decimal | None
    difference: Decimal | None
    counted: Decimal | None
    used: str
    equity_pnl: Decimal | None
    traded: bool
    finalised: bool
    late: bool


class Days(Shown):
    """An account's days, and what is counted of them ``since`` its last new start."""

    firm_code: str
    program_id: int
    days: list[DayShown]
    since: date | None
    trading_days: int
    winning_days: int
    min_days: int | None
    min_days_left: int | None
    consistency: dict[str, Any] | None


class AlertShown(Shown):
    """``cleared_at`` null: it holds. An event is never cleared."""

    id: int
    firm_code: str
    program_id: int
    rule: str
    mark: str
    severity: Severity
    is_event: bool
    value: Decimal | None
    limit: Decimal | None
    at: datetime
    cleared_at: datetime | None


class Alerts(Shown):
    """The newest first."""

    alerts: list[AlertShown]


def _flags() -> Schema:
    signed = body_form(Signed, SIGNED)
    switches = {name: {"type": "boolean"} for name in SWITCHES}
    kinds = [{"type": "boolean"}, {"type": "null"}, {"type": "number"}, {"type": "string", "maxLength": 500}]
    return {
        **signed,
        "description": f"Who, why, and 1 to {MOST_FLAGS} flags; {', '.join(SWITCHES)} stop the account.",
        "properties": {**signed["properties"], **switches},
        "additionalProperties": {"anyOf": kinds},
        "propertyNames": {"pattern": f"^{FLAG_NAME.pattern}$"},
        "minProperties": 3,
        "maxProperties": MOST_FLAGS + 2,
    }


def _count(usual: int, least: int, most: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most, "default": usual}


def _moment(words: str) -> Schema:
    digits = {"type": "number", "minimum": EARLIEST, "maximum": LATEST}
    return {"anyOf": [{"type": "string", "format": "date-time"}, digits], "description": words}


def account_operations() -> dict[str, Operation]:
    """Return what the account routes ask and answer, by endpoint."""
    return {
        "accounts.ninjatrader_update": Operation(
            summary="Tell an account's figures as an add-on of NinjaTrader has them",
            answer=UpdateTaken,
            body=body_form(NinjaTraderBody, SPELLINGS),
            refusals=TOO_MANY | {404},
        ),
        "accounts.state": Operation(
            summary="Tell an account's figures",
            answer=UpdateTaken,
            body=body_form(StateBody, {name: names for name, names in STATE_SPELLINGS.items() if name != "account"}),
            refusals=TOO_MANY,
        ),
        "accounts.override": Operation(
            summary="Put a person's figures over all others for a while",
            answer=Ordered,
            body=body_form(OverrideBody, SIGNED, closed=True),
        ),
        "accounts.withdraw": Operation(
            summary="End an override", answer=Ordered, body=body_form(Withdrawal, SIGNED), bodiless=True
        ),
        "accounts.flags": Operation(summary="Set flags of an account, such as paused", answer=Ordered, body=_flags()),
        "accounts.restart": Operation(
            summary="Tell that an account began anew", answer=Ordered, body=body_form(Signed, SIGNED)
        ),
        "accounts.standings": Operation(summary="Show where every account stands", answer=AllStandings),
        "accounts.standing": Operation(summary="Show where an account stands", answer=FullStanding),
        "accounts.equity_curve": Operation(
            summary="Show an account's equity and the levels under it",
            answer=EquityCurve,
            query={
                "from": _moment("the first moment; without it all"),
                "to": _moment("the last moment; without it now"),
                "points": {
                    **_count(USUAL_POINTS, POINTS_A_STRETCH, MOST_POINTS),
                    "description": "about how many points",
                },
            },
        ),
        "accounts.days": Operation(summary="Show what each day of an account made", answer=Days),
        "accounts.alerts": Operation(
            summary="Show the alerts that were raised",
            answer=Alerts,
            query={
                "firm": {"type": "string", "minLength": 1, "description": "a firm with a routed account"},
                "program": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": HIGHEST_PROGRAM,
                    "description": "a program's id",
                },
                "open": {
                    "enum": ["true", "false", "1", "0"],
                    "default": "false",
                    "description": "only those that hold",
                },
                "limit": {**_count(USUAL_ALERTS, 1, MOST_ALERTS), "description": "at most so many"},
            },
            refusals=frozenset({404}),
        ),
    }
