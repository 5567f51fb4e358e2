"""What a decision was made from, as the record keeps it: settings and pictures once, the rest per task. Pure.

A picture is an account's state and standing. From one decision to the next they differ in their ages alone, or not at
all: so each picture is kept once, and a task names it and says what differs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from account_engine.standing import AccountStanding
from domain.account import AccountKey
from domain.json_text import json_text
from domain.ledger import Exposure
from domain.order import EntryOrder
from risk_engine.decision import AccountFacts, EntryFacts
from risk_engine.fact_text import decoded, encoded, field_names

# A standing that differs in more than this is a picture of its own.
MOST_DIFFERENCES = 8
KEPT_DIGESTS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFacts:
    """The facts of one decision as JSON text, with the texts that it names by their digests."""

    text: str
    named: dict[str, str]


@dataclass(slots=True)
class _Picture:
    """``newest``: the standing that was held against the picture's own last, and what it differs in."""

    state: Mapping[str, Any]
    standing: AccountStanding | None
    digest: str
    text: str
    newest: tuple[AccountStanding | None, dict[str, Any]]


class FactRecorder:
    """Turns facts into what is kept of them. Remembers the newest picture of each account; use from one thread."""

    def __init__(self) -> None:
        self._settings: tuple[int, str, str] | None = None
        self._pictures: dict[AccountKey, _Picture] = {}
        self._kept: dict[str, None] = {}
        self._rows: dict[AccountKey, tuple[AccountFacts, _Picture, list[Any]]] = {}

    def record(self, facts: EntryFacts) -> RecordedFacts:
        """Return the facts as they are kept; texts that were ``kept`` already are only named."""
        named: dict[str, str] = {}
        settings = self._settings_of(facts)
        self._name(named, *settings)
        rows = [self._row(account, named) for account in facts.accounts]
        whole = {
            "settings": settings[0],
            "on": None if facts.on is None else facts.on.isoformat(),
            "trade_closed": facts.trade_closed,
            "signal_age": None if facts.signal_age is None else str(facts.signal_age),
            "metrics": [
                [firm.code, {name: str(total) for name, total in firm.metrics.items()}] for firm in facts.firms
            ],
            "accounts": rows,
        }
        return RecordedFacts(text=json_text(whole), named=named)

    def kept(self, digests: Mapping[str, str]) -> None:
        """Know of texts that are on record now and need not be given again."""
        for digest in digests:
            self._kept[digest] = None
        while len(self._kept) > KEPT_DIGESTS:
            del self._kept[next(iter(self._kept))]

    def _settings_of(self, facts: EntryFacts) -> tuple[str, str]:
        # The configuration is compiled once a process, the book of instruments with it: the same object, the same text.
        mark = id(facts.instruments) ^ hash(tuple(account.key for account in facts.accounts))
        if self._settings is None or self._settings[0] != mark:
            plain = replace(
                facts,
                order=EntryOrder(
                    trade_id="", symbol="", direction=None, entry_price=None, stop_loss=None, contracts=None
                ),
                accounts=tuple(_configured(account) for account in facts.accounts),
                firms=tuple(replace(firm, metrics={}) for firm in facts.firms),
            )
            kept = ("firms", "accounts", "instruments", "max_state_age", "allow_unknown_state", "max_signal_age")
            text = json_text({name: encoded(getattr(plain, name)) for name in kept})
            self._settings = (mark, digest_of(text), text)
        return self._settings[1], self._settings[2]

    def _row(self, account: AccountFacts, named: dict[str, str]) -> list[Any]:
        # Orders that are decided together share what was seen of an account: the same object, the same row.
        seen = self._rows.get(account.key)
        if seen is None or seen[0] is not account:
            picture, differs = self._picture_of(account)
            seen = self._rows[account.key] = (account, picture, _row_of(account, picture.digest, differs))
        _, picture, row = seen
        self._name(named, picture.digest, picture.text)
        return row

    def _picture_of(self, account: AccountFacts) -> tuple[_Picture, dict[str, Any]]:
        known = self._pictures.get(account.key)
        if known is not None and (known.state is account.state or known.state == account.state):
            if known.newest[0] is account.standing:
                return known, known.newest[1]
            differs = _differences(known.standing, account.standing)
            if differs is not None:
                known.newest = (account.standing, differs)
                return known, differs
        text = json_text({"state": encoded(account.state), "standing": encoded(account.standing)})
        made = _Picture(account.state, account.standing, digest_of(text), text, newest=(account.standing, {}))
        self._pictures[account.key] = made
        return made, {}

    def _name(self, named: dict[str, str], digest: str, text: str) -> None:
        if digest not in self._kept:
            named[digest] = text


def facts_from(
    recorded: Mapping[str, Any], text_of: Callable[[str], Mapping[str, Any]], order: EntryOrder
) -> EntryFacts:
    """Return the facts that a decision was made from. ``text_of`` gives a named text as JSON.

    Raises KeyError where something that it names is not on record.
    """
    settings = {name: decoded(value) for name, value in text_of(recorded["settings"]).items()}
    metrics = {code: {name: Decimal(total) for name, total in sums.items()} for code, sums in recorded["metrics"]}
    firms = tuple(replace(firm, metrics=metrics[firm.code]) for firm in settings.pop("firms") if firm.code in metrics)
    configured = {account.key: account for account in settings.pop("accounts")}
    accounts = tuple(_account(row, configured, text_of) for row in recorded["accounts"])
    return EntryFacts(
        **settings,
        order=order,
        firms=firms,
        accounts=accounts,
        on=None if recorded["on"] is None else date.fromisoformat(recorded["on"]),
        trade_closed=recorded["trade_closed"],
        signal_age=None if recorded["signal_age"] is None else Decimal(recorded["signal_age"]),
    )


def digest_of(text: str) -> str:
    """Return the name of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _account(
    row: list[Any], configured: Mapping[AccountKey, AccountFacts], text_of: Callable[[str], Mapping[str, Any]]
) -> AccountFacts:
    firm_code, program_id, picture, age, differs, *rest = row
    shown = text_of(picture)
    standing = decoded(shown["standing"])
    if differs:
        standing = replace(standing, **{name: decoded(value) for name, value in differs.items()})
    return replace(
        configured[AccountKey(firm_code, program_id)],
        state=decoded(shown["state"]),
        standing=standing,
        state_age=None if age is None else Decimal(age),
        **{name: decoded(value) for name, value in (rest[0] if rest else {}).items()},
    )


def _row_of(account: AccountFacts, picture: str, differs: dict[str, Any]) -> list[Any]:
    row: list[Any] = [
        account.key.firm_code,
        account.key.program_id,
        picture,
        None if account.state_age is None else str(account.state_age),
        differs,
    ]
    rest = {"exposure": account.exposure, "halted": account.halted, "out_of_sync": account.out_of_sync}
    if account.exposure.legs or account.exposure.unresolved or account.halted or account.out_of_sync:
        row.append({name: encoded(value) for name, value in rest.items()})
    return row


def _configured(account: AccountFacts) -> AccountFacts:
    return replace(account, state={}, state_age=None, standing=None, exposure=Exposure(), halted=None, out_of_sync=None)


def _differences(known: AccountStanding | None, now: AccountStanding | None) -> dict[str, Any] | None:
    """Return what ``now`` has in the fields in which it differs, None where it cannot be told by the other."""
    if known is now:
        return {}
    if known is None or now is None:
        return None
    differs = [name for name in field_names(AccountStanding) if getattr(known, name) != getattr(now, name)]
    return {name: encoded(getattr(now, name)) for name in differs} if len(differs) <= MOST_DIFFERENCES else None
