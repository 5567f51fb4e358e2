"""A PostgreSQL for drills: a copy of the tests' own that may be killed, frozen, filled and given another clock."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg2

from database.embedded import EmbeddedServer
from tests.processes import wait_until

SETTINGS = "fsync = off\nsynchronous_commit = on\nshared_buffers = 16MB\n"


def owner() -> str | None:
    """Return the user as whom PostgreSQL runs where we are root, which it refuses to be."""
    return "pgserver" if os.geteuid() == 0 else None


def copy_cluster(source: EmbeddedServer, folder: Path) -> None:
    """Copy a running server's data into ``folder``; its schema is in the database ``template_router``."""
    program = source.psql.parent / "pg_basebackup"
    subprocess.run(
        [program, "-d", source.url, "-D", folder, "-c", "fast", "--no-sync", "--no-manifest"], check=True, timeout=60
    )
    for left in (*folder.glob(".s.PGSQL*"), *folder.glob(".handle_pids*")):
        left.unlink()
    (folder / "postgresql.auto.conf").write_text(SETTINGS)
    (folder / "pg_hba.conf").write_text("local all all trust\nhost all all all trust\n")
    user = owner()
    if user is not None:
        account = pwd.getpwnam(user)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, account.pw_uid, account.pw_gid)


class Record:
    """What a database has on record, read anew each time."""

    def __init__(self, url: str) -> None:
        self.url = url

    def rows(self, text: str) -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(self.url, connect_timeout=2)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(text)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    def value(self, text: str) -> Any:
        return self.rows(text)[0][0]

    def answers(self) -> bool:
        try:
            self.rows("SELECT 1")
        except psycopg2.Error:
            return False
        return True


class Server(Record):
    """A server over ``folder``, reached by its socket; also by ``network_url`` where it was told to listen."""

    def __init__(self, programs: Path, folder: Path) -> None:
        super().__init__(f"postgresql://postgres:@/template_router?host={folder}")
        self._programs = programs
        self.folder = folder
        self._address = ""
        self._process: subprocess.Popen[bytes] | None = None
        self.network_url = ""

    def listen(self, address: str) -> None:
        """Also listen at an address, from its next start on."""
        self._address = address
        self.network_url = f"postgresql://postgres:@{address}:5432/template_router"

    def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Start it and wait until it answers; after a kill it waits until nothing of the old one is left."""

        def try_to() -> bool:
            if self._process is None or self._process.poll() is not None:
                self._launch(environment or {})
            return self.answers()

        wait_until(try_to, what=f"PostgreSQL to start; its log: {self.folder.parent / 'postgres.log'}", seconds=30)

    def stop(self) -> None:
        """End it as an administrator does who does not wait for clients (pg_ctl stop -m fast)."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill the postmaster; its children find out by themselves."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop every process: connections are taken by the kernel, and nobody says anything."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal_all(signal.SIGCONT)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.thaw()
            self._end(signal.SIGQUIT)
        shutil.rmtree(self.folder.parent, ignore_errors=True)

    def _launch(self, environment: Mapping[str, str]) -> None:
        command: list[str | Path] = [
            self._programs / "postgres",
            "-D",
            self.folder,
            "-k",
            self.folder,
            "-h",
            self._address,
        ]
        with (self.folder.parent / "postgres.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, user=owner(), env={**os.environ, **environment}, cwd=self.folder
            )

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(20)

    def _signal_all(self, number: signal.Signals) -> None:
        assert self._process is not None
        postmaster = self._process.pid
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for process in (postmaster, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(process, number)
