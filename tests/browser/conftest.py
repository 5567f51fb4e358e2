"""A real browser on a real service, one of each a run. Without a browser they are skipped; in CI they fail."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from database.connection import Database
from database.embedded import EmbeddedServer
from database.signals import SignalStore
from signals.payload import parse_signal
from tests.browser.trading_week import ACCOUNTS, tell_week
from tests.conftest import fresh_database, repository
from tests.integration.test_record_pages import order
from tests.needed import leave_out
from tests.processes import Web, entry, free_port, web_process

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Nothing that asks the outside world, and no sandbox, which root cannot have.
SWITCHES = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
    # A page that a test has given a header counts as one from elsewhere, and the service is on this machine.
    "--disable-features=LocalNetworkAccessChecks",
)
PACKAGES = repository() / "node_modules"
SCREENSHOTS = repository() / "tests" / "browser" / "screenshots"


def missing() -> str | None:
    """Return why there can be no browser tests here, None where there can."""
    if not any(shutil.which(name) for name in NAMES):
        return f"no browser is installed (looked for {', '.join(NAMES)}; on Debian: apt-get install chromium)"
    if not (PACKAGES / "axe-core").is_dir() or not (PACKAGES / "socket.io-client").is_dir():
        return "the page's packages are not installed: python -m web.assets --development"
    return None


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    why = missing()
    if why is not None:
        leave_out(why, unless="BROWSER_REQUIRED")
    path = next(found for name in NAMES if (found := shutil.which(name)))
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(SWITCHES))
        yield started
        started.close()


@dataclass
class Site:
    """A service with a week of accounts, on a port that it keeps when it is started again."""

    database_url: str
    log: Path
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self) -> Iterator[Web]:
        environment = {**ACCOUNTS, "PORT": str(self.port)}
        with web_process(self.database_url, self.log, configured=False, **environment) as web:
            yield web


@pytest.fixture(scope="session")
def site(postgres: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    for database_url in fresh_database(postgres):
        yield Site(database_url, tmp_path_factory.mktemp("site") / "web.log")


@pytest.fixture(scope="session")
def service(site: Site) -> Iterator[Web]:
    for web in site.run():
        tell_week(web.url, points_a_day=4)
        yield web


@pytest.fixture(scope="session")
def told(service: Web, site: Site) -> Web:
    """The service with what the pages need to show. Here, and once a run: a module's tests need not run in one go."""
    for number in range(3):
        service.post(entry(f"LOOKS_{number}", contracts=number + 1))
    give_up(site.database_url)
    return service


def give_up(database_url: str) -> None:
    """Let an order be unresolved, another be filled, and a task be given up."""
    with closing(psycopg2.connect(database_url)) as connection, connection, connection.cursor() as cursor:

        def sql(text: str, *values: Any) -> list[dict[str, Any]]:
            cursor.execute(text, values or None)
            return [{"id": row[0]} for row in cursor.fetchall()] if cursor.description else []

        order(sql, 1, 1, "UNRESOLVED", trade="UNTOLD")
        order(sql, 1, 2, "FILLED", filled=2, program=2, trade="UNTOLD")
        cursor.execute(
            "INSERT INTO execution_tasks (id, trade_id, event_type, status, attempts, last_error, finished_at)"
            " VALUES (9000001, 'UNTOLD', 'ENTRY', 'FAILED', 5, 'what was given up, and why it was given up', now())"
        )
        cursor.execute(
            "INSERT INTO order_differences (firm_code, program_id, kind, symbol, ledger_quantity, venue_quantity,"
            " proposal, details) VALUES ('APEX', 2, 'TRADE_WITHOUT_POSITION', 'NQZ6', 2, 0,"
            ' \'Was it closed by hand? Then close it in the ledger.\', \'{"trades": [{"trade_id": "UNTOLD"}]}\')'
        )


class Elsewhere:
    """Another process on the same database, which stores signals."""

    def __init__(self, site: Site) -> None:
        self.database = Database(site.database_url)
        self._signals = SignalStore(self.database)

    def store(self, trade_id: str) -> None:
        self._signals.store(parse_signal(entry(trade_id)), source="test", raw_body="{}")


@pytest.fixture
def elsewhere(site: Site) -> Iterator[Elsewhere]:
    process = Elsewhere(site)
    yield process
    process.database.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(timezone_id="America/New_York", viewport={"width": 1440, "height": 900})
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def go_live(page: Page, address: str) -> None:
    """Open a page and wait until it is live."""
    page.goto(address)
    expect(page.locator("#connection")).to_have_text("Live")
