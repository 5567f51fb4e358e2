"""Facts and rules in, standing out; and whether an entry fits it. Pure; dollars as Decimal, the moment is a fact."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from account_engine.forecast import distance_to_target, losing_trades, room_gone_at
from account_engine.limit_lines import LimitLines, limit_lines
from account_engine.standing import AccountPicture, AccountStanding, StandingState
from domain.checks import Comparison
from domain.limits import Finding
from domain.money import plain
from domain.rules import Rule

__all__ = ["AccountPicture", "AccountStanding", "StandingState", "entry_fits", "evaluate_standing"]

NOTHING = Decimal(0)
MAY_ENTER = Finding(
    Comparison(
        rule=Rule.STANDING_FORBIDS_ENTRY,
        value=str(StandingState.ACTIVE),
        limit=str(StandingState.ACTIVE),
        passed=True,
    )
)


def evaluate_standing(picture: AccountPicture) -> AccountStanding:
    """Return the standing of an account: its state with every reason for it, and how far it is from its limits.

    A breach once recorded counts however old the figures are. An account without daily limit and drawdown needs no
    figures: nothing that could break a limit is unknown about it.
    """
    lines, path = limit_lines(picture), picture.drawdown
    daily, floor = lines.daily, lines.floor
    resets_at = picture.rules.day.ends_at(picture.rules.day.day_of(picture.now))
    holding = tuple(_holding(picture, lines, resets_at))
    room = None if lines.unreserved is None else max(lines.unreserved, NOTHING)
    current = not lines.no_data and not lines.stale
    return AccountStanding(
        key=picture.key,
        at=picture.now,
        state=holding[0][0] if holding else StandingState.ACTIVE,
        reasons=tuple(sentence for _, sentence in holding),
        equity=picture.equity,
        balance=picture.balance,
        day_pl=picture.day_pl,
        total_pl=picture.total_pl,
        day_start=None if path is None else path.day_start,
        daily_limit=daily.limit,
        daily_floor=daily.level,
        daily_room=daily.room,
        daily_used=daily.used,
        daily_paused=lines.paused,
        daily_reached_at=lines.daily_reached_at,
        high_water_mark=None if path is None else path.high_water_mark,
        drawdown_limit=floor.limit,
        floor=floor.level,
        floor_room=floor.room,
        floor_used=floor.used,
        locked=path is not None and path.locked,
        breached=lines.breached,
        breached_at=lines.breached_at,
        lost_by_day=lines.lost_by_day,
        buffer=picture.rules.buffer,
        room=room,
        losing_trades_left=losing_trades(room, picture.at_risk_per_trade),
        room_gone_at=room_gone_at(picture, room, resets_at) if current else None,
        resets_at=resets_at,
        reset_day=picture.reset_day,
        consistency_share=picture.consistency_share,
        consistency_passed=picture.consistency_passed,
        distance_to_target=distance_to_target(picture),
        no_data=lines.no_data,
        stale=lines.stale,
        age=picture.state_age,
        max_age=picture.max_age,
        source=picture.source,
    )


def _holding(picture: AccountPicture, lines: LimitLines, resets_at: datetime) -> Iterator[tuple[StandingState, str]]:
    """Yield every state that holds, in order of precedence, each with its sentence."""
    if lines.floor_reached:
        yield StandingState.BREACHED, f"Equity reached the floor{_moment(lines.floor_reached_at)}."
    if lines.lost_by_day:
        yield StandingState.BREACHED, f"{_daily_limit(lines)}, which costs the account."
    if _is_set(picture.halted):
        yield StandingState.HALTED, _because("Halted", picture.halted_reason)
    if _is_set(picture.paused):
        yield StandingState.HALTED, _because("Paused by the owner", picture.paused_reason)
    if lines.paused:
        yield StandingState.PAUSED_TO_RESET, f"{_daily_limit(lines)}; the reset is at {resets_at.isoformat()}."
    if lines.no_data:
        yield StandingState.UNKNOWN, _no_data(picture)
    if lines.stale:
        yield StandingState.UNKNOWN, f"The figures are {picture.state_age} s old, limit {picture.max_age} s."
    if _is_set(picture.reduce_only):
        yield StandingState.REDUCE_ONLY, "Set to reduce only by the owner."
    if lines.unreserved is not None and lines.unreserved <= NOTHING:
        buffer = plain(picture.rules.buffer)
        yield StandingState.REDUCE_ONLY, f"The nearer limit leaves no room beyond the buffer of {buffer} dollars."


def _is_set(flag: object) -> bool:
    # Anything but a clear "no" counts: a flag that cannot be read must not let an order through.
    return flag is not None and flag is not False


def _because(what: str, reason: str | None) -> str:
    return f"{what}: {reason}." if reason else f"{what}."


def _daily_limit(lines: LimitLines) -> str:
    return f"The daily limit was reached{_moment(lines.daily_reached_at)}"


def _moment(recorded: datetime | None) -> str:
    return "" if recorded is None else f" at {recorded.isoformat()}"


def _no_data(picture: AccountPicture) -> str:
    if picture.no_data:
        return "The platform is disconnected."
    return "Figures that a limit of this account needs are not known."


def entry_fits(standing: AccountStanding, worst_case: Decimal | None) -> tuple[Finding, ...]:
    """Return whether the standing lets an entry in, and whether its worst case fits each room less the buffer.

    ``worst_case``: dollars lost if the stop is hit (stop distance x point value x contracts), with all that is open or
    pending on the account; None where it is not known, which refuses wherever there is a limit. A worst case that
    would use a room up exactly does not fit: equity at a level has reached it. The same holds at the buffer's edge, so
    that one rule serves with and without a buffer. A room that is not known is not evaluated, and says so; an account
    without limits is only asked for its standing.
    Raises ValueError for a negative worst case: a loss is an amount here, and a sign gone astray would always fit.
    """
    if worst_case is not None and worst_case < NOTHING:
        raise ValueError(f"worst case {plain(worst_case)} is below 0; expected the dollars that would be lost")
    findings = [_standing_finding(standing)]
    if standing.daily_limit is not None:
        findings.append(_room_finding(standing, Rule.DAILY_ROOM, standing.daily_room, worst_case))
    if standing.drawdown_limit is not None:
        findings.append(_room_finding(standing, Rule.DRAWDOWN_ROOM, standing.floor_room, worst_case))
    return tuple(findings)


def _standing_finding(standing: AccountStanding) -> Finding:
    if standing.entries_allowed:
        return MAY_ENTER
    state, wanted = str(standing.state), str(StandingState.ACTIVE)
    comparison = Comparison(rule=Rule.STANDING_FORBIDS_ENTRY, value=state, limit=wanted, passed=False)
    return Finding(
        comparison=comparison,
        reason=" ".join((f"Standing {state} forbids entries.", *standing.reasons)),
        details={"state": state, "reasons": list(standing.reasons)},
    )


def _room_finding(standing: AccountStanding, rule: Rule, room: Decimal | None, worst_case: Decimal | None) -> Finding:
    limit = None if room is None else room - standing.buffer
    words = "room to today's limit" if rule is Rule.DAILY_ROOM else "room to the floor"
    if worst_case is None:
        note = "an order whose loss at the stop is not known cannot be held against a room"
        reason = f"Exceeds the {words}: price, stop or size is not given, so the loss at the stop is not known."
        comparison = Comparison(rule=rule, value=None, limit=limit, passed=False, note=note)
        details = {"worst_case": None, "room": room, "buffer": standing.buffer}
        return Finding(comparison=comparison, reason=reason, details=details)
    if limit is None:
        note = f"the {words} is not known"
        return Finding(comparison=Comparison(rule=rule, value=worst_case, limit=None, passed=None, note=note))
    note = f"dollars lost in the worst case; the limit is the {words} less the buffer of {plain(standing.buffer)}"
    comparison = Comparison(rule=rule, value=worst_case, limit=limit, passed=worst_case < limit, note=note)
    if comparison.passed:
        return Finding(comparison)
    return Finding(
        comparison=comparison,
        reason=f"Exceeds the {words}: worst case {plain(worst_case)} is not below {plain(limit)} dollars.",
        details={"worst_case": worst_case, "room": room, "buffer": standing.buffer},
    )
