"""A decision that waited for its account's lock knows the figures that came in meanwhile."""

from __future__ import annotations

import threading
from decimal import Decimal

from config.settings import Settings
from database.connection import Database
from database.orders import lock_accounts
from database.tracked_accounts import tracked_accounts
from domain.order_rows import connector_row
from domain.order_state import OrderState
from execution_router import ExecutionRouter
from tests.armed import armed
from tests.conftest import Sql
from tests.orders import APEX_1, Bench, exit_leg
from tests.processes import entry, wait_until

LIVE = {
    **armed(APEX_1),
    "EXECUTION_DRY_RUN": "false",
    "WEBHOOK_SECRET": "s",
    "ROUTE_TO_FIRMS": "APEX",
    "APEX_PROGRAM_IDS": "1",
    "NQ_CONTRACT": "NQZ6",
    "APEX_1_ACCOUNT_SIZE": "50000",
    "APEX_1_RISK_PER_TRADE": "0.05",
    "APEX_1_MAX_CONTRACTS": "10",
    "APEX_1_STARTING_BALANCE": "50000",
    "APEX_1_MAX_DRAWDOWN": "3000",
}


def router_on(database: Database) -> ExecutionRouter:
    settings = Settings.from_env(LIVE)
    states = tracked_accounts(settings, database)
    return ExecutionRouter(dry_run=False, settings=settings, database=database, account_state_manager=states)


def test_a_loss_that_was_booked_while_a_decision_waited_is_not_risked_again(
    database: Database, database_url: str, sql: Sql
) -> None:
    """The trade is closed at a loss of 1,500 and out of the reservation, because newer figures hold the loss."""
    bench, deciding = Bench(database, sql), Database(database_url)
    router, other = router_on(deciding), router_on(database)
    figures = {"balance": 50000, "equity": 50000, "drawdown": 0}
    other.account_state_manager.update_account_state("APEX", 1, figures)
    router.handle_entry_signal(entry("FIRST", contracts=3, symbol="NQ"))
    (first,) = bench.claim(APEX_1)
    bench.become(first.id, OrderState.FILLED, 3)
    (closing,) = bench.plan("FIRST", exit_leg())
    assert bench.ledger.claim_exit(bench.order(closing), connector_row, lease=10) is not None

    second = threading.Thread(target=lambda: router.handle_entry_signal(entry("SECOND", contracts=4, symbol="NQ")))
    with database.transaction() as transaction:
        lock_accounts(transaction, [APEX_1])
        second.start()
        waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        wait_until(lambda: bool(sql(waiting)), what="the decision to wait for the lock")
        bench.become(closing, OrderState.FILLED, 3)
        figures = {"balance": 48500, "equity": 48500, "drawdown": 1500}
        other.account_state_manager.update_account_state("APEX", 1, figures)
    second.join()
    deciding.close()

    reserved = sql("SELECT sum(worst_case) AS n FROM execution_orders WHERE trade_id = 'SECOND'")[0]["n"]
    assert reserved is None or reserved < Decimal(1500)
