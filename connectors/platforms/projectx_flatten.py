"""Everything out of an account at ProjectX.

Positions go by ``closeContract``: the whole position is to go whosever it is, the call only ever reduces, and once more
of it does nothing. The orders go first, so that no stop opens a new position.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from connectors.platforms.projectx_answers import CLOSE_CONTRACT, SIDES, Kind, Row, refusal
from connectors.platforms.projectx_names import Names
from connectors.platforms.projectx_orders import Orders, open_size, order_ids
from connectors.platforms.projectx_positions import Positions
from connectors.platforms.projectx_session import Call
from connectors.venue import NotSent, Unclear

Failures = list[NotSent | Unclear]


class Flattening:
    """Flattens accounts of one login. Its calls come first at the rate limit."""

    def __init__(self, call: Call, orders: Orders, names: Names) -> None:
        self._call = call
        self._orders = orders
        self._names = names
        self._positions = Positions(call)

    def flatten(self, account_id: int) -> list[str]:
        """Cancel every working order and close every position; return a sentence for each.

        One that fails keeps none of the others back. Raises NotSent where nothing could be done at all, and Unclear,
        with the sentences in ``raw``, where a part is not known to be done: flatten again.
        """
        done: list[str] = []
        failures: Failures = []
        with _noting(failures):
            self._cancel_all(account_id, done, failures)
        with _noting(failures):
            self._close_all(account_id, done, failures)
        if failures and not done and all(isinstance(failure, NotSent) for failure in failures):
            raise failures[0]
        if failures:
            raise Unclear("; ".join(str(failure) for failure in failures), {"done": done})
        return done

    def _cancel_all(self, account_id: int, done: list[str], failures: Failures) -> None:
        cancelled = []
        for row in self._orders.working(account_id):
            with _noting(failures):
                (order_id,) = order_ids([row])
                refused = self._orders.cancel(account_id, order_id)
                if refused is not None:
                    raise NotSent(f"order {order_id} was not cancelled: {refused}")
                cancelled.append(order_id)
                done.append(f"cancelled order {order_id}: {self._sentence(row)}")
        left = self._orders.still_working(account_id, cancelled)
        if left:
            raise Unclear(f"cancelled and still working: order {', '.join(left)}")

    def _close_all(self, account_id: int, done: list[str], failures: Failures) -> None:
        for contract_id, quantity in self._positions.held(account_id).items():
            with _noting(failures):
                body = {"accountId": account_id, "contractId": contract_id}
                refused = refusal(CLOSE_CONTRACT, self._call(CLOSE_CONTRACT, body))
                if refused is not None and refused.name != "PositionNotFound":
                    raise NotSent(f"{quantity} of {contract_id} were not closed: {refused}")
                done.append(f"closed {quantity} of {self._names.name_of(contract_id)}")

    def _sentence(self, row: Row) -> str:
        side, name = SIDES.get(row.get("side", -1)), self._names.name_of(str(row.get("contractId")))
        return f"{side} {open_size(row)} {name} {kind_of(row)}"


def kind_of(row: Row) -> str:
    """Return an order's type by name."""
    try:
        return Kind(row.get("type", 0)).name
    except ValueError:
        return f"type {row.get('type')}"


@contextmanager
def _noting(failures: Failures) -> Iterator[None]:
    try:
        yield
    except (NotSent, Unclear) as error:
        failures.append(error)
