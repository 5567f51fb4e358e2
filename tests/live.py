"""A service that trades live at the simulators of brokers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.brokers.book import OrderBook
from tests.brokers.tradovate import TradovateServer
from tests.brokers.tradovate_sessions import KEY, PASSWORD, SECRET, USER
from tests.processes import entry, exit_of

WEBHOOK_SECRET = "a-webhook-secret-of-tests"
API_TOKEN = "an-api-token-of-tests"
BEARER = {"Authorization": f"Bearer {API_TOKEN}"}
CONSENT = "the firm's written consent of 2026-10-01"


def tradovate(*names: str) -> TradovateServer:
    """A broker with one account a name."""
    return TradovateServer(OrderBook(*names))


def live_environment(broker: TradovateServer, *, accounts: int = 1, **changes: str) -> dict[str, str]:
    """What arms ``accounts`` programs of APEX at a Tradovate; the book's accounts are theirs in order."""
    environ = {
        "EXECUTION_DRY_RUN": "false",
        "WEBHOOK_SECRET": WEBHOOK_SECRET,
        "API_TOKEN": API_TOKEN,
        "ROUTE_TO_FIRMS": "APEX",
        "APEX_PROGRAM_IDS": ",".join(str(number + 1) for number in range(accounts)),
        "APEX_API_URL": f"{broker.url}/v1",
        "APEX_API_USER": USER,
        "APEX_API_PASSWORD": PASSWORD,
        "APEX_API_KEY": KEY,
        "APEX_API_SECRET": SECRET,
        "NQ_CONTRACT": "NQZ6",
        "ACCOUNT_POLL_SECONDS": "1",
        "CONNECTOR_TIMEOUT_SECONDS": "1",
        "SEND_RETRY_BASE_SECONDS": "0.1",
    }
    for number, name in enumerate(broker.book.accounts[:accounts], start=1):
        environ |= {
            f"APEX_{number}_ACCOUNT_NAME": name,
            f"APEX_{number}_ACCOUNT_SIZE": "50000",
            f"APEX_{number}_RISK_PER_TRADE": "0.1",
            f"APEX_{number}_MAX_CONTRACTS": "10",
            f"APEX_{number}_MAX_DRAWDOWN": "20000",
            f"APEX_{number}_STARTING_BALANCE": "50000",
            f"APEX_{number}_POLICY_ACK": CONSENT,
        }
    return {**environ, **changes}


def live_entry(trade_id: str, **changes: Any) -> dict[str, Any]:
    return {**entry(trade_id, contracts=2), "secret": WEBHOOK_SECRET, **changes}


def live_exit(trade_id: str, **changes: Any) -> dict[str, Any]:
    return {**exit_of(trade_id), "secret": WEBHOOK_SECRET, **changes}


def held(broker: TradovateServer, account: str | None = None) -> Decimal:
    return broker.book.position(account or broker.book.accounts[0], "NQZ6")
