"""Which events of the audit a person asks to see: the query of its address."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from domain.acts import HIGHEST_ID
from signals.feed_query import number_of
from signals.json_forms import digits
from signals.order_acts import ROWS, USUAL_ROWS, Rows, read_closed

Id = Annotated[int, BeforeValidator(number_of), digits(1, HIGHEST_ID)]


class AuditQuery(BaseModel):
    """Which events, the newest first. ``before``: an event's id, only those older than it."""

    model_config = ConfigDict(frozen=True)

    task: Id | None = Field(None, description="the id of a task, only what happened to it")
    before: Id | None = Field(None, description="the id of an event, to go on from it")
    limit: Rows = Field(USUAL_ROWS, description=ROWS)


def parse_audit(arguments: Mapping[str, Any], now: datetime) -> AuditQuery:
    """Return which events an address asks for. Raises InvalidSignal."""
    return read_closed(AuditQuery, arguments, now).model
