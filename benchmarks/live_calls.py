"""Live sends at a venue that takes half a second for an order: a hundred at a time, and one account that hangs."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from benchmarks.figures import Latency, Spread
from benchmarks.load import HOST, drive
from benchmarks.report import Benchmark
from benchmarks.slow_venue import Venue, slow_venue
from benchmarks.stage import BrokenInvariant, Stage, Tables
from benchmarks.tables import DEMANDS, demand_row, latencies, ms, percent, spread
from tests.brokers.plain import KEY, TOKEN
from tests.live import API_TOKEN, CONSENT, WEBHOOK_SECRET, live_entry
from tests.processes import REPOSITORY, Web, wait_until, web_process

LEAST_OF_IDEAL = 0.9
MOST_DELAY_MS = 100.0
PATIENCE_SECONDS = 120.0
COUNT = "SELECT count(*) FROM execution_orders WHERE state = 'FILLED' AND trade_id LIKE %(trades)s"
LEGS = """
    SELECT o.program_id, extract(epoch FROM p.at) AS planned, extract(epoch FROM s.at) AS claimed,
           extract(epoch FROM a.at) AS answered
    FROM execution_orders o
    JOIN execution_order_events p ON p.order_id = o.id AND p.to_state = 'PLANNED'
    JOIN execution_order_events s ON s.order_id = o.id AND s.to_state = 'SENDING'
    JOIN execution_order_events a ON a.order_id = o.id AND a.to_state = 'FILLED'
    WHERE o.trade_id LIKE %(trades)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """``seconds`` that an order takes. A round: ``ahead`` signals at once, one each time that an order could end.

    ``flow``: all signals of a round. ``paced``: signals that come ``apart`` seconds apart before the hang and as many
    again once it is over, ``hung`` while it lasts.
    """

    accounts: int
    seconds: float
    rounds: int
    ahead: int
    flow: int
    paced: int
    hung: int
    apart: float

    @property
    def hang(self) -> float:
        """How many seconds the first account's venue hangs."""
        return self.hung * self.apart


