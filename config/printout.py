"""The effective configuration as plain text: every value with its source, and everything that is wrong with it."""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from config.arming import CHOSEN, Armed, DryBecause, arming, readiness
from config.contract_months import SUFFIX as CONTRACT_SUFFIX
from config.contracts import contract_of, contract_terms
from config.groups import FirmSettings, ProgramSettings, ServiceSettings
from config.point_values import SUFFIX as POINT_VALUE_SUFFIX
from config.policies import policy_of
from config.problems import MASK, Problem
from config.prop_firm_config import account_rules
from config.reading import SERVICE, Group, Owner, account_owner, firm_owner, setting_fields
from config.routing import PROGRAM_IDS, ROUTE_TO_FIRMS
from config.rule_printout import Row, rule_rows
from config.settings import FROM_EXAMPLE, Settings
from config.webhook_keys import EXPIRES, SECRET
from domain.account import AccountKey
from domain.money import plain

NOT_SET = "-"


def printout(settings: Settings, today: date | None = None) -> str:
    """Return the configuration for people to read; no secret is in it.

    ``today`` is the day whose contracts are shown; none are without it.
    """
    blocks = [
        _mode(settings),
        _block("Service", [*_rows(settings, ServiceSettings, settings, SERVICE), *_webhook_keys(settings)]),
        _block("Routing", _routing_rows(settings)),
    ]
    for firm_code in _shown_firms(settings):
        owner = firm_owner(firm_code)
        blocks.append(_block(f"Firm {firm_code}", _rows(settings, FirmSettings, settings.firms[firm_code], owner)))
    for account, program in settings.programs.items():
        routed = "" if account in settings.accounts else " (not routed)"
        rows = _rows(settings, ProgramSettings, program, account_owner(account))
        blocks.append(_block(f"Account {account}{routed}", rows))
        blocks.append(_block(f"Rules in force for {account}", _rules(settings, account)))
        blocks.append(_block(f"Arming of {account}", _arming_rows(settings, account, today)))
    point_values = list(_point_values(settings))
    if point_values:
        blocks.append(_block("Point values and contracts", point_values))
    blocks.append(_problems(settings))
    return "\n\n".join(blocks) + "\n"


def _mode(settings: Settings) -> str:
    live = [str(account) for account in settings.accounts if isinstance(arming(account, settings), Armed)]
    lines = ["DRY-RUN: orders are decided and recorded, none is sent."]
    if live:
        lines = [f"LIVE: armed are {', '.join(live)}."]
    elif not settings.dry_run:
        lines = ["LIVE, but no routed account is armed: no order is sent."]
    if settings.demonstration:
        lines.append(
            f"DEMONSTRATION: nothing is configured for routing, so these accounts are those of the {FROM_EXAMPLE};\n"
            f"set {ROUTE_TO_FIRMS} and your own figures to replace them."
        )
    return "\n".join(lines)


def _rows(settings: Settings, group: Group, values: Any, owner: Owner) -> Iterator[Row]:
    unusable = {problem.variable for problem in settings.errors if problem.variable in settings.environ}
    for entry in setting_fields(group):
        variable = owner.prefix + entry.suffix
        value = getattr(values, entry.name)
        shown = MASK if entry.secret and value is not None else _shown(value)
        source = settings.sources.get(variable, "not set")
        if value is None and source == "default":
            source = "not set"
        yield variable, shown, f"{source}, UNUSABLE: see problems" if variable in unusable else source


def _webhook_keys(settings: Settings) -> Iterator[Row]:
    for key in (*settings.webhook_keys.secrets, *settings.webhook_keys.signing):
        if key.variable != SECRET:
            yield key.variable, MASK, settings.sources.get(key.variable, "")
        if key.expires_at is not None:
            yield key.variable + EXPIRES, key.expires_at.isoformat(), settings.sources.get(key.variable + EXPIRES, "")


def _rules(settings: Settings, account: AccountKey) -> Iterable[Row]:
    try:
        return rule_rows(account_rules(account, settings))
    except LookupError as error:
        return [("rules", NOT_SET, str(error))]


def _arming_rows(settings: Settings, account: AccountKey, today: date | None) -> Iterator[Row]:
    """Yield whether an account is armed, all that is in the way, its firm's policy, and what it would trade."""
    answer = arming(account, settings)
    if isinstance(answer, Armed):
        yield "armed", "yes", f"entries go out live through {answer.login.platform}"
    else:
        yield "armed", "no", f"{answer.reason}: {' '.join(answer.why)}" if answer.reason in CHOSEN else answer.reason
        # What is switched off on purpose may lack more; it is told before the switch is turned.
        still = readiness(account, settings)
        if isinstance(still, DryBecause):
            yield from (("missing", gap.variable, gap.why) for gap in still.gaps)
    if account.firm_code not in settings.firms:
        return
    policy = policy_of(account, settings)
    yield "policy", policy.policy.replace("_", " "), f"{policy.source}, {policy.checked}"
    if policy.acknowledgement is not None:
        yield "acknowledged", policy.acknowledgement, account_owner(account).prefix + "POLICY_ACK"
    terms = contract_terms(account, settings)
    if terms is not None and today is not None:
        contract = contract_of(settings.default_symbol, settings.instruments, terms, on=today)
        named = "no contract is known" if contract is None else contract.symbol
        yield f"{settings.default_symbol} today", named, f"at {terms.platform}"


def _routing_rows(settings: Settings) -> Iterator[Row]:
    yield _as_written(settings, ROUTE_TO_FIRMS)
    for firm_code in _shown_firms(settings):
        yield _as_written(settings, f"{firm_code}_{PROGRAM_IDS}")
    routed = ", ".join(str(account) for account in settings.accounts)
    yield "routed accounts", routed or "none", ""


def _as_written(settings: Settings, variable: str) -> Row:
    return variable, settings.environ.get(variable, NOT_SET), settings.sources.get(variable, "not set")


def _point_values(settings: Settings) -> Iterator[Row]:
    prefixes = tuple(f"{firm_code}_" for firm_code in settings.firms)
    for variable in sorted(settings.environ):
        if variable.endswith((POINT_VALUE_SUFFIX, CONTRACT_SUFFIX)) and not variable.startswith(prefixes):
            yield _as_written(settings, variable)


def _shown_firms(settings: Settings) -> list[str]:
    routed = dict.fromkeys(account.firm_code for account in settings.accounts)
    mentioned = [code for code in settings.firms if any(name.startswith(f"{code}_") for name in settings.environ)]
    return list(routed | dict.fromkeys(mentioned))


def _shown(value: object) -> str:
    if value is None:
        return NOT_SET
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return plain(value)
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _block(title: str, rows: Iterable[Row]) -> str:
    """Return the rows under their title in aligned columns."""
    held = list(rows)
    name_width = max(len(name) for name, _, _ in held)
    value_width = max(len(value) for _, value, _ in held)
    lines = [f"  {name:<{name_width}}  {value:<{value_width}}  {source}".rstrip() for name, value, source in held]
    return "\n".join([title, *lines])


def _problems(settings: Settings) -> str:
    if not settings.problems:
        return "No problems found."
    title = f"Problems: errors {len(settings.errors)}, warnings {len(settings.warnings)}"
    return "\n".join([title, *(_problem(problem) for problem in (*settings.errors, *settings.warnings))])


def _problem(problem: Problem) -> str:
    value = "not set" if problem.value is None else f'"{problem.value}"'
    return (
        f"\n  {problem.severity}  {problem.variable}\n"
        f"    {problem.message}\n"
        f"    value:    {value}\n"
        f"    expected: {problem.expected}"
    )
