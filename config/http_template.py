"""The JSON file that describes the calls of a platform reached over plain HTTP, as far as it matters here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpTemplate:
    """``carries_stop``: its ``capabilities`` say ``"brackets": true``; anything else counts as no."""

    path: Path
    carries_stop: bool

    def __str__(self) -> str:
        return str(self.path)


def read_http_template(text: str) -> HttpTemplate:
    """Return what the file at this path says. Raises ValueError where there is no such file or no JSON object in it."""
    path = Path(text.strip())
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read") from error
    if not isinstance(document, dict):
        raise ValueError(f"{path} is no JSON object")
    capabilities = document.get("capabilities")
    brackets = capabilities.get("brackets") if isinstance(capabilities, dict) else None
    return HttpTemplate(path=path, carries_stop=brackets is True)
