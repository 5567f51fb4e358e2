"""The router: serves the task queue, decides every account on its own. ``python execution_router.py`` is a worker."""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from account_engine import AccountStateManager
from alerts.service import AlertService
from config.logs import configure_logging
from config.settings import Settings, load_settings
from database.accounts import AccountRecord
from database.connection import Database
from database.events import EventListener
from database.migrations import migrate
from database.order_writes import is_of_order
from database.queue import TaskQueue
from database.signals import SignalStore, StoreOutcome
from database.startup import StartRefused, open_database, prepare_schema
from database.tracked_accounts import heard_of_account, tracked_accounts, tracker_of
from domain.stage_times import StageCounts
from routing.account_keeper import AccountKeeper
from routing.heartbeat import Heartbeat
from routing.interpreter import settle_heap, share_arenas, take_short_turns
from routing.leader_loop import Leads
from routing.parts import router_parts
from routing.retry import RetryPolicy
from routing.termination import told_to_stop, wait_until
from routing.worker import QueueWorker
from signals.model import Signal
from signals.payload import parse_signal
from signals.redaction import stored_body

STOP_SECONDS = 8.0
ANSWER_SECONDS = 15.0


class ExecutionRouter:
    """Routes tasks to every configured account. Dry-run unless both ``dry_run`` and the settings say otherwise.

    ``poll_interval`` in seconds. ``settings`` default to the environment's; ``database`` to the settings' one, None
    where there is none: then signals can still be handled directly, and the result says that nothing was recorded.
    ``give_way`` says whether this process has more urgent work than deciding.
    Making a router opens no connection and starts no thread.
    """

    def __init__(
        self,
        poll_interval: float = 2.0,
        batch_size: int = 20,
        dry_run: bool = True,  # noqa: FBT001 - the documents' signature
        logger: logging.Logger | None = None,
        account_state_manager: AccountStateManager | None = None,
        *,
        settings: Settings | None = None,
        database: Database | None = None,
        give_way: Callable[[], bool] = lambda: False,
    ) -> None:
        self.settings = Settings.from_env(os.environ) if settings is None else settings
        self.logger = logging.getLogger("execution_router") if logger is None else logger
        self.dry_run = dry_run or self.settings.dry_run
        # A database that is handed in was prepared by its owner; one of our own is prepared at its first use.
        self._unprepared: Database | None = None
        if database is None and self.settings.database_url is not None:
            database = Database(self.settings.database_url, size=5, name="execution-router-worker")
            self._unprepared = database
        self.account_state_manager = (
            _accounts(self.settings, database) if account_state_manager is None else account_state_manager
        )
        self._worker_name = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        parts = router_parts(
            self.settings,
            self.account_state_manager,
            database,
            dry_run=self.dry_run,
            worker=self._worker_name,
            logger=self.logger,
        )
        self.connectors = parts.connectors
        self._orders = parts.orders
        self._processor = parts.processor(self.settings, self.logger, before_entries=self._keep_rule_sets)
        self._record = None if database is None else AccountRecord(database)
        self._store = None if database is None else SignalStore(database)
        self._queue = None if database is None else self._make_queue(database)
        self._worker = (
            None if self._queue is None else self._make_worker(self._queue, poll_interval, batch_size, give_way)
        )
        self.logger.info("ExecutionRouter initialized with dry_run=%s", self.dry_run, extra={"event": "router_made"})

    def start(self, leadership: Leads | None = None) -> None:
        """Serve the queue from a daemon thread; a second call does nothing. Raises RuntimeError without a database.

        ``leadership`` says whether this process looks after orders that no process owns; without it, it does.
        """
        if self._worker is None:
            raise RuntimeError("the router has no database to serve; set DATABASE_URL")
        if not self._worker.is_alive():
            self._prepare()
            if self._orders is not None:
                self._orders.start(leadership)
            self._worker.start()
            self.logger.info(
                "ExecutionRouter worker started (dry_run=%s)", self.dry_run, extra={"event": "router_started"}
            )

    def stop(self, timeout: float = STOP_SECONDS) -> None:
        """Finish the task in hand, give back the rest, end the thread; waits at most ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        if self._worker is not None and not self._worker.stop(timeout):
            self.logger.warning("Router did not stop in time; its tasks return when their lease ends")
        if self._orders is not None:
            self._orders.stop(max(0.5, deadline - time.monotonic()))

    def wake(self, event: str = "") -> None:
        """Look for tasks and planned orders now. ``event``: why; one of an order makes no task due."""
        of_order = is_of_order(event)
        if self._worker is not None and not of_order:
            self._worker.wake()
        if self._orders is not None:
            (self._orders.heard if of_order else self._orders.wake)()

    def stage_times(self) -> dict[str, StageCounts]:
        """Return how long the stages of this process's work took."""
        taken = {} if self._worker is None else self._worker.times.counted()
        return taken if self._orders is None else taken | self._orders.sender.times.counted()

    def is_alive(self) -> bool:
        """Return whether the thread serves the queue."""
        return self._worker is not None and self._worker.is_alive()

    def is_busy(self) -> bool:
        """Return whether more waits than the router takes at a time."""
        return self._worker is not None and self._worker.is_busy()

    def handle_entry_signal(self, signal: Mapping[str, Any]) -> dict[str, Any]:
        """Record an entry, decide it at once and return the result. Raises InvalidSignal for a body that is none."""
        return self._handle({"event_type": "ENTRY", **signal})

    def handle_exit_signal(self, signal: Mapping[str, Any]) -> dict[str, Any]:
        """Record an exit, process it at once and return the result. Raises InvalidSignal for a body that is none."""
        return self._handle({"event_type": "EXIT", **signal})

    def handle_mfe_update(self, signal: Mapping[str, Any]) -> dict[str, Any]:
        """Record an MFE update and return the result. Raises InvalidSignal for a body that is none."""
        return self._handle({"event_type": "MFE_UPDATE", **signal})

    def _handle(self, fields: dict[str, Any]) -> dict[str, Any]:
        signal = parse_signal(fields)
        if self._store is None or signal.task_event is None:
            return self._decide_unrecorded(signal)
        self._prepare()
        raw_body = stored_body(fields, self.settings.secrets())
        stored = self._store.store(signal, source="execution_router", raw_body=raw_body)
        known = {"recorded": True, "outcome": str(stored.outcome), "task_id": stored.task_id}
        if stored.outcome is StoreOutcome.CONFLICT or stored.task_id is None:
            return {**known, "trade_id": stored.trade_id, "event_type": str(signal.task_event)}
        return {**self._answer(stored.task_id), **known, "trade_id": stored.trade_id}

    def _prepare(self) -> None:
        if self._unprepared is not None:
            migrate(self._unprepared)
            self._unprepared = None

    def _keep_rule_sets(self) -> None:
        """Before the first verdict under them, so that none outlives what it was judged by."""
        if self._record is not None:
            self._record.keep_rule_sets(self.settings.rule_sets.values())
            self._record = None

    def _decide_unrecorded(self, signal: Signal) -> dict[str, Any]:
        if signal.task_event is None:
            return {"recorded": False, "details": f"{signal.lifecycle} is recorded only and decides nothing."}
        body = self._processor.process(signal.task_event, signal.trade_id, signal.task_payload()).body
        return {**body, "recorded": False, "details": f"{body['details']} No database: nothing was recorded."}

    def _answer(self, task_id: int) -> dict[str, Any]:
        """Serve the task here, unless another worker was quicker or the trade's entry has to come first."""
        assert self._worker is not None  # noqa: S101 - a store comes with a worker
        assert self._queue is not None  # noqa: S101
        deadline = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < deadline:
            processed = self._worker.serve_one(task_id)
            if processed is not None:
                return processed.body
            found = self._queue.result_of(task_id)
            if found is not None and found["response_body"] is not None:
                return dict(found["response_body"])
            if found is not None and found["status"] == "FAILED":
                return {"status": "FAILED", "last_error": found["last_error"]}
            time.sleep(0.02)
        return {
            "status": "PENDING",
            "details": "The task waits in the queue; its result will be in execution_logs.",
        }

    def _make_queue(self, database: Database) -> TaskQueue:
        return TaskQueue(database, worker=self._worker_name, lease=self.settings.task_lease)

    def _make_worker(
        self, queue: TaskQueue, poll_interval: float, batch_size: int, give_way: Callable[[], bool]
    ) -> QueueWorker:
        return QueueWorker(
            queue,
            self._processor,
            poll_interval=poll_interval,
            batch_size=batch_size,
            retry=RetryPolicy(max_attempts=self.settings.task_max_attempts, base=self.settings.task_retry_base),
            logger=self.logger,
            give_way=give_way,
            desk=None if self._orders is None else self._orders.desk(queue, look=self._processor.prepare),
        )


