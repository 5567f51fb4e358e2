"""What a browser loads first, and how soon it shows something, beside a long record and many accounts."""

from __future__ import annotations

import shutil
import statistics
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from benchmarks.fanout import environment
from benchmarks.filled import History, filled
from benchmarks.stage import Stage
from tests.processes import web_process

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Nothing that asks the outside world, and no sandbox, which root cannot have.
SWITCHES = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
PAINTED = """
    () => new Promise(done => new PerformanceObserver(list => done(list.getEntries().at(-1).startTime))
        .observe({type: "largest-contentful-paint", buffered: true}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstLoad:
    """Medians of loads with an empty cache: what was transferred, and the milliseconds until the first and the largest
    part of the page were painted and until the page says that it is live."""

    accounts: int
    logs: int
    loads: int
    transferred_kb: float
    first_paint_ms: float
    largest_paint_ms: float
    live_ms: float


def first_load(stage: Stage, *, accounts: int, logs: int, loads: int) -> FirstLoad | None:
    """Load the overview some times; None where there is no browser."""
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        return None
    tables, _ = filled(stage, History(tasks=logs, days=30))
    with (
        web_process(tables.url, stage.log("first_load"), configured=False, **environment(accounts)) as web,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=list(SWITCHES))
        # The first one also warms up the service, as somebody's look before did.
        seen = [_load(browser, web.url) for _ in range(loads + 1)][1:]
        browser.close()
    count = int(tables.value("SELECT count(*) FROM execution_logs"))
    medians = {name: statistics.median(one[name] for one in seen) for name in seen[0]}
    return FirstLoad(accounts=accounts, logs=count, loads=loads, **medians)


def _load(browser: Browser, url: str) -> dict[str, float]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    network = context.new_cdp_session(page)
    transferred: list[float] = []
    network.on("Network.loadingFinished", lambda told: transferred.append(told["encodedDataLength"]))
    network.send("Network.enable")
    page.goto(url)
    page.locator("#connection[data-kind=live]").wait_for()
    live: float = page.evaluate("() => performance.now()")
    largest: float = page.evaluate(PAINTED)
    first: Any = page.evaluate("() => performance.getEntriesByName('first-contentful-paint')[0].startTime")
    context.close()
    return {
        "transferred_kb": sum(transferred) / 1000,
        "first_paint_ms": first,
        "largest_paint_ms": largest,
        "live_ms": live,
    }
