"""Backups for tests: the command run on one database and another, and what is in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg2

SIGNED = ("--by", "anna", "--reason", "drill")
Run = Callable[..., tuple[int, str, str]]


def ask(url: str, text: str) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute(text)
        rows = cursor.fetchall() if cursor.description else []
    connection.close()
    return rows


def answer(run: Run, url: str, *arguments: object) -> dict[str, Any]:
    status, out, err = run(url, *arguments, "--json")
    assert (status, err) == (0, ""), (out, err)
    found = json.loads(out)
    assert isinstance(found, dict)
    return found
