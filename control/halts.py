"""Halts: set, listed, released."""

from __future__ import annotations

from argparse import Namespace

from control import texts
from control.desk import Answer, Command, Desk
from control.words import Commands, add_limit, limit, one_of, read, row_id, signature
from database.halts import HaltRecord
from database.operator_desk import OperatorDesk
from domain.halt import HaltLevel, Scope

HALT = """\
Stop trading at once. When the command returns no entry of the scope leaves any more, from any process.
  entries  no entry goes out; exits do
  cancel   entries that are working are taken back, too
  flatten  everything is closed besides
"""


def add_halts(commands: Commands) -> None:
    """Add ``halt``, ``halts`` and ``release``."""
    halt = commands.add("halt", _halt, "stop trading at once", signed=True, about=HALT)
    halt.add_argument(
        "--scope",
        type=read(Scope.of),
        default=Scope(),
        help="ALL, a firm (APEX) or an account (APEX/1); ALL if not given",
    )
    halt.add_argument(
        "--level",
        type=one_of(HaltLevel),
        default=HaltLevel.ENTRIES,
        help="entries, cancel or flatten; entries if not given",
    )
    add_limit(commands.add("halts", _halts, "list halts, those in force first"))
    release = commands.add("release", _release, "release a halt", signed=True)
    release.add_argument("id", type=row_id)
    release.add_argument("--phrase", required=True, help="what releases it, such as RELEASE APEX; the halt has said it")


def _halt(typed: Namespace) -> Command:
    signed = signature(typed)

    def run(desk: Desk) -> Answer:
        row = OperatorDesk(desk.database, desk.settings.accounts).halt(typed.scope, typed.level, signed)
        return Answer({"status": "halted", **row}, texts.halted(row))

    return run


def _halts(typed: Namespace) -> Command:
    def run(desk: Desk) -> Answer:
        rows = HaltRecord(desk.database).listed(limit=limit(typed))
        return Answer({"halts": rows}, texts.halts(rows))

    return run


def _release(typed: Namespace) -> Command:
    signed = signature(typed)

    def run(desk: Desk) -> Answer:
        row = OperatorDesk(desk.database, desk.settings.accounts).release(typed.id, typed.phrase, signed)
        return Answer({"status": "released", **row}, texts.released(row))

    return run
