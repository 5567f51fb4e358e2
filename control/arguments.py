"""All that may be typed, put together from the families of commands, and what ``--help`` says of it."""

from __future__ import annotations

import argparse

from control.audit import add_audit
from control.backups import add_backups
from control.dead_letters import add_dead_letters
from control.differences import add_differences
from control.halts import add_halts
from control.orders import add_orders
from control.words import SHAPE, Commands

EXAMPLES = """\
examples:
  python -m control orders --open
  python -m control orders --account APEX/1 --state UNRESOLVED
  python -m control order 17
  python -m control resolve 17 --outcome filled --filled 2 --price 16501.25 --by anna --reason "seen at the venue"
  python -m control deadletters
  python -m control deadletters retry leg:34 --by anna --reason "the venue is back"
  python -m control differences settle 3 --how accept --by anna --reason "my own position"
  python -m control halt --scope APEX --level entries --by anna --reason "news"
  python -m control release 2 --phrase "RELEASE APEX" --by anna --reason "news are out"

exit status: 0 done, 1 refused (nothing was changed) or no database, 2 not understood
"""
FAMILIES = (add_orders, add_dead_letters, add_differences, add_halts, add_audit, add_backups)


def command_parser() -> argparse.ArgumentParser:
    """Return the parser of ``python -m control``. What it parses has what makes the command in ``make``."""
    parser = argparse.ArgumentParser(
        prog="python -m control",
        description="Look after orders, dead letters, differences and halts.",
        epilog=EXAMPLES,
        formatter_class=SHAPE,
    )
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="answer in JSON, for machines")
    signed = argparse.ArgumentParser(add_help=False, parents=[shared])
    signed.add_argument("--by", required=True, metavar="NAME", help="who does it")
    signed.add_argument("--reason", required=True, metavar="TEXT", help="why; it stays on record")
    commands = Commands(parser.add_subparsers(dest="command", metavar="COMMAND", required=True), shared, signed)
    for add in FAMILIES:
        add(commands)
    return parser
