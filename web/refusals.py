"""Refusals of a request: what was wrong, where, what is accepted, and what happened to the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from signals.problem import FieldProblem, InvalidSignal, shown
from signals.redaction import mask_values


@dataclass(eq=False)
class Refused(Exception):
    """A request that is answered with an error. ``retry_after`` in seconds."""

    status_code: int
    code: str
    message: str
    problems: tuple[FieldProblem, ...] = ()
    trade_id: str | None = None
    signal_id: int | None = None
    task_id: int | None = None
    retry_after: int | None = None

    def answer(self, secrets: tuple[str, ...]) -> dict[str, Any]:
        """Return the JSON answer; the first problem is also on top, where a person looks."""
        problems = self.masked_problems(secrets)
        first = problems[0].as_json() if problems else {}
        known = {"trade_id": self.trade_id, "task_id": self.task_id}
        return {
            "status": "conflict" if self.code == "conflict" else "error",
            "code": self.code,
            "message": self.message,
            **first,
            **({"errors": [problem.as_json() for problem in problems]} if problems else {}),
            **{name: value for name, value in known.items() if value is not None},
        }

    def masked_problems(self, secrets: tuple[str, ...]) -> tuple[FieldProblem, ...]:
        """Return the problems with any secret taken out of what was given."""
        return tuple(
            FieldProblem(
                field=mask_values(problem.field, secrets),
                given=_masked(shown(problem.given), secrets),
                accepted=problem.accepted,
            )
            for problem in self.problems
        )


SIGNAL_FATE = "No signal was stored; the body is kept in refused_webhooks."


def _masked(given: Any, secrets: tuple[str, ...]) -> Any:
    return mask_values(given, secrets) if isinstance(given, str) else given


def invalid(error: InvalidSignal, *, code: str = "invalid_signal", fate: str = SIGNAL_FATE) -> Refused:
    """Return the 400 for a request that can never be valid; ``fate`` says what became of it."""
    names = ", ".join(problem.field for problem in error.problems)
    return Refused(400, code, f"The request was refused because of: {names}. {fate}", error.problems)


def too_large(limit: int, *, fate: str = SIGNAL_FATE) -> Refused:
    """Return the 413 for a body beyond the limit in bytes."""
    message = f"The body is larger than {limit} bytes. {fate}"
    problem = FieldProblem(field="body", given=f"more than {limit} bytes", accepted=f"at most {limit} bytes")
    return Refused(413, "body_too_large", message, (problem,))


def wrong_secret(*, missing: bool, signed: bool = False) -> Refused:
    """Return the 401 for a missing or wrong webhook secret; ``signed``: a signature would do, too."""
    what = "is missing" if missing else "is wrong"
    signature = ", or sign the body (header X-Webhook-Signature)" if signed else ""
    message = (
        f"The webhook secret {what}. Give it as ?token=..., as the end of the path /webhook/<token>, or in the body's "
        f'"secret" field{signature}. No signal was stored.'
    )
    return Refused(401, "wrong_secret", message)
