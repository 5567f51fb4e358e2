"""Drain no-op jobs with procrastinate's own worker, two at a time.

``python procrastinate_noop.py DATABASE_URL WARM_UP JOBS PAYLOAD`` makes its tables, drains the warm-up, then the jobs,
and prints how many of these succeeded and the seconds from the first start to the last success, by its own events.
"""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import procrastinate
import psycopg

CONCURRENCY = 2
SPAN = """
SELECT count(*) FILTER (WHERE type = 'succeeded'),
       extract(epoch FROM max(at) FILTER (WHERE type = 'succeeded') - min(at) FILTER (WHERE type = 'started'))::float
FROM procrastinate_events WHERE job_id > %s
"""


async def nothing(payload: str) -> None:
    """Do nothing."""


async def drain(app: Any, noop: Any, url: str, jobs: int, payload: str) -> int:
    """Store jobs, let the worker do them, and return the last one's number."""
    numbers = await noop.batch_defer_async(*({"payload": payload} for _ in range(jobs)))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE")
    await app.run_worker_async(concurrency=CONCURRENCY, wait=False, install_signal_handlers=False)
    return int(max(numbers))


async def measured(url: str, warm_up: int, jobs: int, payload: str) -> dict[str, Any]:
    """Return what was finished of the jobs and the seconds that it took."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url))
    noop = app.task(name="nothing")(nothing)
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        last = await drain(app, noop, url, warm_up, payload)
        await drain(app, noop, url, jobs, payload)
    with psycopg.connect(url) as connection:
        finished, seconds = connection.execute(SPAN, [last]).fetchone()
    return {"finished": finished, "seconds": seconds}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measured(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))))
