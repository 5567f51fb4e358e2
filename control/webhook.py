"""The service's own webhook, as a sender meets it."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from config.settings import Settings

PATH = "/api/automated-signals/webhook"
PATIENCE_SECONDS = 10.0


class NoService(Exception):
    """No service answers there."""


def webhook_of(settings: Settings, base: str | None = None) -> str:
    """Return the webhook's address with its secret: of the service on this machine, or at ``base``."""
    secret = settings.webhook_secret
    query = "" if secret is None else f"?token={urllib.parse.quote(secret)}"
    return f"{base or f'http://127.0.0.1:{settings.port}'}".rstrip("/") + PATH + query


def post(address: str, body: str) -> tuple[int, dict[str, Any]]:
    """Post a body and return the answer's status and content. Raises NoService."""
    request = urllib.request.Request(  # noqa: S310 - the owner's own service
        address, data=body.encode(), headers={"Content-Type": "text/plain"}, method="POST"
    )
    shown = address.partition("?")[0]
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
            return answer.status, _content(answer.read(), shown)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _content(error.read(), shown)
    except (urllib.error.URLError, TimeoutError) as error:
        why = getattr(error, "reason", error)
        raise NoService(f"no service answers at {shown} ({why}); start it with: make run") from None


def _content(body: bytes, shown: str) -> dict[str, Any]:
    try:
        return dict(json.loads(body))
    except (TypeError, ValueError):
        raise NoService(f"what answers at {shown} is not the service: it speaks no JSON") from None
