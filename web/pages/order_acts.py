"""What a person does where the ledger alone cannot know: how an order ended, and what a difference to the venue is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request, url_for

from database.connection import Row
from database.differences import Differences
from database.operator_acts import NotKnown
from database.order_inspection import OrderInspection
from domain.acts import HIGHEST_ID, Outcome, Resolution, Settlement
from domain.ledger import Purpose
from domain.order_state import IN_DOUBT, OrderState
from signals.order_acts import parse_resolution, parse_settlement
from signals.problem import FieldProblem, InvalidSignal
from web.formats import number, words
from web.pages.confirmation import Confirmation
from web.pages.forms import filled_in, form, signed
from web.pages.gate import signature

if TYPE_CHECKING:
    from web.pages.site import Site

ORDER = f"/orders/<int(max={HIGHEST_ID}):order_id>"
DIFFERENCE = f"/differences/<int(max={HIGHEST_ID}):difference_id>"
RESOLUTION = ("outcome", "filled", "price", "venue_order_id", "reason")
OUTCOMES = {
    Outcome.FILLED: "filled: all of it",
    Outcome.CANCELLED: "cancelled: the rest of it will not come",
    Outcome.REJECTED: "rejected: the venue refused it",
    Outcome.NOT_SENT: "not sent: it never arrived there",
}
NEVER = "It is never sent again, and nothing goes to the venue by this."


def add_order_acts(routes: Blueprint, site: Site) -> None:
    """Add ``/orders/17/resolve``, and ``/differences/5`` with ``settle``: GET asks, POST acts."""
    resolver, settler = _Resolver(site), _Settler(site)

    @routes.get(f"{ORDER}/resolve")
    def resolve_form(order_id: int) -> Response:
        return site.frame.show("resolve.html", lambda: resolver.asked(order_id, request.args), own=True)

    @routes.post(f"{ORDER}/resolve")
    def resolve(order_id: int) -> Response:
        return site.forms.act(
            lambda: resolver.resolve(order_id), "resolve.html", lambda: resolver.asked(order_id, request.form)
        )

    @routes.get(DIFFERENCE)
    def difference(difference_id: int) -> Response:
        return site.frame.show("difference.html", lambda: {"row": settler.open(difference_id)}, own=True)

    @routes.get(f"{DIFFERENCE}/settle")
    def settle_form(difference_id: int) -> Response:
        return site.frame.show("act.html", lambda: settler.asked(difference_id, request.args), own=True)

    @routes.post(f"{DIFFERENCE}/settle")
    def settle(difference_id: int) -> Response:
        return site.forms.act(
            lambda: settler.settle(difference_id), "act.html", lambda: settler.asked(difference_id, request.form)
        )


class _Resolver:
    def __init__(self, site: Site) -> None:
        self._site = site
        self._inspection = OrderInspection(site.database)

    def asked(self, order_id: int, fields: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the form for how an order ended, and what that would do once it is given. Raises NotKnown."""
        order = self._inspection.order(order_id)
        in_doubt = OrderState(order["state"]) in IN_DOUBT
        problems: tuple[FieldProblem, ...] = ()
        act = refused = None
        given = filled_in(fields, *RESOLUTION)
        if given and in_doubt:
            try:
                resolution, _ = parse_resolution({**given, "by": signature()}, self._site.clock())
                refused = self._site.desk.objection(order_id, resolution)
                act = None if refused else self._confirmed(order, resolution, given)
            except InvalidSignal as error:
                problems = error.problems
        return form(
            order=order,
            in_doubt=in_doubt,
            act=act,
            problems=problems,
            refused=refused and f"{refused}.",
            typed={name: fields.get(name, "") for name in RESOLUTION},
            outcomes=OUTCOMES,
        )

    def resolve(self, order_id: int) -> str:
        """Put on record how it ended, as the form says; return where that is shown.

        Raises InvalidSignal, NotKnown and NotPossible.
        """
        given = filled_in(request.form, *RESOLUTION)
        told = parse_resolution({**given, "by": signature()}, self._site.clock())
        self._site.desk.resolve(order_id, *told)
        return url_for("pages.order", order_id=order_id)

    def _confirmed(self, order: Row, resolution: Resolution, given: Mapping[str, str]) -> Confirmation:
        outcome, account = resolution.outcome, order["account"]
        price = f" at {number(resolution.average_price)}" if resolution.average_price is not None else ""
        of = "" if order["quantity"] is None else f" of {number(order['quantity'])}"
        filled = f"{number(resolution.contracts)}{of}"
        does = [
            f"Order {order['id']} stands on record as {words(outcome).lower()}: {filled} contracts filled{price}.",
            NEVER,
            *_of_trade(order, resolution),
            f"Once nothing else of {account} is unresolved, its entries are decided again.",
        ]
        return Confirmation(
            title=f"Resolve order {order['id']}",
            does=tuple(does),
            warnings=("If the venue says otherwise, ledger and account are wrong from then on. Look there first.",),
            button=f"Put it on record as {words(outcome).lower()}",
            address=url_for("pages.resolve", order_id=order["id"]),
            back=url_for("pages.order", order_id=order["id"]),
            kept=given,
            reason=None,
            danger=True,
        )


