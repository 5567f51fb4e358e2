"""Alerts: a test message to each channel."""

from __future__ import annotations

from argparse import Namespace

from alerts.trial import NO_CHANNEL, try_channels
from control.desk import Answer, Command, Desk, Refused
from control.words import Commands


def add_alerts(commands: Commands) -> None:
    """Add ``alerts test``."""
    alerts = commands.add("alerts", _test, "send a test message to each channel of ALERT_URLS")
    commands.within(alerts, "test").add("test", _test, "send it; exit status 1 where a channel did not take it")


def _test(_: Namespace) -> Command:
    def run(desk: Desk) -> Answer:
        tried, well = try_channels(desk.settings)
        if not tried:
            raise Refused(NO_CHANNEL)
        told = [{"channel": one.channel, "taken": one.problem is None, "problem": one.problem} for one in tried]
        return Answer({"channels": told}, "\n".join(one.words for one in tried), good=well)

    return run
