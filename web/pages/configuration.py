"""What is configured: every problem with what to do about it, and what keeps each account from trading live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response

from config.arming import Armed, DryBecause, arming

if TYPE_CHECKING:
    from web.pages.site import Site


def add_configuration(routes: Blueprint, site: Site) -> None:
    """Add ``/configuration``. It is read once, when the service starts, and so is this page."""
    settings = site.settings
    shown: Mapping[str, Any] = {
        "errors": settings.errors,
        "warnings": settings.warnings,
        "arming": [(key, _why_dry(arming(key, settings))) for key in settings.accounts],
        "rule_sets": settings.rule_sets,
        "programs": {key: site.tracker.rules_of(key) for key in settings.accounts},
    }

    @routes.get("/configuration")
    def configuration() -> Response:
        return site.frame.show("configuration.html", lambda: shown)


def _why_dry(answer: Armed | DryBecause) -> tuple[str, ...]:
    return () if isinstance(answer, Armed) else answer.why
