"""Which alerts are true of what is seen. Pure: facts in, alerts out; the documents' thresholds where they name one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from alerts.model import Alert, AlertRule, Severity
from domain.day_span import Session
from domain.observed import BREACH, REJECTED, RISK, SIZING, AccountAlert, Counted, Observed, total

LOWEST_SUCCESS = 0.95
MOST_REJECTIONS = 10
HIGHEST_REJECTION_RATE = 0.20
# One refusal of one check is 100 %: a rate says something only of several.
FEWEST_CHECKS = 5
SLOW_SECONDS = 5.0
# A process writes every 5 s; one that has missed two of them is in trouble.
LATE_SECONDS = 15.0
REACHED = frozenset({"BREACH", "DAILY_LIMIT_REACHED"})
NEAR = frozenset({"DAILY_LOSS_USED", "DRAWDOWN_USED"})
STALE = frozenset({"STALE", "NO_DATA"})


def alerts_of(seen: Observed, *, session: Session | None = None, silence: float = 0.0) -> tuple[Alert, ...]:
    """Return everything that is wrong, one alert a subject. ``silence``: seconds without a signal in a ``session``."""
    found = (
        *_connectors(seen),
        *_rejections(seen),
        *_breaches(seen),
        *_orders(seen),
        *_processes(seen),
        *_sizing(seen),
        *_processing(seen),
        *_figures(seen),
        *_silence(seen, session, silence),
        *_strayed(seen),
    )
    return tuple({alert.key: alert for alert in found}.values())


def _connectors(seen: Observed) -> Iterator[Alert]:
    for sends in seen.sends:
        if sends.rate < LOWEST_SUCCESS:
            bad = f"{sends.failed} failed and {sends.unresolved} are unresolved"
            text = f"{sends.account}: {sends.rate:.0%} of the orders of the last hour succeeded; {bad}."
            yield _critical(AlertRule.CONNECTOR_FAILURES, text, str(sends.account))


def _rejections(seen: Observed) -> Iterator[Alert]:
    refused, asked = seen.rejections(RISK), total(seen.of(RISK))
    if refused > MOST_REJECTIONS:
        yield _critical(AlertRule.RISK_REJECTIONS, f"{refused} risk checks refused an entry within the last hour.")
    if asked >= FEWEST_CHECKS and refused / asked > HIGHEST_REJECTION_RATE:
        text = f"{refused} of {asked} risk checks of the last hour refused ({refused / asked:.0%})."
        yield _warning(AlertRule.REJECTION_RATE, text)


def _breaches(seen: Observed) -> Iterator[Alert]:
    for row in seen.of(BREACH):
        if row.status == REJECTED:
            text = f"{_account(row)} is refused entries: {row.rule or 'a limit'} is reached."
            yield _critical(AlertRule.ACCOUNT_BREACH, text, _account(row))
    for alert in seen.alerts:
        if alert.rule in REACHED:
            yield _critical(AlertRule.ACCOUNT_BREACH, _figures_of(alert), str(alert.account))


def _orders(seen: Observed) -> Iterator[Alert]:
    for task in seen.given_up:
        text = f"Task {task.id}, {task.event_type} of trade {task.trade_id}, was given up: {task.error[:200]}"
        yield _critical(AlertRule.TASK_FAILED, text, str(task.id))
    for order in seen.unresolved:
        text = (
            f"Nobody knows what became of order {order.id} of {order.account}, {order.symbol}, trade {order.trade_id}."
        )
        yield _critical(AlertRule.UNRESOLVED_ORDER, text, str(order.id))
    for order in seen.unprotected:
        words = f" The venue: {order.words}" if order.words else ""
        text = f"{order.account} holds {order.symbol} of trade {order.trade_id} without a stop.{words}"
        yield _critical(AlertRule.POSITION_WITHOUT_STOP, text, str(order.id))


def _processes(seen: Observed) -> Iterator[Alert]:
    living = [process for process in seen.processes if process.age <= LATE_SECONDS]
    for process in seen.processes:
        if process not in living:
            text = f"{process.kind} process {process.name} was last heard of {process.age:.0f} s ago."
            yield _critical(AlertRule.HEARTBEAT_MISSING, text, process.name)
    if seen.processes and not any(process.routes for process in living):
        yield _critical(AlertRule.NO_ROUTER, "No living process serves the queue: signals are stored, none is decided.")


def _sizing(seen: Observed) -> Iterator[Alert]:
    for account in sorted({_account(row) for row in seen.of(SIZING)}):
        rows = [row for row in seen.of(SIZING) if _account(row) == account]
        if sum(row.contracts for row in rows) == 0:
            text = f"{account}: all {total(rows)} sizings of the last hour came to zero contracts."
            yield _warning(AlertRule.ZERO_CONTRACTS, text, account)


def _processing(seen: Observed) -> Iterator[Alert]:
    slowest = max(seen.tasks.worst_seconds or 0.0, seen.tasks.oldest_pending_seconds or 0.0)
    if slowest > SLOW_SECONDS:
        text = f"A task took {slowest:.1f} s from stored to decided, or waits for as long; {seen.tasks.pending} wait."
        yield _warning(AlertRule.SLOW_PROCESSING, text)


def _figures(seen: Observed) -> Iterator[Alert]:
    for alert in seen.alerts:
        if alert.rule in NEAR:
            severity = Severity(alert.severity)
            subject = f"{alert.account} {alert.rule} {alert.mark}"
            yield Alert(rule=AlertRule.ACCOUNT_NEAR_LIMIT, severity=severity, text=_figures_of(alert), subject=subject)
        elif alert.rule in STALE:
            yield _warning(AlertRule.STATE_STALE, _figures_of(alert), str(alert.account))


def _silence(seen: Observed, session: Session | None, silence: float) -> Iterator[Alert]:
    if session is None or silence <= 0:
        return
    began = session.began(seen.tasks.at)
    if began is None:
        return
    in_session = (seen.tasks.at - began).total_seconds()
    since = seen.tasks.last_signal_seconds
    quiet = in_session if since is None else min(since, in_session)
    if quiet > silence:
        text = f"No signal for {quiet / 60:.0f} minutes of the session that began {_moment(began)}."
        yield _warning(AlertRule.WEBHOOK_SILENCE, text)


def _strayed(seen: Observed) -> Iterator[Alert]:
    for strayed in seen.strayed:
        text = f"{strayed.table} holds a row of {_moment(strayed.moment)}, for which no month was made."
        yield _warning(AlertRule.OUTSIDE_MONTHS, text, strayed.table)


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M %Z}"


def _figures_of(alert: AccountAlert) -> str:
    what = alert.rule.lower().replace("_", " ") + (f" {alert.mark} %" if alert.mark else "")
    compared = "" if alert.value is None or alert.limit is None else f": {alert.value:f} beside {alert.limit:f}"
    return f"{alert.account}: {what}{compared}."


def _account(row: Counted) -> str:
    return f"{row.firm_code}/{row.program_id}"


def _critical(rule: AlertRule, text: str, subject: str = "") -> Alert:
    return Alert(rule=rule, severity=Severity.CRITICAL, text=text, subject=subject)


def _warning(rule: AlertRule, text: str, subject: str = "") -> Alert:
    return Alert(rule=rule, severity=Severity.WARNING, text=text, subject=subject)
