"""The embedded PostgreSQL in a data folder of its own on a small disk: the disk is full, the server is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg2
import pytest

from database.embedded import EmbeddedServer
from tests.drills.burst import Burst, bursting, nothing_lost_or_doubled, until_decided
from tests.drills.conftest import Recovered
from tests.drills.server import Record, copy_cluster
from tests.needed import leave_out
from tests.processes import get, wait_until, web_process

MEGABYTES = 160
FULL_SECONDS = 3.0


@pytest.fixture
def small_disk() -> Iterator[Path]:
    if os.geteuid() != 0:
        leave_out("only root can mount a small disk", unless="DRILLS_REQUIRED")
    folder = Path(tempfile.mkdtemp(prefix="router-disk-"))
    size = f"size={MEGABYTES}m,mode=755"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], check=False, capture_output=True)
    if done.returncode != 0:
        folder.rmdir()
        leave_out(f"this machine mounts no small disk: {done.stderr.decode().strip()}", unless="DRILLS_REQUIRED")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)
    folder.rmdir()


class Ballast:
    """Fills a disk to its last block."""

    def __init__(self, disk: Path) -> None:
        self._file = disk / "ballast"

    def fill(self) -> None:
        with self._file.open("ab") as file:
            for block in (1 << 20, 1 << 12):
                with suppress(OSError):
                    while True:
                        os.posix_fallocate(file.fileno(), file.tell(), block)
                        file.seek(block, os.SEEK_CUR)

    def empty(self) -> None:
        self._file.unlink()


def use_up_log(record: Record) -> None:
    """Have the server begin new segments of its log until it finds no room for one, and dies of it."""
    with suppress(psycopg2.Error):
        for number in range(20):
            record.rows(f"SELECT pg_logical_emit_message(true, 'drill', 'segment {number}'), pg_switch_wal()")


def test_embedded_database_comes_back_by_itself(
    postgres: EmbeddedServer, small_disk: Path, tmp_path: Path, recovered: Recovered
) -> None:
    """Disk full: what cannot be stored is answered with 503, never with 500 and never half stored.

    Where the server's log finds no room either, the server ends, and cannot start while the disk is full. The web
    process starts it again by itself once there is room, and also after it was killed. What was accepted is decided.
    """
    copy_cluster(postgres, small_disk / "postgres")
    record = Record(f"postgresql://postgres:@/postgres?host={small_disk / 'postgres'}")
    ballast = Ballast(small_disk)
    with (
        web_process(None, tmp_path / "web.log", DATA_DIR=str(small_disk)) as web,
        bursting(Burst(lambda: web.url)) as burst,
    ):
        burst.until_accepted_after(time.monotonic())
        ballast.fill()
        use_up_log(record)
        full = time.monotonic()
        wait_until(lambda: burst.refused_after(full) > 3, what="signals that cannot be stored")
        time.sleep(FULL_SECONDS)
        assert get(f"{web.url}/healthz")[0] == 200, "the process lives"
        assert not record.answers()
        for name, mend in (
            ("disk full", ballast.empty),
            ("embedded database killed", lambda: kill_postmaster(small_disk, record)),
        ):
            mend()
            mended = time.monotonic()
            recovered(f"{name}, webhook accepts", burst.until_accepted_after(mended))
            until_decided(record, burst.accepted()[-1:])
            recovered(f"{name}, router decides", time.monotonic() - mended)
        burst.stop()
        until_decided(record, burst.accepted())
        assert burst.statuses() == {200, 503}
        nothing_lost_or_doubled(record, burst.accepted())
        assert web.process.poll() is None


def kill_postmaster(disk: Path, record: Record) -> None:
    os.kill(int((disk / "postgres" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    wait_until(lambda: not record.answers(), what="the killed server's children to end")