class _Settler:
    def __init__(self, site: Site) -> None:
        self._site = site
        self._read, self._act = Differences(site.database), Differences(site.acts)

    def open(self, difference_id: int) -> Row:
        """Return a difference that nobody has settled. Raises NotKnown."""
        found = next((row for row in self._read.open() if row["id"] == difference_id), None)
        if found is None:
            raise NotKnown(f"there is no open difference {difference_id}: it was settled, is gone, or never was")
        return found

    def asked(self, difference_id: int, fields: Mapping[str, str]) -> Mapping[str, Any]:
        """Return what settling a difference so would do. Raises InvalidSignal and NotKnown."""
        row = self.open(difference_id)
        given = {"how": fields.get("how", ""), "by": signature(), "reason": "not said yet"}
        how, _ = parse_settlement(given, self._site.clock())
        what = f"{row['account']} {row['symbol']}"
        ledger, venue = number(row["ledger_quantity"]), number(row["venue_quantity"])
        trades = ", ".join(str(trade["trade_id"]) for trade in row["details"].get("trades", ()))
        accepted = (
            f"The difference of {what} is taken as your own: the ledger stays at {ledger} lots, the venue at {venue}.",
            "Entries of the account are allowed again while it stays the same. If it changes, it is told anew.",
            "Nothing is sent to the venue, and nothing of the ledger is changed.",
        )
        closed = (
            f"What the ledger has of {what} beyond the venue is closed in it: from {ledger} lots to {venue}.",
            f"The oldest trade comes first{f', of these: {trades}' if trades else ''}.",
            "Nothing is sent to the venue: it was closed there already.",
            "Entries of the account are allowed again.",
        )
        return form(
            act=Confirmation(
                title=f"Accept difference {difference_id}"
                if how is Settlement.ACCEPT
                else f"Close difference {difference_id} in the ledger",
                does=accepted if how is Settlement.ACCEPT else closed,
                button="Accept it as mine" if how is Settlement.ACCEPT else "Close it in the ledger",
                address=url_for("pages.settle", difference_id=difference_id),
                back=url_for("pages.difference", difference_id=difference_id),
                kept={"how": str(how)},
                reason=request.form.get("reason", ""),
                danger=how is Settlement.CLOSE,
            )
        )

    def settle(self, difference_id: int) -> str:
        """Settle as the form says; return where that is shown. Raises InvalidSignal, NotKnown and NotPossible."""
        told = parse_settlement(signed("how", "reason"), self._site.clock())
        self._act.settle(difference_id, *told)
        return url_for("pages.orders")


def _of_trade(order: Row, resolution: Resolution) -> list[str]:
    trade, account = order["trade_id"], order["account"]
    if order["purpose"] == Purpose.EXIT:
        told = [f"What it filled counts as closed of {trade} on {account}."] if resolution.contracts else []
        if order["quantity"] is None or resolution.contracts < order["quantity"]:
            told.append("What it did not close goes to another exit order, and that one is sent to the venue.")
        return told
    if resolution.contracts:
        return [
            f"{number(resolution.contracts)} contracts of {trade} count as open on {account}; its exits close them."
        ]
    return [f"Nothing of it counts as open on {account}."]
