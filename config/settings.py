"""Every setting, typed and read once; all that is wrong is reported together."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from config.alert_settings import secrets_of_channels
from config.arming import arming_problems
from config.checks import (
    account_names,
    account_variables,
    large_risks,
    not_routed,
    service_checks,
    unknown_names,
)
from config.contract_months import ContractMonth, read_contract_months
from config.environment_files import is_routing_variable, read_environment_file
from config.firm_data import firms
from config.groups import FirmSettings, ProgramSettings, ServiceSettings
from config.instruments import InstrumentBook, exchange_instruments
from config.point_values import read_point_values
from config.problems import Problem, Severity
from config.reading import SERVICE, Group, account_owner, firm_owner, read_group, setting_fields
from config.routing import read_routing
from config.rule_choice import chosen_rule_sets
from config.rule_sets import rule_set_book
from config.symbol_map_checks import symbol_map_checks
from config.webhook_keys import WebhookKeys, key_variables, read_webhook_keys
from domain.account import AccountKey
from domain.rule_set import RuleSet

FROM_ENVIRONMENT = "environment"
FROM_DOTENV = ".env"
FROM_EXAMPLE = "example (.env.example)"
FROM_DEFAULT = "default"

SHORTEST_HIDDEN_NUMBER = 6

EXAMPLE_PATH = Path(__file__).parents[1] / ".env.example"


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    """Everything the owner configured, with all that is wrong in ``problems``.

    ``environ`` is the mapping that was read. ``accounts`` are the routed pairs in the order of ``ROUTE_TO_FIRMS``;
    ``firms`` has every known firm, ``programs`` every account that is routed or has a variable, ``rule_sets`` those
    that chose a rule set, ``contract_months`` the owner's delivery months by root, ``webhook_keys`` what
    opens the webhook. ``sources`` says of each variable where its value came from. ``demonstration`` is True while the
    accounts are those of the example.
    """

    environ: Mapping[str, str] = field(repr=False)
    accounts: tuple[AccountKey, ...]
    firms: Mapping[str, FirmSettings]
    programs: Mapping[AccountKey, ProgramSettings]
    instruments: InstrumentBook = field(repr=False)
    problems: tuple[Problem, ...]
    sources: Mapping[str, str] = field(repr=False)
    demonstration: bool = False
    rule_sets: Mapping[AccountKey, RuleSet] = field(default_factory=dict, repr=False)
    contract_months: Mapping[str, ContractMonth] = field(default_factory=dict, repr=False)
    webhook_keys: WebhookKeys = field(default_factory=WebhookKeys, repr=False)

    @classmethod
    def from_env(
        cls, environ: Mapping[str, str], *, sources: Mapping[str, str] | None = None, today: date | None = None
    ) -> Self:
        """Read every setting. Never raises for a bad value: each becomes one of ``problems``.

        ``sources`` names where a variable's value came from, "environment" where it does not say. ``today`` is the date
        by which rule sets and contracts are in force or out of date; the present one in UTC unless given.
        """
        known = tuple(firms())
        service_values, problems = read_group(ServiceSettings, environ, SERVICE)
        service = ServiceSettings(**service_values)
        routing = read_routing(environ, known)
        problems.extend(routing.problems)
        firm_settings = _read_firms(environ, routing.program_ids, problems)
        configured = account_variables(environ, known)
        programs = _read_programs(environ, (*routing.accounts, *configured), problems)
        prefixes = tuple(f"{code}_" for code in known)
        book, faulty_point_values = read_point_values(environ, exchange_instruments(), prefixes)
        problems.extend(faulty_point_values)
        present = datetime.now(UTC).date() if today is None else today
        keys, faulty_keys = read_webhook_keys(environ, present)
        problems.extend(faulty_keys)
        months, faulty_months = read_contract_months(environ, book, prefixes, present)
        problems.extend(faulty_months)
        problems.extend(symbol_map_checks(firm_settings, book))
        rule_sets, faulty_choices = chosen_rule_sets(programs, rule_set_book(), present)
        problems.extend(faulty_choices)
        problems.extend(large_risks(programs, environ))
        problems.extend(unknown_names(environ, known, routing))
        problems.extend(not_routed(environ, known, routing))
        problems.extend(service_checks(service, routing, book, guarded=bool(keys)))
        problems.extend(account_names(programs))
        settings = cls(
            **{entry.name: getattr(service, entry.name) for entry in fields(ServiceSettings)},
            environ=MappingProxyType(dict(environ)),
            accounts=routing.accounts,
            firms=MappingProxyType(firm_settings),
            programs=MappingProxyType(programs),
            rule_sets=MappingProxyType(rule_sets),
            contract_months=MappingProxyType(months),
            webhook_keys=keys,
            instruments=book,
            problems=tuple(problems),
            sources=MappingProxyType(_sources(environ, sources or {})),
        )
        return replace(settings, problems=(*settings.problems, *arming_problems(settings)))

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity is Severity.WARNING)

    @property
    def start_refusal(self) -> str | None:
        """Return why the web process must not start with these settings, None where it may."""
        if self.dry_run or self.webhook_keys:
            return None
        return "WEBHOOK_SECRET is unset. Live mode refuses to start without one: anybody could trade."

    def errors_of(self, account: AccountKey) -> tuple[Problem, ...]:
        """Return the errors that refuse live entries of this account: its own, its firm's, those of all."""
        return tuple(problem for problem in self.errors if problem.concerns(account))

    def is_dry(self, firm_code: str) -> bool:
        """Return whether orders to this firm are held back; True for a firm that is not known."""
        firm = self.firms.get(firm_code.strip().upper())
        return self.dry_run or firm is None or firm.dry_run is True

    def account_names(self) -> dict[str, AccountKey]:
        """Return the routed accounts by their platforms' names for them; a name that two claim is the first one's."""
        names: dict[str, AccountKey] = {}
        for account in self.accounts:
            name = self.programs[account].account_name
            if name is not None:
                names.setdefault(name, account)
        return names

    def secrets(self) -> tuple[str, ...]:
        """Return every secret value that was given, longest first: what no log line may show."""
        groups: list[tuple[str, Group]] = [("", ServiceSettings)]
        groups += [(firm_owner(code).prefix, FirmSettings) for code in self.firms]
        groups += [(account_owner(account).prefix, ProgramSettings) for account in self.programs]
        names = {prefix + entry.suffix for prefix, group in groups for entry in setting_fields(group) if entry.secret}
        values = secrets_of_channels(self.alert_urls or ())
        values |= {self.environ[name].strip() for name in names if name in self.environ and not self._is_number(name)}
        values |= {self.environ[name].strip() for name in key_variables(self.environ)}
        for address in ("DATABASE_URL", "DATABASE_DIRECT_URL"):
            values |= _passwords(self.environ.get(address, ""))
        return tuple(sorted(values - {""}, key=lambda value: (-len(value), value)))

    def _is_number(self, variable: str) -> bool:
        """Tradovate's cid is a small number: to mask it would deface every figure, and the secret is another one."""
        text = self.environ[variable].strip()
        return variable.endswith("_API_KEY") and text.isdecimal() and len(text) < SHORTEST_HIDDEN_NUMBER


