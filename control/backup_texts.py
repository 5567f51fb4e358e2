"""What is said of a backup that was made or restored."""

from __future__ import annotations

from control.tables import Row, table

SET_ASIDE = {
    "planned_orders": "orders that waited to be sent: NOT_SENT now, among the dead letters",
    "orders_on_their_way": "orders that were on their way: UNRESOLVED now, looked up at the venue, never sent again",
    "waiting_tasks": "entries and exits that waited for their decision: FAILED now, among the dead letters",
    "halt_actions": "things that halts had still to do: not done any more",
}


def backed_up(row: Row) -> str:
    head = row["audit_head"]
    return (
        f"{row['file']} holds {row['tables']} tables in {row['bytes']:,} bytes, of PostgreSQL {row['server_major']}.\n"
        f"The audit then ended with {head['position']} {head['hash']}: write that down elsewhere, for restore --head."
    )


def restored(row: Row) -> str:
    shown = [{"table": name, "rows": f"{count:,}"} for name, count in row["tables"].items() if count]
    lines = [
        f"Restored: {row['rows']:,} rows of {len(row['tables'])} tables, as they were at {row['made_at']}.",
        table(shown, (("TABLE", "table"), ("ROWS", "rows")), without="The backup has no rows."),
        "",
        *(f"{count} {SET_ASIDE[name]}" for name, count in row["set_aside"].items() if count),
        *_schema(row["schema"]),
        *_audit(row["audit"]),
    ]
    if row["role_made"]:
        lines.append(
            "The role router_service was made, without a password: give it one with \\password router_service."
        )
    halt = row["halt"]
    return "\n".join(
        [
            *lines,
            "",
            f"Halt {halt['id']} of ALL (ENTRIES) is in force: no entry leaves. {halt['reason']}:",
            f'python -m control release {halt["id"]} --phrase "{halt["release_phrase"]}" --by NAME --reason TEXT',
        ]
    )


def _schema(schema: Row) -> list[str]:
    lines = ["The schema is this program's."] if not schema["missing"] and not schema["unknown"] else []
    if schema["missing"]:
        lines.append(f"The service adds to the schema when it starts: {', '.join(schema['missing'])}.")
    if schema["unknown"]:
        lines.append(f"AMISS: the schema is another version's: {', '.join(schema['unknown'])}. Start that version.")
    return lines


def _audit(audit: Row) -> list[str]:
    if audit["clean"]:
        head = audit["head"]
        return [f"The audit is whole: {audit['sealed']} events sealed; head {head['position']} {head['hash']}."]
    return [
        "AMISS: the audit was altered:",
        *(f"  {one['fault']}: {one['where']} {one['what']}" for one in audit["found"]),
    ]
