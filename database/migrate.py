"""``python -m database.migrate``: bring the schema up to date, as the role that ``DATABASE_URL`` names."""

from __future__ import annotations

import sys

from config.settings import load_settings
from database.connection import Database, DatabaseUnavailable, StatementRefused
from database.migrations import SchemaChanged, migrate
from database.startup import open_database


def main() -> int:
    """Apply what is missing, print the files and return the exit status: 1 where it could not be done."""
    database = Database(open_database(load_settings()).direct_url, size=1, statement_timeout=0)
    try:
        applied = migrate(database)
    except (DatabaseUnavailable, StatementRefused, SchemaChanged) as error:
        sys.stderr.write(f"The schema was left as it was: {error}\n")
        return 1
    finally:
        database.close()
    sys.stdout.write(f"Applied: {', '.join(applied) or 'nothing, all is in place'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
