"""How a process uses the Python interpreter: its garbage collector, and whose turn it is."""

from __future__ import annotations

import gc
import sys

# Deciding makes many short-lived objects and no cycles: looking for garbage after each 700 finds none.
YOUNG_OBJECTS = 20_000
TURN_SECONDS = 0.0005


def settle_heap() -> None:
    """Call once all parts are made: they live as long as the process, and the collector never walks over them again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 50)


def take_short_turns() -> None:
    """Let a thread that has an answer from the database wait half a millisecond for the interpreter, not five.

    A batch is decided in one go while another thread records the one before; with long turns each of its few steps
    waits for its turn longer than it takes.
    """
    sys.setswitchinterval(TURN_SECONDS)
