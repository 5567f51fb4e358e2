"""A connection's socket with few calls of the system: each lets go of the interpreter, which has to be won back."""

from __future__ import annotations

import socket
from typing import Any


class Line(socket.socket):
    """A socket that can hold an answer's parts back and send them in one go, without waiting."""

    _held: list[bytes] | None = None

    @classmethod
    def of(cls, other: socket.socket) -> Line:
        """Return the line of another socket, which has none any more."""
        timeout = other.gettimeout()
        # Made as any socket is: who upgrades a connection to a WebSocket makes a second one of it.
        line = cls(other.family, other.type, other.proto, other.detach())
        line.settimeout(timeout)
        return line

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - as the socket has it
        """Ask the system only for a change; while an answer is held nothing waits, so there is nothing to change."""
        if self._held is None and flag is not (self.gettimeout() is None):
            super().setblocking(flag)

    def settimeout(self, value: float | None) -> None:
        """Ask the system for nothing while an answer is held."""
        if self._held is None:
            super().settimeout(value)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send, or hold, all of it."""
        if self._held is None:
            super().sendall(data, flags)
        else:
            self._held.append(bytes(data))

    def hold(self) -> None:
        """Hold what is sent from now on."""
        self.setblocking(False)
        self._held = []

    def let_go(self) -> bool:
        """Send what was held; return whether all of it was taken at once. An empty answer is none that can be taken."""
        held, self._held = self._held, None
        answer = b"".join(held or ())
        try:
            return self.send(answer) == len(answer)
        except OSError:
            return False
