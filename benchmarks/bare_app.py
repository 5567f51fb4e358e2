"""The yardstick: the least a Flask endpoint can do that stores a body. One pooled insert, nothing is checked."""

from __future__ import annotations

import json

from flask import Flask, Response, jsonify, request

from config.settings import load_settings
from database.connection import Database
from database.statements import statements

PATH = "/bare"
TABLE = """
CREATE TABLE bare_bodies (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    body        JSONB NOT NULL,
    received_at TIMESTAMPTZ NOT NULL DEFAULT now()
)
"""
INSERT = "INSERT INTO bare_bodies (body) VALUES (%(body)s::jsonb) RETURNING id"


def create_app() -> Flask:
    """Return the endpoint, on the service's own pool with the service's own settings."""
    settings = load_settings()
    assert settings.database_url is not None
    # Registered among the service's statements, so that both run theirs through the same code.
    registered = statements()
    assert isinstance(registered, dict)
    registered["insert_bare_body"] = INSERT
    database = Database(settings.database_url, size=settings.database_pool_size, name="bare-endpoint")
    app = Flask(__name__, static_folder=None)

    @app.post(PATH)
    def bare() -> Response:
        stored = database.run("insert_bare_body", body=json.dumps(request.get_json()))
        return jsonify(status="accepted", id=stored[0]["id"])

    return app
