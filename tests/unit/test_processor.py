"""A task's result: what the log keeps of an entry, an exit and an update, and what the connectors are handed."""

from __future__ import annotations

import json
import logging
from decimal import Decimal
from typing import Any

import pytest

from account_engine import AccountStateManager
from config.settings import Settings
from connectors import connector_for
from domain.account import AccountKey
from domain.contract import Contract
from domain.order import Direction, TaskEvent
from domain.order_state import Side
from domain.task_order import entry_order, exit_order
from routing.facts import FactBook, firm_metrics
from routing.ledger_view import LedgerView
from routing.processor import ARRAYS, LiveOrders, Processed, TaskProcessor
from tests.armed import armed
from tests.orders import ledger_order

FTMO_1, FTMO_2, APEX_5 = AccountKey("FTMO", 1), AccountKey("FTMO", 2), AccountKey("APEX", 5)
ENVIRON = {
    "ROUTE_TO_FIRMS": "FTMO,APEX",
    "FTMO_PROGRAM_IDS": "1,2",
    "APEX_PROGRAM_IDS": "5",
    "FTMO_2_MAX_CONTRACTS": "1",
    "FTMO_SYMBOL_MAP": "NQ=US100.cash*20",
}
LIVE = {
    **ENVIRON,
    **armed(("FTMO", 1), ("FTMO", 2), ("APEX", 5)),
    "EXECUTION_DRY_RUN": "false",
    "WEBHOOK_SECRET": "correct horse battery staple",
}
ENTRY: dict[str, Any] = {
    "kind": "ENTRY",
    "direction": "LONG",
    "entry_price": 16500.0,
    "stop_loss": 16475.0,
    "session": "NY AM",
    "bias": "Bullish",
    "contracts": 2,
    "symbol": "NQ",
}
EXIT: dict[str, Any] = {"kind": "EXIT", "exit_type": "SL", "exit_price": 16475.0, "symbol": "NQ"}


