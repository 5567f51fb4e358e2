"""What no single setting can show: names that mean nothing, and settings that do not fit together."""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal

from config.groups import FirmSettings, ProgramSettings, ServiceSettings
from config.instruments import InstrumentBook
from config.passwords import password_problems
from config.problems import MASK, Problem, Severity
from config.reading import account_owner, firm_owner, setting_fields
from config.routing import PROGRAM_IDS, ROUTE_TO_FIRMS, Routing
from domain.account import AccountKey
from domain.money import plain

# A tenth of an account on one trade is a choice that few make on purpose.
LARGE_RISK = Decimal("0.1")

_PROGRAM_VARIABLE = re.compile(r"(?P<program_id>[1-9][0-9]{0,8})_(?P<suffix>.+)", re.ASCII)


def account_variables(environ: Mapping[str, str], known_firms: Collection[str]) -> dict[AccountKey, list[str]]:
    """Return the variables ``{FIRM}_{ID}_...`` that are set, by account."""
    found: dict[AccountKey, list[str]] = {}
    for variable in sorted(environ):
        firm_code, _, rest = variable.partition("_")
        match = _PROGRAM_VARIABLE.fullmatch(rest)
        if firm_code in known_firms and match is not None:
            found.setdefault(AccountKey(firm_code, int(match["program_id"])), []).append(variable)
    return found


def unknown_names(environ: Mapping[str, str], known_firms: Collection[str], routing: Routing) -> Iterator[Problem]:
    """Warn of each variable that starts like one of a firm but is none. Its value is masked: it may be secret."""
    mentioned = {*routing.accounts, *account_variables(environ, known_firms)}
    for firm_code in known_firms:
        names = [firm_owner(firm_code).prefix + entry.suffix for entry in setting_fields(FirmSettings)]
        names.append(firm_owner(firm_code).prefix + PROGRAM_IDS)
        for account in sorted(account for account in mentioned if account.firm_code == firm_code):
            names += [account_owner(account).prefix + entry.suffix for entry in setting_fields(ProgramSettings)]
        for variable in sorted(environ):
            if variable.upper().startswith(firm_owner(firm_code).prefix) and variable not in names:
                yield _unknown_name(variable, firm_code, names)


def _unknown_name(variable: str, firm_code: str, names: list[str]) -> Problem:
    close = difflib.get_close_matches(variable.upper(), names, n=1)
    question = f"; did you mean {close[0]}?" if close else "."
    return Problem(
        severity=Severity.WARNING,
        variable=variable,
        value=MASK,
        expected=close[0] if close else f"a setting of {firm_code} as in .env.example",
        message=f"{variable} is an unknown setting and has no effect{question}",
        firm_code=firm_code,
    )


def not_routed(environ: Mapping[str, str], known_firms: Collection[str], routing: Routing) -> Iterator[Problem]:
    """Warn of accounts that are configured but not routed; say so once where nothing is routed at all."""
    configured = sorted(name for name in environ if name.startswith(tuple(f"{code}_" for code in known_firms)))
    if not routing.firm_codes:
        if configured:
            yield _nothing_routed(
                environ, f"although {configured[0]} is set; until it names firms, no order is sent anywhere"
            )
        return
    for account, variables in account_variables(environ, known_firms).items():
        if account not in routing.accounts:
            yield _idle_account(account, variables)


def _nothing_routed(environ: Mapping[str, str], rest: str) -> Problem:
    return Problem(
        severity=Severity.ERROR,
        variable=ROUTE_TO_FIRMS,
        value=environ.get(ROUTE_TO_FIRMS),
        expected="one or more firm codes separated by commas, such as FTMO,APEX",
        message=f"{ROUTE_TO_FIRMS} names no known firm, {rest}.",
    )


