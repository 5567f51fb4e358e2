"""What Tradovate has on record: accounts, contracts, positions and orders, read entity by entity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.http_calls import RateLimit, Reply
from connectors.platforms.tradovate_session import TradovateSession
from connectors.platforms.tradovate_wire import MOST_TEXT, Account, OrderRecord, order_record, refusal_of
from connectors.venue import NotSent, Unclear
from domain.account import AccountKey
from domain.money import decimal_of

REJECTED_COMMANDS = frozenset({"ExecutionRejected", "RiskRejected"})
# Tradovate cuts off long answers, at a size that it does not tell ("could be 1024 entities one day").
MOST_CERTAIN_ROWS = 1000
CLOCKS_DIFFER = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A position that is not flat. ``net`` above 0 is long."""

    contract_id: int
    symbol: str
    net: Decimal
    average: Decimal | None


class TradovateRecords:
    """Reads with one session under one rate limit. ``names``: what the owner calls each account there.

    Accounts and contracts do not change and are read once; ``known`` lets two readers share what they have read.
    """

    def __init__(
        self,
        session: TradovateSession,
        limit: RateLimit,
        names: Mapping[AccountKey, str],
        known: tuple[dict[AccountKey, Account], dict[int, str]],
    ) -> None:
        self._session = session
        self._limit = limit
        self._names = names
        self._accounts, self._contracts = known

    def post(self, path: str, body: Mapping[str, Any]) -> Reply:
        """Send what changes something, once. Raises as ``TradovateSession.send``."""
        return self._session.send("POST", path, content=body, limit=self._limit)

    def entities(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """Return a list of entities. Raises Unclear for anything that is none: an error is no empty list."""
        reply = self._session.send("GET", path, content=query, limit=self._limit)
        if reply.status != 200 or not isinstance(reply.body, list):
            raise Unclear(f"{path}: HTTP {reply.status} where a list was expected: {self.short(reply.body)}")
        if not all(isinstance(row, dict) for row in reply.body):
            raise Unclear(f"{path}: a list of entities was expected: {self.short(reply.body)}")
        return reply.body

    def item(self, path: str, number: int) -> dict[str, Any] | None:
        """Return one entity by its number, None where there is none. Raises Unclear for any other answer."""
        reply = self._session.send("GET", path, content={"id": number}, limit=self._limit)
        if reply.status == 404:
            return None
        if reply.status != 200 or not isinstance(reply.body, dict) or refusal_of(reply.body) is not None:
            raise Unclear(f"{path}: HTTP {reply.status} where an entity was expected: {self.short(reply.body)}")
        return reply.body

    def account(self, key: AccountKey) -> Account:
        """Return an account. Raises NotSent, final, where the login has none of that name or number."""
        known = self._accounts.get(key)
        if known is not None:
            return known
        name = self._names.get(key)
        if not name:
            raise NotSent(f"{key} has no account name at Tradovate", final=True)
        there = {str(row.get("name")): row for row in self.entities("/account/list")}
        row = there.get(name) or next((row for row in there.values() if str(row.get("id")) == name), None)
        if row is None:
            names = ", ".join(sorted(there)) or "none"
            raise NotSent(f"{key}: Tradovate has no account {name!r} for this login; there are: {names}", final=True)
        account = Account(id=int(row["id"]), name=str(row["name"]))
        self._accounts[key] = account
        return account

    def contract_name(self, number: int | None) -> str:
        """Return a contract's name, such as NQZ6."""
        if number is None:
            return "?"
        if number not in self._contracts:
            row = self.item("/contract/item", number)
            if row is None or not row.get("name"):
                raise Unclear(f"Tradovate does not name the contract {number}")
            self._contracts[number] = str(row["name"])
        return self._contracts[number]

    def positions(self, account: Account) -> list[Held]:
        """Return what an account holds. Where a contract has several entities the latest is true."""
        rows = [row for row in self.entities("/position/list") if row.get("accountId") == account.id]
        try:
            latest = {int(row["contractId"]): row for row in sorted(rows, key=lambda row: str(row.get("timestamp")))}
            return [
                Held(
                    contract_id=contract,
                    symbol=self.contract_name(contract),
                    net=net,
                    average=None if row.get("netPrice") is None else decimal_of(row["netPrice"]),
                )
                for contract, row in latest.items()
                if (net := decimal_of(row["netPos"])) != 0
            ]
        except (KeyError, ValueError) as error:
            raise Unclear(f"/position/list cannot be read: {error!r}") from error

    def order(self, number: int) -> OrderRecord | None:
        """Return an order with its size and fills, None where there is none of that number."""
        order = self.item("/order/item", number)
        return None if order is None else self.complete(order)

    def complete(self, order: Mapping[str, Any]) -> OrderRecord:
        """Return an order with its size and fills, which are entities of their own."""
        number = order.get("id")
        fills = self.entities("/fill/deps", masterid=number)
        return order_record(order, self._valid_version(number), fills)

    def commands(self) -> list[dict[str, Any]]:
        """Return the commands on record: an order's client id stands with the command that made it, not with itself."""
        return self.entities("/command/list")

    def find(self, account: Account, client_order_id: str, *, sent_at: datetime) -> list[OrderRecord]:
        """Return the account's orders under a client order id, oldest first.

        None at all is only said where the record can be trusted to be complete. Raises Unclear where it cannot: the
        list is as long as those that are cut off, or an order of the account's since ``sent_at`` is not in it.
        """
        commands = self.commands()
        found: list[OrderRecord] = []
        for number in made_by(commands, client_order_id):
            record = self.order(number)
            if record is None:
                raise Unclear(f"Tradovate has a command for the order {number} and not the order")
            if record.account_id == account.id:
                found.append(record)
        if not found:
            self._vouch(account, commands, sent_at)
        return found

    def why_rejected(self, number: int) -> str | None:
        """Return the reasons that Tradovate has on record for refusing an order, None where it has none."""
        told: list[str] = []
        for command in self.entities("/command/deps", masterid=number):
            for report in self.entities("/commandReport/deps", masterid=command.get("id")):
                reason = report.get("rejectReason")
                told += [str(part) for part in (None if reason == "Success" else reason, report.get("text")) if part]
        return ": ".join(dict.fromkeys(told))[:MOST_TEXT] or None

    def _vouch(self, account: Account, commands: list[dict[str, Any]], sent_at: datetime) -> None:
        if len(commands) >= MOST_CERTAIN_ROWS:
            raise Unclear(f"Tradovate's list has {len(commands)} commands and may have been cut off")
        orders = self.entities("/order/list")
        if len(orders) >= MOST_CERTAIN_ROWS:
            raise Unclear(f"Tradovate's list has {len(orders)} orders and may have been cut off")
        made = {command.get("orderId") for command in commands if command.get("commandType") == "New"}
        for order in orders:
            unknown = order.get("accountId") == account.id and order.get("id") not in made
            if unknown and _since(order.get("timestamp"), sent_at):
                raise Unclear(f"Tradovate does not say whose order {order.get('id')} is")

    def _valid_version(self, number: object) -> dict[str, Any]:
        """Return the order's last version; one that a refused command asked for is on record too and never held.

        That a version bears the number of its command is not documented; read so from what programs in use rely on.
        """
        versions = sorted(
            self.entities("/orderVersion/deps", masterid=number), key=lambda version: version.get("id") or 0
        )
        if len(versions) > 1:
            commands = self.entities("/command/deps", masterid=number)
            refused = {c.get("id") for c in commands if c.get("commandStatus") in REJECTED_COMMANDS}
            versions = [version for version in versions if version.get("id") not in refused] or versions[:1]
        return versions[-1] if versions else {}

    def short(self, body: Any) -> str:
        """Return an answer as a message may show it: cut off, without secrets."""
        return self._session.scrub(repr(body)[:MOST_TEXT])


def made_by(commands: Iterable[Mapping[str, Any]], client_order_id: str) -> list[int]:
    """Return the numbers of the orders that were made under a client order id, oldest first."""
    return sorted(
        {
            int(command["orderId"])
            for command in commands
            if command.get("commandType") == "New" and command.get("clOrdId") == client_order_id
        }
    )


def _since(timestamp: object, sent_at: datetime) -> bool:
    try:
        at = datetime.fromisoformat(str(timestamp))
    except ValueError:
        return True
    return (at if at.tzinfo else at.replace(tzinfo=UTC)) >= sent_at - CLOCKS_DIFFER
