"""The statements of ``database/sql``, by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

SQL_FOLDER = Path(__file__).parent / "sql"
PREPARED = "(prepared)"
_VALUE = re.compile(r"%\((\w+)\)s")


@cache
def statements() -> Mapping[str, str]:
    """Return every statement of ``database/sql`` by its name, the word behind ``-- name:``.

    A name may be followed by ``(prepared)``: see ``prepared_forms``.
    """
    found: dict[str, str] = {}
    for file in sorted(SQL_FOLDER.glob("*.sql")):
        for block in file.read_text(encoding="utf-8").split("-- name: ")[1:]:
            head, _, text = block.partition("\n")
            name = head.removesuffix(PREPARED).strip()
            if name in found:
                raise ValueError(f"statement {name} is defined twice, again in {file.name}")
            found[name] = text.strip()
    return found


@cache
def prepared_forms() -> Mapping[str, tuple[str, str]]:
    """Return what prepares and what executes each statement that is marked ``(prepared)``, by name.

    The server plans such a statement a few times a connection instead of each time. Only for one that is long to plan
    and whose best plan does not depend on how large the tables have grown.
    """
    heads = (line for file in SQL_FOLDER.glob("*.sql") for line in file.read_text(encoding="utf-8").splitlines())
    marked = [
        line.removeprefix("-- name: ").removesuffix(PREPARED).strip() for line in heads if line.endswith(PREPARED)
    ]
    return {name: _prepared_form(name, statements()[name]) for name in marked}


def _prepared_form(name: str, text: str) -> tuple[str, str]:
    order = list(dict.fromkeys(_VALUE.findall(text)))
    numbered = _VALUE.sub(lambda match: f"${order.index(match[1]) + 1}", text).replace("%%", "%")
    values = ", ".join(f"%({value})s" for value in order)
    return f"PREPARE {name} AS {numbered}", f"EXECUTE {name} ({values})"
