"""What the owner configured for each firm and account, as the plain dictionaries that callers pass on.

Each function takes ``settings``; without them it reads the process's environment when it is called. Firm codes are
read in any case. Money is ``Decimal`` in dollars, fractions are ``Decimal``, contracts are ``int``. A value that
cannot be read is left out here and stands in ``settings.problems``: it is never a rule that is silently off.
"""

import os
from collections.abc import Mapping
from typing import Any

from config.effective_rules import (
    EffectiveRules,
    Sourced,
    effective_account_rules,
    effective_rules,
    effective_stop_required,
    source_of,
)
from config.firm_data import firms
from config.groups import FirmSettings, ProgramSettings
from config.reading import account_owner, firm_owner
from config.rule_sets import rule_set_book
from config.settings import Settings
from domain.account import AccountKey
from domain.rule_set import AccountRules, RuleSet

_FIRM_RULES = ("max_position_size", "max_daily_loss", "max_total_loss")

# What only the owner can say of an account.
_OWNERS_OWN = ("max_risk_per_trade_pct", "risk_per_trade", "buffer")
# What only a rule set can say.
_RULE_SETS_OWN = ("profit_target", "min_days", "time_limit_days", "automation", "news")


def get_firm_config(firm_code: str, *, settings: Settings | None = None) -> dict[str, Any]:
    """Return what is known of a firm and what is configured for it, without secrets; empty for an unknown firm."""
    code = _code(firm_code)
    known = firms().get(code)
    if known is None:
        return {}
    current = _current(settings)
    return {
        **known.as_row(),
        "program_ids": list(current.firms[code].program_ids),
        "routed": any(account.firm_code == code for account in current.accounts),
        "dry_run": current.is_dry(code),
        "risk_rules": get_firm_risk_rules(code, settings=current),
    }


def get_routing_rules_for_task(
    payload: Mapping[str, Any],  # noqa: ARG001 every task goes to every routed account; the documents' signature
    *,
    settings: Settings | None = None,
) -> tuple[list[str], dict[str, Any]]:
    """Return the firms to route a task to and ``{"program_ids", "accounts"}``.

    ``accounts`` are the pairs (firm_code, program_id) that are routed. ``program_ids`` are their distinct ids in
    order; they do not say which firm an id belongs to.
    """
    accounts = list(_current(settings).accounts)
    firm_codes = list(dict.fromkeys(account.firm_code for account in accounts))
    return firm_codes, {
        "program_ids": sorted({account.program_id for account in accounts}),
        "accounts": accounts,
    }


def get_firm_risk_rules(firm_code: str, *, settings: Settings | None = None) -> dict[str, Any]:
    """Return the firm's limits that are set.

    max_position_size in contracts; max_daily_loss and max_total_loss in dollars, over all programs of the firm.
    """
    firm = _firm(firm_code, _current(settings))
    return _known(**{name: getattr(firm, name) for name in _FIRM_RULES})


def get_program_scaling_rules(firm_code: str, program_id: int, *, settings: Settings | None = None) -> dict[str, Any]:
    """Return what sizing needs of an account, where the owner or its rule set gives it.

    account_size in dollars, risk_per_trade as a fraction, max_contracts, and the firm's max_position_size: the second
    cap of a size.
    """
    current = _current(settings)
    effective = _effective(firm_code, program_id, current)
    return _known(
        account_size=effective.account_size.value,
        risk_per_trade=_program(firm_code, program_id, current).risk_per_trade,
        max_contracts=effective.max_contracts.value,
        max_position_size=_firm(firm_code, current).max_position_size,
    )


def get_account_breach_rules(firm_code: str, program_id: int, *, settings: Settings | None = None) -> dict[str, Any]:
    """Return the account's limits that the owner or its rule set gives: max_daily_loss, max_total_loss, max_drawdown.

    In dollars; of the owner's and the rule set's the smaller.
    """
    current = _current(settings)
    effective = _effective(firm_code, program_id, current)
    return _known(
        max_daily_loss=effective.daily_loss_limit.value,
        max_total_loss=_program(firm_code, program_id, current).max_total_loss,
        max_drawdown=effective.max_drawdown.value,
    )


