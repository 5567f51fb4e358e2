"""What /health says, and to whom."""

from __future__ import annotations

import pytest

from database.embedded import EmbeddedServer
from tests.conftest import Sql, administrator
from tests.integration.conftest import MakeApp
from tests.processes import entry, wait_until

STRANGER = {"X-Forwarded-For": "203.0.113.9"}


def test_a_healthy_service_says_so(make_app: MakeApp) -> None:
    client = make_app().test_client()
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json is not None
    assert {name: answer.json[name] for name in ("status", "mode", "database", "router")} == {
        "status": "ok",
        "mode": "dry-run",
        "database": "reachable",
        "router": "runs",
    }
    assert answer.json["accounts"] == ["FTMO/1", "APEX/1"]


def test_configuration_errors_are_shown_in_full(make_app: MakeApp) -> None:
    client = make_app(FTMO_1_MAX_DAILY_LOSS="lots", EXECUTION_DRY_RUN="maybe").test_client()
    answer = client.get("/health").json
    assert answer is not None
    assert (answer["status"], answer["mode"]) == ("degraded", "dry-run")
    errors = " ".join(answer["configuration_errors"])
    assert "FTMO_1_MAX_DAILY_LOSS must be" in errors
    assert "EXECUTION_DRY_RUN must be" in errors


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        ({}, True),
        (STRANGER, False),
        ({**STRANGER, "Authorization": "Bearer right"}, True),
        ({**STRANGER, "Authorization": "Bearer wrong"}, False),
    ],
)
def test_details_are_for_this_machine_or_the_bearer(make_app: MakeApp, headers: dict[str, str], shown: bool) -> None:
    client = make_app(API_TOKEN="right").test_client()
    answer = client.get("/health", headers=headers).json
    assert answer is not None
    assert ("accounts" in answer) is shown


def test_a_stopped_router_degrades_the_service(make_app: MakeApp) -> None:
    app = make_app()
    client = app.test_client()
    app.extensions["execution_service"].router.stop()
    wait_until(lambda: client.get("/health").get_json()["router"] == "stopped", what="the router to be seen stopped")
    assert client.get("/health").get_json()["status"] == "degraded"


def test_a_web_process_without_a_router_says_that_it_is_elsewhere(make_app: MakeApp) -> None:
    answer = make_app(ROUTER_ENABLED="false").test_client().get("/health").json
    assert answer is not None
    assert (answer["status"], answer["router"]) == ("ok", "elsewhere")


def test_the_process_lives_and_is_ready(make_app: MakeApp) -> None:
    app = make_app()
    client = app.test_client()
    assert client.get("/readyz", headers=STRANGER).json == {"status": "ready", "reasons": []}
    app.extensions["execution_service"].router.stop()
    wait_until(lambda: client.get("/readyz").status_code == 503, what="the stopped router to be told")
    assert client.get("/readyz").json == {"status": "not ready", "reasons": ["the router does not run"]}
    assert client.get("/healthz").json == {"status": "ok"}


def test_an_older_schema_is_not_ready(make_app: MakeApp, sql: Sql) -> None:
    client = make_app().test_client()
    sql("UPDATE schema_migrations SET digest = 'another' WHERE name = 'schema/views.sql'")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.get_json()["reasons"]) == (503, ["the schema lacks schema/views.sql"])


def test_without_its_database_the_process_lives_and_is_not_ready(
    make_app: MakeApp, postgres: EmbeddedServer, database_url: str
) -> None:
    client = make_app(ROUTER_ENABLED="false").test_client()
    name = database_url.partition("?")[0].rpartition("/")[2]
    with administrator(postgres.url) as cursor:
        cursor.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
    assert client.get("/readyz").get_json() == {"status": "not ready", "reasons": ["the database cannot be reached"]}
    assert client.get("/healthz").status_code == 200
    answer = client.get("/health")
    assert (answer.status_code, answer.get_json()["colour"]) == (503, "red")


def test_the_criteria_are_read_from_the_record(make_app: MakeApp, sql: Sql) -> None:
    client = make_app(FTMO_1_DAY_PL="-5000", WEBHOOK_SECRET="s", API_TOKEN="right").test_client()
    for number in range(3):
        body = entry(f"T{number}", secret="s", contracts=None if number else 11)
        assert client.post("/api/automated-signals/webhook", json=body).status_code == 200
    wait_until(lambda: not sql("SELECT id FROM execution_tasks WHERE status <> 'SUCCESS'"), what="three decisions")
    answer = client.get("/health").get_json()
    shown = {row["criterion"]: (row["colour"], row["value"]) for row in answer["criteria"]}
    assert answer["colour"] == "red"
    assert shown["account_breaches"] == ("red", "FTMO/1")
    assert shown["risk_approval_rate"] == ("yellow", 0.8333)
    assert shown["failed_tasks"] == ("green", 0)
    assert shown["task_seconds"][0] == "green"
    assert "criteria" not in client.get("/health", headers=STRANGER).get_json()
