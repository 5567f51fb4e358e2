"""``python -m config`` prints the effective configuration, ``python -m config rule-sets`` the rule sets there are."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

from config.printout import printout
from config.rule_printout import rule_set_table
from config.rule_sets import rule_set_book
from config.settings import load_settings

RULE_SETS = "rule-sets"


def main() -> int:
    """Print what was asked for and return the exit code: 1 where there are errors, 0 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m config", description="Show the effective configuration.")
    parser.add_argument("what", nargs="?", choices=(RULE_SETS,), help="list the rule sets that accounts may choose")
    today = datetime.now(UTC).date()
    if parser.parse_args().what == RULE_SETS:
        book = rule_set_book()
        print(rule_set_table(tuple(book.sets.values()), today), end="")
        for problem in book.problems:
            print(f"ERROR: {problem}")
        return 1 if book.problems else 0
    settings = load_settings(today=today)
    print(printout(settings, today), end="")
    return 1 if settings.errors else 0


if __name__ == "__main__":
    sys.exit(main())
