"""Who may see more than a webhook's answer: this machine itself, or the bearer of API_TOKEN."""

from __future__ import annotations

import hmac
import ipaddress

from flask import request

from config.settings import Settings

FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP")


def is_trusted(settings: Settings, token: str | None = None) -> bool:
    """Return whether the current request may see inside: a direct loopback request, or the right API_TOKEN."""
    return has_token(settings, token) or _is_loopback()


def has_token(settings: Settings, token: str | None = None) -> bool:
    """Return whether the current request bears API_TOKEN; ``token`` stands for its Authorization header."""
    if settings.api_token is None:
        return False
    bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
    given = bearer if token is None else token
    return hmac.compare_digest(given.encode("utf-8", "replace"), settings.api_token.encode())


def _is_loopback() -> bool:
    # A proxy on this machine makes every stranger look local, so a forwarded request is never local.
    if any(header in request.headers for header in FORWARDED) or request.remote_addr is None:
        return False
    try:
        return ipaddress.ip_address(request.remote_addr).is_loopback
    except ValueError:
        return False
