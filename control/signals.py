"""A test signal, through the webhook like any other, and what was decided on it."""

from __future__ import annotations

import secrets
import time
from argparse import Namespace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from control.desk import Answer, Command, Desk, Refused
from control.tables import Columns, table
from control.webhook import NoService, post, webhook_of
from control.words import Commands, number, signature, whole
from database.operator_desk import OperatorDesk
from domain.json_text import json_text
from domain.test_signal import PREFIX, new_trade_id

REAL_PREFIX = "REAL_TEST_"
PHRASE = "SEND A REAL ORDER"
LONGEST_WAIT = 300
VERDICTS: Columns = (
    *(("ACCOUNT", "account"), ("APPROVED", "approved"), ("CONTRACTS", "contracts"), ("BLOCKED BY", "blocked_by")),
    ("REASON", "reason"),
)
SIGNAL = f"""\
Send an entry to the running service through its webhook, and show what each account's verdict is. Its trade id begins
with {PREFIX}: it is decided and recorded as any other, and never sent to a venue, whatever is armed. With --live and
the phrase it is an entry like any other: where an account trades live, the order is a real one.

examples:
  python -m control signal --entry 16500 --stop 16475 --by anna --reason "after the upgrade"
  python -m control signal --symbol ES --direction short --entry 5900 --stop 5910 --by anna --reason "map of ES" --json
  python -m control signal --entry 16500 --stop 16475 --url https://YOUR-HOST --by anna --reason "is it up?"
"""


def add_signals(commands: Commands) -> None:
    """Add ``signal``."""
    signal = commands.add(
        "signal", _signal, "send a test signal and show what was decided on it", signed=True, about=SIGNAL
    )
    signal.add_argument("--entry", type=number, required=True, metavar="PRICE", help="entry price in points")
    signal.add_argument("--stop", type=number, required=True, metavar="PRICE", help="stop price in points")
    signal.add_argument("--symbol", metavar="NQ", help="DEFAULT_SYMBOL if not given")
    signal.add_argument("--direction", choices=("long", "short"), default="long")
    signal.add_argument("--contracts", type=whole(1000), help="sized by risk if not given")
    signal.add_argument("--url", metavar="https://HOST", help="where the service is; this machine if not given")
    signal.add_argument("--wait", type=whole(LONGEST_WAIT), default=20, metavar="SECONDS", help="for the verdicts; 20")
    signal.add_argument("--live", action="store_true", help="a real entry, which live accounts trade")
    signal.add_argument("--phrase", metavar="TEXT", help=f"{PHRASE!r}, which --live asks for")


def _signal(typed: Namespace) -> Command:
    signed = signature(typed)

    def run(desk: Desk) -> Answer:
        trade_id = _trade_id(typed)
        body = json_text(_body(typed, trade_id, desk.settings.default_symbol))
        try:
            status, answer = post(webhook_of(desk.settings, typed.url), body)
        except NoService as error:
            raise Refused(str(error)) from error
        if status != 200:
            words = answer.get("message") or answer.get("code") or "no reason given"
            raise Refused(f"the webhook answered {status}: {words}")
        OperatorDesk(desk.database).test_signal(answer["task_id"], trade_id, signed)
        rows = _verdicts(desk, trade_id, typed.wait)
        data = {"status": answer["status"], "trade_id": trade_id, "task_id": answer["task_id"], "verdicts": rows}
        return Answer(data, _text(data, typed.wait), good=bool(rows))

    return run


def _trade_id(typed: Namespace) -> str:
    now, number = datetime.now(UTC), secrets.token_hex(4)
    if not typed.live:
        return new_trade_id(now, number)
    if (typed.phrase or "").strip() != PHRASE:
        raise Refused(f"live accounts would trade it. If you want that, type exactly: --phrase '{PHRASE}'")
    return f"{REAL_PREFIX}{now:%Y%m%d_%H%M%S}_{number}"


def _body(typed: Namespace, trade_id: str, default_symbol: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "event_type": "ENTRY",
        "trade_id": trade_id,
        "direction": typed.direction,
        "entry_price": _plain(typed.entry),
        "stop_loss": _plain(typed.stop),
        "symbol": typed.symbol or default_symbol,
        "alert_time": datetime.now(UTC).isoformat(),
    }
    return body if typed.contracts is None else {**body, "contracts": typed.contracts}


def _plain(price: Decimal) -> str:
    return format(price, "f")


def _verdicts(desk: Desk, trade_id: str, wait: int) -> list[dict[str, Any]]:
    until = time.monotonic() + wait
    while True:
        rows = desk.database.run("verdicts_of_trades", prefix=trade_id)
        if rows and all(row["task_status"] in {"SUCCESS", "FAILED"} for row in rows):
            return [
                {
                    "account": f"{row['firm_code']}/{row['program_id']}",
                    **{name: row[name] for name in ("approved", "contracts", "blocked_by", "reason")},
                }
                for row in rows
                if row["firm_code"] is not None
            ]
        if time.monotonic() > until:
            return []
        time.sleep(0.1)


def _text(data: dict[str, Any], wait: int) -> str:
    without = f"No verdict within {wait} s: does a router run? python -m control status"
    return f"Trade {data['trade_id']}, task {data['task_id']}\n{table(data['verdicts'], VERDICTS, without=without)}"
