"""The live venue of ProjectX Gateway, which TopstepX runs on.

What is relied on, and where from (gateway.docs.projectx.com, the API's description at /swagger/v1/swagger.json, and
reports from the live service; nothing here has been tried against the service itself):

- ``unique_tag``: documented ("must be unique across the account"), for refused orders too by live reports of 2026-07.
- ``complete_list``: ``/api/Order/v2/query`` pages and tells a total, and only a list that reaches it counts as complete
  (``projectx_orders``). Without that call nothing is ever said to be absent.
- ``settling_seconds``: not documented; three of the usual time-outs. A value that is too short could not double an
  order: the tag is taken once.
- ``brackets``: the stop travels with the entry where the account has Auto OCO Brackets on (``projectx_entry``).
- ``reduce_only``: ``/api/Order/place`` has nothing of the kind; how an exit is kept from turning a position says
  ``projectx_exit``.

The service allows 200 calls in a minute; entries and readings may use 140 of them, so that exits find room. Cancelling
and closing are for simulated accounts, as evaluation and Express accounts are: for others the service answers
AccountRejected, by its documentation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors.platforms.projectx_answers import SIDES, Row, decimal_of, report_of
from connectors.platforms.projectx_brackets import Parents
from connectors.platforms.projectx_entry import Entries
from connectors.platforms.projectx_exit import Exits
from connectors.platforms.projectx_flatten import Flattening, kind_of
from connectors.platforms.projectx_names import Names
from connectors.platforms.projectx_orders import LOOKS, Orders, open_size
from connectors.platforms.projectx_positions import Positions, quantity_of
from connectors.platforms.projectx_protection import find_stop
from connectors.platforms.projectx_session import CALLS_PER_MINUTE, Session
from connectors.tickets import EntryTicket, ExitTicket, VenueLogin
from connectors.venue import STOP_OF, Capabilities, NotSent, OrderReport, Position, Unclear, WorkingOrder
from domain.account import AccountKey
from domain.contract import Contract


class ProjectX:
    """One login at ProjectX: ``user`` is the platform's user name, ``key`` an API key, ``url`` the API's address.

    ``accounts``: each account's name or number on the platform. ``looks``: seconds before each look at what the service
    is about to do. Nothing is sent before the first call.
    """

    capabilities = Capabilities(
        client_tag=True,
        unique_tag=True,
        lookup_by_tag=True,
        complete_list=True,
        settling_seconds=30.0,
        brackets=True,
        reduce_only=False,
    )

    def __init__(
        self,
        login: VenueLogin,
        accounts: Mapping[AccountKey, str],
        *,
        calls_per_minute: int = CALLS_PER_MINUTE,
        looks: Sequence[float] = LOOKS,
    ) -> None:
        self._session = Session(login, calls_per_minute=calls_per_minute)
        first = self._session.call_first
        urgent = Orders(first, looks)
        parents = Parents()
        # Names are asked for once; an exit may be the first to need them.
        self._names = Names(first, accounts)
        self._orders = Orders(self._session.call, looks)
        self._positions = Positions(self._session.call)
        self._entries = Entries(self._session.call, self._orders, self._names, parents)
        self._exits = Exits(first, urgent, self._names, parents)
        self._urgent = urgent
        self._flattening = Flattening(first, urgent, self._names)

    def place_entry(self, ticket: EntryTicket) -> OrderReport:
        return self._entries.place(ticket)

    def place_exit(self, ticket: ExitTicket) -> OrderReport:
        return self._exits.close(ticket)

    def find_order(
        self,
        account: AccountKey,
        client_order_id: str,
        *,
        sent_at: datetime,
        order_id: str | None = None,
        contract: Contract | None = None,  # noqa: ARG002 - the venue's interface
        entries: Sequence[str] = (),  # noqa: ARG002 - the venue's interface
    ) -> OrderReport | None:
        """Return what became of an order, None where the complete list of orders since then does not have it.

        Raises Unclear where the list cannot be had whole, and where the venue once told a number and now knows none.
        """
        account_id = self._names.account(account)
        if client_order_id.endswith(STOP_OF):
            return find_stop(self._orders, account_id, client_order_id, sent_at)
        row = self._orders.find(account_id, client_order_id, sent_at, order_id)
        if row is None and order_id is not None:
            raise Unclear(f"order {order_id} of {client_order_id} is no longer on the venue's record")
        return None if row is None else report_of(row)

    def working_orders(self, account: AccountKey) -> list[WorkingOrder]:
        """Return the orders that may still fill, a bracket's that waits for its entry among them."""
        return [self._working(row) for row in self._orders.working(self._names.account(account))]

    def positions(self, account: AccountKey) -> list[Position]:
        return [
            Position(
                symbol=self._names.name_of(str(row.get("contractId"))),
                quantity=quantity_of(row),
                average_price=None if row.get("averagePrice") is None else decimal_of(row["averagePrice"]),
            )
            for row in self._positions.listed(self._names.account(account))
        ]

    def cancel_order(self, account: AccountKey, order_id: str) -> None:
        """Cancel a working order. Raises NotSent where the venue refuses to, final for an account that may not."""
        refused = self._urgent.cancel(self._names.account(account), order_id)
        if refused is not None:
            raise NotSent(f"order {order_id} was not cancelled: {refused}", final=refused.name == "AccountRejected")

    def flatten(self, account: AccountKey) -> list[str]:
        return self._flattening.flatten(self._names.account(account))

    def account_status(self, account: AccountKey) -> dict[str, Any] | None:
        """Return balance and positions, and an open profit of 0 while nothing is open.

        The service tells neither equity nor open profit, and while something is open the balance is neither. The
        positions are read first: what closes between the two readings is in the balance and not called open profit.
        """
        held = self.positions(account)
        row = self._names.account_row(account)
        if row.get("balance") is None:
            raise Unclear(f"{account}: no balance", row)
        status: dict[str, Any] = {
            "balance": decimal_of(row["balance"]),
            "positions": [
                {"symbol": position.symbol, "quantity": position.quantity, "average_price": position.average_price}
                for position in held
            ],
        }
        return status if held else {**status, "unrealized_pl": Decimal(0)}

    def close(self) -> None:
        self._session.close()

    def _working(self, row: Row) -> WorkingOrder:
        side = SIDES.get(row.get("side", -1))
        if side is None:
            raise Unclear(f"order {row.get('id')} has side {row.get('side')}", row)
        return WorkingOrder(
            order_id=str(row.get("id")),
            client_order_id=row.get("customTag"),
            symbol=self._names.name_of(str(row.get("contractId"))),
            side=side,
            quantity=Decimal(open_size(row)),
            kind=kind_of(row),
        )
