"""All that may be typed, put together from the families of commands, and what ``--help`` says of it."""

from __future__ import annotations

import argparse

from control.accounts import add_accounts
from control.alerts import add_alerts
from control.archives import add_archives
from control.audit import add_audit
from control.backups import add_backups
from control.configuration import add_configuration
from control.dead_letters import add_dead_letters
from control.differences import add_differences
from control.exports import add_exports
from control.halts import add_halts
from control.health import add_status
from control.orders import add_orders
from control.signals import add_signals
from control.tail import add_tail
from control.words import SHAPE, Commands

EXAMPLES = """\
examples:
  python -m control check                              python -m control status
  python -m control accounts                           python -m control account APEX/1
  python -m control tail                               python -m control audit
  python -m control signal --entry 16500 --stop 16475 --by anna --reason "is it up?"
  python -m control orders --open                      python -m control order 17
  python -m control deadletters                        python -m control deadletters show leg:34
  python -m control resolve 17 --outcome filled --filled 2 --price 16501.25 --by anna --reason "seen at the venue"
  python -m control deadletters retry leg:34 --by anna --reason "the venue is back"
  python -m control differences settle 3 --how accept --by anna --reason "my own position"
  python -m control halt --scope APEX --level entries --by anna --reason "news"
  python -m control release 2 --phrase "RELEASE APEX" --by anna --reason "news are out"
  python -m control export orders --since 2026-11-01   python -m control backup 2026-11-21.dump
  python -m control archive --older-than 90d
  python -m control restore 2026-11-21.dump --by anna --reason "the disk is gone"

Each command takes --help and, for machines, --json. It works on the database of this folder's settings.
exit status: 0 done, 1 refused (nothing was changed), amiss or no database, 2 not understood, 130 interrupted
"""
FAMILIES = (
    *(add_configuration, add_status, add_accounts, add_signals, add_tail),
    *(add_orders, add_dead_letters, add_differences, add_halts),
    *(add_audit, add_exports, add_archives, add_backups, add_alerts),
)


def command_parser() -> argparse.ArgumentParser:
    """Return the parser of ``python -m control``. What it parses has what makes the command in ``make``."""
    parser = argparse.ArgumentParser(
        prog="python -m control",
        description="Look after the service: see how it stands, decide what only a person can, keep its record.",
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
