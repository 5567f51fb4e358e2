"""Sending one order to ProjectX, once, and reading what became of it when the answer is a no."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.platforms.projectx_answers import PLACE, Kind, Refusal, refusal, report_of
from connectors.platforms.projectx_orders import Orders
from connectors.platforms.projectx_session import Call
from connectors.venue import NotSent, OrderReport, Unclear
from domain.order_state import OrderState

# How far back the first order of a tag is looked for that is in use already: longer than a signal is ever repeated.
FIRST_ORDER_WITHIN = timedelta(days=7)


def contracts(quantity: Decimal) -> int:
    """Return a quantity as the whole number that the venue takes. Raises NotSent, final where it is none above 0."""
    if quantity != quantity.to_integral_value() or quantity <= 0:
        raise NotSent(f"{quantity} is no number of contracts", final=True)
    return int(quantity)


def market_order(account_id: int, contract_id: str, side: int, size: int, tag: str) -> dict[str, Any]:
    """Return the body of a market order."""
    return {
        "accountId": account_id,
        "contractId": contract_id,
        "type": int(Kind.MARKET),
        "side": side,
        "size": size,
        "customTag": tag,
    }


class Placing:
    """Orders that go out under a tag. A tag is taken once for all time, by a refused order too."""

    def __init__(self, call: Call, orders: Orders) -> None:
        self._call = call
        self._orders = orders

    def send(self, body: Mapping[str, Any]) -> OrderReport:
        """Send an order. Reports ACCEPTED, REJECTED, or what became of the order that had the tag before.

        Raises NotSent and Unclear as ``LiveVenue`` says; OrderPending and UnknownError are unclear.
        """
        reply = self._call(PLACE, body)
        refused = refusal(PLACE, reply)
        if refused is not None:
            return self._refused(body, refused)
        order_id = reply.fields.get("orderId")
        if not isinstance(order_id, int):
            raise Unclear("the venue took the order and told no number for it", reply.fields)
        return OrderReport(
            state=OrderState.ACCEPTED, order_id=str(order_id), client_order_id=body["customTag"], raw=reply.fields
        )

    def _refused(self, body: Mapping[str, Any], refused: Refusal) -> OrderReport:
        """Report a refusal as what it is.

        OrderRejected stands for every rule, a tag that is in use among them, and by one report an entry was filled
        although brackets were refused with it. So the order is looked up. Where the venue gave it a number, or says
        that the tag is in use, there is an order: not finding it is no proof that nothing is open.
        """
        rejected = OrderReport(
            state=OrderState.REJECTED,
            order_id=refused.order_id,
            client_order_id=body["customTag"],
            message=str(refused),
            raw=refused.raw,
        )
        if refused.name != "OrderRejected":
            return rejected
        try:
            found = self._look(body["accountId"], body["customTag"], refused)
        except (NotSent, Unclear) as error:
            raise Unclear(
                f"{refused}; whether the order exists could not be looked up: {error}", refused.raw
            ) from error
        if found is not None:
            return found
        if refused.tag_in_use or refused.order_id is not None:
            raise Unclear(f"{refused}; yet the order is not on the venue's record", refused.raw)
        return rejected

    def _look(self, account_id: int, tag: str, refused: Refusal) -> OrderReport | None:
        since = datetime.now(UTC) - (FIRST_ORDER_WITHIN if refused.tag_in_use else timedelta(0))
        for _ in self._orders.looks():
            # The number that comes with a tag in use may be the refused order's own, not the first one's.
            row = self._orders.find(account_id, tag, since, None if refused.tag_in_use else refused.order_id)
            if row is not None:
                report = report_of(row)
                no = str(refused) if report.state is OrderState.REJECTED else f"refused as {refused}, and on record"
                return report_of(row, no)
        return None
