"""Every error as JSON, and no token of a path in any log."""

from __future__ import annotations

import logging

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed


def install_error_answers(app: Flask, logger: logging.Logger) -> None:
    """Answer unknown paths, wrong methods and faults of ours in JSON."""

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> tuple[Response, int]:
        answer = jsonify(
            status="error", code=(error.name or "error").lower().replace(" ", "_"), message=error.description
        )
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            answer.headers["Allow"] = ", ".join(error.valid_methods)
        return answer, error.code or 500

    @app.errorhandler(Exception)
    def fault(error: Exception) -> tuple[Response, int]:
        # The rule, not the path: the path may end in a token.
        rule = "unknown" if request.url_rule is None else request.url_rule.rule
        logger.error("Request to %s failed", rule, exc_info=error, extra={"event": "request_failed"})
        answer = jsonify(
            status="error",
            code="internal_error",
            message="The request failed on our side; the log has the reason.",
        )
        return answer, 500
