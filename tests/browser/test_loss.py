"""The service is killed under an open page and started again."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Elsewhere, Site, go_live


def test_a_lost_connection_greys_out_says_how_old_it_is_and_recovers_complete(
    page: Page, database_url: str, tmp_path: Path
) -> None:
    site = Site(database_url, tmp_path / "web.log")
    for web in site.run():
        go_live(page, web.url)
        page.evaluate("window.unmoved = true")
        kill(web.process.pid)
        expect(page.locator("html")).to_have_class("stale")
        expect(page.locator("#lost")).to_contain_text("The figures below are")
        expect(page.locator("#connection")).to_have_text("Not live")
        expect(page.locator("main")).to_have_css("opacity", "0.55")
    elsewhere = Elsewhere(site)
    elsewhere.store("MEANWHILE")
    elsewhere.database.close()
    for _ in site.run():
        expect(page.locator("#signals")).to_contain_text("MEANWHILE", timeout=10000)
        expect(page.locator("html")).not_to_have_class("stale")
        expect(page.locator("#lost")).to_be_hidden()
        assert page.evaluate("window.unmoved") is True


def kill(pid: int) -> None:
    """Kill a process and its children at once; none of them can say goodbye."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    for one in (pid, *map(int, children)):
        os.kill(one, signal.SIGKILL)
