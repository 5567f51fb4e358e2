"""``python -m alerts test``: sends a message to each channel of ALERT_URLS and says which of them took it."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from alerts.channels import NotDelivered, channels_of
from alerts.message import Message
from config.logs import configure_logging
from config.settings import load_settings

DONE, FAILED = 0, 1
TEST = Message("Execution router: test", "This is a test. Alerts of the execution router arrive here.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Send the test and return the exit status: 0 where every channel took it, 1 where one did not or there is none."""
    parser = argparse.ArgumentParser(prog="python -m alerts", description="Alerts of the execution router.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("test", help="send a message to each channel of ALERT_URLS")
    parser.parse_args(arguments)
    settings = load_settings()
    configure_logging(settings)
    channels = channels_of(settings.alert_urls or (), logging.getLogger("alerts"))
    if not channels:
        print("ALERT_URLS names no channel that can be used.", file=sys.stderr)
        return FAILED
    failed = len(settings.alert_urls or ()) > len(channels)
    for channel in channels:
        try:
            channel.send(TEST)
        except NotDelivered as error:
            failed = True
            print(error)
        else:
            print(f"{channel.name} took the message")
    return FAILED if failed else DONE


if __name__ == "__main__":
    sys.exit(main())