FULL = Size(accounts=100, seconds=0.5, rounds=2, ahead=3, flow=12, paced=8, hung=40, apart=1.5)
SMALL = Size(accounts=4, seconds=0.05, rounds=1, ahead=1, flow=3, paced=3, hung=4, apart=0.3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sends:
    """Of the orders of all accounts but the one that hangs: from the plan on record to the claim, to the answer."""

    claimed: Latency
    answered: Latency


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveResult:
    """Orders a second: what is ``ideal``, what callers that do nothing else reach (``venue``), the service's rounds.

    ``at_once``: what those callers reach where the venue does not wait. Sends ``during`` the hang, and ``without`` it.
    """

    size: Size
    ideal: float
    venue: float
    at_once: float
    product: Spread
    without: Sends
    during: Sends


def measure(stage: Stage, size: Size) -> LiveResult:
    """Measure. Raises BrokenInvariant where the venue's books hold something else than was planned."""
    at_once = _venue_alone(size, 0.0, 20 * size.accounts)
    venue_alone = _venue_alone(size, size.seconds, size.flow * size.accounts // 2)
    tables = stage.database("live")
    with slow_venue(size.accounts, size.seconds) as venue:
        environ = _environment(venue, stage.folder)
        with web_process(tables.url, stage.log("live"), configured=False, **environ) as web:
            product = _throughput(web, tables, venue, size)
            without, during = _hanging(web, tables, venue, size)
    return LiveResult(
        size=size,
        ideal=size.accounts / size.seconds,
        venue=venue_alone,
        at_once=at_once,
        product=Spread.of(product),
        without=without,
        during=during,
    )


def _venue_alone(size: Size, seconds: float, orders: int) -> float:
    """Return the orders a second that the venue takes from callers who do nothing else."""
    with slow_venue(size.accounts, seconds) as venue:
        requests = [_order(venue.accounts[number % size.accounts], number) for number in range(orders)]
        measured, answers = drive(venue.port, requests, size.accounts)
    if any(answer.split(b" ", 2)[1] != b"200" for answer in answers):
        raise BrokenInvariant("the venue refused an order of the callers that measure it")
    return orders / measured.seconds


def _order(account: str, number: int) -> bytes:
    fields = {"clientId": f"m{number}", "symbol": "NQZ6", "side": "B", "qty": 1, "type": "market"}
    body = json.dumps({**fields, "stop": {"clientId": f"m{number}S", "price": 16499, "type": "stop"}}).encode()
    head = (
        f"POST /v1/accounts/{account}/orders HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {TOKEN}\r\n"
        f"X-Api-Key: {KEY}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _environment(venue: Venue, folder: Path) -> dict[str, str]:
    """Return what arms every account of the venue, all behind one login."""
    template = folder / "venue.json"
    documented = (REPOSITORY / "docs" / "venue_templates.md").read_text(encoding="utf-8")
    template.write_text(documented.partition("```json\n")[2].partition("```")[0], encoding="utf-8")
    environ = {
        "EXECUTION_DRY_RUN": "false",
        "WEBHOOK_SECRET": WEBHOOK_SECRET,
        "API_TOKEN": API_TOKEN,
        "ROUTE_TO_FIRMS": "APEX",
        "APEX_PROGRAM_IDS": ",".join(str(number + 1) for number in range(len(venue.accounts))),
        "APEX_PLATFORM": "http",
        "APEX_API_URL": venue.url,
        "APEX_API_TEMPLATE": str(template),
        "APEX_API_KEY": KEY,
        "APEX_API_TOKEN": TOKEN,
        "NQ_CONTRACT": "NQZ6",
    }
    for number, name in enumerate(venue.accounts, start=1):
        environ |= {
            f"APEX_{number}_ACCOUNT_NAME": name,
            f"APEX_{number}_ACCOUNT_SIZE": "50000",
            f"APEX_{number}_RISK_PER_TRADE": "0.1",
            f"APEX_{number}_MAX_CONTRACTS": "100000",
            f"APEX_{number}_MAX_DRAWDOWN": "20000",
            f"APEX_{number}_STARTING_BALANCE": "50000",
            f"APEX_{number}_POLICY_ACK": CONSENT,
        }
    return environ


def _throughput(web: Web, tables: Tables, venue: Venue, size: Size) -> list[float]:
    """Return the orders a second of each round: every account always has an order that waits for its last one's end."""
    wait_until(
        lambda: tables.value("SELECT count(*) FROM account_states WHERE equity IS NOT NULL") == size.accounts,
        what="the accounts' figures",
        seconds=60,
    )
    _signal(web, "FIRST")
    _answered(tables, "FIRST", size.accounts)
    found = []
    for number in range(size.rounds):
        began = time.monotonic()
        for signal in range(size.flow):
            time.sleep(max(0.0, began + (signal - size.ahead) * size.seconds - time.monotonic()))
            _signal(web, f"ROUND{number}_{signal}")
        rows = _answered(tables, f"ROUND{number}_", size.flow * size.accounts)
        found.append(len(rows) / (max(row[3] for row in rows) - min(row[2] for row in rows)))
    wanted = dict.fromkeys(venue.accounts, 1 + size.rounds * size.flow)
    if venue.entries() != wanted:
        raise BrokenInvariant(f"the venue's books hold {venue.entries()} instead of {wanted}")
    return found


def _hanging(web: Web, tables: Tables, venue: Venue, size: Size) -> tuple[Sends, Sends]:
    """Return the sends of all accounts but the first: those before and after its venue hangs, and while it does.

    Whatever grows with the trades that are open is on both sides then. After it the first account works off what has
    waited, one order at a time.
    """
    count = f"{COUNT} AND program_id > 1"

    def paced(prefix: str, signals: int) -> list[tuple[float, ...]]:
        began = time.monotonic()
        for signal in range(signals):
            time.sleep(max(0.0, began + signal * size.apart - time.monotonic()))
            _signal(web, f"{prefix}{signal}")
        rows = _answered(tables, prefix, signals * (size.accounts - 1), count)
        return [row for row in rows if row[0] > 1]

    before = paced("BEFORE", size.paced)
    venue.hang(venue.accounts[0], size.hang)
    during = paced("DURING", size.hung)
    after = paced("AFTER", size.paced)
    wait_until(
        lambda: tables.value("SELECT count(*) FROM execution_orders WHERE state IN ('PLANNED', 'SENDING')") == 0,
        what="the orders of the account whose venue hung",
        seconds=PATIENCE_SECONDS,
    )
    return _sends(before + after), _sends(during)


def _sends(rows: Sequence[tuple[float, ...]]) -> Sends:
    return Sends(claimed=_milliseconds(rows, 1, 2), answered=_milliseconds(rows, 1, 3))


def _answered(tables: Tables, prefix: str, wanted: int, count: str = COUNT) -> list[tuple[float, ...]]:
    """Wait until so many orders are answered; return of each its account and its moments."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    # Seldom, because looking costs the database something.
    while tables.value(count, trades=f"{prefix}%") < wanted:
        if time.monotonic() > deadline:
            raise BrokenInvariant(f"of {wanted} orders some are not answered after {PATIENCE_SECONDS:.0f} s")
        time.sleep(0.2)
    return [tuple(map(float, row)) for row in tables.rows(LEGS, trades=f"{prefix}%")]


def _milliseconds(rows: Sequence[tuple[float, ...]], begin: int, end: int) -> Latency:
    return Latency.of([(row[end] - row[begin]) * 1000 for row in rows])


def _signal(web: Web, trade_id: str) -> None:
    body = json.dumps(live_entry(trade_id, contracts=1, stop_loss=16499.0)).encode()
    request = Request(web.webhook, data=body, headers={"Content-Type": "application/json"})
    with urlopen(request, timeout=10) as answer:
        answer.read()


def section(kept: dict[str, Any]) -> list[str]:
    """Return the lines of the report's section from the kept result."""
    size, ideal = kept["size"], kept["ideal"]
    part = kept["product"]["median"] / ideal
    worse = {
        name: kept["during"]["answered"][name] - kept["without"]["answered"][name] for name in ("p95_ms", "p99_ms")
    }
    accounts, took, hang = size["accounts"], size["seconds"] * 1000, size["hung"] * size["apart"]
    lines = [
        "## Live mode",
        "",
        f"{accounts} live accounts behind one login at a venue that takes {took:.0f} ms for an order, so {ideal:.0f}",
        f"orders a second at best; every account always has an order waiting, {size['flow']} a round.",
        "",
        "| who sends | orders/s | of the ideal |",
        "| --- | --- | --- |",
        f"| callers that do nothing else | {kept['venue']:.0f} | {percent(kept['venue'] / ideal)} |",
        f"| the service, {size['rounds']} rounds | {spread(kept['product'])} | {percent(part)} |",
        "",
        f"Where the venue does not wait it takes {kept['at_once']:.0f} orders a second from those callers.",
        "",
        f"A signal to all accounts every {size['apart']} s: {size['paced']} signals, {size['hung']} while each call",
        f"for one of the accounts hangs, for {hang:.0f} s, and {size['paced']} more. Orders of the other accounts,",
        "those before and after the hang together, since more trades are open the longer it goes on; after it the one",
        "account works off what has waited:",
        "",
        "| from | p50 ms | p95 ms | p99 ms | most ms |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, words in (("without", "none hangs"), ("during", "one hangs")):
        lines.append(f"| {words}: plan on record to claim | {latencies(kept[name]['claimed'])} |")
        lines.append(f"| {words}: plan on record to answer | {latencies(kept[name]['answered'])} |")
    return [
        *lines,
        "",
        *DEMANDS,
        demand_row(f"at least {percent(LEAST_OF_IDEAL)} of the ideal", percent(part), met=part >= LEAST_OF_IDEAL),
        demand_row(
            f"one that hangs delays no other by more than {MOST_DELAY_MS:.0f} ms (p95, p99 of plan to answer)",
            f"{ms(worse['p95_ms'])}, {ms(worse['p99_ms'])}",
            met=max(worse.values()) <= MOST_DELAY_MS,
        ),
    ]


BENCHMARK = Benchmark(
    name="live",
    measure=lambda stage, small: measure(stage, SMALL if small else FULL),
    section=section,
)
