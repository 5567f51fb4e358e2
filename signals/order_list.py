"""Which orders a person looks through: the query of the page's address."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from domain.halt import Scope
from domain.order_state import OrderState
from signals.account_fields import read
from signals.feed_query import number_of, scope_of, word_of
from signals.fields import TradeId
from signals.problem import FieldProblem, InvalidSignal


def _state(value: Any) -> OrderState:
    return OrderState(word_of(value))


class OrderList(BaseModel):
    """Which orders, the newest first. ``before``: an order's id, only those older than it."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    account: Annotated[Scope, BeforeValidator(scope_of)] = Field(
        Scope(), description="a firm such as APEX, or an account such as APEX/1"
    )
    state: Annotated[OrderState, BeforeValidator(_state)] | None = Field(
        None, description=f"one of {', '.join(OrderState)}"
    )
    trade: TradeId | None = Field(None, description="a trade's id, at most 255 printable characters")
    before: Annotated[int, BeforeValidator(number_of)] | None = Field(None, description="the id of an order")

    @property
    def filtered(self) -> bool:
        """Return whether it asks for some of them only."""
        return self.account != Scope() or self.state is not None or self.trade is not None


def parse_order_list(arguments: Mapping[str, Any], now: datetime) -> OrderList:
    """Return which orders an address asks for; a field that is empty asks for nothing. Raises InvalidSignal."""
    given = {name: text for name, text in arguments.items() if not isinstance(text, str) or text.strip()}
    body = read(OrderList, given, {name: (name,) for name in OrderList.model_fields}, now=now)
    if body.ignored:
        accepted = f"one of {', '.join(OrderList.model_fields)}"
        raise InvalidSignal(*(FieldProblem(field=name, given=None, accepted=accepted) for name in body.ignored[:20]))
    return body.model
