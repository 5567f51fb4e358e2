"""The API's document: every JSON route is in it, with who may call it, and anybody may read it."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from tests.integration.conftest import MakeApp
from web.openapi.document import operations
from web.routes import ROUTES

PAGES = {"pages", "login", "assets", "metrics"}
FILES = {"pages.signals_json"}
ELSEWHERE = {"REMOTE_ADDR": "203.0.113.9"}


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app(ROUTER_ENABLED="false", API_TOKEN="right-token")


@pytest.fixture
def document(app: Flask) -> dict[str, Any]:
    answer = app.test_client().get("/api/openapi.json", environ_base=ELSEWHERE)
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    return dict(answer.get_json())


def test_every_json_route_has_an_operation_and_every_operation_a_route() -> None:
    wanted = {endpoint for endpoint in ROUTES if endpoint.partition(".")[0] not in PAGES} | FILES
    assert set(operations()) == wanted, "describe it in web/openapi"


def test_the_document_has_every_path_and_method_of_these_routes(app: Flask, document: dict[str, Any]) -> None:
    known = operations()
    routed = {
        (method.lower(), len(rule.arguments), endpoint)
        for rule in app.url_map.iter_rules()
        if (endpoint := rule.endpoint) in known
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    told = [(path, method, told) for path, methods in document["paths"].items() for method, told in methods.items()]
    assert len(told) == len(routed)
    assert len({operation["operationId"] for _, _, operation in told}) == len(told)
    for path, method, operation in told:
        assert path.count("{") == sum(parameter["in"] == "path" for parameter in operation["parameters"]), path
        assert "{" not in path or "404" in operation["responses"] or "webhook" in str(operation["security"]), path
        assert method == "get" or "requestBody" in operation, path


def test_it_says_who_may_call_what(document: dict[str, Any]) -> None:
    paths = document["paths"]
    assert paths["/healthz"]["get"]["security"] == []
    assert paths["/api/orders"]["get"]["security"] == [{"bearer": []}, {"login": []}]
    assert paths["/api/halts"]["post"]["security"] == [{"bearer": []}, {"login": [], "own_page": []}]
    assert {} in paths["/api/live-signals"]["post"]["security"]


def test_a_refusal_stands_where_somebody_can_be_refused(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            answers = set(operation["responses"])
            if operation["security"] == []:
                assert not answers & {"401", "403"}, path
            else:
                assert {"401", "403", "503"} <= answers, path
            assert ("requestBody" in operation) == ("413" in answers), path


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found, pending = set(), [document["paths"], document["components"]]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            found |= {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
            pending += part.values()
        elif isinstance(part, list):
            pending += part
    assert found == {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
