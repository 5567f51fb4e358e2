"""One connection in use: statements by name, and such as go along with others."""

from __future__ import annotations

from typing import Any

from database.driver import AnyConnection, answered, as_sent, prepared_for, translated
from database.statements import prepared_forms, statements

Row = dict[str, Any]


class Transaction:
    """One connection in use. Statements are given by name, values as keywords."""

    def __init__(self, connection: AnyConnection) -> None:
        self._connection = connection
        self._ahead: list[str] = []

    def rows(self, name: str, /, **values: Any) -> list[Row]:
        """Run a named statement and return its rows."""
        with answered(self._connection), self._connection.cursor() as cursor:
            text = self._text(name, cursor)
            if self._ahead:
                self._ahead.append(cursor.mogrify(text, values).decode())
                self._send_ahead(cursor)
            else:
                cursor.execute(as_sent(self._connection, text), values)
            columns = [column.name for column in cursor.description or ()]
            return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()] if columns else []

    def ahead(self, name: str, /, **values: Any) -> None:
        """Let a statement whose rows nobody needs go in one message with the next one, before it, or with ``flush``."""
        with answered(self._connection), self._connection.cursor() as cursor:
            self._ahead.append(cursor.mogrify(self._text(name, cursor), values).decode())

    def flush(self) -> None:
        """Send what still waits to go along with a next statement."""
        if self._ahead:
            with answered(self._connection), self._connection.cursor() as cursor:
                self._send_ahead(cursor)

    def _text(self, name: str, cursor: Any) -> str:
        form, prepared = prepared_forms().get(name), prepared_for(self._connection)
        if form is None or prepared is None:
            return statements()[name]
        if name not in prepared:
            cursor.execute(form[0])
            prepared.add(name)
        return form[1]

    def _send_ahead(self, cursor: Any) -> None:
        texts, self._ahead = self._ahead, []
        cursor.execute(as_sent(self._connection, "\n;\n".join(texts)))

    def row(self, name: str, /, **values: Any) -> Row | None:
        """Run a named statement and return its first row, None where there is none."""
        return next(iter(self.rows(name, **values)), None)

    def script(self, text: str) -> None:
        """Run a file's SQL as it is. Only for our own schema files."""
        with translated(), self._connection.cursor() as cursor:
            cursor.execute(as_sent(self._connection, text))
