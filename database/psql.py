"""``python -m database.psql``: open psql on the database of the service, embedded or not."""

from __future__ import annotations

import subprocess
import sys

from config.settings import load_settings
from database.embedded import bundled_psql
from database.startup import open_database


def main() -> int:
    """Run psql on the service's database with this process's arguments; return its exit status."""
    opened = open_database(load_settings())
    return subprocess.call([str(bundled_psql()), opened.url, *sys.argv[1:]])  # noqa: S603 - the program we ship


if __name__ == "__main__":
    sys.exit(main())
