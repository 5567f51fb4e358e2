"""What the routes of orders, dead letters, differences and halts answer."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from domain.halt import HaltLevel
from domain.ledger import Purpose
from domain.order_state import OrderState, Side
from web.openapi.operation import Shown


class Order(Shown):
    """A leg of the ledger: quantities in contracts, prices in points, ``worst_case`` in dollars."""

    id: int
    account: str
    contract: str
    state: OrderState
    purpose: Purpose
    trade_id: str
    firm_code: str
    program_id: int
    side: Side
    quantity: Decimal | None
    filled: Decimal
    average_price: Decimal | None
    closed: Decimal
    not_held: Decimal
    open_quantity: Decimal | None
    cause: str
    actor: str
    task_id: int | None
    leg: int
    client_order_id: str
    venue_order_id: str | None
    asked_quantity: Decimal | None
    asked_percent: Decimal | None
    entry_price: Decimal | None
    stop_price: Decimal | None
    worst_case: Decimal | None
    attempts: int
    worker: str | None
    lease_until: datetime | None
    due_at: datetime | None
    created_at: datetime
    sent_at: datetime | None
    updated_at: datetime
    expires_at: datetime | None
    closed_at: datetime | None
    dealt_with_at: datetime | None


class ActShown(Shown):
    """What a person did, and why."""

    id: int
    at: datetime
    act: str
    by: str
    reason: str
    details: dict[str, Any]


class OrderEvent(Shown):
    """A change of an order."""

    at: datetime
    from_state: OrderState | None
    to_state: OrderState
    quantity: Decimal | None
    filled: Decimal
    closed: Decimal
    venue_order_id: str | None
    attempt: int
    cause: str
    actor: str
    answer: Any


class OrderStory(Order):
    """An order with every change of it. ``replaced_by``: the leg that took its place."""

    answer: Any
    events: list[OrderEvent]
    replaced_by: int | None
    acts: list[ActShown]


class StoryOfLetter(Order):
    """The order of a dead letter with every change of it."""

    answer: Any
    events: list[OrderEvent]
    replaced_by: int | None


class Orders(Shown):
    """The newest first."""

    orders: list[Order]


class OneOrder(Shown):
    """One order."""

    order: OrderStory


class Resolved(Shown):
    """How an order ended, by a person's word, and the leg that took its place."""

    status: Literal["resolved"]
    order: Order
    replaced_by: Order | None


class Prospect(Shown):
    """Whether another try can come to anything."""

    makes_sense: bool
    why: str


class DeadLetter(Shown):
    """A task that failed for good, or an order that was never sent; ``age`` in seconds."""

    name: str
    trade_id: str
    event_type: str
    account: str | None
    cause: str | None
    last_error: str | None
    attempts: int
    age: float
    since: datetime
    task_id: int | None
    retry: Prospect


class DeadLetterList(Shown):
    """What nobody has dealt with, the newest first."""

    dead_letters: list[DeadLetter]


class LetterStory(Shown):
    """All that is on record of a dead letter."""

    name: str
    retry: Prospect
    task: dict[str, Any]
    log: list[dict[str, Any]]
    order: StoryOfLetter | None
    acts: list[ActShown]


class OneDeadLetter(Shown):
    """One dead letter."""

    dead_letter: LetterStory


class Requeued(Shown):
    """``task_id``: the task that will be decided; ``only_account`` where it is for one account alone."""

    status: Literal["requeued"]
    name: str
    task_id: int
    only_account: str | None


class Discarded(Shown):
    """Put aside for good."""

    status: Literal["discarded"]
    name: str


class Difference(Shown):
    """What ledger and venue disagree about; quantities in the venue's lots."""

    id: int
    account: str
    firm_code: str
    program_id: int
    kind: str
    symbol: str
    ledger_quantity: Decimal
    venue_quantity: Decimal
    proposal: str
    details: Any
    found_at: datetime
    seen_at: datetime


class OpenDifferences(Shown):
    """The oldest first."""

    differences: list[Difference]


class Settled(Shown):
    """A difference is settled; ``closed``: what was closed in the ledger by it, by trade."""

    status: Literal["settled"]
    id: int
    account: str
    symbol: str
    how: str
    ledger_quantity: Decimal
    venue_quantity: Decimal
    closed: list[dict[str, Any]]


class HaltShown(Shown):
    """A halt, and what it has done at each account."""

    id: int
    scope: str
    level: HaltLevel
    reason: str
    set_by: str
    set_at: datetime
    released_at: datetime | None
    released_by: str | None
    release_reason: str | None
    in_force: bool
    actions: list[dict[str, Any]]


class Halts(Shown):
    """Those in force first, then the newest."""

    halts: list[HaltShown]


class Halted(Shown):
    """A halt is in force. ``in_flight``: entries that had been claimed before it."""

    status: Literal["halted"]
    id: int
    scope: str
    level: HaltLevel
    set_by: str
    set_at: datetime
    reason: str
    release_phrase: str
    in_flight: list[dict[str, Any]]


class Released(Shown):
    """A halt is over."""

    status: Literal["released"]
    id: int
