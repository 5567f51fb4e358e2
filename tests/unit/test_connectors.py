"""The way out: dry-run sends nothing, and nothing is ever reported as sent that was not."""

from __future__ import annotations

import logging
import socket
from decimal import Decimal
from typing import Any

import pytest

from account_engine import AccountStateManager
from config.firm_data import firms
from config.settings import Settings
from connectors import (
    ApexConnector,
    Connector,
    FTMOConnector,
    Leg,
    PaperVenue,
    Receipt,
    ReceiptStatus,
    connector_for,
)
from connectors.paper import KEPT_ORDERS
from domain.account import AccountKey
from domain.order import Direction, EntryOrder, ExitOrder, TaskEvent
from routing.facts import FactBook
from routing.processor import TaskProcessor

FIRMS = sorted(firms())
ENTRY = EntryOrder(
    trade_id="T1",
    symbol="NQ",
    direction=Direction.LONG,
    entry_price=Decimal(16500),
    stop_loss=Decimal(16475),
    contracts=2,
)
EXIT = ExitOrder(trade_id="T1", symbol="NQ", exit_type="SL", exit_price=None)
DRY_REASONS = ["GLOBAL_DRY_RUN_ENABLED", "FIRM_DRY_RUN_ENABLED"]


def entry_leg(firm_code: str, program_id: int = 1) -> Leg:
    return Leg(account=AccountKey(firm_code, program_id), order=ENTRY, contracts=2)


def exit_leg(firm_code: str, program_id: int = 1) -> Leg:
    return Leg(account=AccountKey(firm_code, program_id), order=EXIT, contracts=None)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a socket was opened")

    for name in ("socket", "create_connection", "getaddrinfo", "socketpair"):
        monkeypatch.setattr(socket, name, refuse)


@pytest.mark.usefixtures("no_network")
def test_the_guard_against_sockets_does_guard() -> None:
    import http.client

    with pytest.raises(AssertionError, match="a socket was opened"):
        socket.socket()
    with pytest.raises(AssertionError, match="a socket was opened"):
        http.client.HTTPConnection("127.0.0.1", 1).request("GET", "/")
    with pytest.raises(AssertionError, match="a socket was opened"):
        socket.getaddrinfo("localhost", 80)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("firm_code", FIRMS)
@pytest.mark.parametrize("reason", DRY_REASONS)
def test_a_dry_connector_opens_no_socket_and_skips(firm_code: str, reason: str) -> None:
    connector = connector_for(firm_code, dry_reason=reason)

    for receipt in (
        connector.send_entry_order(entry_leg(firm_code)),
        connector.send_exit_order(exit_leg(firm_code)),
    ):
        assert receipt.as_row() == {"status": "SKIPPED", "reason": reason}
        assert not receipt.success
    assert connector.get_account_status(1) is None


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("event", list(TaskEvent))
def test_no_dry_task_opens_a_socket(event: TaskEvent) -> None:
    environ = {"ROUTE_TO_FIRMS": ",".join(FIRMS), **{f"{code}_PROGRAM_IDS": "1,2" for code in FIRMS}}
    settings = Settings.from_env(environ)
    facts = FactBook(settings, AccountStateManager(environ), dry_run=True)
    connectors = {
        account.key: connector_for(account.key.firm_code, dry_reason=str(account.dry_reason))
        for account in facts.accounts
    }
    processor = TaskProcessor(
        facts,
        connectors,
        dry_run=True,
        default_symbol="NQ",
        example=False,
        logger=logging.getLogger("test_connectors"),
    )

    payload = {"direction": "LONG", "entry_price": 16500, "stop_loss": 16475, "contracts": 1}
    rows = processor.process(event, "T1", payload).body["connector_results"]

    assert len(rows) == (0 if event is TaskEvent.MFE_UPDATE else 2 * len(FIRMS))
    assert {row["status"] for row in rows} <= {"SKIPPED"}
    if event is TaskEvent.ENTRY:
        assert all(row["approved"] for row in rows), "the orders did reach the connectors"


@pytest.mark.parametrize("firm_code", FIRMS)
def test_an_order_of_another_firm_is_refused(firm_code: str) -> None:
    connector = connector_for(firm_code, dry_reason="GLOBAL_DRY_RUN_ENABLED")
    other = next(code for code in FIRMS if code != firm_code)

    with pytest.raises(ValueError, match=f"an order of {other}/1 was handed to the connector of {firm_code}"):
        connector.send_entry_order(entry_leg(other))
    with pytest.raises(ValueError, match=f"an order of {other}/1 was handed to the connector of {firm_code}"):
        connector.send_exit_order(exit_leg(other))


def test_each_firm_has_its_own_connector() -> None:
    assert type(connector_for("FTMO", dry_reason="GLOBAL_DRY_RUN_ENABLED")) is FTMOConnector
    assert type(connector_for("APEX", dry_reason="GLOBAL_DRY_RUN_ENABLED")) is ApexConnector
    assert {connector_for(code, dry_reason="GLOBAL_DRY_RUN_ENABLED").firm_code for code in FIRMS} == set(FIRMS)


@pytest.mark.parametrize(("connector", "firm_code"), [(FTMOConnector, "FTMO"), (ApexConnector, "APEX")])
def test_a_connector_without_a_venue_is_on_paper(connector: Any, firm_code: str) -> None:
    assert connector().send_entry_order(entry_leg(firm_code)).reason == "GLOBAL_DRY_RUN_ENABLED"


def test_paper_keeps_the_newest_orders_in_order() -> None:
    venue = PaperVenue()
    connector = Connector("FTMO", venue)
    for program_id in range(KEPT_ORDERS + 1):
        connector.send_entry_order(entry_leg("FTMO", program_id))
    connector.send_exit_order(exit_leg("FTMO", 7))

    assert len(venue.orders) == KEPT_ORDERS
    assert (venue.orders[0].account.program_id, venue.orders[-1].order) == (2, EXIT)


def test_a_receipt_leaves_out_what_the_venue_did_not_say() -> None:
    assert Receipt(status=ReceiptStatus.SUCCESS, order_id="42", details={"latency_ms": 3}).as_row() == {
        "status": "SUCCESS",
        "order_id": "42",
        "details": {"latency_ms": 3},
    }
    assert Receipt(status=ReceiptStatus.FAILED).as_row() == {"status": "FAILED"}
    assert [Receipt(status=status).success for status in ReceiptStatus] == [True, False, False]
