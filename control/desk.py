"""What a command works with, opened when it is first asked for, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from config.settings import Settings
from control.progress import Progress, progress_bar
from database.connection import Database, DatabaseUnavailable
from database.startup import OpenedDatabase, open_database

NAME = "execution-router-control"


@dataclass(frozen=True, slots=True)
class Answer:
    """``data`` is what the API answers, too; ``text`` says it to a person, None where all is said already.

    ``good``: nothing in it is amiss.
    """

    data: Mapping[str, Any]
    text: str | None
    good: bool = True


class Refused(Exception):
    """It is not done as things are; the message says why and what would help. Nothing was changed."""


class Desk:
    """The settings and the service's database. The database raises DatabaseUnavailable where it cannot be opened."""

    def __init__(self, settings: Settings, *, in_json: bool = False) -> None:
        self.settings = settings
        self.in_json = in_json

    @cached_property
    def opened(self) -> OpenedDatabase:
        """Where the service's database is; an embedded one is started for it."""
        try:
            return open_database(self.settings)
        except (OSError, RuntimeError) as error:
            raise DatabaseUnavailable(str(error)) from error

    @cached_property
    def database(self) -> Database:
        """The service's database."""
        return Database(self.opened.url, size=2, name=NAME)

    @cached_property
    def slow_database(self) -> Database:
        """The same for statements that may take as long as they need; one at a time."""
        return Database(self.opened.direct_url, size=1, statement_timeout=0, name=NAME)

    def progress(self, what: str, total: int | None = None) -> AbstractContextManager[Progress]:
        """Return a bar on standard error while something long is done; nothing is shown where that is no terminal."""
        return progress_bar(what, total)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name in ("database", "slow_database"):
            if name in self.__dict__:
                self.__dict__[name].close()


Command = Callable[[Desk], Answer]
