"""The documents' green, yellow and red: each criterion with its value beside its thresholds. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from domain.observed import BREACH, RISK, SIZING, Counted, Observed, total

# The documents say "occasionally" and "consistently" without a number: three sizings in a row of zero are consistent.
CONSISTENTLY = 3
# And "persistent": more than a restart of the server makes.
PERSISTENT_FAILURES = 5


class Colour(IntEnum):
    """How well something is; the worst counts."""

    GREEN = 0
    YELLOW = 1
    RED = 2

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One of them. ``value`` is None where there is nothing to judge by: then it is green."""

    name: str
    colour: Colour
    value: float | int | str | None
    green: str
    red: str

    def as_row(self) -> dict[str, object]:
        """Return it in JSON's own types; between green and red it is yellow."""
        return {
            "criterion": self.name,
            "colour": str(self.colour),
            "value": self.value,
            "green": self.green,
            "red": self.red,
        }


def worst(criteria: Iterable[Criterion]) -> Colour:
    """Return the colour of all of them together."""
    return max((criterion.colour for criterion in criteria), default=Colour.GREEN)


def criteria(seen: Observed, *, database_failures: int, errors: int, warnings: int) -> tuple[Criterion, ...]:
    """Return the documents' eight criteria, over the last hour where they count.

    ``database_failures``: of the last five minutes; ``errors`` and ``warnings``: of the configuration.
    """
    return (
        _tasks(seen),
        _approvals(seen),
        _sizing(seen),
        _breaches(seen),
        _connectors(seen),
        _processing(seen),
        _counted("database_connection", database_failures, yellow=1, red=PERSISTENT_FAILURES),
        _configuration(errors, warnings),
    )


def database_away() -> Criterion:
    """Return what is left to say while the record cannot be read."""
    return Criterion(name="database_connection", colour=Colour.RED, value="away", green="0", red="away")


def _tasks(seen: Observed) -> Criterion:
    return _counted("failed_tasks", seen.tasks.failed, yellow=1, red=1)


def _approvals(seen: Observed) -> Criterion:
    rows = seen.of(RISK)
    rate = None if not rows else 1 - seen.rejections(RISK) / total(rows)
    colour = _below(rate, green=0.95, red=0.80)
    return Criterion(name="risk_approval_rate", colour=colour, value=_rounded(rate), green="> 0.95", red="< 0.80")


def _below(rate: float | None, *, green: float, red: float) -> Colour:
    if rate is None or rate > green:
        return Colour.GREEN
    return Colour.RED if rate < red else Colour.YELLOW


def _sizing(seen: Observed) -> Criterion:
    rows = seen.of(SIZING)
    zero = total(row for row in rows if _is_zero(row))
    colour = Colour.GREEN if zero == 0 else Colour.YELLOW
    if zero >= CONSISTENTLY and zero == total(rows):
        colour = Colour.RED
    return Criterion(
        name="zero_contracts", colour=colour, value=zero, green="0", red=f"all of {CONSISTENTLY} or more sizings"
    )


def _is_zero(row: Counted) -> bool:
    return row.contracts == 0


def _breaches(seen: Observed) -> Criterion:
    broken = {str(alert.account) for alert in seen.alerts if alert.rule in BREACHED}
    broken |= {f"{row.firm_code}/{row.program_id}" for row in seen.of(BREACH) if row.status == "REJECTED"}
    near = {str(alert.account) for alert in seen.alerts if alert.rule in NEAR}
    colour = Colour.RED if broken else Colour.YELLOW if near else Colour.GREEN
    value = ", ".join(sorted(broken or near)) or 0
    return Criterion(name="account_breaches", colour=colour, value=value, green="none near a limit", red="any breach")


BREACHED = frozenset({"BREACH", "DAILY_LIMIT_REACHED"})
NEAR = frozenset({"DAILY_LOSS_USED", "DRAWDOWN_USED"})


def _connectors(seen: Observed) -> Criterion:
    rate = min((sends.rate for sends in seen.sends), default=None)
    colour = Colour.GREEN if rate is None or rate > 0.99 else Colour.RED if rate < 0.95 else Colour.YELLOW
    return Criterion(name="connector_success_rate", colour=colour, value=_rounded(rate), green="> 0.99", red="< 0.95")


def _processing(seen: Observed) -> Criterion:
    # What has been waiting for longer than the finished ones took is the truth of a router that stands still.
    known = [seconds for seconds in (seen.tasks.mean_seconds, seen.tasks.oldest_pending_seconds) if seconds is not None]
    seconds = max(known, default=None)
    colour = Colour.GREEN if seconds is None or seconds < 1 else Colour.RED if seconds > 3 else Colour.YELLOW
    return Criterion(name="task_seconds", colour=colour, value=_rounded(seconds), green="< 1", red="> 3")


def _counted(name: str, count: int, *, yellow: int, red: int) -> Criterion:
    colour = Colour.RED if count >= red else Colour.YELLOW if count >= yellow else Colour.GREEN
    return Criterion(name=name, colour=colour, value=count, green="0", red=f">= {red}")


def _configuration(errors: int, warnings: int) -> Criterion:
    colour = Colour.RED if errors else Colour.YELLOW if warnings else Colour.GREEN
    return Criterion(
        name="configuration", colour=colour, value=f"{errors} errors, {warnings} warnings", green="none", red="an error"
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
