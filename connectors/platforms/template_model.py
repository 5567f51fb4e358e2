"""What a venue template may say. docs/venue_templates.md explains every key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from connectors.http_calls import Reply
from connectors.platforms.template_text import GAP, at
from domain.order_state import OrderState

Scalar = bool | int | float | str | None
Word = str | int
# Dotted; the empty path is the whole answer.
Path = Annotated[str, Field(pattern=r"^([^.{}]+(\.[^.{}]+)*)?$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Match(_Strict):
    """A condition on an answer: its status is one of these, and fields are, or are not, what they have to be."""

    status: tuple[int, ...] = ()
    equal: dict[Path, Scalar] = {}
    not_equal: dict[Path, Scalar] = {}

    def holds(self, reply: Reply) -> bool | None:
        """Return whether the answer fulfils it, None where a field that would tell is not in the answer."""
        if self.status and reply.status not in self.status:
            return False
        for path, wanted in self.equal.items():
            found = at(reply.body, path)
            if found is GAP and wanted is not None:
                return None
            if not _same(None if found is GAP else found, wanted):
                return False
        return not any(_same(at(reply.body, path), unwanted) for path, unwanted in self.not_equal.items())


class Success(Match):
    """A condition on an answer that says yes; without a status any of those that mean done."""

    status: tuple[int, ...] = (200, 201, 202, 204)


class Call(_Strict):
    """One call and how its success is told."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str = Field(pattern=r"^/([^/?#\s][^?#\s]*)?$")
    query: dict[str, bool | int | float | str] = {}
    headers: dict[str, str] = {}
    body: JsonValue = None
    success: Success = Success()


class OrderFields(_Strict):
    """Where an answer has what of an order."""

    order_id: Path | None = None
    state: Path | None = None
    filled: Path | None = None
    average_price: Path | None = None
    message: Path | None = None
    symbol: Path | None = None


class PlaceOrder(Call):
    """Entry or exit. ``duplicate``: how the venue says that it has an order of this client order id already."""

    answer: OrderFields = OrderFields()
    duplicate: Match | None = None


class FindOrder(Call):
    """``orders``: where the list of orders is that is searched for ``tag``; without it the answer is the order.

    ``absent``: how the venue says that it has no such order; by default 404 where it is asked for one order, nothing
    where it is asked for the list.
    """

    orders: Path | None = None
    tag: Path | None = None
    answer: OrderFields
    absent: Match | None = None


class ListPositions(Call):
    """With ``side`` quantities have no sign and ``long`` and ``short`` are the words for it."""

    positions: Path
    symbol: Path
    quantity: Path
    side: Path | None = None
    long: Word | None = None
    short: Word | None = None
    average_price: Path | None = None


class ListOrders(Call):
    """Orders that wait in the market."""

    orders: Path
    order_id: Path
    tag: Path | None = None
    symbol: Path
    side: Path
    quantity: Path
    kind: Path | None = None


class ChangeOrder(Call):
    """``gone``: how the venue says that there is no such order any more."""

    gone: Match = Match(status=(404,))


class AccountFigures(Call):
    """``figures``: where each figure is that ``connectors.account_status.read_status`` reads."""

    figures: dict[
        Literal[
            "equity", "balance", "unrealized_pl", "realized_pl", "day_pl", "total_pl", "drawdown", "at", "connected"
        ],
        Path,
    ] = Field(min_length=1)


class Sides(_Strict):
    """The venue's words for a side."""

    buy: Word
    sell: Word


class Declared(_Strict):
    """What the owner vouches for; see ``connectors.venue.Capabilities``."""

    client_tag: bool = False
    unique_tag: bool = False
    lookup_by_tag: bool = False
    complete_list: bool = False
    settling_seconds: float | None = Field(default=None, ge=0)
    brackets: bool = False
    reduce_only: bool = False


class Protection(_Strict):
    """Protective stops that are orders of their own: the tag by which an entry's is found."""

    tag: str


class TemplateFields(_Strict):
    """The keys of a template. Only ``entry`` and ``exit`` have to be there, with the words for sides."""

    name: str = Field(min_length=1)
    headers: dict[str, str] = {}
    rate_limit: str | None = None
    numbers: Literal["number", "text"] = "number"
    sides: Sides
    states: dict[str, Literal["ACCEPTED", "PARTIALLY_FILLED", "FILLED", "REJECTED", "CANCELLED"]] = {}
    capabilities: Declared = Declared()
    protection: Protection | None = None
    entry: PlaceOrder
    exit: PlaceOrder
    find: FindOrder | None = None
    positions: ListPositions | None = None
    working_orders: ListOrders | None = None
    cancel: ChangeOrder | None = None
    shrink: ChangeOrder | None = None
    account_status: AccountFigures | None = None

    def operations(self) -> Mapping[str, Call]:
        """Return the operations that are described, by their key."""
        described = {name: getattr(self, name) for name in OPERATIONS}
        return {name: call for name, call in described.items() if call is not None}

    def state_of(self, word: Any) -> OrderState | None:
        """Return what the venue's word for a state means, None for one that is not listed."""
        state = self.states.get(str(word))
        return None if state is None else OrderState(state)


OPERATIONS = ("entry", "exit", "find", "positions", "working_orders", "cancel", "shrink", "account_status")


def _same(found: Any, wanted: Scalar) -> bool:
    # In Python True is 1.
    return isinstance(found, bool) == isinstance(wanted, bool) and bool(found == wanted)
