"""What the browser loads besides the page itself: our own files and two packages from npm, as they are, unbuilt.

Everything is served under one digest of all contents, so a browser may keep it for ever and a new version has new
addresses; files name each other by ``./name``.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from flask import Blueprint, Response, abort, request

REPOSITORY = Path(__file__).parents[2]
OWN = Path(__file__).parents[1] / "static" / "src"
PACKAGES = REPOSITORY / "node_modules"
# Our name of each package's file, and where the package keeps it.
FROM_NPM = {
    "socket.io.js": "socket.io-client/dist/socket.io.esm.min.js",
    "lightweight-charts.js": "lightweight-charts/dist/lightweight-charts.standalone.production.mjs",
}
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Asset:
    """One file."""

    content: bytes
    media_type: str

    @cached_property
    def packed(self) -> bytes:
        """The content packed, made when it is first asked for; without a time in it, so that it is always the same."""
        return gzip.compress(self.content, 9, mtime=0)


class Assets:
    """The files by name, read once. ``missing`` names the packages' files that are not installed."""

    def __init__(self, own: Path = OWN, packages: Path | None = None) -> None:
        found = {file.name: file for file in sorted(own.iterdir()) if file.suffix in TYPES}
        wanted = {name: (packages or PACKAGES) / place for name, place in FROM_NPM.items()}
        self.missing = tuple(name for name, file in wanted.items() if not file.is_file())
        found |= {name: file for name, file in wanted.items() if name not in self.missing}
        self._files: Mapping[str, Asset] = {name: _asset(file) for name, file in found.items()}
        digest = hashlib.sha256()
        for name in sorted(self._files):
            digest.update(name.encode() + b"\0" + self._files[name].content)
        self.digest = digest.hexdigest()[:16]

    def address(self, name: str) -> str:
        """Return the path under which a file is served. Raises KeyError for one that is not ours."""
        if name not in self._files and name not in FROM_NPM:
            raise KeyError(name)
        return f"/assets/{self.digest}/{name}"

    def routes(self) -> Blueprint:
        """Return the route that serves the files, to anybody: there is nothing of the owner in them."""
        routes = Blueprint("assets", __name__)

        @routes.get("/assets/<digest>/<name>")
        def asset(digest: str, name: str) -> Response:
            found = self._files.get(name)
            if found is None or digest != self.digest:
                abort(404)
            packed = "gzip" in request.headers.get("Accept-Encoding", "")
            answer = Response(found.packed if packed else found.content, mimetype=found.media_type)
            answer.headers["Cache-Control"] = FOR_EVER
            answer.headers["Vary"] = "Accept-Encoding"
            if packed:
                answer.headers["Content-Encoding"] = "gzip"
            return answer

        return routes


def _asset(file: Path) -> Asset:
    return Asset(content=file.read_bytes(), media_type=TYPES[_suffix(file)])


def _suffix(file: Path) -> str:
    return ".js" if file.suffix == ".mjs" else file.suffix
