"""How the service is, by the documents' criteria, read from the record."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from control.desk import Answer, Command, Desk
from control.tables import Columns, age, table
from control.words import Commands
from database.migrations import missing_files
from database.observations import observe
from domain.criteria import Colour, criteria, worst
from domain.observed import Observed

CRITERIA: Columns = (
    *(("COLOUR", "colour"), ("CRITERION", "criterion"), ("VALUE", "value"), ("GREEN", "green"), ("RED", "red")),
)
PROCESSES: Columns = (("PROCESS", "name"), ("KIND", "kind"), ("ROUTES", "routes"), ("HEARD OF", "heard_of"))
STATUS = """\
Show the criteria that /health gives, each green, yellow or red, with its value and thresholds; and which processes run.
Exit status 1 where one of them is red. Failures of a running process's own connections are known to that process alone.
"""


def add_status(commands: Commands) -> None:
    """Add ``status``."""
    commands.add("status", _status, "how the service is: criteria, queue, processes", about=STATUS)


def _status(_: Namespace) -> Command:
    def run(desk: Desk) -> Answer:
        seen = observe(desk.database)
        errors, warnings = len(desk.settings.errors), len(desk.settings.warnings)
        judged = criteria(seen, database_failures=0, errors=errors, warnings=warnings)
        colour = worst(judged)
        data: dict[str, Any] = {
            "colour": str(colour),
            "mode": "dry-run" if desk.settings.dry_run else "live",
            "criteria": [criterion.as_row() for criterion in judged],
            "queue": desk.database.run("queue_state", again=True)[0],
            "processes": _processes(seen),
            "schema_missing": missing_files(desk.database),
            "unresolved_orders": len(seen.unresolved),
        }
        return Answer(data, _text(data), good=colour is not Colour.RED)

    return run


def _processes(seen: Observed) -> list[dict[str, Any]]:
    return [
        {"name": process.name, "kind": process.kind, "routes": process.routes, "age": process.age}
        for process in seen.processes
    ]


def _text(data: dict[str, Any]) -> str:
    queue = data["queue"]
    lines = [
        f"{data['colour'].upper()}, {data['mode']}; {queue['pending']} tasks wait, {queue['processing']} are decided.",
        table(data["criteria"], CRITERIA, without=""),
        "",
        table(
            [{**row, "heard_of": f"{age(row['age'])} ago"} for row in data["processes"]],
            PROCESSES,
            without="No process of the service was heard of within the last minutes.",
        ),
    ]
    if data["schema_missing"]:
        lines.append(f"The schema lacks {', '.join(data['schema_missing'])}: start the service, it adds them.")
    return "\n".join(lines)