def _idle_account(account: AccountKey, variables: list[str]) -> Problem:
    others = f" and {len(variables) - 1} more of {account} have" if len(variables) > 1 else " has"
    return Problem(
        severity=Severity.WARNING,
        variable=variables[0],
        value=MASK,
        expected=f"{account.firm_code} in {ROUTE_TO_FIRMS} and {account.program_id} in "
        f"{account.firm_code}_{PROGRAM_IDS}",
        message=f"{variables[0]}{others} no effect, because {account} is not routed.",
        account=account,
        firm_code=account.firm_code,
    )


def large_risks(programs: Mapping[AccountKey, ProgramSettings], environ: Mapping[str, str]) -> Iterator[Problem]:
    """Warn of a fraction that reads like a percentage: 1 stands for the whole account."""
    for account, program in programs.items():
        for name in ("risk_per_trade", "max_risk_per_trade_pct"):
            fraction: Decimal | None = getattr(program, name)
            if fraction is None or fraction <= LARGE_RISK:
                continue
            variable = account_owner(account).prefix + name.upper()
            yield Problem(
                severity=Severity.WARNING,
                variable=variable,
                value=environ[variable],
                expected="a fraction such as 0.01 for 1 %",
                message=f"{variable} allows {plain((fraction * 100).normalize())} % of {account} on one trade "
                "(1 = 100 % of the account); it is used as set.",
                account=account,
                firm_code=account.firm_code,
            )


def service_checks(
    service: ServiceSettings, routing: Routing, book: InstrumentBook, *, guarded: bool
) -> Iterator[Problem]:
    """Check settings of the whole service against each other; ``guarded``: something has to open the webhook."""
    if not guarded:
        yield Problem(
            severity=Severity.WARNING if service.dry_run else Severity.ERROR,
            variable="WEBHOOK_SECRET",
            value=None,
            expected="a secret that only your sender of signals knows",
            message="WEBHOOK_SECRET is not set, so anyone who can reach the webhook can post signals; "
            + ("set it before going live." if service.dry_run else "until it is set, live entries are refused."),
        )
    yield from password_problems(service)
    if book.resolve(service.default_symbol) is None:
        yield Problem(
            severity=Severity.WARNING,
            variable="DEFAULT_SYMBOL",
            value=service.default_symbol,
            expected="a symbol with a known point value, such as NQ",
            message=f"DEFAULT_SYMBOL is {service.default_symbol}, whose point value is not known; signals without a "
            "symbol are refused.",
        )
    if service.database_direct_url is not None and service.database_url is None:
        yield Problem(
            severity=Severity.WARNING,
            variable="DATABASE_DIRECT_URL",
            value=MASK,
            expected="DATABASE_URL beside it",
            message="DATABASE_DIRECT_URL is set without DATABASE_URL and has no effect: the embedded database is used.",
            stops_entries=False,
        )
    if service.web_threads < service.database_pool_size:
        yield Problem(
            severity=Severity.WARNING,
            variable="WEB_THREADS",
            value=str(service.web_threads),
            expected=f"at least DATABASE_POOL_SIZE, which is {service.database_pool_size}",
            message="WEB_THREADS is below DATABASE_POOL_SIZE; the connections above it are never used.",
            stops_entries=False,
        )
    if not service.dry_run and not routing.firm_codes:
        yield _nothing_routed({}, "although dry-run is off; until it names firms, no order is sent anywhere")


def account_names(programs: Mapping[AccountKey, ProgramSettings]) -> Iterator[Problem]:
    """Refuse a platform's name that two accounts claim: its updates would count for one of them, by chance."""
    owners: dict[str, AccountKey] = {}
    for account, program in programs.items():
        if program.account_name is None:
            continue
        other = owners.setdefault(program.account_name, account)
        if other != account:
            variable = f"{account_owner(account).prefix}ACCOUNT_NAME"
            yield Problem(
                severity=Severity.ERROR,
                variable=variable,
                value=program.account_name,
                expected="a name that no other account has",
                message=f"{variable} is {program.account_name}, which is {other}'s name already; its updates count for "
                f"{other} alone.",
                account=account,
                firm_code=account.firm_code,
            )
