"""What an account is now, and whether it has broken its limits."""

from account_engine.account_breach_engine import (
    AccountBreachResult,
    evaluate_account_breach,
    evaluate_account_state,
)
from account_engine.account_state_manager import AccountStateManager
from account_engine.order_enforcement import check_order_enforcement

__all__ = [
    "AccountBreachResult",
    "AccountStateManager",
    "check_order_enforcement",
    "evaluate_account_breach",
    "evaluate_account_state",
]