def account_rules(account: AccountKey, settings: Settings) -> AccountRules:
    """Return the rules in force for an account: its rule set tightened by the environment, each with its source.

    Raises LookupError for a firm that is not known.
    """
    book, code = rule_set_book(), account.firm_code
    day = Sourced(book.days[code], f"firm data of {code}, {book.day_sources[code]}") if code in book.days else Sourced()
    program = settings.programs.get(account, ProgramSettings())
    return effective_account_rules(account, program, settings.rule_sets.get(account), day)


def get_unified_program_metadata(
    firm_code: str, program_id: int, *, settings: Settings | None = None
) -> dict[str, Any]:
    """Return every active rule of an account in one dictionary; a rule that is not set is None.

    ``rule_set`` has the id, version and digest of the rule set in force; of a limit that the owner gives as well the
    tighter holds. max_contracts counts minis; max_micros and what else only a rule set says is None without one.
    ``sources`` names the variable or the rule set that each value came from. ``firm`` holds the firm's published
    figures with their sources and dates: for information, none of them is active.
    """
    current = _current(settings)
    code = _code(firm_code)
    account = AccountKey(code, program_id)
    program = _program(code, program_id, current)
    effective = _effective(code, program_id, current)
    values, sources = effective.values(), effective.sources()
    prefix = account_owner(account).prefix
    for name in _OWNERS_OWN:
        values[name], sources[name] = getattr(program, name), prefix + name.upper()
    values["max_position_size"] = _firm(code, current).max_position_size
    sources["max_position_size"] = firm_owner(code).prefix + "MAX_POSITION_SIZE"
    rule_set = current.rule_sets.get(account)
    stop_required = effective_stop_required(account, _program(code, program_id, current), rule_set)
    values["stop_required"], sources["stop_required"] = stop_required.value, stop_required.source or ""
    own = _rule_set_values(rule_set)
    values |= own
    if rule_set is None:
        values["max_micros"] = None
    else:
        sources |= dict.fromkeys(own, source_of(rule_set)) | {"rule_set": prefix + "RULE_SET"}
    if values["allowed_sessions"] is not None:
        values["allowed_sessions"] = list(values["allowed_sessions"])
    known = firms().get(code)
    return {
        **values,
        "firm": {} if known is None else known.as_row()["figures"],
        "sources": {key: source for key, source in sources.items() if values[key] is not None},
    }


def _rule_set_values(rule_set: RuleSet | None) -> dict[str, Any]:
    """Return what only a rule set can say of an account, as plain values; every one None without a rule set."""
    values: dict[str, Any] = {name: getattr(rule_set, name, None) for name in _RULE_SETS_OWN}
    if rule_set is None:
        return {**values, "rule_set": None, "day_reset": None, "flat_by": None}
    ref, day, flat_by = rule_set.ref, rule_set.day, rule_set.flat_by
    return {
        **values,
        "rule_set": {"id": ref.id, "version": ref.version.isoformat(), "digest": ref.digest},
        "day_reset": f"{day.reset:%H:%M} {day.zone}",
        "flat_by": None if flat_by is None else f"{flat_by:%H:%M} {day.zone}",
    }


def _current(settings: Settings | None) -> Settings:
    return Settings.from_env(os.environ) if settings is None else settings


def _code(firm_code: str) -> str:
    return firm_code.strip().upper()


def _firm(firm_code: str, settings: Settings) -> FirmSettings:
    code = _code(firm_code)
    return settings.firms.get(code, FirmSettings(code=code))


def _program(firm_code: str, program_id: int, settings: Settings) -> ProgramSettings:
    return settings.programs.get(AccountKey(_code(firm_code), program_id), ProgramSettings())


def _effective(firm_code: str, program_id: int, settings: Settings) -> EffectiveRules:
    account = AccountKey(_code(firm_code), program_id)
    return effective_rules(account, _program(firm_code, program_id, settings), settings.rule_sets.get(account))


def _known(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
