"""What arms accounts in tests: a login, a limit with the figure it needs, a map of symbols, an answer to the policy."""

from __future__ import annotations

from config.firm_data import firms
from config.platforms import FACTS, URL, Platform
from domain.account import AccountKey

ACKNOWLEDGED = "written consent of the firm, 2026-10-01"


def armed(*accounts: tuple[str, int]) -> dict[str, str]:
    """Return the variables with which these accounts are armed, beside routing, dry-run and the webhook's secret."""
    environ: dict[str, str] = {}
    for account in map(AccountKey._make, accounts):
        own = f"{account.firm_code}_{account.program_id}_"
        platform = firms()[account.firm_code].platform.name
        if platform is Platform.NONE:
            platform = Platform.PROJECTX
            environ[f"{account.firm_code}_PLATFORM"] = str(platform)
        for name in FACTS[platform].needs:
            environ[own + name] = f"{own}{name}-value"
        environ[own + URL] = FACTS[platform].schemes[0] + "platform.test"
        if FACTS[platform].cfds:
            environ[f"{account.firm_code}_SYMBOL_MAP"] = "NQ=US100.cash*20"
        environ |= {own + "MAX_TOTAL_LOSS": "1000000", own + "TOTAL_PL": "0", own + "POLICY_ACK": ACKNOWLEDGED}
    return environ
