"""From the text of variables to typed values: field by field, so that one bad value leaves the rest."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, cast, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from config.declared import Setting
from config.groups import FirmSettings, ProgramSettings, ServiceSettings
from config.kinds import Expected
from config.problems import MASK, Problem, Severity
from domain.account import AccountKey

Group = type[ServiceSettings] | type[FirmSettings] | type[ProgramSettings]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingField:
    """A declared setting, ready to be read: its field, its variable without the prefix, and its reader."""

    name: str
    suffix: str
    default: Any
    declared: Setting
    secret: bool
    expected: str
    adapter: TypeAdapter[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose settings are read: the prefix of their variables, and whom a bad one concerns."""

    prefix: str = ""
    account: AccountKey | None = None
    firm_code: str | None = None


SERVICE = Owner()


def firm_owner(firm_code: str) -> Owner:
    return Owner(prefix=f"{firm_code}_", firm_code=firm_code)


def account_owner(account: AccountKey) -> Owner:
    return Owner(prefix=f"{account.firm_code}_{account.program_id}_", account=account, firm_code=account.firm_code)


def setting_fields(group: Group) -> tuple[SettingField, ...]:
    """Return the declared settings of a group, in the order of their declaration."""
    # Every class hashes; the type checker does not know it of a union of them.
    return _declared(cast(Hashable, group))


@cache
def _declared(group: Any) -> tuple[SettingField, ...]:
    hints = get_type_hints(group, include_extras=True)
    found = []
    for entry in fields(group):
        notes = list(_notes(hints[entry.name]))
        declared = next((note for note in notes if isinstance(note, Setting)), None)
        if declared is None:
            continue
        found.append(
            SettingField(
                name=entry.name,
                suffix=declared.variable or entry.name.upper(),
                default=entry.default,
                declared=declared,
                secret=not entry.repr,
                expected=next(note.text for note in notes if isinstance(note, Expected)),
                adapter=TypeAdapter(hints[entry.name]),
            )
        )
    return tuple(found)


def read_group(group: Group, environ: Mapping[str, str], owner: Owner) -> tuple[dict[str, Any], list[Problem]]:
    """Return the values of the group's settings that are set, by field name, and a problem for each bad one."""
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for entry in setting_fields(group):
        variable = owner.prefix + entry.suffix
        if variable not in environ:
            continue
        try:
            values[entry.name] = entry.adapter.validate_python(environ[variable])
        except ValidationError:
            if entry.declared.unreadable is not None:
                values[entry.name] = entry.declared.unreadable
            problems.append(_unreadable(entry, variable, environ[variable], owner))
    return values, problems


def _unreadable(entry: SettingField, variable: str, text: str, owner: Owner) -> Problem:
    shown = MASK if entry.secret else text
    said = "the value given" if entry.secret else f'"{text}"'
    return Problem(
        severity=Severity.ERROR,
        variable=variable,
        value=shown,
        expected=entry.expected,
        message=f"{variable} must be {entry.expected}, not {said}; until it is corrected, {_meanwhile(entry, owner)}.",
        account=owner.account,
        firm_code=owner.firm_code,
        stops_entries=entry.declared.stops_entries,
    )


def _meanwhile(entry: SettingField, owner: Owner) -> str:
    if entry.name == "dry_run":
        return "dry-run stays on" if owner.firm_code is None else f"{owner.account or owner.firm_code} stays in dry-run"
    if entry.name == "paused":
        return f"{owner.account} counts as paused"
    if entry.name == "stop_required":
        return f"entries of {owner.account} need a stop"
    if owner.account is not None:
        return f"live entries of {owner.account} are refused, and dry-run decides without this value"
    if owner.firm_code is not None:
        return f"live entries of every {owner.firm_code} account are refused, and dry-run decides without this value"
    used = "it counts as not set" if entry.default is None else f"{shown_default(entry)} is used"
    return f"{used} and live entries of all accounts are refused" if entry.declared.stops_entries else used


def shown_default(entry: SettingField) -> str:
    """Return a default as its owner would write it; empty where there is none."""
    if entry.default is None:
        return ""
    return str(entry.default).lower() if isinstance(entry.default, bool) else str(entry.default)


def _notes(hint: Any) -> Iterator[Any]:
    """Yield what an annotation carries, at any depth of it."""
    yield from getattr(hint, "__metadata__", ())
    for part in get_args(hint):
        yield from _notes(part)
