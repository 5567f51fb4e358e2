"""Tasks of many trades in one queue, stored by SQL: entries, exits in parts, excursions, mixed as a day mixes them."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.stage import Tables

# Of each trade: one entry, exits that each close a part, and news of how far it has run.
EXITS = 9
UPDATES = 40
OF_TRADE = 1 + EXITS + UPDATES
LOOK_SECONDS = 0.1

# A trade's entry comes at any time, the rest of it soon after: the first exits while the entry still waits or is in
# hand, the last ones long after it.
SCRIPT = """
    SELECT setseed(0.5);
    CREATE TABLE mixed_tasks (n BIGINT PRIMARY KEY, trade INTEGER, event_type TEXT, payload JSONB);
    INSERT INTO mixed_tasks
    SELECT row_number() OVER (ORDER BY moment, number), trade, event_type, CASE event_type
        WHEN 'ENTRY' THEN '{"kind": "ENTRY", "symbol": "NQ", "direction": "LONG", "entry_price": 16500.25,
                            "stop_loss": 16475.5, "contracts": 1, "session": "NY AM", "bias": "Bullish"}'
        WHEN 'EXIT' THEN '{"kind": "EXIT", "symbol": "NQ", "exit_type": "TP", "exit_price": 16520.5,
                           "exit_percent": 10, "final_be_mfe": 1.5, "final_no_be_mfe": 2.25}'
        ELSE '{"kind": "MFE_UPDATE", "symbol": "NQ", "be_mfe": 0.75, "no_be_mfe": 1.25, "current_price": 16510.25}'
        END::jsonb
    FROM (
        SELECT trade, number,
               CASE WHEN number = 0 THEN 'ENTRY' WHEN number <= %(exits)s THEN 'EXIT' ELSE 'MFE_UPDATE' END
                   AS event_type,
               began + CASE WHEN number = 0 THEN 0 ELSE random() ^ 2 * 0.02 END AS moment
        FROM (SELECT trade, random() AS began FROM generate_series(1, %(trades)s) trade) trades,
             generate_series(0, %(of_trade)s - 1) number
    ) AS told
"""


class MixedTasks:
    """The tasks of ``trades`` trades in their order, to be stored any number of times, each time as new trades."""

    def __init__(self, tables: Tables, trades: int) -> None:
        self._tables = tables
        self.count = trades * OF_TRADE
        tables.rows(SCRIPT, trades=trades, exits=EXITS, of_trade=OF_TRADE)

    def store(self, prefix: str, first: int = 1, last: int | None = None) -> int:
        """Store those from ``first`` to ``last`` (all) at once and wake the workers; return how many."""
        return self._stored(
            """
            SELECT %(prefix)s || '_' || trade, event_type, payload FROM mixed_tasks
            WHERE n BETWEEN %(first)s AND %(last)s ORDER BY n
            """,
            prefix=prefix,
            first=first,
            last=self.count if last is None else last,
        )

    def store_entries(self, prefix: str, count: int) -> int:
        """Store that many entries, of a trade each, at once and wake the workers; return how many."""
        return self._stored(
            """
            SELECT %(prefix)s || '_' || number, event_type, payload
            FROM (SELECT event_type, payload FROM mixed_tasks WHERE event_type = 'ENTRY' LIMIT 1) entry,
                 generate_series(1, %(count)s) number
            """,
            prefix=prefix,
            count=count,
        )

    def _stored(self, tasks: str, **values: Any) -> int:
        ((stored, _),) = self._tables.rows(
            f"""
            WITH stored AS (INSERT INTO execution_tasks (trade_id, event_type, payload) {tasks} RETURNING id)
            SELECT count(*), pg_notify('router_events', '{{"event": "signal_stored"}}') FROM stored
            """,
            **values,
        )
        return int(stored)


def wait_until_none_is_left(tables: Tables, seconds: float) -> None:
    """Wait until no task waits or is in hand. Looks seldom and cheaply: whoever drains needs the machine."""
    deadline = time.monotonic() + seconds
    while tables.value(
        "SELECT EXISTS (SELECT FROM execution_tasks WHERE status = 'PENDING')"
        " OR EXISTS (SELECT FROM execution_tasks WHERE status = 'PROCESSING')"
    ):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{tables.unfinished()} tasks are left after {seconds:.0f} s")
        time.sleep(LOOK_SECONDS)
