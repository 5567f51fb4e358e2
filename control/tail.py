"""The live feed in a terminal: what any process commits, as it happens."""

from __future__ import annotations

import logging
import queue
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

import orjson

from config.logs import masked
from control.desk import Answer, Command, Desk
from control.tail_texts import line_of
from control.words import Commands, whole
from database.events import EventListener
from database.queue import TaskQueue
from domain.checks import verdicts_told
from domain.json_text import json_text

MOST = 1_000_000
LONGEST = 7 * 86_400
TAIL = """\
Follow what happens, from every process of the service, until interrupted: signals, verdicts, orders, halts, what
persons do, accounts and their alerts. With --json one object a line. What happened before, or while the connection was
away, is in the record and not here.

examples:
  python -m control tail
  python -m control tail --trade 20251122_143000_BULLISH
  python -m control tail --json --seconds 60
"""


def add_tail(commands: Commands) -> None:
    """Add ``tail``."""
    tail = commands.add("tail", _tail, "follow what happens: signals, verdicts, orders, alerts", about=TAIL)
    tail.add_argument("--trade", metavar="TRADE_ID", help="of one trade alone")
    tail.add_argument("--events", type=whole(MOST), metavar="N", help="end after so many")
    tail.add_argument("--seconds", type=whole(LONGEST), metavar="N", help="end after so many seconds")


def _tail(typed: Namespace) -> Command:
    def run(desk: Desk) -> Answer:
        events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        listener = EventListener(
            desk.opened.direct_url,
            on_event=lambda text: events.put(orjson.loads(text)),
            on_connect=lambda: print("Listening.", file=sys.stderr, flush=True),
            logger=logging.getLogger("control.tail"),
        )
        results = TaskQueue(desk.database, worker="tail", lease=1.0)
        secrets = desk.settings.secrets()
        shown = 0
        listener.start()
        try:
            for event in _until(events, typed.seconds):
                if typed.trade is not None and event.get("trade_id") != typed.trade:
                    continue
                if event.get("event") == "task_finished":
                    event["verdicts"] = verdicts_told(event, results.result_of)
                text = json_text(event) if desk.in_json else line_of(event)
                print(masked(text, secrets), flush=True)
                shown += 1
                if shown == typed.events:
                    break
        except KeyboardInterrupt:
            # The usual end.
            pass
        finally:
            listener.stop()
        return Answer({}, None)

    return run


def _until(events: queue.SimpleQueue[dict[str, Any]], seconds: int | None) -> Iterator[dict[str, Any]]:
    until = None if seconds is None else time.monotonic() + seconds
    while until is None or time.monotonic() < until:
        try:
            # A wait without an end could not be interrupted.
            yield events.get(timeout=0.2)
        except queue.Empty:
            continue
