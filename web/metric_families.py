"""What is seen of the service, as Prometheus reads it. Pure: facts in, metric families out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric

from database.connection import PoolUse
from domain.criteria import Criterion
from domain.observed import VERDICT, Observed, OrderSeen
from domain.stage_times import ENDS, StageCounts


def record_families(seen: Observed) -> Iterator[Metric]:
    """Yield what the record says: the same from every process on the database."""
    tasks = seen.tasks
    counts = {"pending": tasks.pending, "processing": tasks.processing, "failed": tasks.failed}
    yield _labelled("router_tasks", "Tasks by status; failed: those nobody dealt with", ["status"], _each(counts))
    yield _one("router_tasks_finished_last_hour", "Tasks stored and finished within an hour", tasks.finished)
    yield _one("router_queue_oldest_seconds", "Age of the oldest waiting task", tasks.oldest_pending_seconds or 0)
    yield _one("router_task_seconds_mean", "Stored to finished, mean of the last hour", tasks.mean_seconds or 0)
    yield _one("router_task_seconds_worst", "Stored to finished, worst of the last hour", tasks.worst_seconds or 0)
    if tasks.last_signal_seconds is not None:
        yield _one("router_last_signal_seconds", "Time since the newest signal", tasks.last_signal_seconds)
    yield from _decisions(seen)
    yield from _orders(seen)
    yield from _accounts(seen)
    ages = ((process.name, process.kind, process.age) for process in seen.processes)
    yield _labelled("router_heartbeat_age_seconds", "Age of a process's heartbeat", ["process", "kind"], ages)
    routing = sum(process.routes and process.age <= LATE_SECONDS for process in seen.processes)
    yield _one("router_processes_routing", "Living processes that serve the queue", routing)


# A process writes every 5 s; one that has missed two of them is in trouble.
LATE_SECONDS = 15.0


def criteria_family(judged: Iterable[Criterion]) -> Metric:
    """Return the criteria of /health: 0 green, 1 yellow, 2 red."""
    rows = ((criterion.name, int(criterion.colour)) for criterion in judged)
    return _labelled("router_criterion", "Criteria of /health: 0 green, 1 yellow, 2 red", ["criterion"], rows)


def readable_family(*, readable: bool) -> Metric:
    """Return whether the record could be read: while it could not, nothing of it is told."""
    return _one("router_record_readable", "1 while the database answers", int(readable))


def pool_families(pools: Mapping[str, PoolUse]) -> Iterator[Metric]:
    """Yield how this process's pools of database connections stand."""
    used = ((name, use.used) for name, use in pools.items())
    yield _labelled("router_pool_used", "Database connections in use", ["pool"], used)
    size = ((name, use.size) for name, use in pools.items())
    yield _labelled("router_pool_size", "Database connections there may be", ["pool"], size)
    failures = ((name, use.failures) for name, use in pools.items())
    yield _labelled("router_pool_failures", "Failures of a pool in the last five minutes", ["pool"], failures)


def stage_family(by_process: Mapping[str, Mapping[str, StageCounts]]) -> Metric:
    """Return the histogram of the processes' stages: this one's as it is now, the others' by their last heartbeat."""
    family = HistogramMetricFamily("router_stage_seconds", "Stages of a process's work", labels=["process", "stage"])
    for process, stages in sorted(by_process.items()):
        for stage, counted in sorted(stages.items()):
            below, buckets = 0, []
            for end, count in zip((*map(str, ENDS), "+Inf"), counted.counts, strict=True):
                below += count
                buckets.append((end, below))
            family.add_metric([process, stage], buckets, counted.seconds)
    return family


def _decisions(seen: Observed) -> Iterator[Metric]:
    verdicts: dict[tuple[str, ...], int] = {}
    checks: dict[tuple[str, ...], int] = {}
    for row in seen.decisions:
        account = row.firm_code if row.program_id is None else f"{row.firm_code}/{row.program_id}"
        if row.check == VERDICT:
            key = (row.firm_code, account, row.status, row.rule or "")
            verdicts[key] = verdicts.get(key, 0) + row.count
        else:
            key = (row.check, row.firm_code, row.status, row.rule or "")
            checks[key] = checks.get(key, 0) + row.count
    said = "of the last hour's newest decisions"
    yield _labelled("router_verdicts", f"Verdicts {said}", ["firm", "account", "verdict", "rule"], _flat(verdicts))
    yield _labelled("router_checks", f"Answers of checks {said}", ["check", "firm", "status", "rule"], _flat(checks))


def _orders(seen: Observed) -> Iterator[Metric]:
    outcomes: dict[tuple[str, ...], int] = {
        (str(sends.account), outcome): count
        for sends in seen.sends
        for outcome, count in (("taken", sends.taken), ("failed", sends.failed), ("unresolved", sends.unresolved))
    }
    yield _labelled("router_sends", "Orders of the last hour by outcome", ["account", "outcome"], _flat(outcomes))
    yield _labelled("router_unresolved_orders", "Orders of unknown fate", ["account"], _by_account(seen.unresolved))
    oldest = max((order.age or 0 for order in seen.unresolved), default=0)
    yield _one("router_unresolved_oldest_seconds", "Age of the oldest unresolved order", oldest)
    without = _by_account(seen.unprotected)
    yield _labelled("router_positions_without_stop", "Open entries without a stop", ["account"], without)


def _accounts(seen: Observed) -> Iterator[Metric]:
    ages = ((str(row.account), row.age) for row in seen.accounts if row.age is not None)
    yield _labelled("router_account_state_age_seconds", "Age of an account's figures", ["account"], ages)
    lags = ((str(row.account), row.reset_lag) for row in seen.accounts if row.reset_lag is not None)
    yield _labelled("router_reset_lag_seconds", "How late the last reset was", ["account"], lags)
    alerts: dict[tuple[str, ...], int] = {}
    for alert in seen.alerts:
        key = (str(alert.account), alert.rule, alert.severity)
        alerts[key] = alerts.get(key, 0) + 1
    yield _labelled("router_account_alerts", "Open alerts", ["account", "rule", "severity"], _flat(alerts))


def _by_account(orders: Iterable[OrderSeen]) -> Iterator[tuple[str | float, ...]]:
    counts: dict[str, int] = {}
    for order in orders:
        counts[str(order.account)] = counts.get(str(order.account), 0) + 1
    return _each(counts)


def _each(counts: Mapping[str, int]) -> Iterator[tuple[str | float, ...]]:
    return ((name, count) for name, count in counts.items())


def _flat(counts: Mapping[tuple[str, ...], int]) -> Iterator[tuple[str | float, ...]]:
    return ((*key, count) for key, count in counts.items())


def _one(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, value=float(value))


def _labelled(name: str, help_text: str, labels: list[str], rows: Iterable[tuple[str | float, ...]]) -> Metric:
    family = GaugeMetricFamily(name, help_text, labels=labels)
    for *values, count in rows:
        family.add_metric([str(value) for value in values], float(count))
    return family
