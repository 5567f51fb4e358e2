"""What a person reads when the service starts."""

from __future__ import annotations

import textwrap

from config.arming import is_armed
from config.problems import Problem
from config.settings import Settings

WIDTH = 100

CURL = """curl -X POST '{url}/api/automated-signals/webhook{query}' -H 'Content-Type: application/json' -d '{{
  "event_type": "SIGNAL_CREATED", "trade_id": "{trade_id}", "direction": "Bullish",
  "entry_price": 16500.0, "stop_loss": 16475.0, "symbol": "NQ"}}'"""


def banner(settings: Settings, *, embedded: bool, psql: str, trade_id: str) -> str:
    """Return the start-up text: mode, database, accounts, problems, and a curl to paste. Secrets are not in it."""
    accounts = ", ".join(str(account) for account in settings.accounts) or "none"
    where = f"embedded PostgreSQL in {settings.data_dir}" if embedded else "DATABASE_URL"
    query = "" if not settings.webhook_keys.secrets else "?token=YOUR_WEBHOOK_SECRET"
    curl = CURL.format(url=f"http://localhost:{settings.port}", query=query, trade_id=trade_id)
    lines = [
        "",
        "Prop-firm execution router",
        f"  mode        {_mode(settings)}",
        f"  database    {where}",
        f"              open it with: {psql}",
        f"  accounts    {accounts}",
    ]
    if settings.demonstration:
        lines += [
            "              EXAMPLE: nothing is configured, so these two accounts and their limits come from",
            "              .env.example. They are example figures, not the firms' real limits.",
        ]
    lines += _problems("errors", settings.errors) + _problems("warnings", settings.warnings)
    return "\n".join([*lines, "", "Send it a signal:", "", curl, ""])


def _mode(settings: Settings) -> str:
    if settings.dry_run:
        return "DRY-RUN: no order is sent"
    armed = [str(account) for account in settings.accounts if is_armed(account, settings)]
    return f"LIVE: orders go out for {', '.join(armed)}" if armed else "LIVE, but no account is armed: no order is sent"


def _problems(title: str, problems: tuple[Problem, ...]) -> list[str]:
    if not problems:
        return [f"  {title:<11} none"]
    messages = [textwrap.fill(problem.message, WIDTH, subsequent_indent=" " * 16) for problem in problems]
    return [f"  {title if number == 0 else '':<11} {message}" for number, message in enumerate(messages)]
