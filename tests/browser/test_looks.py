"""Every page at three widths, in both looks, without JavaScript, and for who does not see it.

A page is looked at here by adding its address to PAGES. What it looks like is written to tests/browser/screenshots.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from config.settings import Settings
from tests.browser.conftest import PACKAGES, SCREENSHOTS, Site, go_live
from tests.browser.trading_week import WEEKS
from tests.integration.test_login import ADMIN, log_in
from tests.processes import Web, get
from web_server import create_app, service_of

PAGES = {
    "overview": "/",
    "account": "/accounts/APEX/2?symbol=MNQ&contracts=2&distance=20",
    "configuration": "/configuration",
    "signals": "/signals?account=APEX",
    "signal": "/signals/1",
    "trade": "/trades/UNTOLD",
    "task": "/tasks/1",
    "orders": "/orders",
    "order": "/orders/1",
    "dead-letters": "/dead-letters",
    "dead-letter": "/dead-letters/task:9000001",
    "analytics": "/analytics",
    "halts": "/halts",
    "halt-form": "/halts/new?level=flatten&scope=APEX",
    "override": "/accounts/APEX/2/override?equity=49800&day_pl=-120.5&minutes=60&reason=the+feed+hangs",
    "resolve": "/orders/1/resolve?outcome=FILLED&filled=2&price=16500&reason=seen+at+the+venue",
    "difference": "/differences/1",
    "settle": "/differences/1/settle?how=close",
    "test-signal": "/signals/test?symbol=NQ&direction=LONG&entry_price=16500&stop_loss=16475",
    "trouble": "/accounts/NOBODY/1",
}
WIDTHS = (1440, 1024, 390)
# Of each page a picture of each width, for looking at; more of them cost a fifth of all browser tests.
PICTURED = {("light", 1440), ("dark", 1024), ("dark", 390)}
SCHEMES: tuple[Literal["dark", "light"], ...] = ("dark", "light")
# Whose faults are looked for in the dark, too: what differs there is the colours alone, and these have all of them.
DARK = {"overview", "account", "signal", "order", "halt-form", "login"}
# What the login's pages forbid as well: nothing from elsewhere, no script and no style in the page.
POLICY = "default-src 'self'; style-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'"
AXE = (PACKAGES / "axe-core" / "axe.min.js", "() => axe.run({resultTypes: ['violations']})")


@pytest.mark.parametrize("name", PAGES)
def test_no_page_scrolls_sideways_breaks_the_policy_or_shuts_somebody_out(page: Page, told: Web, name: str) -> None:
    look(page, told, name, PAGES[name], "Live" if name != "trouble" else "as of")


def test_who_logs_in_sees_the_same_looks(page: Page, told: Web, site: Site) -> None:
    """The pages of another service, which asks for a password, with the files of this one: they are the same."""
    app = create_app(
        Settings.from_env({"DATABASE_URL": site.database_url, "ADMIN_PASSWORD": ADMIN, "ROUTER_ENABLED": "false"})
    )
    try:
        client = app.test_client()
        log_in(client, ADMIN)
        pages = {"login": app.test_client().post("/login").text}
        pages["forged"] = client.post("/halts", headers={"Accept": "text/html"}).text
    finally:
        service_of(app).stop()
    for name, text in pages.items():
        page.route(f"**/as-{name}", answer_with(text))
        look(page, told, name, f"/as-{name}", None if name == "login" else "as of")
        page.unroute_all()


def answer_with(text: str) -> Callable[[Route], None]:
    return lambda route: route.fulfill(body=text, content_type="text/html", headers={"content-security-policy": POLICY})


def look(page: Page, told: Web, name: str, address: str, connection: str | None) -> None:
    """See to it that a page fits, keeps the policy and is for everybody, and take its pictures."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    if "as-" not in address:
        page.route(lambda address: address.startswith(told.url) and "/socket.io/" not in address, with_policy)
    page.goto(told.url + address)
    if connection is not None:
        expect(page.locator("#connection")).to_have_text(re.compile(connection))
    SCREENSHOTS.mkdir(exist_ok=True)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            if (scheme, width) in PICTURED:
                page.screenshot(path=SCREENSHOTS / f"{name}-{scheme}-{width}.png", full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth") == width
            assert cut_off(page) == []
        if scheme == "light" or name in DARK:
            assert [fault for fault in faults(page) if fault["impact"] in {"serious", "critical"}] == []
    assert [complaint for complaint in complaints if "404" not in complaint] == []


def with_policy(route: Route) -> None:
    answer = route.fetch()
    route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": POLICY})


def cut_off(page: Page) -> list[str]:
    """Return the text of tables and tiles that is wider than its place: scrolled away or cut off."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll('.scroll, .tile, .card')]
            .filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.innerText.slice(0, 80))"""
    )
    return found


def faults(page: Page) -> list[dict[str, Any]]:
    script, run = AXE
    page.evaluate(Path(script).read_text(encoding="utf-8"))
    result = page.evaluate(run)
    return [
        {"impact": fault["impact"], "id": fault["id"], "where": [node["html"][:160] for node in fault["nodes"]]}
        for fault in result["violations"]
    ]


def test_without_javascript_every_figure_is_there(browser: Browser, told: Web) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(told.url)
    assert "does not update by itself" in page.inner_text("noscript") or page.locator("noscript").count() == 1
    accounts = page.inner_text("#accounts")
    for account in WEEKS:
        standing = get(f"{told.url}/api/v1/accounts/{account}/standing")[1]["standing"]
        assert f"${standing['equity']:,.2f}" in accounts
        for room in ("daily_room", "floor_room"):
            if standing[room] is not None:
                assert f"${abs(standing[room]):,.2f}" in accounts
    assert all(f"LOOKS_{number}" in page.inner_text("#signals") for number in range(3))
    page.goto(f"{told.url}/accounts/APEX/2")
    assert page.locator(".plot svg path.line.equity").get_attribute("d", timeout=1000)
    assert "DRAWDOWN_ROOM" in page.inner_text("#what-if")
    page.fill("input[name=symbol]", "MNQ")
    page.fill("input[name=contracts]", "3")
    page.click("text=Check")
    assert "3 MNQ" in page.inner_text("#what-if")
    context.close()


def test_the_keyboard_reaches_the_content_the_menu_and_the_accounts(page: Page, told: Web) -> None:
    go_live(page, told.url)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    reached = set()
    for _ in range(20):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.innerText"))
    assert set(WEEKS) <= reached
