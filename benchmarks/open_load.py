"""Signals that come when they are due, whatever became of those before. ``python -m benchmarks.open_load`` sends them.

A request that is late, because all connections wait for answers or because this process was not given the processor, is
late on our account: everything is measured from the moment it was due.
"""

from __future__ import annotations

import argparse
import json
import selectors
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.load import PATIENCE_SECONDS, Connection, WrongAnswer, alert, checked, post_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Per signal, in nanoseconds of the wall clock: when it was due and when its answer was whole; and its task."""

    due: list[int]
    answered: list[int]
    task_ids: list[int]


def send(port: int, requests: Sequence[bytes], *, a_second: float, connections: int) -> Sent:
    """Send every request at its time. Raises WrongAnswer for any that was not accepted."""
    opened = [Connection(port) for _ in range(connections)]
    free = deque(opened)
    position_of: dict[int, int] = {}
    answers: dict[int, tuple[int, bytes]] = {}
    sent = 0
    with selectors.DefaultSelector() as selector:
        for connection in opened:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        began, apart = time.time_ns() + 50_000_000, 1e9 / a_second
        due = [began + round(number * apart) for number in range(len(requests))]
        while len(answers) < len(requests):
            while sent < len(requests) and free and due[sent] <= time.time_ns():
                connection = free.popleft()
                position_of[id(connection)] = sent
                connection.send(requests[sent])
                sent += 1
            wait = max(0.0, (due[sent] - time.time_ns()) / 1e9) if sent < len(requests) and free else PATIENCE_SECONDS
            ready = selector.select(wait)
            if not ready and wait == PATIENCE_SECONDS:
                raise WrongAnswer(f"no answer for {PATIENCE_SECONDS} s, {len(answers)} of {len(requests)} came")
            for key, _ in ready:
                answer = key.data.receive()
                if answer is not None:
                    answers[position_of[id(key.data)]] = (time.time_ns(), answer)
                    free.append(key.data)
    for connection in opened:
        connection.socket.close()
    in_order = [answers[position] for position in range(len(requests))]
    return Sent(
        due=due,
        answered=[moment for moment, _ in in_order],
        task_ids=[checked(answer, "accepted")["task_id"] for _, answer in in_order],
    )


def main() -> int:
    """Send one flow and print it as JSON; return 1 with the reason on stderr when an answer was wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.open_load", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--requests", type=int, required=True)
    parser.add_argument("--a-second", type=float, required=True)
    parser.add_argument("--prefix", required=True, help="the trade ids begin with it; never use one twice")
    given = parser.parse_args()
    requests = [post_bytes(given.path, alert(f"{given.prefix}_{number}")) for number in range(given.requests)]
    try:
        sent = send(given.port, requests, a_second=given.a_second, connections=given.connections)
    except (WrongAnswer, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    json.dump({"due": sent.due, "answered": sent.answered, "task_ids": sent.task_ids}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
