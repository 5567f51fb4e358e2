"""One request that waits for what the venue says to it."""

from __future__ import annotations

import queue
import time
from dataclasses import dataclass, field

from connectors.platforms.ctrader_wire import REFUSALS, Fields, Frame, Message, OrderType, choice, part, text, whole
from connectors.venue import Unclear


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """The order that a request is about: ``tag`` its client order id, ``order_id`` its number, where they are known.

    ``closing``: whether the request makes a closing order. An answer to it may be news of the position's protective
    order, too; that is no news of the order itself.
    """

    account: int
    tag: str | None = None
    order_id: int | None = None
    closing: bool = False


@dataclass(slots=True)
class Waiter:
    """Frames that answer one request, in order. ``id``: the ``clientMsgId`` it was sent with."""

    id: str
    watched: Watched | None = None
    _order_ids: set[int] = field(default_factory=set)
    _frames: queue.SimpleQueue[Frame | None] = field(default_factory=queue.SimpleQueue)

    def takes(self, frame: Frame) -> bool:
        """Return whether a frame is for this request, and remember the number that its order was given."""
        answers = frame.client_msg_id == self.id
        if frame.type == Message.ORDER_ERROR_EVENT:
            return answers or whole(frame.payload, "orderId", 0) in self._order_ids
        if frame.type != Message.EXECUTION_EVENT:
            return answers
        if self.watched is None or not self._same_account(frame):
            return False
        order = part(frame.payload, "order")
        if not order:
            return answers
        number = whole(order, "orderId")
        if not (self._known(number, order) or (answers and self._first(order))):
            return False
        self._order_ids.add(number)
        return True

    def deliver(self, frame: Frame | None) -> None:
        """Hand a frame over; None where nothing will come any more."""
        self._frames.put(frame)

    def next(self, deadline: float) -> Frame:
        """Return the next frame. Raises Unclear at ``deadline`` (monotonic) and where the connection was lost."""
        try:
            frame = self._frames.get(timeout=max(deadline - time.monotonic(), 0))
        except queue.Empty:
            raise Unclear("no answer in time") from None
        if frame is None:
            raise Unclear("the connection was lost before the answer")
        return frame

    def _same_account(self, frame: Frame) -> bool:
        return self.watched is not None and whole(frame.payload, "ctidTraderAccountId", -1) == self.watched.account

    def _known(self, number: int, order: Fields) -> bool:
        if self.watched is None:
            return False
        tagged = self.watched.tag is not None and text(order, "clientOrderId") == self.watched.tag
        return tagged or number == self.watched.order_id or number in self._order_ids

    def _first(self, order: Fields) -> bool:
        if self.watched is None or self.watched.order_id is not None or self._order_ids:
            return False
        closing = bool(order.get("closingOrder", False))
        return closing is self.watched.closing and choice(OrderType, order, "orderType") is OrderType.MARKET


def is_refusal(frame: Frame) -> bool:
    """Return whether a frame says no."""
    return frame.type in REFUSALS
