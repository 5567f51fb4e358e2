"""The connections of a web process, apart by what must not wait for what."""

from __future__ import annotations

from collections.abc import Iterator

from database.connection import Database

# TradingView gives up after 3 s. A signal waits for the write before its own at most, so two of them must fit.
WEBHOOK_STATEMENT_SECONDS = 1.2


class WebPools:
    """Four pools on one database. ``webhooks`` has ``size`` connections; its statements are cut off after 1.2 s."""

    def __init__(self, url: str, *, size: int) -> None:
        self.webhooks = Database(
            url, size=size, statement_timeout=WEBHOOK_STATEMENT_SECONDS, name="execution-router-web"
        )
        self.router = Database(url, size=5, name="execution-router-worker")
        # A person who halts must not wait behind the orders that he wants to stop.
        self.desk = Database(url, size=3, name="execution-router-desk")
        # And a page that is slow to read must hold up neither.
        self.pages = Database(url, size=4, statement_timeout=10.0, name="execution-router-page")

    def __iter__(self) -> Iterator[Database]:
        return iter((self.webhooks, self.pages, self.router, self.desk))

    def close(self) -> None:
        """Close every idle connection."""
        for pool in self:
            pool.close()
