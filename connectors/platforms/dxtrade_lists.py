"""What DXtrade says of an account: its orders, positions and figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from connectors.platforms.dxtrade_rows import HeldPosition, ListedOrder, held_positions, listed_orders, rows
from connectors.platforms.dxtrade_session import Session
from connectors.venue import NotSent, Unclear
from domain.account import AccountKey

MOST_LISTED = 50


class Lists:
    """Questions to one DXtrade. Every method raises NotSent and Unclear as ``connectors.venue.LiveVenue`` says."""

    def __init__(self, session: Session, accounts: Mapping[AccountKey, str]) -> None:
        self._session = session
        self._accounts = {key: code if ":" in code else f"default:{code}" for key, code in accounts.items()}

    def path(self, account: AccountKey) -> str:
        """Return the address of an account below the interface's."""
        return f"/accounts/{quote(self._code(account), safe='')}"

    def order(self, account: AccountKey, code: str) -> ListedOrder | None:
        """Return the order that was sent under a code, from the history, which has working orders too."""
        path = f"{self.path(account)}/orders/history"
        answer = self._session.read(path, {"with-client-id": code, "limit": MOST_LISTED})
        found = [order for order in listed_orders(answer.body) if order.carries(code)]
        found = found or [order for order in self.open_orders(account)[0] if order.carries(code)]
        if len({order.order_id for order in found}) > 1:
            raise Unclear(f"DXtrade has several orders under {code}", {"orders": [dict(o.row) for o in found]})
        return found[0] if found else None

    def open_orders(self, account: AccountKey) -> tuple[list[ListedOrder], str]:
        """Return the working orders and the version of their list, which every change has to name."""
        answer = self._session.read(f"{self.path(account)}/orders")
        working = [order for order in listed_orders(answer.body) if not order.is_over]
        return working, answer.headers.get("ETag", "*")

    def held(self, account: AccountKey) -> list[HeldPosition]:
        """Return the open positions."""
        positions = held_positions(self._session.read(f"{self.path(account)}/positions").body)
        return [position for position in positions if position.quantity != 0]

    def figures(self, account: AccountKey) -> dict[str, Any] | None:
        """Return equity, balance and open profit; None where there are none of the account."""
        metrics = rows(self._session.read(f"{self.path(account)}/metrics").body, "metrics")
        code = self._code(account)
        mine = [row for row in metrics if row.get("account") in (None, code)] or (metrics if len(metrics) == 1 else [])
        if not mine:
            return None
        # The text of the specification writes openPl, its OpenAPI file openPL.
        open_profit = mine[0].get("openPL", mine[0].get("openPl"))
        return {"equity": mine[0].get("equity"), "balance": mine[0].get("balance"), "unrealized_pl": open_profit}

    def _code(self, account: AccountKey) -> str:
        try:
            return self._accounts[account]
        except KeyError:
            raise NotSent(f"{account} has no account code at DXtrade", final=True) from None
