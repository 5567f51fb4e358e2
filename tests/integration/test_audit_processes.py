"""Sealers in processes of their own, two at once, killed at work."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

from database.audit_chain import AuditChain
from database.connection import Database
from tests.audits import decide, tally_of, waiting
from tests.conftest import Sql
from tests.processes import sealer_process, wait_until

KILLS = 3


def test_sealers_that_fight_and_are_killed_at_work_leave_one_whole_chain(
    database_url: str, database: Database, sql: Sql, tmp_path: Path
) -> None:
    with ExitStack() as running:
        steady = tmp_path / "steady"
        running.enter_context(sealer_process(database_url, steady, 7))
        for number in range(KILLS):
            log = tmp_path / f"killed-{number}"
            killed = running.enter_context(sealer_process(database_url, log, 11))
            wait_until(log.exists, what="the process to start")
            deadline = time.monotonic() + 20
            while log.read_text().count("sealed") < 5 + number and time.monotonic() < deadline:
                decide(sql, 3)
                # Not faster than two who fight can seal.
                time.sleep(0.03)
            decide(sql, 60)
            killed.kill()
            killed.wait()
        wait_until(lambda: waiting(sql) == 0, what="the other to seal the rest", seconds=60)
        assert steady.read_text().count("sealed") > 0
    events = sql("SELECT count(*) FROM audit_events")[0]["count"]
    tally = tally_of(database)
    assert (tally.sealed, tally.unsealed) == (events, 0)
    assert AuditChain(database).head() == tally.head
