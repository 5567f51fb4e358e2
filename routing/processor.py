"""One task from payload to result: gather the facts, decide, hand approved orders to the connectors."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, assert_never

from account_engine.order_enforcement import BREACH_TYPES
from connectors import Connector, Leg, Receipt
from domain.account import AccountKey
from domain.checks import verdict_of
from domain.json_text import json_text
from domain.money import optional_decimal
from domain.order import Direction, EntryOrder, ExitOrder, TaskEvent, requested_contracts
from domain.rules import Rule
from risk_engine.decision import AccountDecision, AccountFacts, Approved, Refusal, Rejected
from risk_engine.pipeline import decide_entry
from routing.facts import FactBook

ARRAYS = ("risk_checks", "program_sizing", "account_breaches", "enforcement_checks", "connector_results")
DRY_DETAILS = "ExecutionRouter dry-run: no external order sent."
LIVE_DETAILS = "ExecutionRouter live: approved orders were handed to the connectors."
EXAMPLE_DETAILS = " EXAMPLE CONFIGURATION: the limits are example figures, not the firms' real limits."


@dataclass(frozen=True, slots=True, kw_only=True)
class Processed:
    """A task's result: the log's response_body, and the verdicts as listeners hear them."""

    body: dict[str, Any]
    verdicts: list[dict[str, Any]]

    def body_json(self) -> str:
        return json_text(self.body)


class TaskProcessor:
    """Decides tasks. ``connectors`` holds one per routed firm and dry reason; ``before_entries`` may raise."""

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
    ) -> None:
        self._before_entries = before_entries
        self._facts = facts
        self._connectors = connectors
        self._dry_run = dry_run
        self._default_symbol = default_symbol
        self._example = example
        self._logger = logger

    def prepare(self) -> None:
        """See the accounts as they are now; call it before a batch of entries. Raises DatabaseUnavailable."""
        self._before_entries()
        self._facts.refresh()

    def process(
        self, event_type: TaskEvent, trade_id: str, payload: Mapping[str, Any], *, trade_closed: bool = False
    ) -> Processed:
        """Return the result of one task. Raises ValueError when the payload cannot be read as an order."""
        match event_type:
            case TaskEvent.ENTRY:
                arrays = self._entry(trade_id, payload, trade_closed=trade_closed)
            case TaskEvent.EXIT:
                arrays = {"connector_results": self._exit(trade_id, payload)}
            case TaskEvent.MFE_UPDATE:
                arrays = {}
            case _:
                assert_never(event_type)
        rows = {name: arrays.get(name, []) for name in ARRAYS}
        details = (DRY_DETAILS if self._dry_run else LIVE_DETAILS) + (EXAMPLE_DETAILS if self._example else "")
        body = {
            "routed": any(row["status"] == "SUCCESS" for row in rows["connector_results"]),
            "dry_run": self._dry_run,
            "event_type": str(event_type),
            "trade_id": trade_id,
            "details": details,
            "example_configuration": self._example,
            **rows,
        }
        return Processed(body=body, verdicts=[verdict_of(row) for row in rows["connector_results"]])

    def _entry(
        self, trade_id: str, payload: Mapping[str, Any], *, trade_closed: bool
    ) -> dict[str, list[dict[str, Any]]]:
        order = entry_order(trade_id, payload, self._default_symbol)
        decision = decide_entry(self._facts.of(order, trade_closed=trade_closed))
        return {
            "risk_checks": list(decision.risk_checks),
            "program_sizing": list(decision.program_sizing),
            "account_breaches": list(decision.account_breaches),
            "enforcement_checks": list(decision.enforcement_checks),
            "connector_results": [self._act(account, order) for account in decision.accounts],
        }

    def _act(self, decision: AccountDecision, order: EntryOrder) -> dict[str, Any]:
        verdict = decision.verdict
        account = verdict.account
        match verdict:
            case Approved(contracts=contracts):
                leg = Leg(account=account, order=order, contracts=contracts)
                answer = self._sent(account, order, lambda: self._connectors[account].send_entry_order(leg))
                refusals: tuple[Refusal, ...] = ()
            case Rejected(refusals=refusals):
                self._report_blocked(account, order, refusals)
                answer = {"status": "SKIPPED", "reason": _not_sent(decision, refusals)}
            case _:
                assert_never(verdict)
        return {
            "firm_code": account.firm_code,
            "program_id": account.program_id,
            **answer,
            "approved": isinstance(verdict, Approved),
            "contracts": verdict.contracts,
            "blocked_by": _rules(refusals),
            "blocked_if_live": _rules(decision.blocked_if_live),
            "rule_set": self._facts.rule_sets[account],
        }

    def _exit(self, trade_id: str, payload: Mapping[str, Any]) -> list[dict[str, Any]]:
        order = exit_order(trade_id, payload, self._default_symbol)
        return [self._exit_row(account, order) for account in self._facts.accounts]

    def _exit_row(self, account: AccountFacts, order: ExitOrder) -> dict[str, Any]:
        leg = Leg(account=account.key, order=order, contracts=None)
        return {
            "firm_code": account.key.firm_code,
            "program_id": account.key.program_id,
            **self._sent(account.key, order, lambda: self._connectors[account.key].send_exit_order(leg)),
            "approved": True,
            "contracts": None,
            "blocked_by": [],
            "blocked_if_live": [],
        }

    def _sent(self, account: AccountKey, order: EntryOrder | ExitOrder, send: Callable[[], Receipt]) -> dict[str, Any]:
        """Return the venue's part of a row; a connector that fails must not keep the other accounts from theirs."""
        try:
            return send().as_row()
        except Exception as error:
            self._logger.exception(
                "Connector of %s failed", account, extra={"event": "connector_failed", "trade_id": order.trade_id}
            )
            return {"status": "FAILED", "reason": "CONNECTOR_ERROR", "message": f"{type(error).__name__}: {error}"}

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


def entry_order(trade_id: str, payload: Mapping[str, Any], default_symbol: str) -> EntryOrder:
    """Return the order of an ENTRY task's payload. Raises ValueError that names what cannot be read."""
    direction = payload.get("direction")
    return EntryOrder(
        trade_id=trade_id,
        symbol=str(payload.get("symbol") or default_symbol),
        direction=None if direction is None else Direction(direction),
        entry_price=optional_decimal(payload, "entry_price"),
        stop_loss=optional_decimal(payload, "stop_loss"),
        contracts=requested_contracts(payload),
        session=payload.get("session"),
        bias=payload.get("bias"),
    )


def exit_order(trade_id: str, payload: Mapping[str, Any], default_symbol: str) -> ExitOrder:
    """Return the order of an EXIT task's payload. A price that cannot be read never holds up an exit."""
    try:
        price = optional_decimal(payload, "exit_price")
    except ValueError:
        price = None
    return ExitOrder(
        trade_id=trade_id,
        symbol=str(payload.get("symbol") or default_symbol),
        exit_type=payload.get("exit_type"),
        exit_price=price,
    )


def _rules(refusals: tuple[Refusal, ...]) -> list[str]:
    return list(dict.fromkeys(str(refusal.rule) for refusal in refusals))


def _not_sent(decision: AccountDecision, refusals: tuple[Refusal, ...]) -> str:
    if decision.dry_reason is not None:
        return str(decision.dry_reason)
    only_empty = all(refusal.rule == Rule.ZERO_CONTRACTS for refusal in refusals)
    return str(Rule.ZERO_CONTRACTS) if only_empty else "NOT_APPROVED"
