"""Drain no-op jobs with pgqueuer's own worker: its default batch of 10, on the event loop that ``pgq run`` uses.

``python pgqueuer_noop.py DRIVER DATABASE_URL WARM_UP JOBS PAYLOAD``, with ``psycopg`` or ``asyncpg`` as the driver,
makes its tables, lets the worker drain the warm-up and then the jobs, and prints how many of these succeeded and the
seconds from the first pick to the last success, by its own log.
"""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import asyncpg
import psycopg
import uvloop
from pgqueuer import PgQueuer, Queries

LOOK_SECONDS = 0.1
SPAN = """
SELECT count(*) FILTER (WHERE status = 'successful'),
       extract(epoch FROM max(created) FILTER (WHERE status = 'successful')
               - min(created) FILTER (WHERE status = 'picked'))::float
FROM pgqueuer_log WHERE job_id > %s
"""


async def nothing(job: Any) -> None:
    """Do nothing."""


async def worker_of(driver: str, url: str) -> PgQueuer:
    """Return a worker with a connection of its own."""
    if driver == "asyncpg":
        worker = PgQueuer.from_asyncpg_connection(await asyncpg.connect(url))
    else:
        worker = PgQueuer.from_psycopg_connection(await psycopg.AsyncConnection.connect(url, autocommit=True))
    worker.entrypoint("nothing")(nothing)
    return worker


async def drain(connection: Any, jobs: int, payload: str) -> int:
    """Store jobs, wait until the worker has done them, and return the last one's number."""
    async with connection.transaction():
        numbers = await Queries.from_psycopg_connection(connection).enqueue(
            ["nothing"] * jobs, [payload.encode()] * jobs, [0] * jobs
        )
        await connection.execute("ANALYZE")
    while (await (await connection.execute("SELECT EXISTS (SELECT FROM pgqueuer)")).fetchone())[0]:  # noqa: ASYNC110
        await asyncio.sleep(LOOK_SECONDS)
    return max(int(number) for number in numbers)


async def measured(driver: str, url: str, warm_up: int, jobs: int, payload: str) -> dict[str, Any]:
    """Return what was finished of the jobs and the seconds that it took. The worker still runs then."""
    connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
    await Queries.from_psycopg_connection(connection).install()
    worker = await worker_of(driver, url)
    running = asyncio.create_task(worker.run())
    last = await drain(connection, warm_up, payload)
    await drain(connection, jobs, payload)
    finished, seconds = await (await connection.execute(SPAN, [last])).fetchone()
    if running.done():
        running.result()
    return {"finished": finished, "seconds": seconds}


async def main() -> None:
    """Measure, print and end at once: stopping the worker in good order takes seconds."""
    driver, url, warm_up, jobs, payload = sys.argv[1:]
    print(json.dumps(await measured(driver, url, int(warm_up), int(jobs), payload)), flush=True)
    os._exit(0)


if __name__ == "__main__":
    uvloop.run(main())
