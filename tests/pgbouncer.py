"""A real pgbouncer before the PostgreSQL of the tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.needed import leave_out
from tests.processes import free_port, wait_until

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def pgbouncer(database_url: str, mode: str, **settings: str) -> Iterator[str]:
    """Run pgbouncer in a mode; give the address under which ``database_url`` is reached through it."""
    if PROGRAM is None:
        leave_out("there is no pgbouncer here; Debian has it in the package of that name", unless="POOLER_REQUIRED")
    address = urlsplit(database_url)
    host, port = parse_qs(address.query)["host"][0], free_port()
    folder = Path(tempfile.mkdtemp(prefix="pgbouncer-"))
    folder.chmod(0o755)
    lines = {
        "listen_addr": "127.0.0.1",
        "listen_port": str(port),
        "unix_socket_dir": "",
        "auth_type": "trust",
        "auth_file": str(folder / "users"),
        "pool_mode": mode,
        "default_pool_size": "10",
        "query_wait_timeout": "5",
        **settings,
    }
    (folder / "users").write_text('"postgres" ""\n')
    (folder / "ini").write_text(
        "\n".join(
            ["[databases]", f"* = host={host}", "[pgbouncer]", *(f"{name} = {text}" for name, text in lines.items())]
        )
    )
    # It refuses to be root; whoever runs the server may use its socket.
    user = ["-u", Path(host).owner()] if os.getuid() == 0 else []
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([PROGRAM, *user, str(folder / "ini")], stdout=log, stderr=log)
    try:
        wait_until(lambda: _listens(port), what=f"pgbouncer: {(folder / 'log').read_text()}")
        yield f"postgresql://postgres@127.0.0.1:{port}{address.path}"
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
