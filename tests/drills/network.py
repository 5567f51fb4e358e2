"""A network between service and database that can be cut: a namespace of its own with two cables, one to each side."""

from __future__ import annotations

import os
import shutil
import subprocess

from tests.needed import leave_out


class Network:
    """The service lives in the namespace; the test reaches it over one link, it reaches the database over the other.

    ``service`` and ``database`` are their addresses. Both cuts are silent: nobody is told that a packet was lost.
    """

    def __init__(self) -> None:
        number = os.getpid() % 250
        self._name = f"drill-{os.getpid()}"
        self._near, self._far = f"dn{os.getpid()}", f"df{os.getpid()}"
        self.service, self.database = f"10.231.{number}.2", f"10.232.{number}.1"
        self._replies_to = f"10.232.{number}.2"
        self.within = ["ip", "netns", "exec", self._name]
        if os.geteuid() != 0 or shutil.which("ip") is None:
            leave_out("only root can make a network namespace, and it takes the program ip", unless="DRILLS_REQUIRED")
        try:
            self._ip("netns", "add", self._name)
            self._link(self._near, f"10.231.{number}.1/30", f"{self.service}/30")
            self._link(self._far, f"{self.database}/30", f"{self._replies_to}/30")
            self._ip("-n", self._name, "link", "set", "lo", "up")
        except subprocess.CalledProcessError as error:
            self.close()
            leave_out(
                f"this machine makes no network namespaces: {error.stderr.decode().strip()}", unless="DRILLS_REQUIRED"
            )

    def pull_cable(self) -> None:
        """Lose every packet between service and database, both ways."""
        self._ip("link", "set", self._far, "down")

    def plug_cable(self) -> None:
        self._ip("link", "set", self._far, "up")

    def lose_answers(self) -> None:
        """Lose what the database says; what it is told arrives."""
        self._ip("route", "add", "blackhole", f"{self._replies_to}/32")

    def find_answers(self) -> None:
        self._ip("route", "del", "blackhole", f"{self._replies_to}/32")

    def close(self) -> None:
        for command in (["link", "del", self._near], ["link", "del", self._far], ["netns", "del", self._name]):
            subprocess.run(["ip", *command], check=False, capture_output=True)
        subprocess.run(["ip", "route", "del", "blackhole", self._replies_to], check=False, capture_output=True)

    def _link(self, name: str, outside: str, inside: str) -> None:
        self._ip("link", "add", name, "type", "veth", "peer", "name", f"{name}i")
        self._ip("link", "set", f"{name}i", "netns", self._name)
        self._ip("addr", "add", outside, "dev", name)
        self._ip("link", "set", name, "up")
        self._ip("-n", self._name, "addr", "add", inside, "dev", f"{name}i")
        self._ip("-n", self._name, "link", "set", f"{name}i", "up")

    @staticmethod
    def _ip(*arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True, capture_output=True)
