"""PostgreSQL's own programs for backups: which of those on this machine fit a server, and how they are run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from database.driver import told_apart
from database.embedded import bundled_folders

NEEDED = ("pg_dump", "pg_restore", "psql")
NAME = "execution-router-backup"
VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


class ProgramsMissing(Exception):
    """No pg_dump, pg_restore and psql are here that fit the server; the message says which version is needed."""


class ProgramFailed(Exception):
    """One of PostgreSQL's programs did not do it; the message is what it said."""


class Programs(NamedTuple):
    """A folder with all of them, and their major version."""

    major: int
    folder: Path

    def command(self, name: str, *arguments: str) -> list[str]:
        """Return the command line that runs one of them."""
        return [str(self.folder / name), *arguments]


def programs_here() -> list[Programs]:
    """Return what is on PATH and what came with the embedded PostgreSQL, the oldest version first, PATH before ours."""
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    return found_in([*folders, *bundled_folders()])


def found_in(folders: Iterable[Path]) -> list[Programs]:
    """Return the programs of each folder that has all of them, the oldest version first."""
    whole = [folder for folder in dict.fromkeys(folders) if all(_is_there(folder / name) for name in NEEDED)]
    versions = ((_major(folder / "pg_dump"), folder) for folder in whole)
    return sorted((Programs(major, folder) for major, folder in versions if major), key=lambda one: one.major)


def fitting(here: Iterable[Programs], server_major: int) -> list[Programs]:
    """Return those that may be used with a server of this major version, the best first. Raises ProgramsMissing.

    An older pg_dump refuses a newer server; of newer ones the nearest is the best, because what it writes may need as
    new a server to be read.
    """
    known = list(here)
    good = [one for one in known if one.major >= server_major]
    if not good:
        there = ", ".join(f"{one.major} in {one.folder}" for one in known) or "none"
        raise ProgramsMissing(
            f"the server is PostgreSQL {server_major}: pg_dump, pg_restore and psql of version {server_major} or newer "
            f"are needed, all in one folder on PATH (Debian: postgresql-client-{server_major}). Found: {there}"
        )
    return good


def address(url: str) -> tuple[str, dict[str, str]]:
    """Return what goes on a program's command line for a database, and its environment with the password.

    Raises StatementRefused for what is no address.
    """
    shown, secret = told_apart(url)
    return f"--dbname={shown}", {**os.environ, **secret, "PGAPPNAME": NAME, "PGCONNECT_TIMEOUT": "10"}


def said(command: list[str], environment: Mapping[str, str] | None = None) -> str:
    """Run a program and return its output. Raises ProgramFailed."""
    done = subprocess.run(command, env=environment, capture_output=True, check=False)  # noqa: S603 - found by us
    if done.returncode != 0:
        raise ProgramFailed(complaint(command[0], done.stderr))
    return done.stdout.decode("utf-8", "replace")


def complaint(program: str, told: bytes) -> str:
    """Return what a program complained about, without rows of data, which PostgreSQL quotes beside an error."""
    lines = told.decode("utf-8", "replace").splitlines()
    errors = [line.strip() for line in lines if re.search(r"\b(ERROR|FATAL|error|fatal):", line)]
    return " ".join(errors[:3]) or f"{Path(program).name} said nothing about why it failed"


def _is_there(program: Path) -> bool:
    return shutil.which(str(program)) is not None


def _major(program: Path) -> int:
    try:
        done = subprocess.run(  # noqa: S603 - a program on this machine's PATH
            [str(program), "--version"], capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = VERSION.search(done.stdout)
    return int(found[1]) if found else 0
