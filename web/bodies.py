"""The body of a request, read to its end and never beyond a limit."""

from __future__ import annotations

from flask import request
from gunicorn.http.errors import NoMoreData, ParseException
from werkzeug.exceptions import BadRequest

BODY_LIMIT = 64 * 1024
# A refused body is read to its end, up to this, so that the sender gets the answer instead of a reset.
DRAIN_LIMIT = 1024 * 1024


class BodyTooLarge(Exception):
    """The body is larger than BODY_LIMIT; ``beginning`` is what was read of it."""

    def __init__(self, beginning: bytes) -> None:
        super().__init__(f"the body is larger than {BODY_LIMIT} bytes")
        self.beginning = beginning


def request_body() -> bytes:
    """Return the current request's body. Raises BodyTooLarge, and BadRequest for chunks that are none."""
    try:
        body = request.stream.read(BODY_LIMIT + 1)
        if len(body) <= BODY_LIMIT:
            return body
        drained = len(body)
        while drained < DRAIN_LIMIT and (chunk := request.stream.read(BODY_LIMIT)):
            drained += len(chunk)
    except (ParseException, NoMoreData) as error:
        raise BadRequest(f"The body cannot be read: {error}. Nothing was stored.") from error
    raise BodyTooLarge(body)
