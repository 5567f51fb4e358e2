"""The page goes on by itself: news without a reload, also after a change that got lost."""

from __future__ import annotations

import json
import time

from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.conftest import Elsewhere, go_live
from tests.browser.trading_week import tell
from tests.processes import Web, entry

UNMOVED = "window.unmoved = true"


def test_a_signal_appears_with_its_verdict_within_a_second_and_without_a_reload(
    page: Page, service: Web, elsewhere: Elsewhere
) -> None:
    go_live(page, service.url)
    page.evaluate(UNMOVED)
    taken = []
    for number in range(3):
        began = time.monotonic()
        if number == 2:
            # Whichever process stored it.
            elsewhere.store(f"NEWS_{number}")
        else:
            service.post(entry(f"NEWS_{number}"))
        row = page.locator("#signals tr", has_text=f"NEWS_{number}")
        row.wait_for()
        taken.append(time.monotonic() - began)
        expect(row).to_contain_text("of 8 approved")
    assert page.evaluate("window.unmoved") is True
    # The machine may be busy with other tests; every one of them late would be no accident.
    assert min(taken) < 1.0, taken


def test_an_accounts_figures_are_renewed_and_what_is_focused_written_or_drawn_stays(page: Page, service: Web) -> None:
    go_live(page, f"{service.url}/accounts/APEX/1")
    page.locator("input[name=contracts]").fill("7")
    canvas = page.locator("#curve canvas").first.element_handle()
    tell(service.url, "APEX/1", {"equity": 51111.11, "balance": 51000.0})
    expect(page.locator("#figures")).to_contain_text("$51,111.11")
    expect(page.locator("input[name=contracts]")).to_have_value("7")
    assert canvas.evaluate("canvas => canvas.isConnected")
    go_live(page, service.url)
    link = page.locator("#accounts a", has_text="APEX/1").element_handle()
    link.focus()
    tell(service.url, "APEX/1", {"equity": 51222.22, "balance": 51000.0})
    expect(page.locator("#accounts")).to_contain_text("$51,222.22")
    assert link.evaluate("link => link === document.activeElement")


def test_a_number_that_is_missing_makes_the_page_fetch_everything(page: Page, service: Web) -> None:
    """An account's change is lost on the way; a change of something else shows that it was."""
    lost: list[str] = []

    def between(route: WebSocketRoute) -> None:
        server = route.connect_to_server()

        def pass_on(message: str | bytes) -> None:
            if isinstance(message, str) and '"accounts"' in message and not lost:
                lost.append(message)
            else:
                route.send(message)

        server.on_message(pass_on)

    page.route_web_socket("**/socket.io/**", between)
    go_live(page, f"{service.url}/accounts/APEX/2")
    tell(service.url, "APEX/2", {"equity": 49012.34, "balance": 49012.34})
    for _ in range(100):
        if lost:
            break
        page.wait_for_timeout(20)
    assert json.loads(lost[0].partition(",")[2])[0] == "changes"
    assert "$49,012.34" not in page.locator("#figures").inner_text()
    # Nothing that this page shows; but its number follows the lost one's.
    service.post(entry("BEYOND_THE_GAP"))
    expect(page.locator("#figures")).to_contain_text("$49,012.34", timeout=3000)
