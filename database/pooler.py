"""PostgreSQL reached through a pooler such as pgbouncer: how that is noticed, and what keeps its promises there.

A pooler has many clients share few sessions. It refuses or drops the settings that a client asks for when it connects,
and in transaction mode each transaction may meet another session. So everything that is wanted of the server goes with
each transaction, nothing is left behind in a session, and what needs a session of its own has to prove that it has one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Ask = Callable[[str], tuple[Any, ...]]

# How pgbouncer refuses a setting of the start; it then names the setting.
REFUSED_AT_START = "unsupported startup parameter"
ASKED_IN_TURN = 5
# A process that was stopped in the middle of a transaction holds its locks no longer: others wait for them.
LONGEST_SILENCE_SECONDS = 10.0
# Longer than such a process can hold one; whoever waits longer waits for a person's session or a change of the schema.
LONGEST_WAIT_SECONDS = 15.0


def wanted_settings(statement_timeout: float, idle_timeout: float) -> dict[str, str]:
    """Return what every session of ours is to have; both times in seconds, and no ``idle_timeout`` for 0."""
    wanted = {
        "statement_timeout": f"{int(statement_timeout * 1000)}",
        "lock_timeout": f"{int(LONGEST_WAIT_SECONDS * 1000)}",
        "timezone": "UTC",
        # A server that answers a commit before it is on its disk forgets, when it dies, that an order was about to be
        # sent.
        "synchronous_commit": "on",
        "idle_in_transaction_session_timeout": f"{int(LONGEST_SILENCE_SECONDS * 1000)}",
    }
    return wanted | ({"idle_session_timeout": f"{int(idle_timeout * 1000)}"} if idle_timeout > 0 else {})


def at_start(wanted: Mapping[str, str]) -> str:
    """Return settings as they are asked for when a connection begins."""
    return " ".join(f"-c {name}={value}" for name, value in wanted.items())


def in_transaction(wanted: Mapping[str, str]) -> str:
    """Return statements, to be sent in one message with a transaction's first, that hold until it ends."""
    return "".join(f"SET LOCAL {name} = '{value}'; " for name, value in wanted.items())


def in_session(wanted: Mapping[str, str]) -> str:
    """Return statements that hold for the rest of a session."""
    return "".join(f"SET {name} = '{value}'; " for name, value in wanted.items()) + "SELECT true"


def is_direct(told: int, ask: Ask, wanted: Mapping[str, str]) -> bool:
    """Return whether a connection that asked for these settings at its start leads to PostgreSQL itself.

    ``told``: the number under which it can be cancelled. PostgreSQL tells its process's; pgbouncer makes one up.
    """
    names = ", ".join(f"'{name}'" for name in wanted)
    process, held = ask(
        "SELECT pg_backend_pid(), (SELECT json_object_agg(lower(name), setting) FROM pg_settings "  # noqa: S608 - own names
        f"WHERE lower(name) IN ({names}))"
    )
    return bool(process == told and held == wanted)


def keeps_sessions(one: Ask, other: Ask) -> bool:
    """Return whether each of two connections through a pooler has a session for itself, all the time."""
    question = "SELECT pg_backend_pid()"
    # One twice in a row, so that a pooler which deals its sessions out in turn is found out too.
    ones: set[int] = set()
    others: set[int] = set()
    for _ in range(ASKED_IN_TURN):
        ones |= {one(question)[0], one(question)[0]}
        others |= {other(question)[0]}
    return len(ones) == len(others) == 1 and ones != others
