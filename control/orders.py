"""Orders: listed, shown, resolved; and entries decided again from the record."""

from __future__ import annotations

from argparse import Namespace

from control import texts
from control.desk import Answer, Command, Desk
from control.words import Commands, add_limit, limit, number, one_of, read, row_id, signature
from database.operator_desk import OperatorDesk
from database.order_inspection import OrderInspection
from database.replay import Replays
from domain.account import AccountKey
from domain.acts import OrderFilter, Outcome, Resolution
from domain.order_state import OrderState

RESOLVE = """\
Say how an order ended of which nobody knows it. Look at the venue first: what is said here is believed.
  filled     all of it was filled; --filled says how many contracts
  cancelled  it is not working any more; --filled says how many contracts were filled before, 0 if none
  rejected   the venue refused it
  not_sent   it never arrived at the venue
What an exit did not close is closed by another order at once.
"""


def add_orders(commands: Commands) -> None:
    """Add ``orders``, ``order``, ``resolve`` and ``replay``."""
    orders = commands.add("orders", _orders, "list orders, the newest first")
    orders.add_argument("--account", type=read(AccountKey.of), metavar="APEX/1", help="of one account")
    orders.add_argument("--trade", metavar="TRADE_ID", help="of one trade")
    orders.add_argument("--state", type=one_of(OrderState), help=f"one of {', '.join(OrderState)}")
    orders.add_argument("--open", action="store_true", help="only what may still fill or is not closed again")
    add_limit(orders)

    commands.add("order", _order, "show one order with every change of it").add_argument("id", type=row_id)

    resolve = commands.add("resolve", _resolve, "say how an unresolved order ended", signed=True, about=RESOLVE)
    resolve.add_argument("id", type=row_id)
    resolve.add_argument("--outcome", type=one_of(Outcome), required=True, help="filled, cancelled, rejected, not_sent")
    resolve.add_argument("--filled", type=number, metavar="CONTRACTS", help="how many contracts were filled")
    resolve.add_argument("--price", type=number, help="the average price of what was filled, in points")
    resolve.add_argument("--venue-order-id", metavar="X", help="the venue's id of the order")

    replay = commands.add("replay", _replay, "decide an entry again from its record alone; without an id, every one")
    replay.add_argument("id", type=row_id, nargs="?", metavar="TASK_ID")


def _orders(typed: Namespace) -> Command:
    wanted = OrderFilter(
        account=typed.account, trade_id=typed.trade, state=typed.state, only_open=typed.open, limit=limit(typed)
    )

    def run(desk: Desk) -> Answer:
        rows = OrderInspection(desk.database).orders(wanted)
        return Answer({"orders": rows}, texts.orders(rows))

    return run


def _order(typed: Namespace) -> Command:
    def run(desk: Desk) -> Answer:
        row = OrderInspection(desk.database).order(typed.id)
        return Answer({"order": row}, texts.order(row))

    return run


def _resolve(typed: Namespace) -> Command:
    signed = signature(typed)
    resolution = Resolution(
        outcome=typed.outcome, filled=typed.filled, average_price=typed.price, venue_order_id=typed.venue_order_id
    )

    def run(desk: Desk) -> Answer:
        row = OperatorDesk(desk.database, desk.settings.accounts).resolve(typed.id, resolution, signed)
        return Answer({"status": "resolved", **row}, texts.resolved(row))

    return run


def _replay(typed: Namespace) -> Command:
    def run(desk: Desk) -> Answer:
        replays = Replays(desk.database)
        found = [replays.of(typed.id)] if typed.id is not None else list(replays.every())
        rows = [texts.replay_row(one) for one in found]
        return Answer({"replays": rows}, texts.replayed(rows), good=all(one.same for one in found))

    return run
