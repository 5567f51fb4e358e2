"""The service itself: whether it lives, how well it is, and this document."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from web.openapi.operation import Operation, Shown


class Alive(Shown):
    """The process answers."""

    status: Literal["ok"]


class Ready(Shown):
    """Whether the process may be sent work; ``reasons`` why not."""

    status: Literal["ready", "not ready"]
    reasons: list[str]


class Criterion(Shown):
    """One of the documents' criteria, its value beside its thresholds."""

    criterion: str
    colour: Literal["green", "yellow", "red"]
    value: float | int | str | None
    green: str
    red: str


class Health(Shown):
    """How well the service is. All but the first five are shown to who may see inside."""

    status: Literal["ok", "degraded"]
    mode: Literal["dry-run", "live"]
    database: Literal["reachable", "away"]
    router: Literal["runs", "stopped", "elsewhere"]
    colour: Literal["green", "yellow", "red"]
    queue: dict[str, Any] | None = None
    criteria: list[Criterion] = Field(default_factory=list)
    accounts: list[str] = Field(default_factory=list)
    example_configuration: bool = False
    configuration_errors: list[str] = Field(default_factory=list)
    configuration_warnings: list[str] = Field(default_factory=list)


class Document(Shown):
    """An OpenAPI 3.1 document."""

    openapi: Literal["3.1.0"]
    info: dict[str, Any]
    paths: dict[str, Any]
    components: dict[str, Any]


def service_operations() -> dict[str, Operation]:
    """Return what the service says of itself, by endpoint."""
    return {
        "health.alive": Operation(summary="Tell whether the process lives", answer=Alive),
        "health.ready": Operation(
            summary="Tell whether the process may be sent work",
            answer=Ready,
            others={503: (Ready, "Not now.")},
        ),
        "health.health": Operation(
            summary="Tell how well the service is",
            answer=Health,
            others={503: (Health, "The database cannot be reached.")},
        ),
        "openapi.openapi": Operation(summary="Show this document", answer=Document),
    }
