"""Where the tests' own PostgreSQL servers keep their data."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
NEEDED_BYTES = 2 * 1024**3


def data_folder(name: str) -> Path:
    """Return a new folder for a server: in memory where there is room, because each test copies a whole database.

    Not under pytest's own temporary folder: as root the server runs as another user, who may not look in there.
    """
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= NEEDED_BYTES
    folder = Path(tempfile.mkdtemp(prefix=f"router-{name}-", dir=MEMORY if roomy else None))
    folder.chmod(0o755)
    return folder
