"""One process that seals without end, leading or not, for tests: ``python tests/sealer_process.py URL BATCH``."""

from __future__ import annotations

import sys

from database.audit_chain import AuditChain
from database.connection import Database


def main() -> None:
    url, batch = sys.argv[1], int(sys.argv[2])
    chain = AuditChain(Database(url, size=1))
    while True:
        if chain.seal(batch):
            sys.stdout.write("sealed\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
