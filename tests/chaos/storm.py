"""A storm: signals come in while workers die, one after another, until enough of them have."""

from __future__ import annotations

import random
import re
import signal
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.invariants import at_all_times, closed, once_settled
from tests.chaos.rig import Rig
from tests.live import live_entry, live_exit

MOST_CONTRACTS = 10
MOST_OPEN_TRADES = 4
MOST_UNFINISHED = 20
# Nobody has died for so long: what is left of the agenda is out of reach.
PATIENCE_SECONDS = 5.0
ANYWHERE = "anywhere, from outside"


@dataclass
class Kill:
    """One worker's end: where, and what became of the legs that it had on their way. ``sent``: the broker got them."""

    point: str
    legs: int = 0
    sent: int = 0
    resolved: dict[str, int] = field(default_factory=dict)


COMMITS = (
    *("decision with legs", "decision", "entry claimed", "exit claimed", "ENTRY ACCEPTED", "EXIT ACCEPTED"),
    "ENTRY ACCEPTED and next claimed",
    *("ENTRY FILLED", "EXIT FILLED", "entry given up", "exit found nothing", "lost leg taken over", "ENTRY NOT_SENT"),
    "EXIT NOT_SENT and replaced",
)
ORDERS = tuple(f"send POST /order/{what}" for what in ("placeoso", "placeorder", "cancelorder", "modifyorder"))
LOOKS = (
    *("send GET /position/list", "send GET /command/list", "send GET /order/item", "follow GET /command/list"),
    *("follow GET /order/item", "follow GET /order/list"),
)
# Every commit and every request of a leg's life, before it and behind it.
AGENDA = (
    "after commit task claimed",
    *(f"{moment} commit {what}" for what in COMMITS for moment in ("before", "after")),
    *(f"{moment} {what}" for what in ORDERS for moment in ("before", "inside", "written", "answered")),
    *(f"{moment} {what}" for what in LOOKS for moment in ("before", "answered")),
)


