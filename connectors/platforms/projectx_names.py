"""Which account and which contract is meant, in ProjectX's own ids; each is asked for once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal

from connectors.platforms.projectx_answers import Row, decimal_of, refusal, rows
from connectors.platforms.projectx_session import Call
from connectors.venue import NotSent, Unclear
from domain.account import AccountKey

ACCOUNTS = "/api/Account/search"
CONTRACTS = "/api/Contract/search"
CONTRACT_BY_ID = "/api/Contract/searchById"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """A contract of the venue: ``id`` as CON.F.US.ENQ.Z26, ``name`` as NQZ6, ``tick`` in points."""

    id: str
    name: str
    tick: Decimal


@contextmanager
def nothing_sent() -> Iterator[None]:
    """Turn an unclear answer to a question that came before an order into NotSent: the order never left."""
    try:
        yield
    except Unclear as error:
        raise NotSent(f"nothing was sent: {error}") from error


class Names:
    """Accounts by the owner's keys, contracts by their symbols."""

    def __init__(self, call: Call, accounts: Mapping[AccountKey, str]) -> None:
        self._call = call
        self._wanted = dict(accounts)
        self._accounts: dict[AccountKey, int] = {}
        self._instruments: dict[str, Instrument] = {}
        self._names: dict[str, str] = {}

    def account(self, key: AccountKey) -> int:
        """Return an account's id. Raises NotSent, final where no account or several have the configured name."""
        if key not in self._accounts:
            row = self.account_row(key)
            self._accounts[key] = int(row["id"])
        return self._accounts[key]

    def account_row(self, key: AccountKey) -> Row:
        """Return what the venue lists of an account: name, balance, canTrade. Raises as ``account`` does."""
        wanted = self._wanted.get(key)
        if not wanted:
            raise NotSent(f"{key} has no account name at ProjectX", final=True)
        listed = rows(ACCOUNTS, self._call(ACCOUNTS, {"onlyActiveAccounts": True}), "accounts")
        found = {row.get("id"): row for row in listed if wanted in (row.get("name"), str(row.get("id")))}
        if len(found) != 1:
            raise NotSent(
                f"{key}: {len(found)} of the login's {len(listed)} active accounts have the name or id {wanted}",
                final=True,
            )
        return next(iter(found.values()))

    def instrument(self, symbol: str) -> Instrument:
        """Return the contract whose name is ``symbol``. Raises NotSent, final where there is none.

        Ids are not built by hand: NQ is ENQ in them, 6B is BP6. ``live`` False: the simulated accounts' contracts, as
        in the documentation's examples; a search answers with 20 contracts at most, so the whole name is asked for.
        """
        if symbol not in self._instruments:
            listed = rows(CONTRACTS, self._call(CONTRACTS, {"searchText": symbol, "live": False}), "contracts")
            found = {row.get("id"): row for row in listed if row.get("name") == symbol}
            if len(found) != 1:
                raise NotSent(f"ProjectX lists {len(found)} contracts of the name {symbol}", final=True)
            contract_id, row = next(iter(found.items()))
            tick = decimal_of(row.get("tickSize"))
            if tick <= 0 or not isinstance(contract_id, str):
                raise NotSent(f"ProjectX lists {symbol} with id {contract_id} and tick size {tick}", final=True)
            self._instruments[symbol] = Instrument(id=contract_id, name=symbol, tick=tick)
            self._names[contract_id] = symbol
        return self._instruments[symbol]

    def name_of(self, contract_id: str) -> str:
        """Return a contract's name, its id where the name cannot be had."""
        if contract_id not in self._names:
            with suppress(NotSent, Unclear):
                reply = self._call(CONTRACT_BY_ID, {"contractId": contract_id})
                told = reply.fields.get("contract") if refusal(CONTRACT_BY_ID, reply) is None else None
                if isinstance(told, dict) and isinstance(told.get("name"), str):
                    self._names[contract_id] = told["name"]
        return self._names.get(contract_id, contract_id)
