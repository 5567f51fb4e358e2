"""The configuration: what is in effect, and every problem in it."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime

from config.arming import Armed, arming
from config.printout import printout
from config.settings import Settings
from control.desk import Answer, Command, Desk
from control.words import Commands

CHECK = """\
Show the configuration that is in effect, where each value came from, which accounts are armed, and everything that is
wrong with it; exit status 1 where something is. The database is not asked. The same as: python -m config
"""


def add_configuration(commands: Commands) -> None:
    """Add ``check``."""
    commands.add("check", _check, "show the configuration in effect and every problem in it", about=CHECK)


def _check(_: Namespace) -> Command:
    def run(desk: Desk) -> Answer:
        settings = desk.settings
        text = printout(settings, datetime.now(UTC).date()).rstrip("\n")
        return Answer(_checked(settings), text, good=not settings.errors)

    return run


def _checked(settings: Settings) -> dict[str, object]:
    return {
        "status": "errors" if settings.errors else "ok",
        "mode": "dry-run" if settings.dry_run else "live",
        "example_configuration": settings.demonstration,
        "accounts": [
            {"account": str(account), "armed": isinstance(arming(account, settings), Armed)}
            for account in settings.accounts
        ],
        "errors": [str(problem) for problem in settings.errors],
        "warnings": [str(problem) for problem in settings.warnings],
    }
