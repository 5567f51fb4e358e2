"""What the owner decided: settings, routing, limits, instruments, and what is known of the firms.

Importing this package reads no file and no environment.
"""

from config.contract_limit import contract_limit
from config.prop_firm_config import (
    account_rules,
    get_account_breach_rules,
    get_firm_config,
    get_firm_risk_rules,
    get_program_scaling_rules,
    get_routing_rules_for_task,
    get_unified_program_metadata,
)
from config.settings import Settings, load_settings

__all__ = [
    "Settings",
    "account_rules",
    "contract_limit",
    "get_account_breach_rules",
    "get_firm_config",
    "get_firm_risk_rules",
    "get_program_scaling_rules",
    "get_routing_rules_for_task",
    "get_unified_program_metadata",
    "load_settings",
]
