"""``python -m control``: looks after the service on its database, while it runs or not."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from types import FrameType

from config.logs import masked
from config.settings import Settings, load_settings
from control.arguments import command_parser
from control.desk import Desk, Refused
from database.connection import DatabaseUnavailable, StatementRefused
from database.halts import WrongPhrase
from database.operator_acts import NotKnown, NotPossible
from database.replay import NotReplayable
from domain.json_text import json_text, with_times

DONE, REFUSED, STOPPED = 0, 1, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments ask and return the exit status.

    0 done, 1 refused, amiss or no database, 2 not understood, 130 stopped by a signal.
    """
    parser = command_parser()
    typed = parser.parse_args(arguments)
    try:
        command = typed.make(typed)
    except ValueError as error:
        parser.error(str(error))
    in_json = getattr(typed, "json", False)
    settings = load_settings()
    try:
        with Desk(settings, in_json=in_json) as desk:
            answer = command(desk)
    except (NotKnown, NotPossible, NotReplayable, WrongPhrase, Refused, OSError) as error:
        return _refused(settings, str(error), code="refused", in_json=in_json)
    except DatabaseUnavailable as error:
        return _refused(settings, f"the database cannot be reached: {error}", code="no_database", in_json=in_json)
    except StatementRefused as error:
        return _refused(settings, f"the database refused it: {error}", code="database_refused", in_json=in_json)
    except KeyboardInterrupt:
        return STOPPED
    if answer.text is not None:
        text = json_text(with_times(dict(answer.data))) if in_json else answer.text
        print(masked(text, settings.secrets()))
    return DONE if answer.good else REFUSED


def _refused(settings: Settings, message: str, *, code: str, in_json: bool) -> int:
    if in_json:
        print(masked(json_text({"status": "error", "code": code, "message": message}), settings.secrets()))
    else:
        print(masked(f"Refused: {message}", settings.secrets()), file=sys.stderr)
    return REFUSED


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    # So that what is half done is put away, as at a keyboard's interrupt.
    signal.signal(signal.SIGTERM, _interrupted)
    sys.exit(main())
