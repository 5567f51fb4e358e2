"""``python -m control``: looks after orders on the service's database, while the service runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from config.logs import masked
from config.settings import Settings, load_settings
from control.arguments import command_parser
from control.commands import Answer, Command, command_of
from database.connection import Database, DatabaseUnavailable, StatementRefused
from database.halts import WrongPhrase
from database.operator_acts import NotKnown, NotPossible
from database.replay import NotReplayable
from database.startup import open_database
from domain.json_text import json_text, with_times

DONE, REFUSED = 0, 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments ask and return the exit status: 0 done, 1 refused or no database, 2 not understood."""
    parser = command_parser()
    typed = parser.parse_args(arguments)
    try:
        command = command_of(typed)
    except ValueError as error:
        parser.error(str(error))
    in_json = getattr(typed, "json", False)
    settings = load_settings()
    try:
        answer = _run(command, settings)
    except (NotKnown, NotPossible, NotReplayable, WrongPhrase) as error:
        return _refused(settings, str(error), code="refused", in_json=in_json)
    except DatabaseUnavailable as error:
        return _refused(settings, f"the database cannot be reached: {error}", code="no_database", in_json=in_json)
    except StatementRefused as error:
        return _refused(settings, f"the database refused it: {error}", code="database_refused", in_json=in_json)
    text = json_text(with_times(dict(answer.data))) if in_json else answer.text
    print(masked(text, settings.secrets()))
    return DONE if answer.good else REFUSED


def _run(command: Command, settings: Settings) -> Answer:
    try:
        opened = open_database(settings)
    except (OSError, RuntimeError) as error:
        raise DatabaseUnavailable(str(error)) from error
    database = Database(opened.url, size=2, name="execution-router-control")
    try:
        return command(database, settings.accounts)
    finally:
        database.close()


def _refused(settings: Settings, message: str, *, code: str, in_json: bool) -> int:
    if in_json:
        print(masked(json_text({"status": "error", "code": code, "message": message}), settings.secrets()))
    else:
        print(masked(f"Refused: {message}", settings.secrets()), file=sys.stderr)
    return REFUSED


if __name__ == "__main__":
    sys.exit(main())
