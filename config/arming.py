"""Whether an account's entries may go out live; and if not, exactly what is in the way. Pure.

An account is armed only if nothing keeps it dry. Of several reasons the first holds, in the order of ``DryReason``:

1. GLOBAL: ``EXECUTION_DRY_RUN`` is not off.
2. FIRM: ``{FIRM}_DRY_RUN`` is on, or the firm is not known.
3. ACCOUNT: ``{FIRM}_{ID}_DRY_RUN`` is on.
4. NO_CONNECTOR: the firm's platform is ``none``.
5. NOT_ARMED: something is missing or wrong. All of it is named.
6. POLICY: the firm's stated policy does not plainly allow automated orders from a server, and the owner has not
   acknowledged it with a reason.

This is about entries. A position that is on record as opened live has to be closed whatever is said here:
``config.venue_logins.venue_login`` tells whether its platform can still be reached.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from config.firm_data import firms
from config.groups import ProgramSettings
from config.platforms import FACTS, URL, Platform
from config.policies import policy_of
from config.problems import Problem, Severity
from config.reading import account_owner, firm_owner
from config.venue_logins import platform_of, venue_login
from domain.account import AccountKey
from domain.dry_reason import DryReason
from domain.venue_login import VenueLogin

if TYPE_CHECKING:
    from config.settings import Settings

WEBHOOK_SECRET = "WEBHOOK_SECRET"  # noqa: S105 the variable's name
# The owner's choice is no problem to be told of.
CHOSEN = frozenset({DryReason.GLOBAL, DryReason.FIRM, DryReason.ACCOUNT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Armed:
    """The account's entries go out live, through ``login``."""

    account: AccountKey
    login: VenueLogin


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """One thing in the way: the variable that would change it, and why in a sentence."""

    variable: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DryBecause:
    """The account stays dry. ``gaps`` is never empty."""

    account: AccountKey
    reason: DryReason
    gaps: tuple[Gap, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """The variables that would have to change, each once."""
        return tuple(dict.fromkeys(gap.variable for gap in self.gaps))

    @property
    def why(self) -> tuple[str, ...]:
        return tuple(gap.why for gap in self.gaps)


def arming(account: AccountKey, settings: Settings) -> Armed | DryBecause:
    """Return whether the account's entries go out live, or the one reason why not with everything that it takes."""
    switched_off = _switched_off(account, settings)
    return readiness(account, settings) if switched_off is None else switched_off


def readiness(account: AccountKey, settings: Settings) -> Armed | DryBecause:
    """Return what ``arming`` would say if none of the three dry-run switches were on."""
    known = firms().get(account.firm_code)
    if known is None or platform_of(account.firm_code, settings) is Platform.NONE:
        variable = firm_owner(account.firm_code).prefix + "PLATFORM"
        unknown = f"{account.firm_code} is not a known firm"
        note = f"{variable} is none"
        if known is None or known.platform.name is Platform.NONE:
            note = unknown if known is None else known.platform.note
        gap = Gap(variable=variable, why=f"{note}.")
        return DryBecause(account=account, reason=DryReason.NO_CONNECTOR, gaps=(gap,))
    login = venue_login(account, settings)
    gaps, policy_gap = tuple(_gaps(account, settings, login)), tuple(_policy_gap(account, settings))
    if gaps or not isinstance(login, VenueLogin):
        return DryBecause(account=account, reason=DryReason.NOT_ARMED, gaps=gaps + policy_gap)
    if policy_gap:
        return DryBecause(account=account, reason=DryReason.POLICY, gaps=policy_gap)
    return Armed(account=account, login=login)


def is_armed(account: AccountKey, settings: Settings) -> bool:
    """Return whether the account's entries go out live."""
    return isinstance(arming(account, settings), Armed)


def may_still_close(account: AccountKey, settings: Settings) -> bool:
    """Return whether an account that is not armed may all the same close what it opened when it was.

    So it is where something is missing or not acknowledged. The owner's own switches hold for exits, too.
    """
    answer = arming(account, settings)
    return isinstance(answer, DryBecause) and answer.reason in {DryReason.NOT_ARMED, DryReason.POLICY}


def arming_problems(settings: Settings) -> Iterator[Problem]:
    """Warn of each routed account that its owner would have live and that stays dry, with all that is in the way.

    Of one that is armed, warn where its firm's policy had to be acknowledged, and where no future has a contract.
    """
    for account in settings.accounts:
        answer = arming(account, settings)
        if isinstance(answer, Armed):
            yield from _acknowledged(account, settings)
            yield from _unmapped(account, settings)
        elif answer.reason not in CHOSEN:
            yield _stays_dry(answer)


def _switched_off(account: AccountKey, settings: Settings) -> DryBecause | None:
    program = settings.programs.get(account, ProgramSettings())
    switches = (
        (settings.dry_run, DryReason.GLOBAL, "EXECUTION_DRY_RUN"),
        (settings.is_dry(account.firm_code), DryReason.FIRM, firm_owner(account.firm_code).prefix + "DRY_RUN"),
        (program.dry_run is True, DryReason.ACCOUNT, account_owner(account).prefix + "DRY_RUN"),
    )
    for on, reason, variable in switches:
        if on:
            gap = Gap(variable=variable, why=f"{variable} keeps it in dry-run.")
            return DryBecause(account=account, reason=reason, gaps=(gap,))
    return None


def _gaps(account: AccountKey, settings: Settings, login: VenueLogin | tuple[str, ...]) -> Iterator[Gap]:
    if account not in settings.accounts:
        yield Gap(variable="ROUTE_TO_FIRMS", why=f"{account} is not routed.")
    if not settings.webhook_keys:
        yield Gap(variable=WEBHOOK_SECRET, why=f"{WEBHOOK_SECRET} is not set: anybody could trade.")
    if not isinstance(login, VenueLogin):
        platform = platform_of(account.firm_code, settings)
        firm, own = firm_owner(account.firm_code).prefix, account_owner(account).prefix
        for variable in login:
            either = "" if variable.startswith(own) else f" (nor {own}{variable.removeprefix(firm)})"
            yield Gap(variable=variable, why=f"{variable} is not set{either}; {platform} asks for it.")
    else:
        yield from _wrong_address(account, login)
    program = settings.programs.get(account, ProgramSettings())
    losses = (program.max_daily_loss, program.max_total_loss, program.max_drawdown)
    if account not in settings.rule_sets and all(limit is None for limit in losses):
        prefix = account_owner(account).prefix
        why = f"{account} has no rule set and no loss limit of its own: {prefix}RULE_SET, or for example {prefix}"
        yield Gap(variable=prefix + "RULE_SET", why=f"{why}MAX_DAILY_LOSS.")
    for problem in settings.errors_of(account):
        if problem.variable != WEBHOOK_SECRET:
            yield Gap(variable=problem.variable, why=f"{problem.variable} has to be put right: see its error.")


def _wrong_address(account: AccountKey, login: VenueLogin) -> Iterator[Gap]:
    schemes = FACTS[Platform(login.platform)].schemes
    if not login.url.startswith(schemes):
        variable = firm_owner(account.firm_code).prefix + URL
        why = f"{variable} (or the account's own) has to begin with {schemes[0]} for {login.platform}."
        yield Gap(variable=variable, why=why)


def _policy_gap(account: AccountKey, settings: Settings) -> Iterator[Gap]:
    policy = policy_of(account, settings)
    if policy.needs_acknowledgement and policy.acknowledgement is None:
        variable = account_owner(account).prefix + "POLICY_ACK"
        stated = f"{account.firm_code}'s stated policy on automated orders is: {policy}"
        yield Gap(variable=variable, why=f"{stated}. {policy.note}. {variable} has to give the owner's reason.")


def _stays_dry(answer: DryBecause) -> Problem:
    account = answer.account
    return Problem(
        severity=Severity.WARNING,
        variable=answer.missing[0],
        value=None,
        expected=", ".join(answer.missing),
        message=f"{account} stays in dry-run ({answer.reason}). {' '.join(answer.why)}",
        account=account,
        firm_code=account.firm_code,
    )


def _acknowledged(account: AccountKey, settings: Settings) -> Iterator[Problem]:
    policy = policy_of(account, settings)
    if policy.needs_acknowledgement:
        yield Problem(
            severity=Severity.WARNING,
            variable=account_owner(account).prefix + "POLICY_ACK",
            value=policy.acknowledgement,
            expected="the firm's own consent; ask the firm before trading",
            message=f"{account} is live although {account.firm_code}'s stated policy on automated orders is: {policy}. "
            "The acknowledgement is on record; the firm may still close the account.",
            account=account,
            firm_code=account.firm_code,
        )


def _unmapped(account: AccountKey, settings: Settings) -> Iterator[Problem]:
    platform = platform_of(account.firm_code, settings)
    if FACTS[platform].cfds and settings.firms[account.firm_code].symbol_map is None:
        variable = firm_owner(account.firm_code).prefix + "SYMBOL_MAP"
        yield Problem(
            severity=Severity.WARNING,
            variable=variable,
            value=None,
            expected="pairs such as NQ=US100.cash*20",
            message=f"{account} trades CFDs through {platform}, and {variable} is not set: entries of futures are "
            "refused with NO_CONTRACT.",
            account=account,
            firm_code=account.firm_code,
        )
