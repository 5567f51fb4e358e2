"""A week of several accounts in different standings, told to a running service as their platforms would tell it."""

from __future__ import annotations

import json
import random
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

TOKEN = "an-api-token-of-tests"

ACCOUNTS = {
    "ROUTE_TO_FIRMS": "APEX,TOPSTEP,FTMO,BULENOX,LEELOO",
    "APEX_PROGRAM_IDS": "1,2",
    "APEX_1_RULE_SET": "apex-eod-50k@2026-10-04",
    "APEX_1_RISK_PER_TRADE": "0.005",
    "APEX_1_ACCOUNT_SIZE": "50000",
    "APEX_2_RULE_SET": "apex-intraday-50k@2026-10-04",
    "APEX_2_RISK_PER_TRADE": "0.005",
    "APEX_2_ACCOUNT_SIZE": "50000",
    "APEX_2_BUFFER": "100",
    "TOPSTEP_PROGRAM_IDS": "1,2",
    "TOPSTEP_1_RULE_SET": "topstep-combine-50k@2026-04-01",
    "TOPSTEP_1_RISK_PER_TRADE": "0.004",
    "TOPSTEP_1_ACCOUNT_SIZE": "50000",
    "TOPSTEP_2_RULE_SET": "topstep-combine-100k@2026-04-01",
    "TOPSTEP_2_RISK_PER_TRADE": "0.004",
    "TOPSTEP_2_ACCOUNT_SIZE": "100000",
    "FTMO_PROGRAM_IDS": "1,2",
    "FTMO_1_RULE_SET": "ftmo-2step-eval1-100k@2026-10-04",
    "FTMO_1_RISK_PER_TRADE": "0.005",
    "FTMO_1_ACCOUNT_SIZE": "100000",
    "FTMO_2_ACCOUNT_SIZE": "100000",
    "FTMO_2_RISK_PER_TRADE": "0.01",
    "FTMO_2_MAX_CONTRACTS": "5",
    "FTMO_2_PAUSED": "true",
    "BULENOX_PROGRAM_IDS": "1",
    "BULENOX_1_RULE_SET": "bulenox-option1-50k@2026-09-01",
    "BULENOX_1_RISK_PER_TRADE": "0.005",
    "BULENOX_1_ACCOUNT_SIZE": "50000",
    "LEELOO_PROGRAM_IDS": "1",
    "LEELOO_1_RULE_SET": "leeloo-launch-50k@2026-01-01",
    "LEELOO_1_RISK_PER_TRADE": "0.005",
    "LEELOO_1_ACCOUNT_SIZE": "50000",
    "API_TOKEN": TOKEN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """One account's days: where it starts, what each day makes, how wild it is, what it holds open. Dollars."""

    start: float
    days: tuple[float, ...]
    swing: float
    open_pl: float = 0.0
    last_minutes_ago: float = 0.05


WEEKS = {
    "APEX/1": Week(start=50000, days=(420, -180, 655, 310, 240), swing=160, open_pl=85),
    "APEX/2": Week(start=50000, days=(300, -640, 150, -420, -310), swing=180, open_pl=-60),
    "TOPSTEP/1": Week(start=50000, days=(250, 380, -150, 90, -1020), swing=120),
    "TOPSTEP/2": Week(start=100000, days=(900, 1250, -300, 700, 120), swing=300, open_pl=140),
    "FTMO/1": Week(start=100000, days=(-400, 800, 350, -950, -1480), swing=400, open_pl=-220),
    "FTMO/2": Week(start=100000, days=(100, 50, 0, 0, 0), swing=20),
    "BULENOX/1": Week(start=50000, days=(-300, -700, -200, -500, -860), swing=150),
    "LEELOO/1": Week(start=50000, days=(500, 200, -90), swing=200, last_minutes_ago=55),
}


def tell_week(url: str, *, points_a_day: int, now: datetime | None = None) -> None:
    """Tell the service everything, oldest first."""
    present = datetime.now(UTC) if now is None else now
    for account, week in WEEKS.items():
        for at, equity, balance in _path(account, week, present, points_a_day):
            tell(url, account, {"timestamp": at.isoformat(), "equity": round(equity, 2), "balance": round(balance, 2)})


def _path(account: str, week: Week, now: datetime, points: int) -> Iterator[tuple[datetime, float, float]]:
    chance = random.Random(account)
    balance, last = week.start, now - timedelta(minutes=week.last_minutes_ago)
    for number, result in enumerate(week.days):
        days_ago = len(week.days) - 1 - number
        end = last - timedelta(days=days_ago)
        began = end - timedelta(hours=5)
        for point in range(points):
            part = (point + 1) / points
            noise = 0.0 if point == points - 1 else chance.uniform(-1, 1) * week.swing * (1 - abs(2 * part - 1))
            open_pl = week.open_pl if days_ago == 0 and point == points - 1 else noise / 3
            yield (
                began + (end - began) * part,
                balance + result * part + noise + open_pl,
                balance + result * part + noise,
            )
        balance += result


def tell(url: str, account: str, body: dict[str, object]) -> None:
    """Tell the service one account's figures, as of now unless they have a time."""
    request = urllib.request.Request(
        f"{url}/api/v1/accounts/{account}/state",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()
