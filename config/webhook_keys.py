"""The secrets that open the webhook and the keys that sign for it: several at once, each with a label and an end."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from config.problems import MASK, Problem, Severity

SECRET = "WEBHOOK_SECRET"  # noqa: S105 - a variable's name
SIGNING_KEY = "WEBHOOK_SIGNING_KEY"
EXPIRES = "_EXPIRES"
DEFAULT_LABEL = "default"
DIGEST = "sha256:"
WARN_AHEAD = timedelta(days=7)
SECRET_EXPECTED = "a text, or sha256: and the 64 hexadecimal digits of its SHA-256"  # noqa: S105 - words
EXPIRES_EXPECTED = "a date (until its end, UTC) or a time with its zone, such as 2026-12-31 or 2026-12-31T22:00:00Z"

_LABEL = re.compile(r"[A-Z0-9]{1,20}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-fA-F]{64}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookKey:
    """One secret or signing key. ``text`` is None where the owner gave its digest alone."""

    label: str
    variable: str
    digest: bytes = field(repr=False)
    text: str | None = field(repr=False)
    expires_at: datetime | None = None

    def has_ended(self, now: datetime) -> bool:
        """Return whether the key opens nothing any more."""
        return self.expires_at is not None and now >= self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookKeys:
    """What opens the webhook: any of the secrets, or a signature by any of the signing keys."""

    secrets: tuple[WebhookKey, ...] = ()
    signing: tuple[WebhookKey, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.secrets or self.signing)


def digest_of(secret: str) -> bytes:
    """Return the digest by which a secret is known."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def key_variables(environ: Iterable[str]) -> list[str]:
    """Return the variables that hold a secret or a signing key, or look as if they did; without their ends."""
    starts = (f"{SECRET}_", f"{SIGNING_KEY}_")
    return sorted(
        name
        for name in environ
        if name in {SECRET, SIGNING_KEY} or (name.startswith(starts) and not name.endswith(EXPIRES))
    )


def read_webhook_keys(environ: Mapping[str, str], today: date) -> tuple[WebhookKeys, list[Problem]]:
    """Return the keys with all that is wrong with them. ``today`` is the day by which ends are told of ahead."""
    problems: list[Problem] = []
    keys = WebhookKeys(
        secrets=tuple(_keys(environ, SECRET, problems)), signing=tuple(_keys(environ, SIGNING_KEY, problems))
    )
    problems.extend(_twice(keys))
    problems.extend(_ending(keys, today))
    problems.extend(_ends_of_nothing(environ))
    return keys, problems


def _keys(environ: Mapping[str, str], base: str, problems: list[Problem]) -> Iterator[WebhookKey]:
    for variable in key_variables(environ):
        text = environ[variable].strip()
        if not text or not (variable == base or variable.startswith(f"{base}_")):
            continue
        label = DEFAULT_LABEL if variable == base else variable.removeprefix(f"{base}_")
        hashed = _DIGEST.fullmatch(text) is not None
        if label != DEFAULT_LABEL and _LABEL.fullmatch(label) is None:
            problems.append(_wrong_label(variable, base))
        elif base == SIGNING_KEY and hashed:
            problems.append(
                _problem(variable, "the key itself", f"{variable} is a digest, with which nothing can be signed.")
            )
        elif base == SECRET and text.startswith(DIGEST) and not hashed:
            problems.append(_problem(variable, SECRET_EXPECTED, f"{variable} is no digest that can be read."))
        else:
            digest = bytes.fromhex(text.removeprefix(DIGEST)) if hashed else digest_of(text)
            end = _end(environ, variable, problems)
            plain = None if hashed else text
            yield WebhookKey(label=label, variable=variable, digest=digest, text=plain, expires_at=end)


def _end(environ: Mapping[str, str], variable: str, problems: list[Problem]) -> datetime | None:
    text = environ.get(variable + EXPIRES, "").strip()
    try:
        if not text:
            return None
        if len(text) == len("2026-12-31"):
            return datetime.combine(date.fromisoformat(text) + timedelta(days=1), time.min, UTC)
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        at = None
    if at is None or at.tzinfo is None:
        # An exit must not be lost to a slip, so it opens until the slip is corrected; entries are refused meanwhile.
        name = variable + EXPIRES
        meanwhile = f"{variable} has no end and live entries of all accounts are refused"
        message = f"{name} must be {EXPIRES_EXPECTED}; until it is corrected, {meanwhile}."
        problems.append(_problem(name, EXPIRES_EXPECTED, message))
        return None
    return at.astimezone(UTC)


def _twice(keys: WebhookKeys) -> Iterator[Problem]:
    for group in (keys.secrets, keys.signing):
        first: dict[bytes, WebhookKey] = {}
        for key in group:
            other = first.setdefault(key.digest, key)
            if other is not key:
                message = f"{key.variable} is the same as {other.variable}; the one with the later end counts."
                yield _problem(key.variable, "a secret of its own", message, severity=Severity.WARNING)


def _ending(keys: WebhookKeys, today: date) -> Iterator[Problem]:
    now = datetime.combine(today, time.min, UTC)
    for key in (*keys.secrets, *keys.signing):
        if key.expires_at is None or now < key.expires_at - WARN_AHEAD:
            continue
        said = "has ended: it opens nothing any more" if key.has_ended(now) else f"ends at {key.expires_at.isoformat()}"
        message = f"{key.variable} {said}; exits that come with it are refused then, too."
        yield _problem(key.variable + EXPIRES, "a later end, or another secret", message, severity=Severity.WARNING)


def _ends_of_nothing(environ: Mapping[str, str]) -> Iterator[Problem]:
    for variable in sorted(environ):
        key = variable.removesuffix(EXPIRES)
        if variable != key and key.startswith((SECRET, SIGNING_KEY)) and not environ.get(key, "").strip():
            message = f"{variable} has no effect, because {key} is not set."
            yield _problem(variable, f"{key} beside it", message, severity=Severity.WARNING)


def _wrong_label(variable: str, base: str) -> Problem:
    expected = f"{base}_ and a label of capital letters and digits, such as {base}_NEW2027"
    return _problem(variable, expected, f"{variable} opens nothing: its label must be capital letters and digits.")


def _problem(variable: str, expected: str, message: str, *, severity: Severity = Severity.ERROR) -> Problem:
    # Also an end is masked: what cannot be read may be a secret in the wrong place.
    return Problem(severity=severity, variable=variable, value=MASK, expected=expected, message=message)
