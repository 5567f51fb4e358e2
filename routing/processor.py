"""One task from payload to result: gather the facts, decide, hand approved orders to the connectors."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, assert_never

from account_engine.order_enforcement import BREACH_TYPES
from connectors import Connector, Leg
from domain.account import AccountKey
from domain.checks import verdict_of
from domain.json_text import json_text
from domain.ledger import PlannedLeg
from domain.order import EntryOrder, ExitOrder, TaskEvent
from domain.rules import Rule
from domain.task_order import entry_order, exit_order
from domain.test_signal import REASON, is_test
from risk_engine.decision import AccountDecision, AccountFacts, Approved, EntryFacts, Refusal, Rejected
from risk_engine.live_checks import loss_at_stop
from risk_engine.pipeline import decide_entry
from risk_engine.state_checks import StateChecks
from routing.facts import FactBook, Seen
from routing.ledger_view import LedgerView, entry_leg, exit_leg

ARRAYS = ("risk_checks", "program_sizing", "account_breaches", "enforcement_checks", "connector_results")
DRY_DETAILS = "ExecutionRouter dry-run: no external order sent."
LIVE_DETAILS = "ExecutionRouter live: the rows of connector_results follow the orders."
PLANNED = {"status": "PENDING", "reason": "PLANNED"}
NOT_RECORDED = {
    "status": "SKIPPED",
    "reason": "NOT_RECORDED",
    "message": "There is no database to put the order on record, so it is not sent.",
}
TEST_ONLY = {
    "status": "SKIPPED",
    "reason": REASON,
    "message": "A person's test signal: it is decided as any other, and never sent.",
}
EXAMPLE_DETAILS = " EXAMPLE CONFIGURATION: the limits are example figures, not the firms' real limits."


@dataclass(frozen=True, slots=True, kw_only=True)
class Processed:
    """A task's result: the log's response_body, the verdicts as listeners hear them, and the legs to be planned.

    ``facts``: what an entry was decided from.
    """

    body: dict[str, Any]
    verdicts: list[dict[str, Any]]
    legs: tuple[PlannedLeg, ...] = ()
    facts: EntryFacts | None = None

    def body_json(self) -> str:
        return json_text(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOrders:
    """The accounts that orders can be sent to, and for how many seconds after its signal an order may be sent."""

    accounts: Collection[AccountKey] = ()
    entry_lifetime: float = 120.0
    exit_lifetime: float = 86_400.0


class TaskProcessor:
    """Decides tasks. ``connectors``: the dry ones, per account; ``live``: where orders can be sent.

    What a live account is to do is returned as legs, which the order desk plans. ``before_entries`` may raise.
    """

    def __init__(
        self,
        facts: FactBook,
        connectors: Mapping[AccountKey, Connector],
        *,
        dry_run: bool,
        default_symbol: str,
        example: bool,
        logger: logging.Logger,
        before_entries: Callable[[], None] = lambda: None,
        live: LiveOrders | None = None,
    ) -> None:
        self._live = LiveOrders() if live is None else live
        self._before_entries = before_entries
        self._facts = facts
        self._connectors = connectors
        self._dry_run = dry_run
        self._default_symbol = default_symbol
        self._example = example
        self._logger = logger

    def prepare(self) -> Seen:
        """Return the accounts as they are now; call it before a batch of entries. Raises DatabaseUnavailable."""
        self._before_entries()
        self._facts.refresh()
        return self._facts.seen()

    def process(
        self,
        event_type: TaskEvent,
        trade_id: str,
        payload: Mapping[str, Any],
        *,
        trade_closed: bool = False,
        age: Decimal | None = None,
        view: LedgerView | None = None,
        seen: Seen | None = None,
    ) -> Processed:
        """Return the result of one task. Raises ValueError when the payload cannot be read as an order.

        ``age`` of the signal in seconds. ``view``: the ledger, into which an approval is counted at once; without one
        nothing can be put on record, so nothing is sent. ``seen``: the accounts, as they are now where it is None.
        """
        legs: list[PlannedLeg] = []
        facts: EntryFacts | None = None
        match event_type:
            case TaskEvent.ENTRY:
                order = entry_order(trade_id, payload, self._default_symbol)
                only = payload.get("only_accounts")
                known = self._facts.seen() if seen is None else seen
                facts = known.of(order, trade_closed=trade_closed, age=age, view=view, only=only)
                arrays = self._entry(facts, known.states, view, legs)
            case TaskEvent.EXIT:
                arrays = {"connector_results": self._exit(trade_id, payload, view, legs)}
            case TaskEvent.MFE_UPDATE:
                arrays = {}
            case _:
                assert_never(event_type)
        rows = {name: arrays.get(name, []) for name in ARRAYS}
        details = (DRY_DETAILS if self._dry_run else LIVE_DETAILS) + (EXAMPLE_DETAILS if self._example else "")
        body = {
            "routed": False,
            "dry_run": self._dry_run,
            "event_type": str(event_type),
            "trade_id": trade_id,
            "details": details,
            "example_configuration": self._example,
            **rows,
        }
        verdicts = [verdict_of(row) for row in rows["connector_results"]]
        return Processed(body=body, verdicts=verdicts, legs=tuple(legs), facts=facts)

    def _entry(
        self,
        facts: EntryFacts,
        states: Mapping[AccountKey, StateChecks],
        view: LedgerView | None,
        legs: list[PlannedLeg],
    ) -> dict[str, list[dict[str, Any]]]:
        decision = decide_entry(facts, states)
        return {
            "risk_checks": list(decision.risk_checks),
            "program_sizing": list(decision.program_sizing),
            "account_breaches": list(decision.account_breaches),
            "enforcement_checks": list(decision.enforcement_checks),
            "connector_results": [self._act(account, facts, view, legs) for account in decision.accounts],
        }

    def _act(
        self, decision: AccountDecision, facts: EntryFacts, view: LedgerView | None, legs: list[PlannedLeg]
    ) -> dict[str, Any]:
        verdict = decision.verdict
        account = verdict.account
        refusals: tuple[Refusal, ...] = ()
        match verdict:
            case Approved() if decision.dry_reason is None:
                answer = self._planned(verdict, facts, view, legs)
            case Approved(contracts=contracts):
                leg = Leg(account=account, order=verdict.order, contracts=contracts)
                answer = self._connectors[account].send_entry_order(leg).as_row()
            case Rejected(refusals=refusals):
                self._report_blocked(account, facts.order, refusals)
                answer = {"status": "SKIPPED", "reason": _not_sent(decision, refusals)}
            case _:
                assert_never(verdict)
        return {
            "firm_code": account.firm_code,
            "program_id": account.program_id,
            **answer,
            "approved": isinstance(verdict, Approved),
            "contracts": verdict.contracts,
            "symbol": verdict.order.symbol,
            "blocked_by": _rules(refusals),
            "blocked_if_live": _rules(decision.blocked_if_live),
            "rule_set": self._facts.rule_sets[account],
        }

    def _planned(
        self, verdict: Approved, facts: EntryFacts, view: LedgerView | None, legs: list[PlannedLeg]
    ) -> dict[str, Any]:
        if view is None:
            return dict(NOT_RECORDED)
        # Refused on the page where something is armed; but who arms an account meanwhile must not trade it.
        if is_test(facts.order.trade_id):
            return dict(TEST_ONLY)
        if verdict.contract is None:
            return {"status": "FAILED", "reason": str(Rule.NO_CONTRACT)}
        leg = entry_leg(
            verdict.account,
            verdict.order,
            verdict.contract,
            verdict.contracts,
            worst_case=loss_at_stop(verdict.order, facts.instruments, verdict.contracts),
            lifetime=self._live.entry_lifetime,
        )
        view.reserve(leg)
        legs.append(leg)
        return dict(PLANNED)

    def _exit(
        self, trade_id: str, payload: Mapping[str, Any], view: LedgerView | None, legs: list[PlannedLeg]
    ) -> list[dict[str, Any]]:
        order = exit_order(trade_id, payload, self._default_symbol)
        routed = {account.key: account for account in self._facts.accounts}
        holders = [] if view is None else view.holders(trade_id)
        # Whoever holds the trade is told to close it, also where the account is not routed any more.
        only = payload.get("only_accounts")
        accounts = [key for key in dict.fromkeys([*routed, *holders]) if only is None or str(key) in only]
        return [
            {
                "firm_code": account.firm_code,
                "program_id": account.program_id,
                **self._close(account, routed.get(account), order, view, legs),
                "approved": True,
                "contracts": None,
                "blocked_by": [],
                "blocked_if_live": [],
            }
            for account in accounts
        ]

    def _close(
        self,
        account: AccountKey,
        facts: AccountFacts | None,
        order: ExitOrder,
        view: LedgerView | None,
        legs: list[PlannedLeg],
    ) -> dict[str, Any]:
        entries = [] if view is None else view.open_entries(order.trade_id, account)
        held = f"{sum(entry.open_quantity for entry in entries)} contracts of this trade may be open here"
        # What was opened live is closed live, also where a slip in the settings has disarmed the account since.
        closes_live = bool(entries) and account in self._live.accounts
        if facts is not None and facts.dry_reason is not None and not closes_live:
            row = self._connectors[account].send_exit_order(Leg(account=account, order=order, contracts=None)).as_row()
            return {**row, "message": f"{held}; dry-run sends nothing."} if entries else row
        if account not in self._live.accounts:
            message = f"{held}, but the account is not configured any more: close them at the firm."
            self._logger.error("%s: %s", account, message, extra={"event": "exit_not_sent", "trade_id": order.trade_id})
            return {"status": "FAILED", "reason": "ACCOUNT_NOT_CONFIGURED", "message": message}
        if view is None:
            return dict(NOT_RECORDED)
        if not entries:
            return {"status": "SKIPPED", "reason": "NOTHING_OPEN"}
        asked = self._facts.contracts_of(order, entries[0].contract.root)
        legs.append(exit_leg(account, order, entries, contracts=asked, lifetime=self._live.exit_lifetime))
        return dict(PLANNED)

    def _report_blocked(self, account: AccountKey, order: EntryOrder, refusals: tuple[Refusal, ...]) -> None:
        first = refusals[0]
        self._logger.warning(
            "ORDER BLOCKED: %s (firm=%s, program=%s, type=%s)",
            first.reason,
            account.firm_code,
            account.program_id,
            BREACH_TYPES.get(Rule(first.rule), first.rule),
            extra={"event": "order_blocked", "trade_id": order.trade_id},
        )


def _rules(refusals: tuple[Refusal, ...]) -> list[str]:
    return list(dict.fromkeys([str(refusal.rule) for refusal in refusals])) if refusals else []


def _not_sent(decision: AccountDecision, refusals: tuple[Refusal, ...]) -> str:
    if decision.dry_reason is not None:
        return str(decision.dry_reason)
    only_empty = all(refusal.rule == Rule.ZERO_CONTRACTS for refusal in refusals)
    return str(Rule.ZERO_CONTRACTS) if only_empty else "NOT_APPROVED"
