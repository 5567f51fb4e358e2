"""Resident memory of processes, sampled while something else goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

PAGE_BYTES = 4096


def resident_bytes(pid: int) -> int:
    """Return what a process and its children have resident; pages that they share count for each."""
    pids = [pid, *(int(child) for child in _children(pid))]
    pages = sum(int(Path(f"/proc/{each}/statm").read_text(encoding="ascii").split()[1]) for each in pids)
    return pages * PAGE_BYTES


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()


@contextmanager
def sampled(pids: Mapping[str, int], every: float) -> Iterator[dict[str, list[int]]]:
    """Sample processes by name every so many seconds while the block runs; gives the bytes so far."""
    samples: dict[str, list[int]] = {name: [] for name in pids}
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for name, pid in pids.items():
                samples[name].append(resident_bytes(pid))
            done.wait(every)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield samples
    finally:
        done.set()
        thread.join()
