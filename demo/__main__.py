"""``make demo``: posts a day to the running service and prints what stands in the database afterwards."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import Any

from config.settings import load_settings
from control.webhook import NoService, post, webhook_of
from database.connection import Database, Row
from database.startup import open_database
from demo.day import Post, day

PATIENCE_SECONDS = 20.0


def main() -> int:
    """Post the day, wait for its tasks, print the tables; return 1 when the service cannot be reached or is live."""
    settings = load_settings()
    if not settings.dry_run:
        print("The demonstration posts invented signals; it does not run against a live service.")
        return 1
    database = Database(open_database(settings).url)
    since = database.run("server_time")[0]["now"]
    prefix = f"DEMO_{datetime.now(UTC):%Y%m%d_%H%M%S}"
    url = webhook_of(settings)
    try:
        answers = [(message, *post(url, message.body)) for message in day(prefix)]
    except NoService as error:
        print(error)
        return 1
    _print_answers(answers)
    rows = _finished(database, prefix)
    _print_verdicts(rows)
    _print_refused(database.run("refusals_since", since=since))
    database.close()
    return 0


def _finished(database: Database, prefix: str) -> list[Row]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        rows = database.run("verdicts_of_trades", prefix=prefix)
        if all(row["task_status"] in {"SUCCESS", "FAILED"} for row in rows) or time.monotonic() > deadline:
            return rows
        time.sleep(0.1)


def _print_answers(answers: list[tuple[Post, int, dict[str, Any]]]) -> None:
    print("\nWhat was posted, and what the webhook answered\n")
    for message, status, answer in answers:
        about = answer.get("warning") or (f"field {answer['field']}" if "field" in answer else "")
        print(f"  {message.what:<28} {status}  {answer.get('status', ''):<10} {about}")


def _print_verdicts(rows: list[Row]) -> None:
    print("\nWhat was decided, read from the database\n")
    print(f"  {'task':>5}  {'signal':<33} {'account':<9} {'asked':>5} {'size':>4}  {'verdict':<9} rule")
    for row in rows:
        signal = f"{row['event_type']} {row['trade_id']}"
        account = "-" if row["firm_code"] is None else f"{row['firm_code']}/{row['program_id']}"
        size = "-" if row["contracts"] is None else row["contracts"]
        rules = ", ".join(row["blocked_by"] or [])
        verdict = _verdict(row)
        print(
            f"  {row['task_id']:>5}  {signal:<33} {account:<9} {row['asked'] or '-':>5} {size:>4}  {verdict:<9} {rules}"
        )
    print("\n  Dry-run: no order was sent to anyone.")


def _verdict(row: Row) -> str:
    if row["task_status"] != "SUCCESS":
        return str(row["task_status"])
    if row["firm_code"] is None:
        return "logged"
    return "APPROVED" if row["approved"] else "REJECTED"


def _print_refused(rows: list[Row]) -> None:
    print("\nBodies that were refused, kept in refused_webhooks\n")
    for row in rows:
        problem = next(iter(row["problems"]), None)
        about = f"{problem['field']}: {problem['accepted']}" if problem else row["message"]
        print(f"  {row['id']:>5}  {row['status_code']} {row['code']:<15} {about[:110]}")


if __name__ == "__main__":
    sys.exit(main())
