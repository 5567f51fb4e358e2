"""Decides tasks for accounts that trade live: under the accounts' locks, verdict, legs and log in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from database.connection import ConnectionLost, Database
from database.orders import OrderLedger, exposures, lock_accounts, open_trades
from database.queue import Result, Task, TaskQueue
from domain.account import AccountKey
from domain.order import TaskEvent
from routing.facts import Seen
from routing.ledger_view import LedgerView
from routing.processor import Processed

Decide = Callable[[Task, LedgerView, Seen | None], Processed]


@dataclass
class Decided:
    """What came of a batch. ``lost``: tasks that another worker had taken over; nothing of them was written.

    ``named``: the texts that are on record with it.
    """

    done: dict[int, Processed] = field(default_factory=dict)
    failed: list[tuple[Task, Exception]] = field(default_factory=list)
    lost: list[Task] = field(default_factory=list)
    named: list[Mapping[str, str]] = field(default_factory=list)


class OrderDesk:
    """Entries of one account are decided one after another, whatever workers there are: its row is locked meanwhile.

    Nothing is sent here: what is approved is planned, and what is planned is reserved. ``planned`` is called after that
    is committed. ``look`` sees the accounts as they are, once their locks are held: what was closed while a decision
    waited for them is reserved no longer where newer figures have its loss.
    """

    def __init__(
        self,
        database: Database,
        ledger: OrderLedger,
        queue: TaskQueue,
        live: Sequence[AccountKey],
        *,
        planned: Callable[[], None],
        look: Callable[[], Seen],
    ) -> None:
        self._planned = planned
        self._look = look
        self._database = database
        self._ledger = ledger
        self._queue = queue
        self._live = tuple(live)
        self._known = False

    def decide(self, tasks: Sequence[Task], decide: Decide, result_of: Callable[[Task, Processed], Result]) -> Decided:
        """Decide tasks in their order and commit all of it together. A task that fails is left to the caller.

        When the connection is lost in the middle they are decided once more. What was committed all the same is
        finished by then: it counts as lost, and no leg of it is planned again. Raises DatabaseUnavailable, and
        StatementRefused where PostgreSQL refuses a row: nothing is written then.
        """
        # Read before the transaction begins: its first use asks the database on a connection of its own.
        _ = self._ledger.identity
        if not self._known:
            # An account without its row cannot be locked.
            self._ledger.know(self._live)
            self._known = True
        try:
            decided = self._decide_together(tasks, decide, result_of)
        except ConnectionLost:
            decided = self._decide_together(tasks, decide, result_of)
        self._planned()
        return decided

    def _decide_together(
        self, tasks: Sequence[Task], decide: Decide, result_of: Callable[[Task, Processed], Result]
    ) -> Decided:
        decided = Decided()
        with self._database.transaction() as transaction:
            view, seen = LedgerView(), None
            if any(task.event_type is TaskEvent.ENTRY for task in tasks):
                lock_accounts(transaction, self._live)
                view.exposures = exposures(transaction, self._live)
                seen = self._look()
            closing = {task.trade_id for task in tasks if task.event_type is TaskEvent.EXIT}
            if closing:
                view.open_trades = open_trades(transaction, closing)
            for task in tasks:
                try:
                    decided.done[task.id] = decide(task, view, seen)
                except Exception as error:  # noqa: BLE001 - one bad task must not take its neighbours with it
                    decided.failed.append((task, error))
            results = [result_of(task, decided.done[task.id]) for task in tasks if task.id in decided.done]
            finished = self._queue.record(results, transaction) if results else set()
            for task in tasks:
                if task.id in finished:
                    self._ledger.plan(transaction, task.id, task.trade_id, decided.done[task.id].legs)
                elif task.id in decided.done:
                    decided.lost.append(task)
        decided.named = [result.named for result in results]
        return decided
