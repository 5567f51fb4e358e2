"""The garbage collector's work, kept away from what decides and answers."""

from __future__ import annotations

import gc

# Deciding makes many short-lived objects and no cycles: looking for garbage after each 700 finds none.
YOUNG_OBJECTS = 20_000


def settle_heap() -> None:
    """Call once all parts are made: they live as long as the process, and the collector never walks over them again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 50)
