"""What the firms say of automated orders, and what an owner answered to it. Recorded, never worked around."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from config.firm_data import firms
from config.groups import ProgramSettings
from domain.account import AccountKey
from domain.rule_set import RuleSet

if TYPE_CHECKING:
    from config.settings import Settings

ALLOWED = "allowed"
# What is neither of these (unverified, conflicting, a word that is not known here) stands between the last two.
STRICTNESS: Mapping[str, int] = MappingProxyType({ALLOWED: 0, "allowed_from_personal_device_only": 1})
NOT_KNOWN, PROHIBITED = 2, 3
NO_CLEAR_WORD = frozenset({"conflict", "not_found"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPolicy:
    """The policy that holds for one account, with its source, and its owner's reason for trading live under it.

    ``checked`` is the date of the source. ``acknowledgement`` is None where none was given.
    """

    account: AccountKey
    policy: str
    note: str
    source: str
    checked: str
    needs_acknowledgement: bool
    acknowledgement: str | None

    def as_row(self) -> dict[str, Any]:
        """Return the row of the record."""
        return {
            "firm_code": self.account.firm_code,
            "program_id": self.account.program_id,
            "policy": self.policy,
            "note": self.note,
            "source": self.source,
            "checked": self.checked,
            "acknowledgement": self.acknowledgement,
        }

    def __str__(self) -> str:
        return f"{self.policy.replace('_', ' ')} ({self.source}, {self.checked})"


def policy_of(account: AccountKey, settings: Settings) -> AccountPolicy:
    """Return the stricter of the firm's policy and that of the account's rule set; of equal ones the firm's.

    Anything but a plain and uncontradicted "allowed" needs an acknowledgement. Raises LookupError for an unknown firm.
    """
    known = firms().get(account.firm_code)
    if known is None:
        raise LookupError(f"{account.firm_code} is not a known firm")
    firms_own = known.automation_policy
    rule_set = settings.rule_sets.get(account)
    program = settings.programs.get(account, ProgramSettings())
    needs = not plainly_allowed(firms_own.policy, firms_own.status)
    if rule_set is not None and _strictness(rule_set.automation) > _strictness(firms_own.policy):
        return AccountPolicy(
            account=account,
            policy=rule_set.automation,
            note=_note(rule_set),
            source=rule_set.source,
            checked=rule_set.checked,
            needs_acknowledgement=True,
            acknowledgement=program.policy_ack,
        )
    return AccountPolicy(
        account=account,
        policy=firms_own.policy,
        note=firms_own.note,
        source=firms_own.source,
        checked=firms_own.checked,
        needs_acknowledgement=needs,
        acknowledgement=program.policy_ack,
    )


def plainly_allowed(policy: str, status: str) -> bool:
    """Return whether a policy allows automated orders without a condition and no source contradicts it."""
    return policy == ALLOWED and status not in NO_CLEAR_WORD


def policy_rows(settings: Settings) -> list[dict[str, Any]]:
    """Return the policy of every routed account with its owner's acknowledgement, as rows of the record."""
    return [policy_of(account, settings).as_row() for account in settings.accounts]


def _strictness(policy: str) -> int:
    return PROHIBITED if policy.startswith("prohibited") else STRICTNESS.get(policy, NOT_KNOWN)


def _note(rule_set: RuleSet) -> str:
    return rule_set.notes.get("automation", f"rule set {rule_set.ref}")
