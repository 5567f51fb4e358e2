"""How well it goes over a window of time: verdicts, orders, delays, results. Read only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from database.connection import Database, Row
from domain.order_rows import HELD_BACK

# So many rows are counted at most, the newest: a page has to be there at once however large the record is.
MOST_DECISIONS = 5000
MOST_LOGS = 20_000
MOST_ORDERS = 20_000
MOST_TASKS = 50_000
MOST_SIGNALS = 20_000
NOTHING = Decimal(0)


@dataclass(slots=True)
class Strategy:
    """The trades of one strategy. Figures in multiples of what a trade risked; ``drawdown`` from its highest sum."""

    name: str
    trades: int = 0
    won: int = 0
    made: Decimal = NOTHING
    peak: Decimal = NOTHING
    drawdown: Decimal = NOTHING

    def add(self, made: Decimal) -> None:
        """Count one more trade, the next in time."""
        self.trades += 1
        self.won += made > 0
        self.made += made
        self.peak = max(self.peak, self.made)
        self.drawdown = max(self.drawdown, self.peak - self.made)


@dataclass(frozen=True, slots=True, kw_only=True)
class Analytics:
    """What is known of a window. ``back_to``: the oldest decision that was counted, None where there is none."""

    firms: tuple[Row, ...]
    rules: Mapping[str, tuple[Row, ...]]
    decisions: int
    back_to: datetime | None
    orders: tuple[Row, ...]
    tasks: Row
    accounts: tuple[Row, ...]
    strategies: tuple[Strategy, ...]


def analytics(database: Database, *, hours: int) -> Analytics:
    """Return what is known of the last hours. Raises DatabaseUnavailable."""
    with database.transaction() as transaction:
        verdicts = transaction.rows("analytics_decisions", hours=hours, most=MOST_DECISIONS, most_logs=MOST_LOGS)
        orders = transaction.rows("analytics_orders", hours=hours, most=MOST_ORDERS, held_back=sorted(HELD_BACK))
        tasks = transaction.rows("analytics_tasks", hours=hours, most=MOST_TASKS)
        accounts = transaction.rows("analytics_accounts", hours=hours)
        trades = transaction.rows("analytics_trades", hours=hours, most=MOST_SIGNALS)
    firms = tuple(row for row in verdicts if row["rule"] is None)
    return Analytics(
        firms=firms,
        rules={
            firm["firm_code"]: tuple(row for row in verdicts if row["rule"] and row["firm_code"] == firm["firm_code"])
            for firm in firms
        },
        decisions=firms[0]["decisions"] if firms else 0,
        back_to=min((row["back_to"] for row in firms), default=None),
        orders=tuple(orders),
        tasks=tasks[0],
        accounts=tuple(accounts),
        strategies=_strategies(trades),
    )


def _strategies(trades: list[Row]) -> tuple[Strategy, ...]:
    found: dict[str, Strategy] = {}
    for trade in trades:
        name = trade["strategy"] or "not named"
        found.setdefault(name, Strategy(name)).add(trade["made"])
    return tuple(sorted(found.values(), key=lambda strategy: -strategy.made))
