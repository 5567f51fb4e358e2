"""Pages without a browser: logged in, told of numbered changes, fetching as the page's own script does.

``python -m benchmarks.page_client`` holds some of them until its standard input ends, and prints what each then holds.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import httpx
import socketio

NAMESPACE = "/page"
NUMBER = "X-Page-Number"
CSRF = re.compile(r'name="csrf_token" value="([^"]+)"')
# As web/static/src/live.js has them, in seconds.
SHORTEST_REST, LONGEST_REST, REST_FOR_EACH_SECOND = 0.25, 5.0, 4.0
PATIENCE_SECONDS = 60.0
# News of what is on record already is on its way for a moment: bundled, and before that a NOTIFY.
QUIET_SECONDS = 2.0


@dataclass(slots=True, kw_only=True)
class Held:
    """What a page holds: its reading ``body``, made after change ``number`` of the server's run ``boot``.

    ``heard``: the newest change that it was told of; ``gaps``: how often one before that was missing; ``bundles`` and
    ``fetches``: how often it was told, and asked.
    """

    boot: str = ""
    number: int = -1
    heard: int = -1
    gaps: int = 0
    bundles: int = 0
    fetches: int = 0
    body: str = ""


class Page:
    """One page, from its login to its end."""

    def __init__(self, url: str, password: str, name: str) -> None:
        self.held = Held()
        self._url = url
        self._http = httpx.Client(base_url=url, headers={"Accept": "text/html"}, timeout=30.0)
        self._password, self._name = password, name
        self._client = socketio.Client(reconnection=False)
        self._lock = threading.Lock()
        self._heard_at = time.monotonic()
        self._wanted = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

        @self._client.on("hello", namespace=NAMESPACE)  # type: ignore[untyped-decorator]
        def hello(position: dict[str, Any]) -> None:
            self._hear(position["boot"], position["number"], after=position["number"])

        @self._client.on("changes", namespace=NAMESPACE)  # type: ignore[untyped-decorator]
        def changes(told: dict[str, Any]) -> None:
            self.held.bundles += 1
            self._hear(told["boot"], told["number"], after=told["after"])

    def open(self) -> None:
        """Log in, load the page and listen."""
        self._log_in()
        self._keep(self._http.get("/"))
        cookies = "; ".join(f"{name}={value}" for name, value in self._http.cookies.items())
        self._client.connect(
            self._url, headers={"Cookie": cookies}, namespaces=[NAMESPACE], transports=["websocket"], wait_timeout=30
        )
        self._thread.start()

    def close(self) -> Held:
        """Wait until there is no more news and the page has all of it, leave, and return what it holds."""
        while time.monotonic() - self._heard_at < QUIET_SECONDS:
            time.sleep(0.1)
        self._ending.set()
        self._wanted.set()
        self._thread.join(PATIENCE_SECONDS)
        self._client.disconnect()
        self._http.close()
        return self.held

    def _log_in(self) -> None:
        found = CSRF.search(self._http.get("/login").text)
        form = {"csrf_token": found[1] if found else "", "password": self._password, "name": self._name}
        entered = self._http.post("/login", data=form)
        while entered.status_code == 429:
            # Many who come at the same moment from one address are asked to wait, like somebody who guesses.
            time.sleep(float(entered.headers["Retry-After"]))
            entered = self._http.post("/login", data=form)
        if entered.status_code != 303:
            raise RuntimeError(f"the login was answered {entered.status_code}")

    def _hear(self, boot: str, number: int, *, after: int) -> None:
        with self._lock:
            held = self.held
            if held.heard >= 0 and (boot != held.boot or held.heard != after):
                held.gaps += 1
            held.boot, held.heard, self._heard_at = boot, number, time.monotonic()
        self._wanted.set()

    def _follow(self) -> None:
        while True:
            self._wanted.wait(10.0)
            self._wanted.clear()
            began = time.monotonic()
            self._fetch()
            took = time.monotonic() - began
            if self.held.number < self.held.heard:
                self._wanted.set()
            elif self._ending.is_set():
                return
            rest = min(max(SHORTEST_REST, took * REST_FOR_EACH_SECOND), LONGEST_REST) * random.uniform(0.8, 1.2)
            time.sleep(rest)

    def _fetch(self) -> None:
        with self._lock:
            position = f"{self.held.boot}:{self.held.heard}"
        self.held.fetches += 1
        self._keep(self._http.get("/", headers={NUMBER: position}))

    def _keep(self, answer: httpx.Response) -> None:
        if answer.status_code != 200:
            raise RuntimeError(f"the page was answered {answer.status_code}")
        boot, _, number = answer.headers[NUMBER].partition(":")
        with self._lock:
            self.held.boot, self.held.number, self.held.body = boot, int(number), answer.text


def main() -> int:
    """Open pages, say so, wait for the end of the input, and print what each holds as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page_client", description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--pages", type=int, required=True)
    parser.add_argument("--password", required=True)
    given = parser.parse_args()
    pages = [Page(given.url, given.password, f"page {number}") for number in range(given.pages)]
    for page in pages:
        page.open()
    print("open", flush=True)
    sys.stdin.read()
    with ThreadPoolExecutor(len(pages)) as threads:
        held = list(threads.map(Page.close, pages))
    json.dump([asdict(each) for each in held], sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
