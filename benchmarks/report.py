"""From results to ``RESULTS.md``: what was measured, where, when, of which commit, and whether it is enough."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import webhook
from benchmarks.account_feed import AccountFeedResult
from benchmarks.latency import LatencyResult
from benchmarks.send import SendResult
from benchmarks.webhook import WebhookResult
from tests.processes import REPOSITORY

LEAST_RATIO = 0.70
MOST_WEBHOOK_P99_MS = 250.0
MOST_LOGGED_P95_MS = 50.0
MOST_FEED_P95_MS = 30.0
MOST_EVENT_P95_MS = 50.0
# What a web process may grow over the second half of the feed and still count as flat.
MOST_GROWTH_MIB = 5.0
MOST_HISTORY_RATIO = 1.2
MOST_SEND_P95_MS = 20.0
Result = WebhookResult | LatencyResult | AccountFeedResult | SendResult
MOMENTS = {"answered": "answer to the POST", "logged": "`execution_logs.created_at`", "visible": "log row seen"}
HEAD = """# Measured

Written by `python -m benchmarks`; do not edit. What is measured and how: [README.md](README.md). Throughput in requests
a second, least / median / most of the rounds; latency in milliseconds, over all rounds together. Absolute figures
belong to the machine, ratios carry over.
"""


def keep(name: str, result: Result, about: Mapping[str, str], folder: Path) -> None:
    """Write a benchmark's result as JSON into ``folder/results`` and all results there into ``folder/RESULTS.md``."""
    results = folder / "results"
    results.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"about": dict(about), **asdict(result)}, indent=2)
    (results / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    parts = [HEAD]
    for known, section in SECTIONS.items():
        file = results / f"{known}.json"
        if file.exists():
            kept = json.loads(file.read_text(encoding="utf-8"))
            facts = [f"- {fact}: {value}" for fact, value in kept["about"].items()]
            parts.append("\n".join([*section(kept), "", *facts, ""]))
    (folder / "RESULTS.md").write_text("\n".join(parts), encoding="utf-8")


def circumstances(command: str, server: Mapping[str, str]) -> dict[str, str]:
    """Return what a reader needs to judge or repeat the figures. Call it before measuring: it tells the load."""
    return {
        "command": command,
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "commit": _commit(),
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "load before": f"{os.getloadavg()[0]:.2f}",
        "software": f"Python {platform.python_version()}, PostgreSQL {server['server_version']}",
        "durability": ", ".join(
            f"{name}={server[name]}" for name in ("fsync", "synchronous_commit", "full_page_writes", "wal_sync_method")
        ),
        "one commit": f"{server['commit_ms']} ms (median of single-row inserts over one connection)",
    }


def _webhook(kept: dict[str, Any]) -> list[str]:
    size, endpoints, drain = kept["size"], kept["endpoints"], kept["drain"]
    judged = (webhook.WEB_ALONE, webhook.DEFAULT)
    return [
        "## Webhook",
        "",
        (
            f"{size['rounds']} interleaved rounds of {size['requests']} requests for each endpoint, over "
            f"{size['connections']} keep-alive connections."
        ),
        "",
        "| endpoint | requests/s | of bare | of bare, by round | p50 | p95 | p99 | most |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *(_endpoint_row(name, figures) for name, figures in endpoints.items()),
        "",
        (
            "The default deployment decides while it receives, in the same process. At a round's last answer "
            f"{_spread(drain['backlog'])} tasks were left, decided within {_spread(drain['seconds'], 2)} s; from the "
            f"first request to the last decision that is {_spread(drain['signals_per_second'])} signals/s."
        ),
        "",
        "| demand | measured | |",
        "| --- | --- | --- |",
        *(_ratio_row(name, endpoints[name]) for name in judged),
        *(_p99_row(name, endpoints[name]) for name in judged),
    ]


def _signal_to_log(kept: dict[str, Any]) -> list[str]:
    size, deployments = kept["size"], kept["deployments"]
    apart = " to ".join(f"{seconds * 1000:.0f}" for seconds in size["apart"])
    return [
        "## Signal to log",
        "",
        (
            f"{size['signals']} signals, the next {apart} ms after the log of the last; milliseconds since just before "
            "the POST."
        ),
        "",
        "| deployment | until | p50 | p95 | p99 | most |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            f"| {name} | {moment} | {_latency(figures[key])} |"
            for name, figures in deployments.items()
            for key, moment in MOMENTS.items()
        ),
        "",
        "| demand | measured | |",
        "| --- | --- | --- |",
        *(_logged_row(name, figures) for name, figures in deployments.items()),
    ]


