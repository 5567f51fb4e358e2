"""What the owner configured for each firm and account, as the plain dictionaries that callers pass on.

Each function takes ``settings``; without them it reads the process's environment when it is called. Firm codes are
read in any case. Money is ``Decimal`` in dollars, fractions are ``Decimal``, contracts are ``int``. A value that
cannot be read is left out here and stands in ``settings.problems``: it is never a rule that is silently off.
"""

import os
from collections.abc import Mapping
from typing import Any

from config.firm_data import firms
from config.groups import FirmSettings, ProgramSettings
from config.reading import account_owner, firm_owner
from config.settings import Settings
from domain.account import AccountKey

_FIRM_RULES = ("max_position_size", "max_daily_loss", "max_total_loss")
_SCALING_RULES = ("account_size", "risk_per_trade", "max_contracts")
_BREACH_RULES = ("max_daily_loss", "max_total_loss", "max_drawdown")

# The metadata's keys and the field of the account that each one shows.
_METADATA = {
    "allowed_sessions": "allowed_sessions",
    "max_contracts": "max_contracts",
    "max_risk_per_trade_pct": "max_risk_per_trade_pct",
    "daily_loss_limit": "max_daily_loss",
    "max_drawdown": "max_drawdown",
    "starting_balance": "starting_balance",
    "account_size": "account_size",
    "risk_per_trade": "risk_per_trade",
}


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
    return _set_values(_firm(firm_code, _current(settings)), _FIRM_RULES)


def get_program_scaling_rules(firm_code: str, program_id: int, *, settings: Settings | None = None) -> dict[str, Any]:
    """Return what sizing needs of an account, where it is set.

    account_size in dollars, risk_per_trade as a fraction, max_contracts, and the firm's max_position_size: the second
    cap of a size.
    """
    current = _current(settings)
    rules = _set_values(_program(firm_code, program_id, current), _SCALING_RULES)
    return rules | _set_values(_firm(firm_code, current), ("max_position_size",))


def get_account_breach_rules(firm_code: str, program_id: int, *, settings: Settings | None = None) -> dict[str, Any]:
    """Return the account's limits that are set, in dollars: max_daily_loss, max_total_loss, max_drawdown."""
    return _set_values(_program(firm_code, program_id, _current(settings)), _BREACH_RULES)


def get_unified_program_metadata(
    firm_code: str, program_id: int, *, settings: Settings | None = None
) -> dict[str, Any]:
    """Return every active rule of an account in one dictionary; a rule that is not set is None.

    ``sources`` names the variable of each value that is set. ``firm`` holds the firm's published figures with their
    sources and dates: for information, none of them is active.
    """
    current = _current(settings)
    code = _code(firm_code)
    program = _program(code, program_id, current)
    values: dict[str, Any] = {key: getattr(program, name) for key, name in _METADATA.items()}
    if program.allowed_sessions is not None:
        values["allowed_sessions"] = list(program.allowed_sessions)
    prefix = account_owner(AccountKey(code, program_id)).prefix
    variables = {key: prefix + name.upper() for key, name in _METADATA.items()}
    values["max_position_size"] = _firm(code, current).max_position_size
    variables["max_position_size"] = firm_owner(code).prefix + "MAX_POSITION_SIZE"
    known = firms().get(code)
    return {
        **values,
        "firm": {} if known is None else known.as_row()["figures"],
        "sources": {key: variable for key, variable in variables.items() if values[key] is not None},
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


def _set_values(group: FirmSettings | ProgramSettings, names: tuple[str, ...]) -> dict[str, Any]:
    values = {name: getattr(group, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}
