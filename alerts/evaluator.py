"""Looks at everything and puts on record what is wrong and what is well again."""

from __future__ import annotations

import logging
from collections import Counter

from alerts.model import Alert
from alerts.rules import alerts_of
from config.settings import Settings
from database.alert_outbox import AlertOutbox, Evaluation
from database.observations import MOST_LISTED
from domain.day_span import Session
from signals.redaction import mask_values

# What flickers is one alert, not many.
SETTLED_SECONDS = 60.0


class Evaluator:
    """Evaluates the rules. ``tell``: whether anybody is to be told; the log is, in any case."""

    def __init__(
        self,
        settings: Settings,
        outbox: AlertOutbox,
        *,
        tell: bool,
        logger: logging.Logger,
        settled: float = SETTLED_SECONDS,
    ) -> None:
        span = settings.alert_session
        self._session = None if span is None else Session(span=span)
        self._silence = settings.alert_silence
        self._secrets = settings.secrets()
        self._outbox = outbox
        self._tell = tell
        self._logger = logger
        self._settled = settled

    def evaluate(self) -> None:
        """Raise what is new, resolve what has been well for a while; in one transaction. Raises DatabaseUnavailable."""
        with self._outbox.evaluation(tell=self._tell) as evaluation:
            true = {
                alert.key: alert
                for alert in alerts_of(evaluation.observed(), session=self._session, silence=self._silence)
            }
            raised, resolved = self._change(evaluation, true)
        # Told only now: what was rolled back did not happen.
        for alert in raised:
            self._logger.warning(
                "%s: %s", alert.rule, self._plain(alert.text), extra={"event": "alert_raised", "subject": alert.subject}
            )
        for rule, subject in resolved:
            self._logger.info("%s is well again", rule, extra={"event": "alert_resolved", "subject": subject})

    def _change(
        self, evaluation: Evaluation, true: dict[tuple[str, str], Alert]
    ) -> tuple[list[Alert], list[tuple[str, str]]]:
        known = {(alert.rule, alert.subject): alert for alert in evaluation.open()}
        # An alert that has become worse is another one: whoever slept through the warning is woken.
        worse = {key for key, alert in known.items() if key in true and true[key].severity != alert.severity}
        still = [alert.id for key, alert in known.items() if key in true and key not in worse]
        # What fell off the end of a list that is cut is not well again.
        counts = Counter(rule for rule, _ in true)
        over = [
            (key, alert)
            for key, alert in known.items()
            if key in worse or (key not in true and alert.unseen >= self._settled and counts[key[0]] < MOST_LISTED)
        ]
        for _, gone in over:
            evaluation.resolve(gone.id)
        new = [alert for key, alert in true.items() if key not in known or key in worse]
        for alert in new:
            evaluation.raise_alert(
                rule=str(alert.rule),
                subject=alert.subject,
                severity=str(alert.severity),
                text=self._plain(alert.text),
            )
        if still:
            evaluation.still_so(still)
        return new, [key for key, _ in over if key not in worse]

    def _plain(self, text: str) -> str:
        return mask_values(text, self._secrets)
