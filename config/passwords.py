"""The passwords of the page: which of them open it, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from config.door_settings import DoorSettings
from config.groups import ServiceSettings
from config.problems import MASK, Problem, Severity
from domain.person import Role

SHORTEST_PASSWORD = 12
SHORTEST_SECRET_KEY = 32
VARIABLES = {Role.OPERATOR: "ADMIN_PASSWORD", Role.VIEWER: "VIEWER_PASSWORD"}


@dataclass(frozen=True, slots=True)
class Password:
    """One role's password, as it is or as its hash."""

    role: Role
    text: str
    is_hash: bool

    def __repr__(self) -> str:
        return f"Password({self.role})"


def password_asked(settings: DoorSettings) -> bool:
    """Return whether the owner wants people to log in, also where none of the passwords can be used as it is set."""
    return any(any(_given(settings, role)) for role in Role)


def passwords(settings: ServiceSettings) -> tuple[Password, ...]:
    """Return the passwords that open the page; one with an error opens nothing."""
    return tuple(password for role in VARIABLES for password in _of_role(settings, role))


def password_problems(settings: ServiceSettings) -> Iterator[Problem]:
    """Tell what is wrong with passwords, tokens and key. No trade depends on it."""
    for role, variable in VARIABLES.items():
        text, digest = _given(settings, role)
        if text is not None and digest is not None:
            yield _problem(variable, "one of the two", f"{variable} and {variable}_HASH are both set; neither opens.")
        elif text is not None and len(text) < SHORTEST_PASSWORD:
            least = f"at least {SHORTEST_PASSWORD} characters"
            said = "live mode refuses it: nobody can log in with it" if not settings.dry_run else "live mode refuses it"
            severity = Severity.WARNING if settings.dry_run else Severity.ERROR
            yield _problem(
                variable, least, f"{variable} is shorter than {SHORTEST_PASSWORD} characters; {said}.", severity
            )
    if settings.admin_password is not None and settings.admin_password == settings.viewer_password:
        message = "VIEWER_PASSWORD is the same as ADMIN_PASSWORD; it makes nobody a viewer."
        yield _problem("VIEWER_PASSWORD", "a password of its own", message)
    if settings.api_viewer_token is not None and settings.api_viewer_token == settings.api_token:
        message = "API_VIEWER_TOKEN is the same as API_TOKEN; whoever has it may change everything."
        yield _problem("API_VIEWER_TOKEN", "a token of its own", message)
    if settings.secret_key is not None and len(settings.secret_key) < SHORTEST_SECRET_KEY:
        message = f"SECRET_KEY is shorter than {SHORTEST_SECRET_KEY} characters; a random key is used in its place."
        yield _problem("SECRET_KEY", f"at least {SHORTEST_SECRET_KEY} random characters", message)


def _given(settings: DoorSettings, role: Role) -> tuple[str | None, str | None]:
    if role is Role.OPERATOR:
        return settings.admin_password, settings.admin_password_hash
    return settings.viewer_password, settings.viewer_password_hash


def _of_role(settings: ServiceSettings, role: Role) -> Iterator[Password]:
    text, digest = _given(settings, role)
    if text is not None and digest is not None:
        return
    if digest is not None:
        yield Password(role, digest, is_hash=True)
    elif text is not None and (settings.dry_run or len(text) >= SHORTEST_PASSWORD):
        yield Password(role, text, is_hash=False)


def _problem(variable: str, expected: str, message: str, severity: Severity = Severity.ERROR) -> Problem:
    return Problem(
        severity=severity, variable=variable, value=MASK, expected=expected, message=message, stops_entries=False
    )
