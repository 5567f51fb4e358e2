"""What must hold at the broker and in the ledger, whoever is killed and when. Each finding is a sentence."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from tests.brokers.book import Order, OrderBook
from tests.conftest import Sql

# Where each contract's trades go in these tests: all of them one way, so that the other way is a turned position.
LONG, SHORT = "NQZ6", "ESZ6"
SHOWN = {
    "PLANNED": {"PENDING"},
    "SENDING": {"PENDING"},
    "ACCEPTED": {"SUCCESS"},
    "PARTIALLY_FILLED": {"SUCCESS"},
    "FILLED": {"SUCCESS"},
    "UNRESOLVED": {"UNRESOLVED"},
    "NOT_SENT": {"SKIPPED", "FAILED"},
    "REJECTED": {"FAILED"},
    "CANCELLED": {"SUCCESS", "SKIPPED", "FAILED"},
}


def at_all_times(book: OrderBook, sql: Sql, *, most_contracts: int) -> list[str]:
    """Hold the broker's book against the rules that no moment may break."""
    with book.lock:
        orders = list(book.orders)
    legs = {row["client_order_id"]: row for row in sql("SELECT * FROM execution_orders")}
    return [*_one_order_a_leg(orders, legs), *_within_limits(orders, most_contracts)]


def once_settled(book: OrderBook, sql: Sql, *, most_contracts: int) -> list[str]:
    """Hold book, ledger and log against one another when nothing is under way any more."""
    legs = sql("SELECT * FROM execution_orders ORDER BY id")
    return [
        *at_all_times(book, sql, most_contracts=most_contracts),
        *_nothing_pending(sql, legs),
        *_ledger_is_the_book(book, legs),
        *_exits_close_what_they_ask(legs),
        *_differences(sql),
    ]


def closed(book: OrderBook) -> list[str]:
    """Hold the broker's book against what must be left when every trade has been closed: nothing."""
    found = []
    for account in book.accounts:
        found += [f"{account} still holds {quantity} {symbol}" for symbol, quantity in book.positions(account)]
        found += [f"{account} still has the working order {order.id}" for order in book.working(account)]
    return found


def _one_order_a_leg(orders: list[Order], legs: dict[str, dict[str, Any]]) -> Iterator[str]:
    tags = Counter(order.tag for order in orders if order.tag is not None)
    for tag, count in tags.items():
        if count > 1:
            yield f"{count} orders for the leg {tag}"
    entries: Counter[tuple[int, int]] = Counter()
    for order in orders:
        if order.closing:
            continue
        leg = legs.get((order.tag or "").removesuffix("S"))
        if leg is None:
            yield f"order {order.id} ({order.tag}) belongs to no leg"
        elif order.kind == "MARKET" and leg["purpose"] == "ENTRY":
            entries[leg["task_id"], leg["program_id"]] += 1
            if order.quantity != leg["quantity"]:
                yield f"order {order.id} is for {order.quantity}, its leg for {leg['quantity']}"
    for (task, account), count in entries.items():
        if count > 1:
            yield f"{count} entries of task {task} at account {account}"


def _within_limits(orders: list[Order], most: int) -> Iterator[str]:
    """Walk through the book in the order in which it filled."""
    held: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for order in orders:
        key = (order.account, order.symbol)
        held[key] += order.filled if order.side == "BUY" else -order.filled
        if held[key] < 0 if order.symbol == LONG else held[key] > 0:
            yield f"order {order.id} turned the position of {order.account} to {held[key]} {order.symbol}"
        account = sum(abs(quantity) for (name, _), quantity in held.items() if name == order.account)
        if account > most:
            yield f"order {order.id} made {order.account} hold {account} contracts, limit {most}"


def _nothing_pending(sql: Sql, legs: list[dict[str, Any]]) -> Iterator[str]:
    tasks = sql(
        "SELECT t.id, t.trade_id, t.event_type, t.status, l.response_body AS body FROM execution_tasks t"
        " LEFT JOIN execution_logs l ON l.task_id = t.id AND l.status = 'SUCCESS'"
    )
    newest = {(leg["task_id"], leg["program_id"]): leg for leg in legs}
    for task in tasks:
        what = f"{task['event_type']} of {task['trade_id']}"
        if task["status"] != "SUCCESS" or task["body"] is None:
            yield f"{what} is {task['status']}"
            continue
        for row in task["body"]["connector_results"]:
            leg = newest.get((task["id"], row["program_id"]))
            if leg is None and row["status"] not in {"SKIPPED", "FAILED"}:
                yield f"{what} at account {row['program_id']} is {row['status']} without a leg"
            elif leg is not None and row["status"] not in SHOWN[leg["state"]]:
                yield f"{what} at account {row['program_id']} is {leg['state']}, its log says {row['status']}"


def _ledger_is_the_book(book: OrderBook, legs: list[dict[str, Any]]) -> Iterator[str]:
    open_now: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for leg in legs:
        account = book.accounts[leg["program_id"] - 1]
        open_now[account, leg["contract"]["symbol"]] += (1 if leg["side"] == "BUY" else -1) * leg["open_quantity"]
        taken = book.tagged(leg["client_order_id"])
        if leg["filled"] != sum(order.filled for order in taken if order.kind == "MARKET"):
            yield f"leg {leg['id']} ({leg['purpose']} {leg['state']}) says {leg['filled']}, the book {taken}"
    for account in book.accounts:
        for symbol in (LONG, SHORT):
            there, here = book.position(account, symbol), open_now[account, symbol]
            if there != here:
                yield f"{account} holds {there} {symbol}, the ledger says {here}"


def _exits_close_what_they_ask(legs: list[dict[str, Any]]) -> Iterator[str]:
    """An exit that asks for so many contracts closes so many, or all that was left of its trade."""
    filled: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    by_task: dict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
    for leg in legs:
        key = (leg["trade_id"], leg["program_id"])
        if leg["purpose"] == "ENTRY":
            filled[key] += leg["filled"]
        else:
            filled[key] -= leg["filled"]
            by_task[leg["task_id"], leg["program_id"]].append(leg)
    yield from (
        f"more was closed of {trade} at account {account} than it held"
        for (trade, account), left in filled.items()
        if left < 0
    )
    for (_, account), chain in by_task.items():
        asked = chain[0]["asked_quantity"]
        done = sum(leg["filled"] for leg in chain)
        if asked is not None and done > asked:
            yield f"exit {chain[0]['id']} of account {account} asked for {asked} and closed {done}"


def _differences(sql: Sql) -> Iterator[str]:
    for row in sql("SELECT * FROM order_differences WHERE settled_at IS NULL"):
        yield f"listed as different: {row['kind']} {row['symbol']} at account {row['program_id']}: {row['proposal']}"
