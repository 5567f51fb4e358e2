"""What an account's room is good for: trades it can still lose, the hour at which it is gone, the way to the target."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from account_engine.standing import AccountPicture

NOTHING = Decimal(0)
MICROSECOND = timedelta(microseconds=1)


def losing_trades(room: Decimal | None, at_risk: Decimal | None) -> int | None:
    """Return how many trades in a row may still enter and lose ``at_risk`` dollars each; None where either is unknown.

    A trade that would use the room up exactly may not enter, so it does not count. None for a risk of 0 or less: it
    uses up no room.
    """
    if room is None or at_risk is None or at_risk <= NOTHING:
        return None
    whole, rest = divmod(room, at_risk)
    return max(int(whole) - (1 if rest == NOTHING else 0), 0)


def room_gone_at(picture: AccountPicture, room: Decimal | None, resets_at: datetime) -> datetime | None:
    """Return when ``room`` dollars are used up if the day goes on losing as it has since its start, to the microsecond.

    The pace is a straight line from the day's start. None where nothing is lost today, where no room is left to go,
    and where the room would last until ``resets_at``.
    """
    path, began = picture.drawdown, picture.day_started_at
    if room is None or room <= NOTHING or path is None or picture.equity is None or began is None:
        return None
    lost = path.day_start - picture.equity
    elapsed = (picture.now - began) // MICROSECOND
    if lost <= NOTHING or elapsed <= 0:
        return None
    left = room * elapsed / lost
    if left >= (resets_at - picture.now) // MICROSECOND:
        return None
    return picture.now + int(left) * MICROSECOND


def distance_to_target(picture: AccountPicture) -> Decimal | None:
    """Return the dollars of profit still wanted, 0 once reached; None without a target or while profit is unknown.

    Profit is the balance less the starting balance, so that an open trade does not count yet; where the balance is not
    known, the total profit as it was told.
    """
    rules = picture.rules
    if rules.rule_set is None or rules.rule_set.profit_target is None:
        return None
    start = rules.rule_set.account_size if rules.drawdown is None else rules.drawdown.starting_balance
    profit = picture.total_pl if picture.balance is None else picture.balance - start
    return None if profit is None else max(rules.rule_set.profit_target - profit, NOTHING)