def _accounts(settings: Settings, database: Database | None) -> AccountStateManager:
    return AccountStateManager(settings.environ) if database is None else tracked_accounts(settings, database)


def router_of(
    settings: Settings,
    database: Database,
    states: AccountStateManager,
    give_way: Callable[[], bool] = lambda: False,
) -> ExecutionRouter:
    """Return the router that the settings describe."""
    return ExecutionRouter(
        poll_interval=settings.poll_interval,
        batch_size=settings.batch_size,
        dry_run=settings.dry_run,
        account_state_manager=states,
        settings=settings,
        database=database,
        give_way=give_way,
    )


def main() -> int:
    """Run a worker of its own until SIGTERM or SIGINT; return the exit status."""
    settings = load_settings()
    configure_logging(settings)
    share_arenas()
    logger = logging.getLogger("execution_router")
    for problem in settings.problems:
        logger.warning("%s", problem, extra={"event": "configuration_problem"})
    stopping = told_to_stop()
    opened = open_database(settings)
    database = Database(opened.url, size=5, name="execution-router-worker")
    try:
        if not prepare_schema(opened, database, logger, stopping):
            return 0
    except StartRefused as error:
        logger.error("The worker does not start: %s", error, extra={"event": "start_refused"})
        return 1
    states = tracked_accounts(settings, database)
    router = router_of(settings, database, states)
    tracker = tracker_of(states)

    def on_event(text: str) -> None:
        if not heard_of_account(tracker, text):
            router.wake(text)

    def on_connect() -> None:
        tracker.forget()
        router.wake()

    keeper = AccountKeeper(settings, opened.direct_url, tracker, router.connectors, logger, busy=router.is_busy)
    listener = EventListener(opened.direct_url, on_event=on_event, on_connect=on_connect, logger=logger)
    heartbeat = Heartbeat(
        settings, database, kind="WORKER", routes=router.is_alive, stages=router.stage_times, logger=logger
    )
    alerts = AlertService(settings, opened.url, opened.direct_url, logger)
    router.start(keeper.leadership)
    listener.start()
    keeper.start()
    heartbeat.start()
    alerts.start()
    settle_heap()
    take_short_turns()
    wait_until(stopping)
    heartbeat.stop()
    alerts.stop()
    router.stop()
    keeper.stop()
    listener.stop()
    database.close()
    logger.info("ExecutionRouter worker stopped", extra={"event": "router_stopped"})
    return 0


if __name__ == "__main__":
    sys.exit(main())
