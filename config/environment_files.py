"""Variables from ``.env`` files: read strictly, without touching the process's own environment."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from dotenv.parser import parse_stream

from config.problems import MASK, Problem, Severity
from config.routing import ROUTE_TO_FIRMS


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentFile:
    """The variables of one file, and the lines of it that could not be read. Values are taken as written."""

    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    problems: tuple[Problem, ...] = ()


def read_environment_file(path: Path) -> EnvironmentFile:
    """Return the variables of a ``.env`` file; none where there is no such file.

    A line that cannot be read may have been a limit, so each is an error instead of a line that is skipped in silence.
    """
    if not path.is_file():
        return EnvironmentFile()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        fault = f"{path} cannot be read ({type(error).__name__}), so none of its settings apply"
        return EnvironmentFile(problems=(_problem(str(path), "a readable text file in UTF-8", fault),))
    variables: dict[str, str] = {}
    problems: list[Problem] = []
    for binding in parse_stream(StringIO(text)):
        if binding.error:
            where = f"{path} line {binding.original.line}"
            problems.append(_problem(where, "NAME=value", f"{where} cannot be read, so it has no effect"))
        elif binding.key is not None:
            if binding.key in variables:
                problems.append(_set_twice(path, binding.key))
            variables[binding.key] = binding.value or ""
    return EnvironmentFile(variables=variables, problems=tuple(problems))


def is_routing_variable(name: str, firm_codes: Collection[str]) -> bool:
    """Return whether a variable says where orders go, or belongs to a firm or an account."""
    return name == ROUTE_TO_FIRMS or name.upper().startswith(tuple(f"{code}_" for code in firm_codes))


def _set_twice(path: Path, name: str) -> Problem:
    return Problem(
        severity=Severity.WARNING,
        variable=name,
        value=MASK,
        expected="one line for each name",
        message=f"{path} sets {name} more than once; its last line counts.",
    )


def _problem(where: str, expected: str, fault: str) -> Problem:
    return Problem(
        severity=Severity.ERROR,
        variable=where,
        value=MASK,
        expected=expected,
        message=f"{fault}; until it is corrected, live entries of all accounts are refused.",
    )
