"""The shape of one rule set in ``config/firms/<firm>.toml``: every field, with what it accepts as its description.

A check that needs several fields stands on the last of them and sees those that could be read, so that one bad field
hides no other error.
"""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator

from config.kinds import MOST_CONTRACTS, MOST_DOLLARS
from domain.drawdown_rule import Consequence, DayBase, Family
from domain.money import decimal_of, plain
from domain.rule_set import Confidence, ShareOf

UNDATED = "undated"
DRAWDOWN = "drawdown"
LOCK_AT = "drawdown.lock_at"
PARAMETERS = (
    *("starting_balance", DRAWDOWN, LOCK_AT, "daily_loss", "max_minis", "max_micros", "scaling", "consistency"),
    *("profit_target", "min_days", "time_limit_days", "flat_by", "allowed_sessions", "news"),
)
# Named as unknown, these may still have a value: what is assumed, or the part of it that was found.
ASSUMED = frozenset({"starting_balance", "scaling"})


def _number(value: object) -> Decimal:
    """Return a figure in its shortest form, so that 2000 and 2_000.0 are the same content."""
    if isinstance(value, str):
        raise ValueError("a text, not a number")
    return Decimal(f"{decimal_of(value).normalize() + 0:f}")


Amount = Annotated[Decimal, BeforeValidator(_number), Field(gt=0, le=MOST_DOLLARS)]
Level = Annotated[Decimal, BeforeValidator(_number), Field(ge=-MOST_DOLLARS, le=MOST_DOLLARS)]
Profit = Annotated[Decimal, BeforeValidator(_number), Field(ge=0, le=MOST_DOLLARS)]
Share = Annotated[Decimal, BeforeValidator(_number), Field(gt=0, le=1)]
Whole = Annotated[int, Field(strict=True, gt=0, le=MOST_CONTRACTS)]
Words = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, min_length=1)]
Day = Annotated[date, Field(strict=True)]
ClockTime = Annotated[time, Field(strict=True)]

DOLLARS_WORDS = "dollars above 0, such as 2000"
LEVEL_WORDS = "a balance in dollars, such as 50100"
COUNT_WORDS = "a whole number above 0, such as 5"
CLOCK_WORDS = "a time on the wall clock of the day's zone, such as 17:00:00"
DATE_WORDS = "a date such as 2026-03-01"


def first_day(checked: str) -> date | None:
    """Return the date that a source carries, the first day of a year or month; None for an undated source.

    Raises ValueError for anything else.
    """
    if checked == UNDATED:
        return None
    return date.fromisoformat("-".join([*checked.split("-"), "01", "01"][:3]))


class Shape(BaseModel):
    """A table of the file: nothing unknown in it, and its models built when they are first used."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class DayShape(Shape):
    """The firm's day and how far its source can be trusted."""

    reset: ClockTime = Field(description=CLOCK_WORDS)
    zone: Words = Field(description="an IANA time zone, such as America/Chicago")
    status: Literal["first_party", "secondary", "not_found"] = Field(
        description="first_party, secondary or, for an assumption, not_found"
    )
    source: Words = Field(description="where it was found")

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (OSError, LookupError, ValueError) as error:
            raise ValueError("no such time zone") from error
        return zone


class DrawdownShape(Shape):
    """What the floor follows and how far below it lies."""

    family: Family = Field(description=", ".join(Family))
    amount: Amount = Field(description=DOLLARS_WORDS)
    lock_at: Level | None = Field(None, description=LEVEL_WORDS)


class DailyLossShape(Shape):
    """The limit of one day."""

    amount: Amount = Field(description=DOLLARS_WORDS)
    base: DayBase = Field(description=", ".join(DayBase))
    consequence: Consequence = Field(description=", ".join(Consequence))


class TierShape(Shape):
    """One step of a scaling plan."""

    profit_from: Profit = Field(description="the profit in dollars above which the step holds, such as 1500")
    max_minis: Whole = Field(description=COUNT_WORDS)


class ConsistencyShape(Shape):
    """How large a part the best day may be."""

    share: Share = Field(description="a fraction above 0 and at most 1, such as 0.5")
    of: ShareOf = Field(description=", ".join(ShareOf))
    at_payout: Annotated[bool, Field(strict=True)] = Field(default=False, description="true or false")


