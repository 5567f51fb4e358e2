"""``python -m database.psql``: open psql on the database of the service, embedded or not."""

from __future__ import annotations

import shutil
import subprocess
import sys

from config.settings import load_settings
from database.startup import open_database


def main() -> int:
    """Run psql on the service's database with this process's arguments; return its exit status."""
    opened = open_database(load_settings())
    program = shutil.which(opened.psql_program)
    if program is None:
        sys.stderr.write("psql is not installed; any PostgreSQL client can open DATABASE_URL\n")
        return 1
    return subprocess.call([program, opened.url, *sys.argv[1:]])  # noqa: S603 - the program found just above


if __name__ == "__main__":
    sys.exit(main())
