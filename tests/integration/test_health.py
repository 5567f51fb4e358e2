"""What /health says, and to whom."""

from __future__ import annotations

import pytest

from tests.integration.conftest import MakeApp
from tests.processes import wait_until

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
