"""What is sent: any number of notices as one message, the worst first. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from alerts.model import AlertRule, Severity
from domain.notice import Notice

RUNBOOK = "docs/operations.md"
# Most channels take about 2,000 characters; what does not fit is counted.
MOST_LINES = 12


class Message(NamedTuple):
    """A title and a text."""

    title: str
    body: str


def message_of(notices: Sequence[Notice]) -> Message:
    """Return one message for all of these."""
    raised = [notice for notice in notices if not notice.resolved]
    resolved = [notice for notice in notices if notice.resolved]
    critical = sum(notice.severity == Severity.CRITICAL for notice in raised)
    counts = ((critical, "critical"), (len(raised) - critical, "warning"), (len(resolved), "resolved"))
    title = "Execution router: " + ", ".join(f"{count} {what}" for count, what in counts if count)
    order = sorted(raised, key=lambda notice: notice.severity != Severity.CRITICAL) + resolved
    lines = [_line(notice) for notice in order[:MOST_LINES]]
    if len(order) > MOST_LINES:
        lines.append(f"... and {len(order) - MOST_LINES} more.")
    sections = dict.fromkeys(AlertRule(notice.rule).section for notice in order if not notice.resolved)
    links = [f"What to do: {RUNBOOK}#{section}" for section in sections]
    return Message(title, "\n".join([*lines, *links]))


def _line(notice: Notice) -> str:
    word = "RESOLVED" if notice.resolved else notice.severity
    return f"[{word}] {notice.raised_at:%H:%M:%S} UTC {notice.rule}: {notice.text}"
