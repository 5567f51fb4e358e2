"""What an alert is, and which there are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How soon somebody has to look: a warning waits for the end of quiet hours."""

    WARNING = "WARNING"
    CRITICAL = "CRITICAL"


class AlertRule(StrEnum):
    """What may be wrong. Each has its section in docs/operations.md, under its name in lower case."""

    CONNECTOR_FAILURES = "CONNECTOR_FAILURES"
    RISK_REJECTIONS = "RISK_REJECTIONS"
    ACCOUNT_BREACH = "ACCOUNT_BREACH"
    TASK_FAILED = "TASK_FAILED"
    UNRESOLVED_ORDER = "UNRESOLVED_ORDER"
    POSITION_WITHOUT_STOP = "POSITION_WITHOUT_STOP"
    HEARTBEAT_MISSING = "HEARTBEAT_MISSING"
    NO_ROUTER = "NO_ROUTER"
    REJECTION_RATE = "REJECTION_RATE"
    ZERO_CONTRACTS = "ZERO_CONTRACTS"
    SLOW_PROCESSING = "SLOW_PROCESSING"
    ACCOUNT_NEAR_LIMIT = "ACCOUNT_NEAR_LIMIT"
    STATE_STALE = "STATE_STALE"
    WEBHOOK_SILENCE = "WEBHOOK_SILENCE"
    OUTSIDE_MONTHS = "OUTSIDE_MONTHS"

    @property
    def section(self) -> str:
        """Return the anchor of its section in the runbook."""
        return self.lower().replace("_", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something that is wrong now. ``subject``: an account, a task, an order, a process; empty where it is all."""

    rule: AlertRule
    severity: Severity
    text: str
    subject: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Return what makes two alerts the same."""
        return (str(self.rule), self.subject)