def load_settings(
    environ: Mapping[str, str] | None = None,
    dotenv_path: Path = Path(".env"),
    example_path: Path = EXAMPLE_PATH,
    today: date | None = None,
) -> Settings:
    """Return the settings of this process: its environment over ``.env``.

    While nothing is configured for routing and dry-run is on, the accounts are those of ``.env.example``, and the
    settings say so: ``demonstration`` is True and ``sources`` names the file. ``environ`` is ``os.environ`` unless
    given, ``today`` the present date in UTC.
    """
    process = dict(os.environ if environ is None else environ)
    dotenv = read_environment_file(dotenv_path)
    merged = {**dotenv.variables, **process}
    sources = dict.fromkeys(dotenv.variables, FROM_DOTENV) | dict.fromkeys(process, FROM_ENVIRONMENT)
    settings = Settings.from_env(merged, sources=sources, today=today)
    known = tuple(firms())
    demonstration = settings.dry_run and not any(is_routing_variable(name, known) for name in merged)
    if demonstration:
        example = read_environment_file(example_path).variables
        accounts = {name: text for name, text in example.items() if is_routing_variable(name, known)}
        example_sources = sources | dict.fromkeys(accounts, FROM_EXAMPLE)
        settings = Settings.from_env({**merged, **accounts}, sources=example_sources, today=today)
        demonstration = bool(accounts)
    return replace(settings, problems=dotenv.problems + settings.problems, demonstration=demonstration)


def _read_firms(
    environ: Mapping[str, str], program_ids: Mapping[str, tuple[int, ...]], problems: list[Problem]
) -> dict[str, FirmSettings]:
    found: dict[str, FirmSettings] = {}
    for firm_code in firms():
        values, faults = read_group(FirmSettings, environ, firm_owner(firm_code))
        problems.extend(faults)
        found[firm_code] = FirmSettings(code=firm_code, program_ids=program_ids.get(firm_code, ()), **values)
    return found


def _read_programs(
    environ: Mapping[str, str], accounts: tuple[AccountKey, ...], problems: list[Problem]
) -> dict[AccountKey, ProgramSettings]:
    found: dict[AccountKey, ProgramSettings] = {}
    for account in dict.fromkeys(accounts):
        values, faults = read_group(ProgramSettings, environ, account_owner(account))
        problems.extend(faults)
        found[account] = ProgramSettings(**values)
    return found


def _sources(environ: Mapping[str, str], named: Mapping[str, str]) -> dict[str, str]:
    defaults = {entry.suffix: FROM_DEFAULT for entry in setting_fields(ServiceSettings)}
    return defaults | {name: named.get(name, FROM_ENVIRONMENT) for name in environ}


def _passwords(database_url: str) -> set[str]:
    """Return the password of a database address as written and as decoded: drivers print either."""
    try:
        written: Any = urlsplit(database_url).password
    except ValueError:
        return set()
    return set() if written is None else {written, unquote(written)}
