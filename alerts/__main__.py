"""``python -m alerts test``: sends a message to each channel of ALERT_URLS and says which of them took it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from alerts.trial import NO_CHANNEL, try_channels
from config.logs import configure_logging
from config.settings import load_settings

DONE, FAILED = 0, 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Send the test and return the exit status: 0 where every channel took it, 1 where one did not or there is none."""
    parser = argparse.ArgumentParser(prog="python -m alerts", description="Alerts of the execution router.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("test", help="send a message to each channel of ALERT_URLS")
    parser.parse_args(arguments)
    settings = load_settings()
    configure_logging(settings)
    tried, well = try_channels(settings)
    if not tried:
        print(NO_CHANNEL, file=sys.stderr)
    for one in tried:
        print(one.words)
    return DONE if well else FAILED


if __name__ == "__main__":
    sys.exit(main())
