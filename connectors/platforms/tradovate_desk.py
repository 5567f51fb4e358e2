"""What changes something at Tradovate: an order placed or cancelled, a position liquidated. Each is sent once."""

from __future__ import annotations

from typing import Any

from connectors.platforms.tradovate_records import Held, TradovateRecords
from connectors.platforms.tradovate_wire import CLEAR_REFUSALS, FINAL, Account, OrderRecord, Refusal, refusal_of
from connectors.venue import NotSent, OrderReport, Unclear
from domain.order_state import OrderState

CANCEL = "/order/cancelorder"
MODIFY = "/order/modifyorder"
LIQUIDATE = "/order/liquidateposition"
AGAIN_AFTER = 1.0


class TradovateDesk:
    """Orders, sent with ``records``' session and under its rate limit."""

    def __init__(self, records: TradovateRecords) -> None:
        self._records = records

    def place(self, path: str, body: dict[str, Any]) -> OrderReport:
        """Send an order and read the answer, which refuses with HTTP 200 too.

        An answer that names both an order and a refusal, as when the entry stands and its stop does not, is settled by
        reading that order.
        """
        reply = self._records.post(path, body)
        tag = str(body["clOrdId"])
        if reply.status in CLEAR_REFUSALS:
            told = f"HTTP {reply.status}: {self._records.short(reply.body)}"
            return OrderReport(state=OrderState.REJECTED, order_id=None, client_order_id=tag, message=told)
        if reply.status != 200 or not isinstance(reply.body, dict):
            raise Unclear(f"{path}: HTTP {reply.status}: {self._records.short(reply.body)}", {"status": reply.status})
        refusal, number = refusal_of(reply.body), reply.body.get("orderId")
        if refusal is None and number is not None:
            return OrderReport(state=OrderState.ACCEPTED, order_id=str(number), client_order_id=tag, raw=reply.body)
        if refusal is not None and number is None and not refusal.doubtful:
            return OrderReport(
                state=OrderState.REJECTED, order_id=None, client_order_id=tag, message=refusal.text, raw=reply.body
            )
        told = refusal.text if refusal else "neither an order nor a refusal"
        record = self._after_all(number, told)
        if record is None:
            raise Unclear(f"{path}: {told}", reply.body)
        return record.report(tag, told)

    def cancel(self, number: int) -> Refusal | None:
        """Ask for an order to be cancelled; return why Tradovate would not, None where it took the command."""
        return self._command(CANCEL, {"orderId": number, "isAutomated": True})

    def modify(self, body: dict[str, Any]) -> Refusal | None:
        """Ask for an order to be changed; return why Tradovate would not, None where it took the command."""
        return self._command(MODIFY, {**body, "isAutomated": True})

    def cancel_unless_over(self, number: int) -> None:
        """Ask for an order to be cancelled. Raises NotSent where it is refused and the order goes on."""
        refusal = self.cancel(number)
        if refusal is None:
            return
        order = self._records.item("/order/item", number)
        if order is not None and order.get("ordStatus") not in FINAL:
            raise NotSent(f"order {number} cannot be cancelled: {refusal.text}", retry_after=AGAIN_AFTER)

    def liquidate(self, account: Account, held: Held) -> None:
        """Let Tradovate cancel the orders of a contract and close the position. Raises NotSent where it refuses."""
        body = {"accountId": account.id, "contractId": held.contract_id, "admin": False, "isAutomated": True}
        refusal = self._command(LIQUIDATE, body)
        if refusal is not None:
            told = f"the position of {held.net} {held.symbol} cannot be closed: {refusal.text}"
            raise NotSent(told, retry_after=AGAIN_AFTER)

    def _command(self, path: str, body: dict[str, Any]) -> Refusal | None:
        reply = self._records.post(path, body)
        refusal = refusal_of(reply.body) if isinstance(reply.body, dict) else None
        if reply.status == 200 and isinstance(reply.body, dict):
            return refusal
        if reply.status in CLEAR_REFUSALS:
            return refusal or Refusal(text=f"HTTP {reply.status}: {self._records.short(reply.body)}")
        raise Unclear(f"{path}: HTTP {reply.status}: {self._records.short(reply.body)}", {"status": reply.status})

    def _after_all(self, number: object, told: str) -> OrderRecord | None:
        if not isinstance(number, int):
            return None
        try:
            return self._records.order(number)
        except NotSent as error:
            raise Unclear(f"order {number}: {told}; it could not be read: {error}") from error
