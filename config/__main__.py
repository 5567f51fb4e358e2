"""``python -m config`` prints the effective configuration, ``python -m config rule-sets`` the rule sets there are,
``python -m config hash-password`` the hash of a password.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from datetime import UTC, datetime

from werkzeug.security import generate_password_hash

from config.passwords import SHORTEST_PASSWORD
from config.printout import printout
from config.rule_printout import rule_set_table
from config.rule_sets import rule_set_book
from config.settings import load_settings

RULE_SETS, HASH_PASSWORD = "rule-sets", "hash-password"


def main() -> int:
    """Print what was asked for and return the exit code: 1 where there are errors, 0 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m config", description="Show the effective configuration.")
    parser.add_argument(
        "what",
        nargs="?",
        choices=(RULE_SETS, HASH_PASSWORD),
        help="list the rule sets that accounts may choose; or ask for a password and print its hash",
    )
    today = datetime.now(UTC).date()
    what = parser.parse_args().what
    if what == HASH_PASSWORD:
        return _hash_password()
    if what == RULE_SETS:
        book = rule_set_book()
        print(rule_set_table(tuple(book.sets.values()), today), end="")
        for problem in book.problems:
            print(f"ERROR: {problem}")
        return 1 if book.problems else 0
    settings = load_settings(today=today)
    print(printout(settings, today), end="")
    return 1 if settings.errors else 0


def _hash_password() -> int:
    """Read a password twice without showing it, or once from a pipe, and print its hash for ADMIN_PASSWORD_HASH."""
    asked = sys.stdin.isatty()
    text = getpass.getpass("Password: ") if asked else sys.stdin.readline().rstrip("\r\n")
    if len(text.strip()) < SHORTEST_PASSWORD:
        print(f"The password has to have at least {SHORTEST_PASSWORD} characters.", file=sys.stderr)
        return 1
    if asked and getpass.getpass("Again: ") != text:
        print("The two are not the same.", file=sys.stderr)
        return 1
    print(generate_password_hash(text.strip()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
