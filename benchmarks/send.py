"""From a planned order to its answer on record, at a broker that answers at once; and beside a call that hangs."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

from benchmarks.figures import Latency
from benchmarks.stage import BrokenInvariant, Stage, Tables
from tests.brokers.server import Fault
from tests.brokers.tradovate import TradovateServer
from tests.live import live_entry, live_environment, tradovate
from tests.processes import Web, wait_until, web_process

ENTRY_PATH = "/order/placeo"
HANG_SECONDS = 3.0
LEGS = """
    SELECT o.id, extract(epoch FROM p.at) AS planned, extract(epoch FROM s.at) AS claimed,
           extract(epoch FROM a.at) AS answered
    FROM execution_orders o
    JOIN execution_order_events p ON p.order_id = o.id AND p.to_state = 'PLANNED'
    JOIN execution_order_events s ON s.order_id = o.id AND s.to_state = 'SENDING'
    LEFT JOIN LATERAL (
        SELECT min(at) AS at FROM execution_order_events
        WHERE order_id = o.id AND to_state IN ('ACCEPTED', 'FILLED')) a ON true
    WHERE o.trade_id LIKE %(trades)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many signals, to how many accounts each, in each round."""

    signals: int
    accounts: int


FULL = Size(signals=60, accounts=5)
SMALL = Size(signals=3, accounts=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendFigures:
    """Of all orders together: from the plan on record to the claim, and from the claim to the answer on record.

    The second is a send: our own part of it and the broker's, which answers at once.
    """

    claimed: Latency
    answered: Latency


@dataclass(frozen=True, slots=True, kw_only=True)
class SendResult:
    """``rounds``: with every call answered at once, and with one call of each signal that hangs; those not counted."""

    size: Size
    rounds: dict[str, SendFigures]


def measure(stage: Stage, size: Size) -> SendResult:
    """Measure both rounds in one service. Raises BrokenInvariant where the broker holds another number of orders."""
    tables = stage.database("send")
    names = [f"ACC{number}" for number in range(size.accounts)]
    with tradovate(*names) as broker:
        environ = live_environment(
            broker, accounts=size.accounts, CONNECTOR_TIMEOUT_SECONDS="2", ACCOUNT_POLL_SECONDS="15"
        )
        environ |= {f"APEX_{number + 1}_MAX_CONTRACTS": "100000" for number in range(size.accounts)}
        with web_process(tables.url, stage.log("send"), configured=False, **environ) as web:
            wait_until(
                lambda: tables.value("SELECT count(*) FROM account_states WHERE equity IS NOT NULL") == size.accounts,
                what="the accounts' figures",
            )
            _signal(web, "WARM_0")
            wait_until(lambda: _sent(broker) == size.accounts, what="the first orders")
            quick = _round(web, tables, size, "QUICK", broker, hangs=False)
            hanging = _round(web, tables, size, "HANGS", broker, hangs=True)
    return SendResult(size=size, rounds={"every call answered at once": quick, "beside a call that hangs": hanging})


def _round(web: Web, tables: Tables, size: Size, name: str, broker: TradovateServer, *, hangs: bool) -> SendFigures:
    before = _sent(broker)
    signals = max(1, size.signals // 10) if hangs else size.signals
    for number in range(signals):
        if hangs:
            broker.misbehave(Fault.TAKEN_HANG, ENTRY_PATH, seconds=HANG_SECONDS)
        _signal(web, f"{name}_{number}")
        # A hanging call is given up, found at the venue, and its account goes on.
        time.sleep(HANG_SECONDS + 1.0 if hangs else 0.1)
    wanted = before + signals * size.accounts
    wait_until(lambda: _sent(broker) >= wanted, what=f"{wanted} orders at the broker", seconds=60)
    if _sent(broker) != wanted:
        raise BrokenInvariant(f"the broker holds {_sent(broker)} orders instead of {wanted}")
    wait_until(
        lambda: tables.value("SELECT count(*) FROM execution_orders WHERE state IN ('SENDING', 'UNRESOLVED')") == 0,
        what="every answer",
        seconds=30,
    )
    rows = tables.rows(LEGS, trades=f"{name}%")
    # Those whose call hung were answered by the look-up, two seconds later.
    quick = [row for row in rows if row[3] is not None and row[3] - row[2] < 1]
    return SendFigures(claimed=_milliseconds(quick, 1, 2), answered=_milliseconds(quick, 2, 3))


def _milliseconds(rows: Sequence[tuple[Any, ...]], begin: int, end: int) -> Latency:
    return Latency.of([float(row[end] - row[begin]) * 1000 for row in rows])


def _sent(broker: TradovateServer) -> int:
    return sum(len(broker.book.entries(name)) for name in broker.book.accounts)


def _signal(web: Web, trade_id: str) -> None:
    body = live_entry(trade_id, contracts=1, stop_loss=16499.0)
    request = Request(web.webhook, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    with urlopen(request, timeout=10) as answer:
        answer.read()