@dataclass
class Storm:
    """Signals and kills, the same for the same seed as far as processes are the same at all.

    ``agenda``: the points at which workers die first, each once; then they die at random ones, a share of
    ``outside`` of them by a kill from outside at any moment. ``mutation``: a fault that every worker has.
    """

    rig: Rig
    seed: int
    workers: int
    agenda: Collection[str] = ()
    outside: float = 0.2
    chance: float = 0.4
    mutation: str | None = None

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._doomed: dict[int, float | None] = {}
        self._trades: list[str] = []
        self._closed: set[str] = set()
        self._died_at = 0.0
        self._slot = 0
        self.violations: list[str] = []

    def rage(self, kills: int, *, seconds: float) -> None:
        """Store signals and let workers die until ``kills`` have, or something is wrong already."""
        first = self.rig.start(mutation=self.mutation)
        self.rig.until_figures_are_known()
        self.rig.kill(first)
        self._died_at = time.monotonic()
        deadline = time.monotonic() + seconds
        for _ in range(self.workers):
            self._start_doomed()
        while len(self.killed) < kills and not self.violations:
            if time.monotonic() > deadline:
                raise AssertionError(f"{len(self.killed)} of {kills} kills in {seconds} s: {self.rig.unfinished()}")
            if self._random.random() < 0.5:
                self._signal()
            self._kill_from_outside()
            for pid in [pid for pid in self._doomed if self.rig.launcher.status(pid) is not None]:
                self._bury(pid)
                self._start_doomed()
            self.violations = at_all_times(self.rig.broker.book, self.rig.sql, most_contracts=MOST_CONTRACTS)
            time.sleep(0.02)

    def settle(self, *, seconds: float = 60.0) -> None:
        """Close every trade, let two sound workers bring everything to an end, and look at what is left."""
        for pid in list(self._doomed):
            self.rig.kill(pid)
            self._bury(pid)
        for trade in self._trades:
            # One more of a trade that was closed already is a duplicate, or has nothing to close.
            self.rig.store(live_exit(trade))
        for _ in range(2):
            self.rig.start(mutation=self.mutation)
        self.rig.until_settled(seconds=seconds)
        self.rig.until_nothing_differs()
        book = self.rig.broker.book
        self.violations = [*once_settled(book, self.rig.sql, most_contracts=MOST_CONTRACTS), *closed(book)]

    def kills(self) -> list[Kill]:
        """Return every kill with what came of it."""
        where = dict(self.rig.reached())
        events = self.rig.sql(
            "SELECT e.*, o.client_order_id FROM execution_order_events e JOIN execution_orders o ON o.id = e.order_id"
            " ORDER BY e.order_id, e.id"
        )
        found = {pid: Kill(point=where.get(pid, ANYWHERE)) for pid in self.killed}
        for claimed, lost, *after in _lost_legs(events):
            pid = int(re.split(":", claimed["actor"])[1])
            if pid in found:
                kill = found[pid]
                kill.legs += 1
                kill.sent += bool(self.rig.broker.book.tagged(claimed["client_order_id"]))
                how = after[0]["cause"] if after else lost["cause"]
                kill.resolved[how] = kill.resolved.get(how, 0) + 1
        return list(found.values())

    @property
    def killed(self) -> list[int]:
        return [pid for pid in self.rig.workers if self.rig.launcher.status(pid) == -signal.SIGKILL][1:]

    def _start_doomed(self) -> None:
        left = sorted(set(self.agenda) - {name for _, name in self.rig.reached()})
        # Each has points of its own, or several would die at the same one.
        left = left[self._slot % self.workers :: self.workers] or left
        self._slot += 1
        if left and time.monotonic() - self._died_at < PATIENCE_SECONDS:
            pid, at = self.rig.start({"wanted": left}, mutation=self.mutation), None
        elif self._random.random() < self.outside:
            pid, at = self.rig.start(mutation=self.mutation), time.monotonic() + self._random.uniform(0.1, 1.5)
        else:
            plan: dict[str, Any] = {"chance": self.chance, "seed": self._random.random()}
            pid, at = self.rig.start(plan, mutation=self.mutation), None
        self._doomed[pid] = at

    def _kill_from_outside(self) -> None:
        """Kill those whose hour has come, and everybody once nobody reaches what is left of the agenda."""
        now = time.monotonic()
        stuck = now - self._died_at > PATIENCE_SECONDS
        for pid, at in list(self._doomed.items()):
            if stuck or (at is not None and now > at):
                self.rig.launcher.signal(pid, signal.SIGKILL)
                self._doomed[pid] = None

    def _bury(self, pid: int) -> None:
        status = self.rig.launcher.status(pid)
        self._died_at = time.monotonic()
        del self._doomed[pid]
        if status != -signal.SIGKILL:
            log = (self.rig.folder / "workers.log").read_text()
            raise AssertionError(f"worker {pid} ended with {status} by itself: {log[-3000:]}")

    def _signal(self) -> None:
        unfinished = self.rig.unfinished()
        if len(unfinished) > MOST_UNFINISHED:
            return
        busy = {row["trade_id"] for row in unfinished}
        open_trades = [trade for trade in self._trades if trade not in self._closed]
        # Mostly an exit comes when its entry has filled; sometimes right behind it.
        ripe = [trade for trade in open_trades if trade not in busy or self._random.random() < 0.05]
        if ripe and (len(open_trades) >= MOST_OPEN_TRADES or self._random.random() < 0.5):
            self._exit(self._random.choice(ripe))
        elif len(open_trades) < MOST_OPEN_TRADES:
            self._entry(f"T{len(self._trades) + 1}")

    def _exit(self, trade: str) -> None:
        how: dict[str, Any] = self._random.choice(
            [{}, {}, {"exit_contracts": 1}, {"exit_percent": 50}, {"exit_contracts": 7}]
        )
        if not how:
            self._closed.add(trade)
        self.rig.store(live_exit(trade, **how))

    def _entry(self, trade: str) -> None:
        self._trades.append(trade)
        short = {"symbol": "ES", "direction": "Bearish", "stop_loss": 16525.0}
        self.rig.store(live_entry(trade, contracts=self._random.randint(1, 3), **self._random.choice([{}, {}, short])))


def _lost_legs(events: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return, of every leg that was lost with its worker, the claim, the loss and what followed."""
    found = []
    for place, event in enumerate(events):
        if event["cause"] == "WORKER_LOST" and event["to_state"] == "UNRESOLVED":
            same = [later for later in events[place + 1 :] if later["order_id"] == event["order_id"]]
            found.append([events[place - 1], event, *same])
    return found


def table(kills: list[Kill]) -> str:
    """Return what a run did, a line for each point."""
    lines = ["kills   legs at venue  resolved                                      point"]
    for point in sorted({kill.point for kill in kills}):
        here = [kill for kill in kills if kill.point == point]
        how: Counter[str] = Counter()
        for kill in here:
            how.update(kill.resolved)
        words = ", ".join(f"{count} {cause}" for cause, count in sorted(how.items()))
        lines.append(
            f"{len(here):5} {sum(kill.legs for kill in here):6} {sum(kill.sent for kill in here):8}  {words:45} {point}"
        )
    return "\n".join(lines)
