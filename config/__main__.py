"""``python -m config``: print the effective configuration; exit 1 when it has errors, 0 otherwise."""

import sys

from config.printout import printout
from config.settings import load_settings


def main() -> int:
    """Print the configuration of this environment and return the exit code."""
    settings = load_settings()
    print(printout(settings), end="")
    return 1 if settings.errors else 0


if __name__ == "__main__":
    sys.exit(main())
