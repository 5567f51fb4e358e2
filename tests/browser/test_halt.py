"""A person halts in the browser in the middle of a burst, and releases it."""

from __future__ import annotations

import threading
import time
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import Site, go_live
from tests.conftest import administrator
from tests.processes import Web, entry, wait_until

VERDICTS = """
    SELECT l.trade_id,
           bool_and(COALESCE(r.blocked_by, '[]') <> '[]') AND bool_or(r.blocked_by @> '["TRADING_HALTED"]') AS halted
    FROM execution_logs l
    CROSS JOIN LATERAL jsonb_to_recordset(l.response_body::jsonb -> 'connector_results') AS r(blocked_by jsonb)
    WHERE l.trade_id LIKE 'BURST_%'
    GROUP BY l.id, l.trade_id
    ORDER BY l.id
"""


def test_a_halt_in_the_browser_stops_a_burst(page: Page, service: Web, site: Site) -> None:
    go_live(page, service.url)
    stop = threading.Event()
    posted: list[str] = []

    def burst() -> None:
        while not stop.is_set():
            name = f"BURST_{len(posted)}"
            service.post(entry(name))
            posted.append(name)
            time.sleep(0.02)

    sender = threading.Thread(target=burst)
    sender.start()
    try:
        wait_until(lambda: len(posted) > 5, what="the burst")
        page.get_by_role("link", name="Halt …").click()
        page.get_by_role("button", name="Halt entries of all 8 accounts now").click()
        expect(page.locator("#bar")).to_contain_text("HALTED")
        after = len(posted) + 1
        wait_until(lambda: len(posted) > after + 5, what="signals after the halt")
    finally:
        stop.set()
        sender.join()
    decided = verdicts(site, len(posted))
    assert decided[posted[0]] is False
    assert all(decided[name] for name in posted[after:])

    page.fill("input[name=phrase]", "RELEASE ALL")
    page.fill("input[name=reason]", "the test is over")
    page.get_by_role("button", name="Release").click()
    expect(page.locator("#bar")).to_contain_text("Not halted")
    service.post(entry("BURST_AFTER"))
    assert verdicts(site, len(posted) + 1)["BURST_AFTER"] is False


def verdicts(site: Site, count: int) -> dict[str, Any]:
    """Return of each signal of the burst whether it passed nowhere because of the halt, once all are decided."""
    found: dict[str, Any] = {}

    def all_decided() -> bool:
        with administrator(site.database_url) as cursor:
            cursor.execute(VERDICTS)
            found.update(cursor.fetchall())
        return len(found) == count

    wait_until(all_decided, what="a verdict for each")
    return found