def _accounts(kept: dict[str, Any]) -> list[str]:
    size, answers, events, memory = kept["size"], kept["answers"], kept["events"], kept["memory_mib"]
    sent = size["accounts"] * size["a_second"] * size["seconds"]
    return [
        "## Account updates",
        "",
        (
            f"{size['accounts']} accounts, {size['a_second']} updates a second each for {size['seconds']} s over "
            f"{size['connections']} connections, each due at its own time; {size['events']} single updates for the "
            f"event; a history of {size['snapshots']} snapshots. {kept['snapshots_kept']} were kept of the feed."
        ),
        "",
        "| | p50 | p95 | p99 | most |",
        "| --- | --- | --- | --- | --- |",
        f"| update due to its answer | {_latency(answers)} |",
        f"| POST to its event at a Socket.IO client, idle | {_latency(events)} |",
        "",
        "| demand | measured | |",
        "| --- | --- | --- |",
        _demand_row("all updates accepted", f"{kept['accepted']} of {sent}", met=kept["accepted"] == sent),
        _demand_row("p95 of the answer under 30 ms", _ms(answers["p95_ms"]), met=answers["p95_ms"] < MOST_FEED_P95_MS),
        _demand_row(
            "memory flat over the second half (at most 5 MiB more)",
            f"{kept['memory_growth_mib']:+.1f} MiB; {_spread(memory, 1)} MiB",
            met=kept["memory_growth_mib"] <= MOST_GROWTH_MIB,
        ),
        _demand_row("p95 to the event under 50 ms", _ms(events["p95_ms"]), met=events["p95_ms"] < MOST_EVENT_P95_MS),
        _demand_row(
            "reading a standing beside the long history takes at most 1.2 times as long",
            f"{kept['history_ratio']:.2f} ({kept['history']['long']:.2f} ms, {kept['history']['short']:.2f} ms)",
            met=kept["history_ratio"] <= MOST_HISTORY_RATIO,
        ),
    ]


def _endpoint_row(name: str, figures: dict[str, Any]) -> str:
    throughput, latencies = _spread(figures["throughput"]), _latency(figures["latency"])
    of_bare = _percent(figures["ratio_of_medians"])
    by_round = ", ".join(_percent(ratio) for ratio in figures["ratios"])
    if name == webhook.BARE:
        of_bare = by_round = ""
    return f"| {name} | {throughput} | {of_bare} | {by_round} | {latencies} |"


def _ratio_row(name: str, figures: dict[str, Any]) -> str:
    ratio = figures["ratio_of_medians"]
    demand = f"{name}: at least {_percent(LEAST_RATIO)} of the bare endpoint's throughput, medians"
    return _demand_row(demand, _percent(ratio), met=ratio >= LEAST_RATIO)


def _p99_row(name: str, figures: dict[str, Any]) -> str:
    p99 = figures["latency"]["p99_ms"]
    demand = f"{name}: p99 under {MOST_WEBHOOK_P99_MS:.0f} ms"
    return _demand_row(demand, f"{p99:.1f} ms", met=p99 < MOST_WEBHOOK_P99_MS)


def _logged_row(name: str, figures: dict[str, Any]) -> str:
    p95 = figures["logged"]["p95_ms"]
    demand = f"{name}: p95 until the log under {MOST_LOGGED_P95_MS:.0f} ms"
    return _demand_row(demand, f"{p95:.1f} ms", met=p95 < MOST_LOGGED_P95_MS)


def _demand_row(demand: str, measured: str, *, met: bool) -> str:
    return f"| {demand} | {measured} | {'met' if met else '**not met**'} |"


def _spread(spread: dict[str, float], digits: int = 0) -> str:
    return " / ".join(f"{spread[name]:.{digits}f}" for name in ("least", "median", "most"))


def _latency(latencies: dict[str, float]) -> str:
    return " | ".join(f"{latencies[name]:.1f}" for name in ("p50_ms", "p95_ms", "p99_ms", "most_ms"))


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.1f} ms"


def _percent(part: float) -> str:
    return f"{part * 100:.0f} %"


def _commit() -> str:
    def git(*arguments: str) -> str:
        ended = subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False)
        return ended.stdout.strip() if ended.returncode == 0 else ""

    commit = git("rev-parse", "--short", "--verify", "HEAD") or "none yet"
    # The results themselves are no change of what was measured.
    changed = git("status", "--porcelain", "--", ".", ":!benchmarks/RESULTS.md")
    return f"{commit}, with uncommitted changes" if changed else commit


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _sends(kept: dict[str, Any]) -> list[str]:
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
        lines.append(f"| {name} | plan on record to claim | {_latency(figures['claimed'])} |")
        lines.append(f"| {name} | claim to answer on record | {_latency(figures['answered'])} |")
    p95 = next(iter(kept["rounds"].values()))["answered"]["p95_ms"]
    return [
        *lines,
        "",
        "| demand | measured | |",
        "| --- | --- | --- |",
        _demand_row(
            f"one account: p95 of a send under {MOST_SEND_P95_MS:.0f} ms", _ms(p95), met=p95 < MOST_SEND_P95_MS
        ),
    ]


SECTIONS: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "webhook": _webhook,
    "latency": _signal_to_log,
    "accounts": _accounts,
    "send": _sends,
}
