"""An event of the live feed as one line for a person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from control.tables import cell

Event = Mapping[str, Any]


def line_of(event: Event) -> str:
    """Return an event in words, behind the time at which it was heard (UTC)."""
    name = str(event.get("event"))
    words = _WORDS.get(name, _other)(event)
    return f"{datetime.now(UTC):%H:%M:%S} {name.removesuffix('_changed'):<14} {words}"


def _stored(event: Event) -> str:
    return (
        f"{event.get('trade_id')} {event.get('event_type') or event.get('lifecycle') or ''} task {event.get('task_id')}"
    )


def _finished(event: Event) -> str:
    verdicts = event.get("verdicts") or []
    told = [
        f"{one['firm_code']}/{one['program_id']} "
        + (f"{cell(one['contracts'])} approved" if one["approved"] else f"refused {', '.join(one['blocked_by'] or [])}")
        for one in verdicts
    ]
    return (
        f"{event.get('trade_id')} {event.get('event_type')} task {event.get('task_id')}: {'; '.join(told) or 'logged'}"
    )


def _order(event: Event) -> str:
    account = f"{event.get('firm_code')}/{event.get('program_id')}"
    why = f" ({event['reason']})" if event.get("reason") else ""
    return (
        f"{event.get('trade_id')} {account} {event.get('purpose')} {event.get('order_id')} is {event.get('state')}{why}"
    )


def _halt(event: Event) -> str:
    return f"halt {event.get('halt_id')} is {'in force' if event.get('in_force') else 'released'}"


def _act(event: Event) -> str:
    about = [f"{name.removesuffix('_id')} {value}" for name, value in event.items() if name.endswith("_id") and value]
    return f"{event.get('act')} {' '.join(about)}"


def _account(event: Event) -> str:
    standing = event.get("standing") or {}
    where = f": {standing['state']}, room {cell(standing.get('room'))}" if standing.get("state") else ""
    alerts = [f"ALERT {alert.get('rule')} {alert.get('severity') or ''}" for alert in event.get("raised") or []]
    alerts += [f"over {alert.get('rule')}" for alert in event.get("cleared") or []]
    return " ".join([f"{event.get('firm_code')}/{event.get('program_id')}{where}", *alerts])


def _other(event: Event) -> str:
    return cell(dict(event))


_WORDS = {
    "signal_stored": _stored,
    "task_finished": _finished,
    "order": _order,
    "halt": _halt,
    "operator_act": _act,
    "account_changed": _account,
}
