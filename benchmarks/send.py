"""From a planned order to its answer on record, at a broker that answers at once."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

from benchmarks.figures import Latency
from benchmarks.report import Benchmark
from benchmarks.stage import BrokenInvariant, Stage
from benchmarks.tables import DEMANDS, demand_row, latencies, ms
from tests.brokers.tradovate import TradovateServer
from tests.live import live_entry, live_environment, tradovate
from tests.processes import Web, wait_until, web_process

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
MOST_SEND_P95_MS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many signals a round sends, how many seconds apart; and the accounts of the second round."""

    signals: int
    accounts: int
    apart: float = 0.15


FULL = Size(signals=80, accounts=5)
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
    """``rounds``: one live account, and several that all get each signal."""

    size: Size
    rounds: dict[str, SendFigures]


def measure(stage: Stage, size: Size) -> SendResult:
    """Measure both rounds. Raises BrokenInvariant where the broker holds another number of orders than were planned."""
    return SendResult(
        size=size,
        rounds={
            "one account": _measure(stage, size.signals, accounts=1),
            f"{size.accounts} accounts": _measure(stage, size.signals, accounts=size.accounts, apart=size.apart),
        },
    )


def _measure(stage: Stage, signals: int, *, accounts: int, apart: float = 0.1) -> SendFigures:
    name = f"send_{accounts}"
    tables = stage.database(name)
    with tradovate(*(f"ACC{number}" for number in range(accounts))) as broker:
        environ = live_environment(broker, accounts=accounts, ACCOUNT_POLL_SECONDS="15")
        environ |= {f"APEX_{number + 1}_MAX_CONTRACTS": "100000" for number in range(accounts)}
        with web_process(tables.url, stage.log(name), configured=False, **environ) as web:
            wait_until(
                lambda: tables.value("SELECT count(*) FROM account_states WHERE equity IS NOT NULL") == accounts,
                what="the accounts' figures",
            )
            _signal(web, "WARM")
            wait_until(lambda: _sent(broker) == accounts, what="the first orders")
            for number in range(signals):
                _signal(web, f"T{number}")
                time.sleep(apart)
            wanted = accounts * (signals + 1)
            wait_until(
                lambda: (
                    tables.value("SELECT count(*) FROM execution_orders WHERE venue_order_id IS NOT NULL") == wanted
                ),
                what=f"{wanted} orders to be answered",
                seconds=60,
            )
            if _sent(broker) != wanted:
                raise BrokenInvariant(f"the broker holds {_sent(broker)} orders instead of {wanted}")
            rows = tables.rows(LEGS, trades="T%")
    return SendFigures(claimed=_milliseconds(rows, 1, 2), answered=_milliseconds(rows, 2, 3))


def _milliseconds(rows: Sequence[tuple[Any, ...]], begin: int, end: int) -> Latency:
    return Latency.of([float(row[end] - row[begin]) * 1000 for row in rows])


def _sent(broker: TradovateServer) -> int:
    return sum(len(broker.book.entries(name)) for name in broker.book.accounts)


def _signal(web: Web, trade_id: str) -> None:
    body = live_entry(trade_id, contracts=1, stop_loss=16499.0)
    request = Request(web.webhook, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    with urlopen(request, timeout=10) as answer:
        answer.read()


def section(kept: dict[str, Any]) -> list[str]:
    """Return the lines of the report's section from the kept result."""
    size = kept["size"]
    lines = [
        "## Sends",
        "",
        f"{size['signals']} signals to one live account, and to {size['accounts']}, at a simulated Tradovate.",
        "",
        "| round | from | p50 ms | p95 ms | p99 ms | most ms |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, figures in kept["rounds"].items():
        lines.append(f"| {name} | plan on record to claim | {latencies(figures['claimed'])} |")
        lines.append(f"| {name} | claim to answer on record | {latencies(figures['answered'])} |")
    p95 = next(iter(kept["rounds"].values()))["answered"]["p95_ms"]
    return [
        *lines,
        "",
        *DEMANDS,
        demand_row(f"one account: p95 of a send under {MOST_SEND_P95_MS:.0f} ms", ms(p95), met=p95 < MOST_SEND_P95_MS),
    ]


BENCHMARK = Benchmark(
    name="send",
    measure=lambda stage, small: measure(stage, SMALL if small else FULL),
    section=section,
)
