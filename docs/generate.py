"""``make reference``: write the tables of rules and settings from the code into docs/reference.md and README.md."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from config.rule_printout import COLUMNS, rule_set_cells
from config.rule_sets import rule_sets
from config.variables import Variable, settings_table, variables
from domain.rules import MEANING

REPOSITORY = Path(__file__).parents[1]
TOGETHER = (
    (
        *("DATABASE_URL", "DATABASE_DIRECT_URL", "DATA_DIR", "DATABASE_POOL_SIZE"),
        *("HOST", "PORT", "WEB_THREADS", "LOG_LEVEL", "LOG_FORMAT"),
        *("ALERT_URLS", "ALERT_QUIET_HOURS", "ALERT_SESSION", "ALERT_SILENCE_SECONDS"),
    ),
    ("WEBHOOK_SECRET", "API_TOKEN", "API_VIEWER_TOKEN"),
    (
        *("WEBHOOK_SECRET_{LABEL}", "WEBHOOK_SECRET_EXPIRES", "WEBHOOK_SECRET_{LABEL}_EXPIRES"),
        *("WEBHOOK_SIGNING_KEY", "WEBHOOK_SIGNING_KEY_{LABEL}"),
        *("WEBHOOK_SIGNING_KEY_EXPIRES", "WEBHOOK_SIGNING_KEY_{LABEL}_EXPIRES"),
        *("WEBHOOK_ALLOW", "WEBHOOK_ENTRY_MAX_AGE", "WEBHOOK_EXIT_MAX_AGE"),
        *("WEBHOOK_SOURCE_RATE", "WEBHOOK_STRATEGY_RATE", "ACCOUNT_UPDATE_RATE"),
    ),
    (
        *("ADMIN_PASSWORD", "ADMIN_PASSWORD_HASH", "VIEWER_PASSWORD", "VIEWER_PASSWORD_HASH"),
        *("SECRET_KEY", "SESSION_IDLE_SECONDS", "SESSION_LIFETIME_SECONDS", "TRUSTED_PROXIES"),
    ),
    (
        *("ROUTER_ENABLED", "ROUTER_POLL_INTERVAL", "ROUTER_BATCH_SIZE"),
        *("TASK_LEASE_SECONDS", "TASK_MAX_ATTEMPTS", "TASK_RETRY_BASE_SECONDS"),
    ),
    (
        *("ENTRY_MAX_AGE", "EXIT_MAX_AGE", "CONNECTOR_TIMEOUT_SECONDS"),
        *("SEND_MAX_ATTEMPTS", "SEND_RETRY_BASE_SECONDS", "RECONCILE_SECONDS"),
    ),
    ("ALLOW_UNKNOWN_ACCOUNT_STATE", "ACCOUNT_STATE_MAX_AGE", "ACCOUNT_POLL_SECONDS"),
    ("ROUTE_TO_FIRMS", "{FIRM}_PROGRAM_IDS"),
    ("{FIRM}_MAX_POSITION_SIZE", "{FIRM}_MAX_DAILY_LOSS", "{FIRM}_MAX_TOTAL_LOSS"),
    ("{FIRM}_DRY_RUN", "{FIRM}_{ID}_DRY_RUN", "{FIRM}_{ID}_POLICY_ACK"),
    (
        *("{FIRM}_PLATFORM", "{FIRM}_API_URL", "{FIRM}_API_USER", "{FIRM}_API_PASSWORD", "{FIRM}_API_KEY"),
        *("{FIRM}_API_SECRET", "{FIRM}_API_TOKEN", "{FIRM}_API_DOMAIN", "{FIRM}_API_TEMPLATE"),
    ),
    ("{FIRM}_{ID}_RULE_SET", "{FIRM}_{ID}_BUFFER", "{FIRM}_{ID}_ACCOUNT_NAME"),
    (
        *("{FIRM}_{ID}_ACCOUNT_SIZE", "{FIRM}_{ID}_STARTING_BALANCE"),
        *("{FIRM}_{ID}_RISK_PER_TRADE", "{FIRM}_{ID}_MAX_RISK_PER_TRADE_PCT"),
    ),
    ("{FIRM}_{ID}_ALLOWED_SESSIONS", "{FIRM}_{ID}_PAUSED", "{FIRM}_{ID}_USE_MICROS", "{FIRM}_{ID}_STOP_REQUIRED"),
    ("DEFAULT_SYMBOL", "{SYMBOL}_POINT_VALUE", "{SYMBOL}_CONTRACT", "{FIRM}_SYMBOL_MAP"),
    (
        *("{FIRM}_{ID}_MAX_CONTRACTS", "{FIRM}_{ID}_MAX_DAILY_LOSS"),
        *("{FIRM}_{ID}_MAX_TOTAL_LOSS", "{FIRM}_{ID}_MAX_DRAWDOWN"),
    ),
    (
        "{FIRM}_{ID}_EQUITY",
        "{FIRM}_{ID}_BALANCE",
        "{FIRM}_{ID}_PEAK_EQUITY",
        "{FIRM}_{ID}_DAY_PL",
        "{FIRM}_{ID}_TOTAL_PL",
        "{FIRM}_{ID}_DRAWDOWN",
    ),
)
# Where lines are logged from while the service runs.
LOGGING = tuple(REPOSITORY / name for name in ("alerts", "connectors", "database", "routing", "web"))
LEVELS = frozenset({"debug", "info", "warning", "error", "critical"})
# The account's own way into the platform is set like its firm's; the README says so in a sentence.
LIKE_THE_FIRMS = "{FIRM}_{ID}_API_"


def rules_table() -> str:
    """Return the rule codes with their meanings as Markdown."""
    rows = [f"| `{rule}` | {meaning} |" for rule, meaning in MEANING.items()]
    return "\n".join(["| rule | the entry is refused because |", "| --- | --- |", *rows])


def short_settings_table() -> str:
    """Return the settings as Markdown, those that belong together in one row."""
    known = {entry.name: entry for entry in variables() if not entry.name.startswith(LIKE_THE_FIRMS)}
    rows: dict[str, tuple[str, ...]] = {name: (name,) for name in known}
    for group in TOGETHER:
        rows = {name: group if name == group[0] else row for name, row in rows.items() if name not in group[1:]}
    return "\n".join(
        [
            "| variable | default | meaning |",
            "| --- | --- | --- |",
            *(_row([known[name] for name in row]) for row in rows.values()),
        ]
    )


def _row(entries: list[Variable]) -> str:
    names = ", ".join(f"`{entry.name}`" for entry in entries)
    defaults = ", ".join(f"`{entry.default}`" for entry in entries if entry.default)
    return f"| {names} | {defaults} | {' · '.join(dict.fromkeys(entry.meaning for entry in entries))} |"


def log_events_table() -> str:
    """Return the stable names of log lines as Markdown, with the level and the sentence of each."""
    found: dict[str, tuple[set[str], set[str]]] = {}
    for event, level, sentence in log_events():
        levels, sentences = found.setdefault(event, (set(), set()))
        levels.add(level)
        sentences.add(sentence.replace("|", "\\|"))
    rows = [
        f"| `{event}` | {', '.join(sorted(levels))} | {' · '.join(sorted(sentences))} |"
        for event, (levels, sentences) in sorted(found.items())
    ]
    return "\n".join(["| event | level | says |", "| --- | --- | --- |", *rows])


def log_events() -> Iterator[tuple[str, str, str]]:
    """Yield event, level and sentence of each line that the service logs under a name, as the code has them."""
    for path in sorted(REPOSITORY.glob("*.py")) + [path for each in LOGGING for path in sorted(each.rglob("*.py"))]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                yield from _logged(node, node.func.attr)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Complaints":
                event = node.args[1]
                if isinstance(event, ast.Constant):
                    yield str(event.value), "error", "_what failed for whom, once a minute_"


def _logged(call: ast.Call, method: str) -> Iterator[tuple[str, str, str]]:
    if method == "_log" and isinstance(call.args[0], ast.Constant):
        yield str(call.args[0].value), "warning", _sentence(call.args[1])
    level = {"exception": "error"}.get(method, method)
    for keyword in call.keywords:
        if level in LEVELS and keyword.arg == "extra" and isinstance(keyword.value, ast.Dict):
            for name, value in zip(keyword.value.keys, keyword.value.values, strict=True):
                if _text(name) == "event" and isinstance(value, ast.Constant):
                    yield str(value.value), level, _sentence(call.args[0])


def _text(node: ast.expr | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def _sentence(node: ast.expr) -> str:
    text = _text(node)
    return "_in its own words_" if text is None else str(text)


def rule_sets_table() -> str:
    """Return the rule sets that accounts may choose as Markdown."""
    rows = [COLUMNS, ["---"] * len(COLUMNS), *(rule_set_cells(rule_set) for rule_set in rule_sets().values())]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def readme(text: str) -> str:
    """Return the README's text with its table of settings renewed."""
    start, end = "<!-- settings -->\n", "<!-- /settings -->"
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}{short_settings_table()}\n{end}{after}"


def reference() -> str:
    """Return the text of docs/reference.md."""
    return (
        "# Reference\n\nMade from the code by `make reference`.\n\n"
        f"## Rules\n\n{rules_table()}\n\n## Settings\n\n{settings_table().strip()}\n\n"
        "## Rule sets\n\nWhat they mean and how they are written: [rule_sets.md](rule_sets.md). `-`: the firm has no "
        "such rule; `unknown`: no source was found.\n\n"
        f"{rule_sets_table()}\n\n"
        "## Log events\n\nThe `event` of a line (`LOG_FORMAT=json`) never changes its meaning; `trade_id`, `task_id` "
        "and `order_id` beside it lead through a trade's whole story. `%s` stands for what differs.\n\n"
        f"{log_events_table()}\n"
    )


def main() -> int:
    """Write both files."""
    page = REPOSITORY / "README.md"
    page.write_text(readme(page.read_text(encoding="utf-8")), encoding="utf-8")
    (REPOSITORY / "docs" / "reference.md").write_text(reference(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