class Bench:
    """A processor whose dry accounts go to paper, as in the service, and whose live ones leave legs behind."""

    def __init__(self, environ: dict[str, str], *, dry_run: bool, example: bool = False, now: float = 1000.0) -> None:
        settings = Settings.from_env(environ)
        self.states = AccountStateManager(environ, clock=lambda: 1000.0)
        facts = FactBook(settings, self.states, dry_run=dry_run, clock=lambda: now)
        self.view: LedgerView | None = LedgerView()
        self.processor = TaskProcessor(
            facts,
            {
                account.key: connector_for(account.key.firm_code, dry_reason=account.dry_reason)
                for account in facts.accounts
                if account.dry_reason is not None
            },
            dry_run=dry_run,
            default_symbol="NQ",
            example=example,
            logger=logging.getLogger("test_processor"),
            live=LiveOrders(accounts=facts.live),
        )

    def entry(self, *, trade_closed: bool = False, age: Decimal | None = None, **changes: Any) -> Processed:
        return self.processor.process(
            TaskEvent.ENTRY, "T1", {**ENTRY, **changes}, trade_closed=trade_closed, age=age, view=self.view
        )

    def exit(self, **changes: Any) -> Processed:
        return self.processor.process(TaskEvent.EXIT, "T1", {**EXIT, **changes}, view=self.view)

    def rows(self, **changes: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.entry(**changes).body["connector_results"]
        return rows

    def holds(self, account: AccountKey, quantity: int = 2, root: str = "NQ") -> None:
        """Let the account hold the trade by the ledger."""
        assert self.view is not None
        contract = Contract(root=root, symbol=f"{root}Z6")
        self.view.open_trades.setdefault("T1", []).append(ledger_order(account, contract, quantity))


def dry(**environ: str) -> Bench:
    return Bench({**ENVIRON, **environ}, dry_run=True)


def live(**environ: str) -> Bench:
    return Bench({**LIVE, **environ}, dry_run=False)


def column(rows: list[dict[str, Any]], name: str) -> list[Any]:
    return [row[name] for row in rows]


def test_a_dry_entry_has_a_skipped_row_for_every_routed_account() -> None:
    assert dry().rows() == [
        {
            "firm_code": firm_code,
            "program_id": program_id,
            "status": "SKIPPED",
            "reason": "GLOBAL_DRY_RUN_ENABLED",
            "approved": approved,
            "contracts": 2,
            "symbol": "NQ",
            "blocked_by": blocked_by,
            "blocked_if_live": [],
            "rule_set": None,
        }
        for firm_code, program_id, approved, blocked_by in [
            ("FTMO", 1, True, []),
            ("FTMO", 2, False, ["MAX_CONTRACTS"]),
            ("APEX", 5, True, []),
        ]
    ]


def test_the_record_has_the_five_arrays_in_their_order() -> None:
    body = dry().entry().body

    assert tuple(name for name in body if name in ARRAYS) == (
        "risk_checks",
        "program_sizing",
        "account_breaches",
        "enforcement_checks",
        "connector_results",
    )
    assert [len(body[name]) for name in ARRAYS] == [2, 3, 3, 3, 3]
    assert {name: body[name] for name in ("routed", "dry_run", "event_type", "trade_id")} == {
        "routed": False,
        "dry_run": True,
        "event_type": "ENTRY",
        "trade_id": "T1",
    }


def test_a_live_entry_reaches_only_the_approved_accounts() -> None:
    processed = live().entry()
    body = processed.body

    assert [(leg.account, int(leg.quantity or 0), leg.side) for leg in processed.legs] == [
        (FTMO_1, 2, Side.BUY),
        (APEX_5, 2, Side.BUY),
    ]
    rows = body["connector_results"]
    assert column(rows, "status") == ["PENDING", "SKIPPED", "PENDING"]
    assert column(rows, "reason") == ["PLANNED", "NOT_APPROVED", "PLANNED"]
    assert rows[1]["blocked_by"] == ["MAX_CONTRACTS"]
    assert body["routed"] is False


def test_a_persons_test_signal_is_decided_and_never_sent_whatever_is_armed() -> None:
    bench = live()
    processed = bench.processor.process(TaskEvent.ENTRY, "TEST_SIGNAL_1", ENTRY, view=bench.view)
    assert processed.legs == ()
    assert column(processed.body["connector_results"], "reason") == ["TEST_SIGNAL", "NOT_APPROVED", "TEST_SIGNAL"]
    assert column(processed.body["connector_results"], "approved") == [True, False, True]


def test_where_nobody_is_approved_nothing_is_sent() -> None:
    bench = live(FTMO_MAX_POSITION_SIZE="1", APEX_MAX_POSITION_SIZE="1")

    processed = bench.entry()
    body = processed.body

    assert processed.legs == ()
    assert column(body["connector_results"], "reason") == ["NOT_APPROVED"] * 3
    assert body["routed"] is False


def test_a_firm_in_dry_run_is_held_back_while_the_other_trades() -> None:
    bench = live(FTMO_DRY_RUN="true")

    processed = bench.entry()
    rows = processed.body["connector_results"]

    assert [leg.account for leg in processed.legs] == [APEX_5]
    assert column(rows, "reason") == ["FIRM_DRY_RUN_ENABLED", "FIRM_DRY_RUN_ENABLED", "PLANNED"]


def test_zero_contracts_are_named_as_the_reason_of_a_live_row() -> None:
    rows = live().rows(contracts=0)

    assert column(rows, "reason") == ["ZERO_CONTRACTS"] * 3
    assert column(rows, "blocked_by") == [["ZERO_CONTRACTS"]] * 3


def test_zero_contracts_in_dry_run_are_named_among_what_blocks() -> None:
    rows = dry().rows(contracts=0)

    assert column(rows, "reason") == ["GLOBAL_DRY_RUN_ENABLED"] * 3
    assert column(rows, "blocked_by") == [["ZERO_CONTRACTS"]] * 3


def test_what_live_would_refuse_besides_stands_in_the_dry_row() -> None:
    rows = dry(FTMO_1_MAX_DAILY_LOSS="1000", APEX_5_MAX_DRAWDOWN="a lot").rows()

    assert column(rows, "blocked_if_live") == [["ACCOUNT_STATE_UNKNOWN"], [], ["CONFIGURATION_ERROR"]]


def test_a_setting_that_cannot_be_read_keeps_its_account_dry() -> None:
    processed = live(APEX_5_MAX_DRAWDOWN="a lot").entry()
    rows = processed.body["connector_results"]

    assert (rows[2]["reason"], rows[2]["blocked_if_live"]) == ("NOT_ARMED", ["CONFIGURATION_ERROR"])
    assert column(rows, "blocked_by") == [[], ["MAX_CONTRACTS"], []]
    assert [leg.account for leg in processed.legs] == [FTMO_1]


@pytest.mark.parametrize(("now", "blocked"), [(1300.0, []), (1300.001, ["ACCOUNT_STATE_STALE"])])
def test_figures_age(now: float, blocked: list[str]) -> None:
    environ = {**LIVE, "FTMO_1_MAX_DAILY_LOSS": "1000", "ACCOUNT_STATE_MAX_AGE": "300"}
    bench = Bench(environ, dry_run=False, now=now)
    bench.states.update_account_state("FTMO", 1, {"day_pl": -1})

    assert bench.rows()[0]["blocked_by"] == blocked


def test_the_owner_may_allow_an_unknown_state() -> None:
    assert live(FTMO_1_MAX_DAILY_LOSS="1000").rows()[0]["blocked_by"] == ["ACCOUNT_STATE_UNKNOWN"]
    allowed = live(FTMO_1_MAX_DAILY_LOSS="1000", ALLOW_UNKNOWN_ACCOUNT_STATE="true")
    assert allowed.rows()[0]["blocked_by"] == []


def test_a_new_figure_counts_for_the_next_entry() -> None:
    bench = dry(FTMO_1_MAX_DAILY_LOSS="1000")
    assert bench.rows()[0]["blocked_by"] == []

    bench.states.update_account_state("FTMO", 1, {"day_pl": Decimal(-1000)})

    assert bench.rows()[0]["blocked_by"] == ["MAX_DAILY_LOSS"]


def test_a_firms_loss_is_the_sum_over_its_routed_programs() -> None:
    bench = dry(FTMO_MAX_DAILY_LOSS="1000", APEX_MAX_DAILY_LOSS="1000")
    bench.states.update_account_state("FTMO", 1, {"day_pl": "-600.50"})
    bench.states.update_account_state("FTMO", 2, {"day_pl": -399.5})
    bench.states.update_account_state("APEX", 5, {"day_pl": -999.99})

    body = bench.entry(contracts=1).body

    assert column(body["risk_checks"], "status") == ["REJECTED", "APPROVED"]
    assert body["risk_checks"][0]["reason"] == "Daily loss -1000.00 exceeds max_daily_loss 1000."
    assert column(body["connector_results"], "approved") == [False, False, True]


def test_a_firms_sum_leaves_out_what_is_not_known_or_not_a_number() -> None:
    bench = dry()
    bench.states.update_account_state("FTMO", 1, {"day_pl": "a lot", "total_pl": -5})
    bench.states.update_account_state("FTMO", 2, {"day_pl": -7, "total_pl": None})
    bench.states.update_account_state("APEX", 5, {"day_pl": True})
    order = entry_order("T1", ENTRY, "NQ")
    accounts = bench.processor._facts.seen().of(order, trade_closed=False).accounts

    assert firm_metrics("FTMO", accounts) == {"day_pl": Decimal(-7), "total_pl": Decimal(-5)}
    assert firm_metrics("APEX", accounts) == {}


def test_an_exit_reaches_every_routed_account_through_every_pause_and_limit() -> None:
    bench = live(FTMO_1_PAUSED="true", FTMO_MAX_POSITION_SIZE="1")
    bench.states.update_account_state("APEX", 5, {"paused": True, "day_pl": -(10**9)})

    for key in (FTMO_1, FTMO_2, APEX_5):
        bench.holds(key)

    processed = bench.exit()
    body = processed.body

    assert [(leg.account, leg.side, leg.quantity) for leg in processed.legs] == [
        (key, Side.SELL, None) for key in (FTMO_1, FTMO_2, APEX_5)
    ]
    assert column(body["connector_results"], "status") == ["PENDING"] * 3
    assert [len(body[name]) for name in ARRAYS] == [0, 0, 0, 0, 3]


def test_a_dry_exit_has_a_skipped_row_for_every_account() -> None:
    rows = dry().processor.process(TaskEvent.EXIT, "T1", EXIT).body["connector_results"]

    assert [(row["firm_code"], row["program_id"], row["status"], row["reason"]) for row in rows] == [
        (*key, "SKIPPED", "GLOBAL_DRY_RUN_ENABLED") for key in (FTMO_1, FTMO_2, APEX_5)
    ]


def test_an_update_has_no_checks_and_no_orders() -> None:
    bench = live()

    processed = bench.processor.process(TaskEvent.MFE_UPDATE, "T1", {"be_mfe": 1.5})

    assert [processed.body[name] for name in ARRAYS] == [[], [], [], [], []]
    assert (processed.verdicts, processed.body["routed"]) == ([], False)
    assert processed.legs == ()


def test_an_entry_of_a_closed_trade_sends_nothing() -> None:
    bench = live()

    processed = bench.entry(trade_closed=True)
    rows = processed.body["connector_results"]

    assert processed.legs == ()
    assert [row["blocked_by"][0] for row in rows] == ["TRADE_CLOSED"] * 3


def test_without_a_ledger_nothing_is_sent() -> None:
    bench = live()
    bench.view = None

    for processed in (bench.entry(), bench.exit()):
        assert {row["status"] for row in processed.body["connector_results"]} == {"SKIPPED"}
        assert processed.body["connector_results"][0]["reason"] == "NOT_RECORDED"
        assert (processed.legs, processed.body["routed"]) == ((), False)


def test_an_exit_of_a_trade_that_is_nowhere_open_is_skipped() -> None:
    bench = live()
    bench.holds(APEX_5)

    processed = bench.exit()

    assert [leg.account for leg in processed.legs] == [APEX_5]
    assert [row["reason"] for row in processed.body["connector_results"]] == ["NOTHING_OPEN", "NOTHING_OPEN", "PLANNED"]


@pytest.mark.parametrize(
    ("ask", "root", "quantity", "percent"),
    [
        ({}, "NQ", None, None),
        ({"exit_contracts": 1}, "NQ", 1, None),
        ({"exit_contracts": 1}, "MNQ", 10, None),
        ({"exit_percent": 50}, "MNQ", None, 50),
    ],
)
def test_a_partial_exit_asks_in_the_contracts_that_the_account_trades(
    ask: dict[str, int], root: str, quantity: int | None, percent: int | None
) -> None:
    bench = live()
    bench.holds(APEX_5, 20, root)
    (leg,) = bench.exit(**ask).legs
    assert (leg.asked_quantity, leg.asked_percent, leg.contract.root) == (quantity, percent, root)


def test_an_exit_goes_to_a_holder_that_is_not_routed_and_says_where_it_cannot() -> None:
    bench = live()
    gone = AccountKey("TOPSTEP", 9)
    bench.holds(gone)
    rows = bench.exit().body["connector_results"]
    (row,) = [row for row in rows if row["firm_code"] == "TOPSTEP"]
    assert (row["status"], row["reason"]) == ("FAILED", "ACCOUNT_NOT_CONFIGURED")
    assert row["message"] == (
        "2 contracts of this trade may be open here, but the account is not configured any more: "
        "close them at the firm."
    )


def test_a_task_for_one_account_leaves_the_others_alone() -> None:
    bench = live()
    for key in (FTMO_1, APEX_5):
        bench.holds(key)
    entered, left = (
        bench.entry(only_accounts=["APEX/5"]).body,
        bench.exit(only_accounts=["APEX/5"]).body,
    )
    assert [row["firm_code"] for row in entered["risk_checks"]] == ["APEX"]
    for body in (entered, left):
        assert [(row["firm_code"], row["program_id"]) for row in body["connector_results"]] == [("APEX", 5)]


def test_a_dry_account_that_holds_the_trade_says_that_nothing_was_sent() -> None:
    bench = live(APEX_DRY_RUN="true")
    bench.holds(APEX_5)
    row = bench.exit().body["connector_results"][2]
    assert (row["status"], row["reason"]) == ("SKIPPED", "FIRM_DRY_RUN_ENABLED")
    assert row["message"] == "2 contracts of this trade may be open here; dry-run sends nothing."


def test_what_was_opened_live_is_closed_live_after_a_slip_in_the_settings() -> None:
    bench = live(APEX_5_MAX_DRAWDOWN="a lot")
    bench.processor._live = LiveOrders(accounts=(APEX_5,))
    assert bench.exit().legs == ()
    bench.holds(APEX_5)
    assert [leg.account for leg in bench.exit().legs] == [APEX_5]
    assert bench.rows()[2]["reason"] == "NOT_ARMED"


def test_entries_of_one_batch_see_what_was_just_approved() -> None:
    bench = live(APEX_5_MAX_CONTRACTS="3")
    first, second = bench.rows()[2], bench.rows()[2]
    assert (first["approved"], second["approved"], second["blocked_by"]) == (True, False, ["OPEN_CONTRACTS"])


@pytest.mark.parametrize(("age", "approved"), [("119.999", True), ("120", True), ("120.001", False)])
def test_an_old_signal_is_refused_live(age: str, approved: bool) -> None:
    row = live().entry(age=Decimal(age)).body["connector_results"][2]
    assert row["approved"] is approved
    assert row["blocked_by"] == ([] if approved else ["SIGNAL_EXPIRED"])
    assert dry().entry(age=Decimal(age)).body["connector_results"][2]["approved"] is True


def test_listeners_hear_the_verdicts() -> None:
    assert dry().entry().verdicts[1] == {
        "firm_code": "FTMO",
        "program_id": 2,
        "status": "SKIPPED",
        "reason": "GLOBAL_DRY_RUN_ENABLED",
        "approved": False,
        "contracts": 2,
        "blocked_by": ["MAX_CONTRACTS"],
    }


def test_a_blocked_order_is_logged_in_the_documents_words(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="test_processor"):
        dry().entry()

    assert [record.getMessage() for record in caplog.records] == [
        "ORDER BLOCKED: Exceeds max contracts: 2 contracts, max_contracts 1. (firm=FTMO, program=2, type=contracts)"
    ]


def test_the_record_is_json_with_numbers_as_numbers() -> None:
    bench = dry(FTMO_1_MAX_DAILY_LOSS="1000.0")
    bench.states.update_account_state("FTMO", 1, {"day_pl": Decimal("-1200.0")})

    recorded = json.loads(bench.entry().body_json())

    row = recorded["account_breaches"][0]
    assert (row["reason"], row["details"]) == (
        "Daily loss -1200.0 exceeds max_daily_loss 1000.0.",
        {"day_pl": -1200.0, "max_daily_loss": 1000.0},
    )


@pytest.mark.parametrize(
    "state", [{"day_pl": "-1e400"}, {"paused": float("nan")}, {"paused": {"since": Decimal("1e400")}}], ids=str
)
def test_a_figure_beyond_reason_is_refused_and_still_recorded(state: dict[str, Any]) -> None:
    bench = dry(FTMO_1_MAX_DAILY_LOSS="1000")
    bench.states.update_account_state("FTMO", 1, state)

    processed = bench.entry()

    assert processed.body["connector_results"][0]["approved"] is False
    json.loads(processed.body_json())


@pytest.mark.parametrize("example", [False, True])
def test_an_example_configuration_says_so(example: bool) -> None:
    body = Bench(ENVIRON, dry_run=True, example=example).entry().body

    assert body["example_configuration"] is example
    assert ("EXAMPLE CONFIGURATION" in body["details"]) is example
    assert body["details"].startswith("ExecutionRouter dry-run: no external order sent.")


def test_an_order_is_read_from_its_payload() -> None:
    order = entry_order("T1", {**ENTRY, "symbol": None}, "MNQ")

    assert (order.symbol, order.direction, order.contracts) == ("MNQ", Direction.LONG, 2)
    assert (order.entry_price, order.stop_loss) == (Decimal("16500.0"), Decimal("16475.0"))
    assert (order.session, order.bias) == ("NY AM", "Bullish")


def test_a_payload_that_says_nothing_is_an_order_without_figures() -> None:
    order = entry_order("T1", {}, "NQ")

    assert (order.direction, order.entry_price, order.stop_loss, order.contracts) == (None, None, None, None)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"entry_price": "a lot"}, "entry_price"),
        ({"stop_loss": float("nan")}, "stop_loss"),
        ({"contracts": 1.5}, "contracts"),
        ({"contracts": None, "quantity": "two"}, "quantity"),
        ({"direction": "UP"}, "UP"),
    ],
)
def test_a_payload_that_cannot_be_read_is_no_order(change: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        dry().entry(**change)


@pytest.mark.parametrize("price", [None, "a lot", float("nan"), True, []])
def test_a_price_that_cannot_be_read_never_holds_up_an_exit(price: object) -> None:
    assert exit_order("T1", {**EXIT, "exit_price": price}, "NQ").exit_price is None
    rows = dry().processor.process(TaskEvent.EXIT, "T1", {**EXIT, "exit_price": price}).body["connector_results"]
    assert len(rows) == 3
