"""Statements that the server prepares: the same answers, planned a few times a connection instead of each time."""

from __future__ import annotations

import re
from contextlib import closing
from typing import Any

import pytest

from database.connection import Database, StatementRefused, Transaction, connect
from database.statements import prepared_forms, statements

EMPTY: dict[str, Any] = dict.fromkeys(
    ("states", "snapshots", "restarts", "resets", "days", "raised", "cleared", "events"),
    "[]",
)


def test_a_prepared_form_gives_each_value_one_place() -> None:
    prepare, execute = prepared_forms()["write_accounts"]

    assert prepare.startswith("PREPARE write_accounts AS ")
    assert "%(" not in prepare
    assert len(set(re.findall(r"\$\d+", prepare))) == execute.count("%(") == len(EMPTY)
    assert set(prepared_forms()) <= set(statements())


def test_a_statement_is_prepared_once_a_connection_and_again_on_a_new_one(database: Database) -> None:
    with database.transaction() as transaction:
        for _ in range(3):
            assert transaction.rows("write_accounts", **EMPTY) == []
    database.close()
    with database.transaction() as transaction:
        assert transaction.rows("write_accounts", **EMPTY) == []


@pytest.mark.parametrize("idle_timeout", [0.0, 60.0])
def test_a_connection_to_the_server_itself_is_known_as_one(database_url: str, idle_timeout: float) -> None:
    with closing(connect(database_url, statement_timeout=1.2, idle_timeout=idle_timeout)) as connection:
        transaction = Transaction(connection)
        assert transaction.rows("write_accounts", **EMPTY) == []
        with connection.cursor() as cursor:
            cursor.execute("SELECT name FROM pg_prepared_statements")
            assert cursor.fetchall() == [("write_accounts",)]


def test_a_refused_run_leaves_the_connection_and_its_statement_usable(database: Database) -> None:
    one = Database(database._url, size=1)
    with pytest.raises(StatementRefused, match="json"):
        one.run("write_accounts", **{**EMPTY, "states": "{"})
    assert one.run("write_accounts", **EMPTY) == []
    one.close()
