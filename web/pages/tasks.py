"""A trade with its signals in order, and a task with everything on record of it, decided again from its facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response

from database.connection import Row
from database.order_inspection import order_row
from database.replay import NotReplayable, Replayed, Replays
from domain.acts import HIGHEST_ID
from web.pages.signal_summary import summary

if TYPE_CHECKING:
    from web.pages.site import Site


def add_tasks(routes: Blueprint, site: Site) -> None:
    """Add ``/trades/T1``, whatever stands in a trade's id, and ``/tasks/12``."""
    replays = Replays(site.database, default_symbol=site.settings.default_symbol)

    @routes.get("/trades/<path:trade_id>")
    def trade(trade_id: str) -> Response:
        return site.frame.show("trade.html", lambda: _trade(site.feed.trade(trade_id)))

    @routes.get(f"/tasks/<int(max={HIGHEST_ID}):task_id>")
    def task(task_id: int) -> Response:
        def show() -> Mapping[str, Any]:
            found = site.feed.task(task_id)
            replay, why_not = _replay(replays, task_id)
            orders = [order_row(row) for row in found["orders"]]
            return {**found, "orders": orders, "replay": replay, "why_not": why_not}

        return site.frame.show("task.html", show)


def _trade(trade: Row) -> Mapping[str, Any]:
    return {
        "trade_id": trade["trade_id"],
        "signals": [{**signal, "summary": summary(signal)} for signal in trade["signals"]],
        "conflicts": trade["conflicts"],
        "orders": [order_row(row) for row in trade["orders"]],
        "tasks": trade["tasks"],
    }


def _replay(replays: Replays, task_id: int) -> tuple[Replayed | None, str | None]:
    try:
        return replays.of(task_id), None
    except NotReplayable as error:
        return None, str(error)
    except (ValueError, TypeError, LookupError) as error:
        return None, f"what is on record of task {task_id} cannot be read any more: {error}"
