"""The archive: old finished trades moved there, and dropped from it for good."""

from __future__ import annotations

import textwrap
from argparse import Namespace

from control.desk import Answer, Command, Desk, Refused
from control.words import Commands
from database.archive import ABOUT, Done, Unfinished, add_options, carry_out, objection, told

EXAMPLES = """
examples:
  python -m control archive --older-than 90d --dry-run
  python -m control archive --older-than 90d
  python -m control archive --older-than 2y --drop
  python -m control archive --snapshots-older-than 1y
"""


def add_archives(commands: Commands) -> None:
    """Add ``archive``."""
    about = f"{textwrap.fill(ABOUT, 110)}\n{EXAMPLES}"
    add_options(commands.add("archive", _archive, "move old finished trades away, or drop them for good", about=about))


def _archive(typed: Namespace) -> Command:
    if (unclear := objection(typed)) is not None:
        raise ValueError(unclear)

    def run(desk: Desk) -> Answer:
        with desk.progress("Archive") as progress:
            try:
                done = carry_out(desk.slow_database, typed, progress.to)
            except Unfinished as error:
                raise Refused(str(error)) from error
        return Answer(_row(done), told(done), good=not done.stopped)

    return run


def _row(done: Done) -> dict[str, object]:
    would = done.prospect is not None or done.snapshots is not None
    return {
        "status": "stopped" if done.stopped else "dry_run" if would else "done",
        "verb": done.verb,
        "older_than": done.older_than,
        "tasks": done.tasks,
        "prospect": done.prospect,
        "months": list(done.months),
        "snapshots": done.snapshots,
    }
