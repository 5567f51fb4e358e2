"""Which accounts are routed: pairs of a firm and one of its own programs, never firms times programs."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from config.problems import Problem, Severity
from domain.account import AccountKey

ROUTE_TO_FIRMS = "ROUTE_TO_FIRMS"
PROGRAM_IDS = "PROGRAM_IDS"

# At most nine digits, so that an id fits every column and every variable's name has one spelling.
_PROGRAM_ID = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_IDS_EXPECTED = "whole numbers from 1, each once, separated by commas, such as 1,2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """The firms to route to, the programs of each firm, and what was wrong with either."""

    firm_codes: tuple[str, ...]
    program_ids: Mapping[str, tuple[int, ...]]
    problems: tuple[Problem, ...]

    @property
    def accounts(self) -> tuple[AccountKey, ...]:
        """The routed accounts in the order of ``ROUTE_TO_FIRMS`` and of each firm's ids."""
        return tuple(
            AccountKey(firm_code, program_id)
            for firm_code in self.firm_codes
            for program_id in self.program_ids.get(firm_code, ())
        )


def read_routing(environ: Mapping[str, str], known_firms: Collection[str]) -> Routing:
    """Read ``ROUTE_TO_FIRMS`` and every ``{FIRM}_PROGRAM_IDS``.

    What can be read of a faulty list stays routed: the error refuses live entries, and exits still find their account.
    """
    firm_codes, problems = _read_firms(environ, known_firms)
    program_ids: dict[str, tuple[int, ...]] = {}
    for firm_code in known_firms:
        variable = f"{firm_code}_{PROGRAM_IDS}"
        if variable in environ:
            program_ids[firm_code], faults = read_program_ids(environ[variable])
            problems.extend(_faulty_ids(firm_code, environ[variable], fault) for fault in faults)
        elif firm_code in firm_codes:
            problems.append(_no_ids(firm_code))
    return Routing(firm_codes=firm_codes, program_ids=program_ids, problems=tuple(problems))


def read_program_ids(text: str) -> tuple[tuple[int, ...], list[str]]:
    """Return the ids that can be read, each once, and what is wrong with the list."""
    ids: list[int] = []
    faults: list[str] = []
    for part in (part.strip() for part in text.split(",")):
        if not _PROGRAM_ID.fullmatch(part):
            faults.append(f'"{part}" is not a program id')
        elif int(part) in ids:
            faults.append(f"{part} stands there twice")
        else:
            ids.append(int(part))
    return tuple(ids), faults


def _read_firms(environ: Mapping[str, str], known_firms: Collection[str]) -> tuple[tuple[str, ...], list[Problem]]:
    named = [part.strip().upper() for part in environ.get(ROUTE_TO_FIRMS, "").split(",") if part.strip()]
    unknown = [code for code in dict.fromkeys(named) if code not in known_firms]
    repeated = [code for code in dict.fromkeys(named) if named.count(code) > 1 and code in known_firms]
    problems = [_unknown_firm(code, environ[ROUTE_TO_FIRMS], known_firms) for code in unknown]
    problems.extend(_repeated_firm(code, environ[ROUTE_TO_FIRMS]) for code in repeated)
    return tuple(code for code in dict.fromkeys(named) if code in known_firms), problems


def _unknown_firm(code: str, text: str, known_firms: Collection[str]) -> Problem:
    return Problem(
        severity=Severity.ERROR,
        variable=ROUTE_TO_FIRMS,
        value=text,
        expected=f"firms from {', '.join(sorted(known_firms))}, separated by commas",
        message=f"{ROUTE_TO_FIRMS} names {code}, which is not a known firm; nothing is routed to it.",
        firm_code=code,
    )


def _repeated_firm(code: str, text: str) -> Problem:
    return Problem(
        severity=Severity.WARNING,
        variable=ROUTE_TO_FIRMS,
        value=text,
        expected="each firm once",
        message=f"{ROUTE_TO_FIRMS} names {code} more than once; it is routed to once.",
        firm_code=code,
    )


def _faulty_ids(firm_code: str, text: str, fault: str) -> Problem:
    variable = f"{firm_code}_{PROGRAM_IDS}"
    return Problem(
        severity=Severity.ERROR,
        variable=variable,
        value=text,
        expected=_IDS_EXPECTED,
        message=f"{variable} must be {_IDS_EXPECTED}, but {fault}; until it is corrected, live entries of every "
        f"{firm_code} account are refused.",
        firm_code=firm_code,
    )


def _no_ids(firm_code: str) -> Problem:
    variable = f"{firm_code}_{PROGRAM_IDS}"
    return Problem(
        severity=Severity.ERROR,
        variable=variable,
        value=None,
        expected=_IDS_EXPECTED,
        message=f"{ROUTE_TO_FIRMS} names {firm_code}, but {variable} is not set; until it is, nothing is routed there.",
        firm_code=firm_code,
    )
