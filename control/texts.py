"""What each command says to a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from control.tables import Columns, Row, age, cell, facts, table
from database.replay import Replayed

ORDERS: Columns = (
    *(("ID", "id"), ("STATE", "state"), ("PURPOSE", "purpose"), ("ACCOUNT", "account"), ("TRADE", "trade_id")),
    *(("CONTRACT", "contract"), ("SIDE", "side"), ("QUANTITY", "quantity"), ("FILLED", "filled")),
    *(("OPEN", "open_quantity"), ("PRICE", "average_price"), ("SINCE (UTC)", "updated_at"), ("CAUSE", "cause")),
)
EVENTS: Columns = (
    *(("AT (UTC)", "at"), ("FROM", "from_state"), ("TO", "to_state"), ("FILLED", "filled"), ("CLOSED", "closed")),
    *(("CAUSE", "cause"), ("BY", "actor"), ("ANSWER", "answer")),
)
ACTS: Columns = (("AT (UTC)", "at"), ("ACT", "act"), ("BY", "by"), ("REASON", "reason"))
LETTERS: Columns = (
    *(("NAME", "name"), ("EVENT", "event_type"), ("TRADE", "trade_id"), ("ACCOUNT", "account"), ("CAUSE", "cause")),
    *(("TRIES", "attempts"), ("AGE", "age"), ("RETRY", "worth"), ("WHY", "why"), ("ERROR", "last_error")),
)
LOG: Columns = (("AT (UTC)", "created_at"), ("STATUS", "status"), ("CODE", "response_code"), ("BODY", "response_body"))
DIFFERENCES: Columns = (
    *(("ID", "id"), ("ACCOUNT", "account"), ("KIND", "kind"), ("SYMBOL", "symbol"), ("LEDGER", "ledger_quantity")),
    *(("VENUE", "venue_quantity"), ("FOUND (UTC)", "found_at")),
)
HALTS: Columns = (
    *(("ID", "id"), ("SCOPE", "scope"), ("LEVEL", "level"), ("IN FORCE", "in_force"), ("BY", "set_by")),
    *(("SINCE (UTC)", "set_at"), ("REASON", "reason"), ("RELEASED (UTC)", "released_at"), ("BY", "released_by")),
    ("DONE", "done"),
)
IN_FLIGHT: Columns = (
    *(("ORDER", "id"), ("FIRM", "firm_code"), ("PROGRAM", "program_id"), ("TRADE", "trade_id")),
    *(("CLIENT ORDER ID", "client_order_id"), ("STATE", "state")),
)


def orders(rows: Sequence[Row]) -> str:
    return table(rows, ORDERS, without="No order is like that.")


def order(row: Row) -> str:
    shown = {name: value for name, value in row.items() if name not in {"events", "acts", "firm_code", "program_id"}}
    parts = [f"Order {row['id']}", facts(shown), "", table(row["events"], EVENTS, without="It has no events.")]
    if row.get("acts"):
        parts += ["", "What persons did", table(row["acts"], ACTS, without="")]
    return "\n".join(parts)


def resolved(answer: Row) -> str:
    row, after = answer["order"], answer["replaced_by"]
    lines = [f"Order {row['id']} is {row['state']}: {cell(row['filled'])} of {cell(row['quantity'])} contracts filled."]
    if after is not None:
        lines.append(
            f"Order {after['id']} takes its place, for the position is still open; it may be sent until "
            f"{cell(after['expires_at'])} UTC."
        )
    return "\n".join(lines)


def dead_letters(rows: Sequence[Row]) -> str:
    shown = [
        {**row, "age": age(row["age"]), "worth": row["retry"]["makes_sense"], "why": row["retry"]["why"]}
        for row in rows
    ]
    return table(shown, LETTERS, without="There are no dead letters.")


def dead_letter(row: Row) -> str:
    sense = "makes sense" if row["retry"]["makes_sense"] else "makes no sense"
    parts = [f"{row['name']}: another try {sense}, {row['retry']['why']}.", "", "Task", facts(row["task"])]
    parts += ["", table(row["log"], LOG, without="Its task has no log.")]
    if row["order"] is not None:
        parts += ["", order(row["order"])]
    if row["acts"]:
        parts += ["", "What persons did", table(row["acts"], ACTS, without="")]
    return "\n".join(parts)


def retried(row: Row) -> str:
    where = "" if row["only_account"] is None else f" for {row['only_account']} alone"
    return f"{row['name']} is given another try: task {row['task_id']} is decided anew{where}."


def discarded(row: Row) -> str:
    return f"{row['name']} is put aside and not listed any more."


def differences(rows: Sequence[Row]) -> str:
    listed = table(rows, DIFFERENCES, without="Ledger and venues agree: there are no open differences.")
    return "\n".join([listed, *(f"  {row['id']}: {row['proposal']}" for row in rows)])


def settled(row: Row) -> str:
    lines = [f"Difference {row['id']} of {row['account']} ({row['symbol']}) is settled: {row['how']}."]
    lines += [f"  trade {part['trade_id']}: {cell(part['contracts'])} contracts closed" for part in row["closed"]]
    return "\n".join(lines)


def halted(row: Row) -> str:
    since = f"Halt {row['id']} of {row['scope']} ({row['level']}) is in force since {cell(row['set_at'])} UTC"
    lines = [
        f"{since}: no entry of it leaves any more.",
        table(row["in_flight"], IN_FLIGHT, without="No entry was on its way."),
    ]
    if row["in_flight"]:
        lines.insert(1, "These entries were on their way already and may be at their venues:")
    phrase = row["release_phrase"]
    lines.append(f'To release it: python -m control release {row["id"]} --phrase "{phrase}" --by NAME --reason TEXT')
    return "\n".join(lines)


def halts(rows: Sequence[Row]) -> str:
    shown = []
    for row in rows:
        actions = row["actions"]
        done = sum(1 for action in actions if action["done"])
        shown.append({**row, "done": f"{actions[0]['action']} {done} of {len(actions)}" if actions else None})
    return table(shown, HALTS, without="There is no halt and there never was.")


def released(row: Row) -> str:
    return f"Halt {row['id']} is released: entries of its accounts may leave again, unless another halt covers them."


def replay_row(one: Replayed) -> dict[str, Any]:
    """Return a verdict that was made again as a row; of one that differs with both sides of what differs."""
    row: dict[str, Any] = {"task_id": one.task_id, "trade_id": one.trade_id, "same": one.same}
    if not one.same:
        row["differs"] = {name: {"recorded": one.recorded[name], "now": one.now[name]} for name in one.differs}
    return row


def replayed(rows: list[dict[str, Any]]) -> str:
    """Return how many verdicts came out the same, and which did not."""
    others = [row for row in rows if not row["same"]]
    lines = [f"{len(rows) - len(others)} of {len(rows)} verdicts come out of the record the same."]
    lines += [
        f"task {row['task_id']} ({row['trade_id']}) differs in {', '.join(row['differs'])}; --json shows how"
        for row in others
    ]
    return "\n".join(lines)