class RuleSetShape(Shape):
    """One rule set with all that its program and its firm say for it."""

    id: Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")] = Field(
        description="the firm's code and a name, in small letters, such as apex-eod-50k"
    )
    program: Words = Field(description="the program's name at the firm")
    phase: Literal["evaluation", "evaluation_1", "evaluation_2", "funded", "live"] = Field(
        description="evaluation, evaluation_1, evaluation_2, funded or live"
    )
    effective: Day = Field(description=DATE_WORDS)
    source: Words = Field(description="where it was found")
    checked: Annotated[
        str, StringConstraints(strict=True, pattern=rf"^([0-9]{{4}}(-[0-9]{{2}}){{0,2}}|{UNDATED})$")
    ] = Field(description=f"the date of the source: 2026, 2026-03, 2026-03-16 or {UNDATED}")
    check_again: Day = Field(description="a date after checked, such as 2026-06-14")
    confidence: Confidence = Field(description=", ".join(Confidence))
    account_size: Amount = Field(description=DOLLARS_WORDS)
    starting_balance: Level | None = Field(None, description=LEVEL_WORDS)
    drawdown: DrawdownShape | None = Field(None, description="family and amount; lock_at not below the first floor")
    daily_loss: DailyLossShape | None = Field(None, description="amount, base and consequence")
    day: DayShape = Field(description="reset, zone, status and source, for the firm or for the program")
    max_minis: Whole | None = Field(None, description=COUNT_WORDS)
    max_micros: Whole | None = Field(None, description="a whole number not below max_minis, such as 50")
    scaling: tuple[TierShape, ...] = Field(
        (), description="steps from profit 0 upwards, none with fewer minis than the one before or more than max_minis"
    )
    consistency: ConsistencyShape | None = Field(None, description="share, of and at_payout")
    profit_target: Amount | None = Field(None, description=DOLLARS_WORDS)
    min_days: Whole | None = Field(None, description=COUNT_WORDS)
    time_limit_days: Whole | None = Field(None, description=COUNT_WORDS)
    flat_by: ClockTime | None = Field(None, description=CLOCK_WORDS)
    allowed_sessions: tuple[Words, ...] | None = Field(None, min_length=1, description='names such as ["NY AM"]')
    stop_required: Annotated[bool, Field(strict=True)] = Field(default=False, description="true or false")
    automation: Words = Field(description="a policy such as allowed, prohibited or unverified")
    news: Words | None = Field(None, description="the firm's policy in words")
    notes: dict[str, Words] = Field(default_factory=dict, description="a text for each parameter that needs one")
    unknown: tuple[str, ...] = Field(
        (), validate_default=True, description=f"those not given and not found, of {', '.join(PARAMETERS)}"
    )

    @field_validator("id")
    @classmethod
    def _names_its_firm(cls, name: str, info: ValidationInfo) -> str:
        if not name.startswith(f"{info.context}-"):
            raise ValueError(f"does not start with {info.context}-")
        return name

    @field_validator("checked")
    @classmethod
    def _is_a_date(cls, checked: str) -> str:
        first_day(checked)
        return checked

    @field_validator("check_again")
    @classmethod
    def _comes_after_checked(cls, check_again: date, info: ValidationInfo) -> date:
        checked = first_day(info.data.get("checked", UNDATED))
        if checked is not None and check_again <= checked:
            raise ValueError(f"not after {checked}")
        return check_again

    @field_validator(DRAWDOWN)
    @classmethod
    def _locks_above_the_first_floor(cls, drawdown: DrawdownShape, info: ValidationInfo) -> DrawdownShape:
        stated = info.data.get("starting_balance")
        start = info.data.get("account_size") if stated is None else stated
        if start is not None and drawdown.lock_at is not None and drawdown.lock_at < start - drawdown.amount:
            raise ValueError(f"lock_at is below the first floor {plain(start - drawdown.amount)}")
        return drawdown

    @field_validator("max_micros")
    @classmethod
    def _micros_are_not_fewer(cls, micros: int | None, info: ValidationInfo) -> int | None:
        minis = info.data.get("max_minis")
        if micros is not None and minis is not None and micros < minis:
            raise ValueError(f"fewer than the {minis} minis")
        return micros

    @field_validator("scaling")
    @classmethod
    def _climbs(cls, scaling: tuple[TierShape, ...], info: ValidationInfo) -> tuple[TierShape, ...]:
        profits = [tier.profit_from for tier in scaling]
        minis = [tier.max_minis for tier in scaling]
        most = info.data.get("max_minis")
        climbs = profits == sorted(set(profits)) and minis == sorted(minis)
        if scaling and not (profits[0] == 0 and climbs and (most is None or minis[-1] <= most)):
            raise ValueError("no steps upwards from 0 to max_minis")
        return scaling

    @field_validator("unknown")
    @classmethod
    def _unknown_is_not_given(cls, unknown: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        faults = [f"{name} is no parameter" for name in unknown if name not in PARAMETERS]
        faults += [f"{name} is given" for name in unknown if name not in ASSUMED and _given(name, info.data)]
        if info.data.get(DRAWDOWN, ...) is None and DRAWDOWN not in unknown:
            faults.append("there is no drawdown, and it is not named here")
        if faults:
            raise ValueError("; ".join(faults))
        return unknown


def _given(name: str, fields: dict[str, Any]) -> bool:
    if name == LOCK_AT:
        drawdown: DrawdownShape | None = fields.get(DRAWDOWN)
        return drawdown is not None and drawdown.lock_at is not None
    return fields.get(name) is not None
