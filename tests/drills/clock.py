"""The time of day of a process that runs, shifted by a library that is loaded into it."""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

from tests.needed import leave_out


class ShiftedClock:
    """A shift in whole seconds for every process that is started with ``environment``; 0 at first."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            leave_out("shifting a process's clock takes a C compiler (cc)", unless="DRILLS_REQUIRED")
        library = folder / "clock_shift.so"
        source = Path(__file__).with_name("clock_shift.c")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
        shift = folder / "clock_shift"
        shift.write_bytes(struct.pack("q", 0))
        for path in (library, shift):
            path.chmod(0o755)
        self._file = shift.open("r+b")
        self._shift = mmap.mmap(self._file.fileno(), 8)
        self.environment: dict[str, Any] = {"LD_PRELOAD": str(library), "CLOCK_SHIFT": str(shift)}

    def jump(self, seconds: int) -> None:
        """Let the time of day be ``seconds`` from the true one; below 0: behind it."""
        self._shift[:] = struct.pack("q", seconds)

    def close(self) -> None:
        self._shift.close()
        self._file.close()
