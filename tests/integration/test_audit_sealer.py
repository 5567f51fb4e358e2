"""When the audit is sealed: at once, but not while the router has a long queue, and never much later."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from database.audit_chain import AuditChain
from database.connection import Database
from routing import audit_sealer
from routing.audit_sealer import AuditSealer
from tests.conftest import Sql


class Leads:
    def is_leader(self) -> bool:
        return True


class Router:
    busy = True

    def is_busy(self) -> bool:
        return self.busy


@pytest.fixture
def router() -> Router:
    return Router()


@pytest.fixture
def sealer(database_url: str, sql: Sql, router: Router) -> Iterator[AuditSealer]:
    sealer = AuditSealer(database_url, Leads(), logger=logging.getLogger("sealer"), busy=router.is_busy)
    yield sealer
    sealer.stop()


def sealed(database: Database) -> int:
    return AuditChain(database).head().position


def test_sealing_waits_for_a_router_that_is_busy(database: Database, sealer: AuditSealer, router: Router) -> None:
    sealer.tick()
    assert sealed(database) == 0
    router.busy = False
    sealer.tick()
    assert sealed(database) > 0


def test_it_does_not_wait_longer_than_its_limit(
    database: Database, sealer: AuditSealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_sealer, "LONGEST_WAIT_SECONDS", 0.0)
    sealer.tick()
    assert sealed(database) > 0


def test_a_process_that_stops_seals_what_waited(database: Database, sealer: AuditSealer) -> None:
    sealer.start()
    assert sealer.stop()
    assert sealed(database) > 0
