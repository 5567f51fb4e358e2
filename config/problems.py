"""What is wrong with the configuration, said so that its owner can put it right."""

from dataclasses import dataclass
from enum import StrEnum

from domain.account import AccountKey

MASK = "****"


class Severity(StrEnum):
    """An ERROR refuses live entries where it applies; a WARNING only informs."""

    ERROR = "ERROR"
    WARNING = "WARNING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One setting that cannot be used as it stands, or that its owner should look at.

    ``value`` is what was set, ``****`` for a secret and None where nothing was set. ``account`` and ``firm_code`` say
    whom it concerns; both are None for a problem of the whole service. ``stops_entries`` is False for a setting of the
    whole service that no trade depends on, such as the port.
    """

    severity: Severity
    variable: str
    value: str | None
    expected: str
    message: str
    account: AccountKey | None = None
    firm_code: str | None = None
    stops_entries: bool = True

    def concerns(self, account: AccountKey) -> bool:
        """Return whether this problem is one of ``account``: its own, its firm's, or one of every account."""
        if self.account is not None:
            return self.account == account
        if self.firm_code is not None:
            return self.firm_code == account.firm_code
        return self.stops_entries

    def __str__(self) -> str:
        return f"{self.severity}: {self.message}"
