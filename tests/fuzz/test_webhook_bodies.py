"""Whatever is posted to a webhook: an answer in JSON, never a 500, and never half of anything on record.

``FUZZ_CASES`` says how many requests are tried; ``FUZZ_SEED`` gives other ones. ``make fuzz`` tries a million.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, seed, settings

from config.logs import HumanLines, JsonLines
from config.settings import Settings
from tests.conftest import Sql
from tests.fuzz.requests import SECRET, Request, requests
from tests.processes import ROUTED
from web_server import create_app, service_of

CASES = int(os.environ.get("FUZZ_CASES", "600"))
SEED = int(os.environ.get("FUZZ_SEED", "0"))
# Parts run beside one another; a long run has many, so that no core is left without work at its end.
PARTS = 1 if CASES <= 5_000 else 20
PHASES = (Phase.generate, Phase.shrink)
EXPECTED = {200, 400, 401, 404, 405, 409, 413, 429}
NEW = (
    "SELECT (SELECT max(id) FROM automated_signals) AS last_signal, (SELECT max(id) FROM execution_tasks) AS last_task,"
    " (SELECT max(id) FROM refused_webhooks) AS last_refused,"
    " (SELECT count(*) FROM automated_signals WHERE id > %s)::int AS signals,"
    " (SELECT count(*) FROM automated_signals WHERE id > %s AND task_id IS NOT NULL)::int AS with_task,"
    " (SELECT count(*) FROM execution_tasks WHERE id > %s)::int AS tasks,"
    " (SELECT count(*) FROM refused_webhooks WHERE id > %s)::int AS refused"
)


class BothForms(logging.Filter):
    """Writes each record in both forms of the log, raises where that fails, and lets no record through to be kept."""

    def __init__(self) -> None:
        super().__init__()
        self._forms = (HumanLines([SECRET]), JsonLines([SECRET]))

    def filter(self, record: logging.LogRecord) -> bool:
        for form in self._forms:
            assert SECRET not in form.format(record).encode().decode()
        return False


@pytest.fixture
def client(database_url: str) -> Iterator[FlaskClient]:
    environ = {**ROUTED, "DATABASE_URL": database_url, "WEBHOOK_SECRET": SECRET, "ROUTER_ENABLED": "false"}
    app = create_app(Settings.from_env(environ))
    logger, forms = logging.getLogger("web_server"), BothForms()
    logger.addFilter(forms)
    yield app.test_client()
    logger.removeFilter(forms)
    service_of(app).stop()


class Watched:
    """A service and what it has on record, looked at after each request."""

    def __init__(self, client: FlaskClient, sql: Sql) -> None:
        self._client = client
        self._sql = sql
        self._last: tuple[int, ...] = (0, 0, 0)

    def check(self, request: Request) -> int:
        """Send a request, hold its answer against what is new on record, and return its status."""
        answer = self._client.open(request.path, method=request.method, data=request.body, headers=request.headers)
        (new,) = self._sql(NEW, self._last[0], *self._last)
        self._last = tuple(new[name] or 0 for name in ("last_signal", "last_task", "last_refused"))
        said: dict[str, Any] = json.loads(answer.data)
        assert answer.status_code in EXPECTED, (answer.status_code, said)
        assert answer.is_json
        assert SECRET not in answer.text
        stored = int(answer.status_code == 200 and said["status"] == "accepted" and "signal_id" in said)
        assert new["signals"] == stored, said
        assert new["tasks"] == new["with_task"] == stored - _recorded_only(said), said
        assert new["refused"] <= int(answer.status_code in {400, 401, 409, 413, 429}), said
        if answer.status_code in {400, 409, 413}:
            assert {"code", "message"} <= said.keys()
        return answer.status_code


def _recorded_only(said: dict[str, Any]) -> int:
    """Return 1 for an event that is recorded and makes no task."""
    return int(said["status"] == "accepted" and "signal_id" in said and said["task_id"] is None)


@pytest.mark.timeout(max(120, CASES // 10))
@pytest.mark.parametrize("part", range(PARTS))
def test_any_request_is_answered_and_leaves_nothing_half_stored(part: int, client: FlaskClient, sql: Sql) -> None:
    seen: set[int] = set()
    watched = Watched(client, sql)

    @seed(SEED * 1_000 + part)
    @settings(max_examples=CASES // PARTS, database=None, suppress_health_check=list(HealthCheck), phases=PHASES)
    @given(requests())
    def each(request: Request) -> None:
        seen.add(watched.check(request))

    each()
    assert seen >= {200, 400, 401}, "requests of every kind were tried"
