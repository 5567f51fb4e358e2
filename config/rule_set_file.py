"""A firm's file of rule sets: what firm and program say is laid under each row, then every row is checked."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from config.rule_set_shape import DayShape, RuleSetShape

TOP_LEVEL = (
    *("code", "name", "api_enabled", "supports_automated_execution", "automation_policy", "figures"),
    *("platform", "day", "every_program", "programs"),
)
ROWS = "rule_sets"
LATER = "later"
NONE = "-"
LONGEST = 100

Table = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSetProblem:
    """One error: in which file, rule set and field, what is given there, and what was expected."""

    file: str
    rule_set: str
    field: str
    given: str
    expected: str

    def __str__(self) -> str:
        return f"{self.file}, rule set {self.rule_set}, {self.field}: {self.given} is given, expected {self.expected}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmFile:
    """The rows of a firm's file that are right, and all that is wrong with the rest. ``day`` is the firm's own."""

    firm_code: str
    day: DayShape | None
    rows: tuple[RuleSetShape, ...]
    problems: tuple[RuleSetProblem, ...]


def read_firm_file(text: str, file_name: str) -> FirmFile:
    """Return the checked rows of a firm's TOML text. Whatever it says, it is a problem and not an exception."""
    try:
        document = tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, ArithmeticError) as error:
        fault = _problem(file_name, NONE, NONE, str(error), "readable TOML")
        return FirmFile(firm_code="", day=None, rows=(), problems=(fault,))
    code = document.get("code")
    firm_code = code if isinstance(code, str) else ""
    problems = [
        _problem(file_name, NONE, key, document[key], f"one of {', '.join(TOP_LEVEL)}")
        for key in document
        if key not in TOP_LEVEL
    ]
    if not firm_code:
        problems.append(_problem(file_name, NONE, "code", code, "the firm's code, such as APEX"))
    day: DayShape | None = None
    try:
        day = DayShape.model_validate(document.get("day"))
    except ValidationError as error:
        problems.extend(_of_pydantic(file_name, NONE, fault, "day") for fault in error.errors())
    rows: list[RuleSetShape] = []
    for place, merged in _merged_rows(document, file_name, problems):
        try:
            rows.append(RuleSetShape.model_validate(merged, context=firm_code.lower()))
        except ValidationError as error:
            name = str(merged.get("id", place))
            problems.extend(_of_pydantic(file_name, name, fault) for fault in error.errors())
    return FirmFile(firm_code=firm_code, day=day, rows=tuple(rows), problems=tuple(problems))


def _merged_rows(document: Table, file_name: str, problems: list[RuleSetProblem]) -> Iterator[tuple[str, Table]]:
    """Yield each row with its place: laid over its program, over what holds for every program, over the firm.

    A row is followed by its later versions, each of which says only what changed.
    """
    policy = document.get("automation_policy")
    firm: Table = {"automation": policy.get("policy")} if isinstance(policy, dict) else {}
    firm |= {key: table for key, table in document.items() if key == "day"}
    common = document.get("every_program", {})
    if not isinstance(common, dict):
        problems.append(_problem(file_name, NONE, "every_program", common, "a table"))
        common = {}
    for number, program in enumerate(_tables(document.get("programs", []), file_name, "programs", problems), 1):
        field = f"programs {number}.{ROWS}"
        rows = list(_tables(program.pop(ROWS, None), file_name, field, problems))
        later = list(_tables(program.pop(LATER, []), file_name, f"programs {number}.{LATER}", problems))
        for place, row in enumerate(rows, 1):
            merged = _laid_over(_laid_over(_laid_over(firm, common), program), row)
            yield f"{field} {place}", merged
            for changes in later:
                yield f"{field} {place}, {LATER}", _laid_over(merged, changes)


def _tables(value: object, file_name: str, field: str, problems: list[RuleSetProblem]) -> Iterator[Table]:
    entries = value if isinstance(value, list) else [value]
    for entry in entries:
        if isinstance(entry, dict):
            yield entry
        else:
            problems.append(_problem(file_name, NONE, field, entry, "a list of tables"))


def _laid_over(below: Table, above: Table) -> Table:
    """Return ``below`` with what ``above`` says; tables are merged, and unknown parameters add up."""
    merged = dict(below)
    for key, value in above.items():
        known = below.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            merged[key] = _laid_over(known, value)
        elif key == "unknown" and isinstance(known, list) and isinstance(value, list):
            merged[key] = known + value
        else:
            merged[key] = value
    return merged


def _of_pydantic(file_name: str, rule_set: str, error: ErrorDetails, *table: str) -> RuleSetProblem:
    path = [*table, *(str(part) for part in error["loc"] if not isinstance(part, int))]
    given: object = None if error["type"] == "missing" else error["input"]
    reason = error.get("ctx", {}).get("error")
    why = f" ({reason})" if reason is not None else ""
    return _problem(file_name, rule_set, ".".join(path), given, _expected(RuleSetShape, path), why)


def _expected(shape: type[BaseModel], path: list[str]) -> str:
    """Return the description of a field; where there is no such field, those there are."""
    field = shape.model_fields.get(path[0])
    if field is None:
        return f"one of {', '.join(shape.model_fields)}"
    inner = next((kind for kind in _kinds(field.annotation) if issubclass(kind, BaseModel)), None)
    return str(field.description) if inner is None or len(path) == 1 else _expected(inner, path[1:])


def _kinds(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type):
        yield annotation
    for part in get_args(annotation):
        yield from _kinds(part)


def _problem(file_name: str, rule_set: str, field: str, given: object, expected: str, why: str = "") -> RuleSetProblem:
    return RuleSetProblem(file=file_name, rule_set=rule_set, field=field, given=_shown(given) + why, expected=expected)


def _shown(value: object) -> str:
    """Return a value as it stands in the file, more or less; "nothing" for None."""
    if value is None:
        return "nothing"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    if isinstance(value, date | time):
        text = value.isoformat()
    if isinstance(value, Mapping | list):
        text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
