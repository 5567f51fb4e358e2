"""The route that shows the document."""

from __future__ import annotations

from functools import cache

from flask import Blueprint, Response, current_app

from domain.json_text import json_text
from web.openapi.document import document


def openapi_routes() -> Blueprint:
    """Return ``/api/openapi.json``; the document is made once for an application, when it is first asked for."""
    routes = Blueprint("openapi", __name__)

    @cache
    def text() -> str:
        return json_text(document(current_app))

    @routes.get("/api/openapi.json")
    def openapi() -> Response:
        return Response(text(), mimetype="application/json")

    return routes
