"""A writer that commits task rows one by one. ``python -m benchmarks.writer`` is one of several processes.

It reads rounds from its input, a line each, and answers each with how many rows it committed.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time

from benchmarks.stage import Tables
from database.announcer import Announcer
from database.events import CHANNEL

# How a task is told: not at all, by an announcer as the product has it, or by each commit itself.
SILENT = "silent"
ANNOUNCED = "announced"
IN_COMMIT = "in each commit"

_INSERT = """
    INSERT INTO execution_tasks (trade_id, event_type, payload)
    VALUES (%(trade_id)s, 'ENTRY', '{"kind": "ENTRY", "direction": "LONG", "entry_price": 16500.25, "contracts": 1}')
    RETURNING
"""
_EVENT = "json_build_object('event', 'signal_stored', 'task_id', id, 'trade_id', trade_id)::text"
STATEMENTS = {
    SILENT: f"{_INSERT} id",
    ANNOUNCED: f"{_INSERT} {_EVENT}",
    IN_COMMIT: f"{_INSERT} pg_notify('{CHANNEL}', {_EVENT})",
}


def write(tables: Tables, announcer: Announcer, way: str, prefix: str, until: float) -> int:
    """Commit rows until this moment of ``time.time``; return how many."""
    statement, tells = STATEMENTS[way], way == ANNOUNCED
    written = 0
    while time.time() < until:
        [(returned,)] = tables.rows(statement, trade_id=f"{prefix}_{written}")
        written += 1
        if tells:
            announcer.announce([returned])
    return written


def main() -> int:
    """Serve rounds, each a line ``WAY|PREFIX|BEGIN|END`` with moments of ``time.time``, until the input ends."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.writer", description=__doc__)
    parser.add_argument("--url", required=True)
    tables = Tables(parser.parse_args().url)
    announcer = Announcer(tables.url, logger=logging.getLogger("writer"))
    announcer.start()
    print("ready", flush=True)
    for line in sys.stdin:
        way, prefix, begin, end = line.strip().split("|")
        time.sleep(max(0.0, float(begin) - time.time()))
        print(write(tables, announcer, way, prefix, float(end)), flush=True)
    announcer.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
