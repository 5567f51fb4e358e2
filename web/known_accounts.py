"""The accounts that requests may name, and what of them a request has to be held against."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from account_engine.account_tracker import AccountTracker
from domain.account import AccountKey
from domain.rule_set import AccountRules
from signals.account_update import AccountBounds
from signals.problem import FieldProblem
from web.refusals import Refused

ACCOUNT = "/api/v1/accounts/<firm>/<program>"


class KnownAccounts:
    """The configured accounts, by firm and program and by the names that NinjaTrader has for them."""

    def __init__(
        self,
        keys: Iterable[AccountKey],
        names: Mapping[str, AccountKey],
        tracker: AccountTracker,
        rules_of: Callable[[AccountKey], AccountRules],
    ) -> None:
        self.keys = tuple(keys)
        self._by_text = {str(key): key for key in self.keys}
        self._names = {name: key for name, key in names.items() if key in self.keys}
        self._by_name = {name.strip().casefold(): key for name, key in self._names.items()}
        self._tracker = tracker
        self.rules_of = rules_of

    def key(self, firm: str, program: str) -> AccountKey:
        """Return the account of a path. Raises Refused (404) that names the accounts there are."""
        text = f"{firm.strip().upper()}/{program.strip()}"
        if text not in self._by_text:
            raise _unknown("account", text, self._by_text, "routed by ROUTE_TO_FIRMS and {FIRM}_PROGRAM_IDS")
        return self._by_text[text]

    def named(self, name: str) -> AccountKey:
        """Return the account that NinjaTrader calls so; capitals do not matter. Raises Refused (404)."""
        key = self._names.get(name) or self._by_name.get(name.casefold())
        if key is None:
            raise _unknown("account_id", name, self._names, "configured as names of NinjaTrader accounts")
        return key

    def firm(self, code: str) -> str:
        """Return the code of a firm that has an account here. Raises Refused (404)."""
        codes = tuple(dict.fromkeys(key.firm_code for key in self.keys))
        if code.strip().upper() not in codes:
            raise _unknown("firm", code, codes, "firms with a routed account")
        return code.strip().upper()

    def bounds(self, key: AccountKey) -> AccountBounds:
        """Return what an account's figures have to be held against."""
        drawdown, standing = self.rules_of(key).drawdown, self._tracker.known(key).tracked.standing
        return AccountBounds(
            starts_at_zero=drawdown is not None and drawdown.starting_balance == 0,
            floor=None if standing is None else standing.floor,
        )


def _unknown(field: str, given: str, known: Iterable[str], what: str) -> Refused:
    accepted = f"one of those {what}: {', '.join(known) or 'there are none'}"
    problem = FieldProblem(field=field, given=given, accepted=accepted)
    return Refused(404, "unknown_account", f"There is no such account. Accepted is {accepted}.", (problem,))
