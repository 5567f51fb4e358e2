"""Why an account is in dry-run: its orders are decided and recorded, and none is sent."""

from __future__ import annotations

from enum import StrEnum


class DryReason(StrEnum):
    """In the order in which they are told: where several hold, the first is the account's reason."""

    GLOBAL = "GLOBAL_DRY_RUN_ENABLED"
    FIRM = "FIRM_DRY_RUN_ENABLED"
    ACCOUNT = "ACCOUNT_DRY_RUN_ENABLED"
    NO_CONNECTOR = "NO_LIVE_CONNECTOR"
    NOT_ARMED = "NOT_ARMED"
    POLICY = "POLICY_NOT_ACKNOWLEDGED"
