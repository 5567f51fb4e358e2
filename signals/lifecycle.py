"""The life of a trade in automated_signals: which words name which event, and which event makes which task."""

from __future__ import annotations

from enum import StrEnum

from domain.order import TaskEvent


class Lifecycle(StrEnum):
    """What happened to a trade, as stored in ``automated_signals``."""

    ENTRY = "ENTRY"
    MFE_UPDATE = "MFE_UPDATE"
    BE_TRIGGERED = "BE_TRIGGERED"
    EXIT_SL = "EXIT_SL"
    EXIT_BE = "EXIT_BE"
    EXIT_TP = "EXIT_TP"
    EXIT = "EXIT"


EVENT_WORDS: dict[str, Lifecycle] = {
    "SIGNAL_CREATED": Lifecycle.ENTRY,
    "ENTRY": Lifecycle.ENTRY,
    "ENTRY_SIGNAL": Lifecycle.ENTRY,
    "MFE_UPDATE": Lifecycle.MFE_UPDATE,
    "BE_TRIGGERED": Lifecycle.BE_TRIGGERED,
    "EXIT": Lifecycle.EXIT,
    "EXIT_SIGNAL": Lifecycle.EXIT,
    "EXIT_SL": Lifecycle.EXIT_SL,
    "EXIT_STOP_LOSS": Lifecycle.EXIT_SL,
    "EXIT_BE": Lifecycle.EXIT_BE,
    "EXIT_BREAK_EVEN": Lifecycle.EXIT_BE,
    "EXIT_TP": Lifecycle.EXIT_TP,
    "EXIT_TAKE_PROFIT": Lifecycle.EXIT_TP,
}

EXIT_WORDS: dict[str, Lifecycle] = {
    "SL": Lifecycle.EXIT_SL,
    "STOP_LOSS": Lifecycle.EXIT_SL,
    "BE": Lifecycle.EXIT_BE,
    "BREAK_EVEN": Lifecycle.EXIT_BE,
    "TP": Lifecycle.EXIT_TP,
    "TAKE_PROFIT": Lifecycle.EXIT_TP,
}

EXIT_TYPES: dict[Lifecycle, str] = {
    Lifecycle.EXIT_SL: "SL",
    Lifecycle.EXIT_BE: "BE",
    Lifecycle.EXIT_TP: "TP",
}


def task_event(lifecycle: Lifecycle) -> TaskEvent | None:
    """Return the task that an event makes; BE_TRIGGERED is only recorded and makes none."""
    match lifecycle:
        case Lifecycle.ENTRY:
            return TaskEvent.ENTRY
        case Lifecycle.MFE_UPDATE:
            return TaskEvent.MFE_UPDATE
        case Lifecycle.BE_TRIGGERED:
            return None
        case Lifecycle.EXIT | Lifecycle.EXIT_SL | Lifecycle.EXIT_BE | Lifecycle.EXIT_TP:
            return TaskEvent.EXIT
