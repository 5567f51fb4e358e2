"""Every route there is: listed, and open to exactly those whom the table names."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from tests.conftest import Sql
from tests.integration.conftest import MakeApp
from tests.integration.test_login import ADMIN, VIEWER, csrf_of, log_in, with_pages
from web.routes import KEY, ROUTES, Access

# A value for each part of a path; none of them names anything that is there.
PARTS: dict[str, Any] = {"firm": "APEX", "program": "9", "order_id": 7, "name": "task:7", "digest": "0"}
PARTS |= {"difference_id": 7, "halt_id": 7, "signal_id": 7, "task_id": 7, "trade_id": "T7"}
SENT_BY_ANOTHER = "the operator, sent by another site"
SECRET = "shown-by-the-sender"
ENVIRONMENT = {
    "ADMIN_PASSWORD": ADMIN,
    "VIEWER_PASSWORD": VIEWER,
    "API_TOKEN": "operators-token",
    "API_VIEWER_TOKEN": "viewers-token",
    "WEBHOOK_SECRET": SECRET,
    "ROUTER_ENABLED": "false",
}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def every_route(app: Flask) -> Iterator[tuple[str, str, str, Access]]:
    """Return endpoint, method, a path that leads there, and who may call it."""
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule.endpoint, method, path_of(rule), app.extensions[KEY][rule.endpoint]


def path_of(rule: Rule, token: str = "no-secret") -> str:
    built = rule.build({name: {**PARTS, "token": token}[name] for name in rule.arguments})
    assert built is not None
    return built[1]


def callers(app: Flask) -> Mapping[str, tuple[FlaskClient, dict[str, Any]]]:
    """Return clients by who they are, with what they send along."""
    anna, ben, nobody = app.test_client(), app.test_client(), app.test_client()
    log_in(anna, ADMIN)
    log_in(ben, VIEWER)
    return {
        "nobody": (nobody, {}),
        "a stranger with no password": (nobody, {"headers": bearer("")}),
        "a wrong token": (nobody, {"headers": bearer("operators-toke")}),
        "a webhook secret as token": (nobody, {"headers": bearer(SECRET)}),
        "a forwarded loopback": (nobody, {"headers": {"X-Forwarded-For": "127.0.0.1"}}),
        "somebody elsewhere": (nobody, {"environ_base": {"REMOTE_ADDR": "203.0.113.9"}}),
        "the viewer's token": (nobody, {"headers": bearer("viewers-token")}),
        "the viewer": (ben, {"headers": {"X-CSRF-Token": csrf_of(ben)}}),
        "the operator's token": (nobody, {"headers": bearer("operators-token")}),
        "the operator": (anna, {"headers": {"X-CSRF-Token": csrf_of(anna)}}),
        SENT_BY_ANOTHER: (anna, {}),
    }


STRANGERS = {"nobody", "a stranger with no password", "a wrong token", "a webhook secret as token"}
STRANGERS |= {"a forwarded loopback", "somebody elsewhere"}
VIEWERS = {"the viewer's token", "the viewer"}


def expected(access: Access, method: str, caller: str) -> int | None:
    """Return the refusal's status, None for who is let through."""
    if access is Access.WEBHOOK:
        return 401
    if access is Access.PUBLIC:
        return None
    if caller in STRANGERS:
        return 401
    if access is Access.OPERATOR and caller in VIEWERS:
        return 403
    return 403 if caller == SENT_BY_ANOTHER and method != "GET" else None


def test_the_table_lists_every_route_and_nothing_else(make_app: MakeApp) -> None:
    endpoints = {rule.endpoint for rule in make_app(ROUTER_ENABLED="false").url_map.iter_rules()}
    assert endpoints == set(ROUTES), "list it in web/routes.py with who may call it"


def test_every_route_lets_in_whom_the_table_names(make_app: MakeApp) -> None:
    app = with_pages(make_app(**ENVIRONMENT))
    found, wrong = callers(app), []
    # They would end the callers' own logins.
    others = [route for route in every_route(app) if route[0] not in {"login.enter", "login.leave"}]
    for _, method, path, access in others:
        for caller, (client, sent) in found.items():
            body: dict[str, str] | None = None if method == "GET" else {}
            with client.open(path, method=method, json=body, **sent) as answer:
                status = answer.status_code
            refused = expected(access, method, caller)
            # So many wrong secrets in a minute are told to wait.
            refusals = {refused, 429} if access is Access.WEBHOOK else {refused}
            right = status in refusals if refused is not None else status not in {401, 403} and status < 500
            if not right:
                wrong.append(f"{caller} got {status} of {method} {path}, expected {refused or 'no refusal'}")
    assert wrong == []


def test_a_webhook_opens_to_its_secret_and_to_no_other(make_app: MakeApp) -> None:
    app = make_app(**ENVIRONMENT)
    client = app.test_client()
    rules = [rule for rule in app.url_map.iter_rules() if ROUTES[rule.endpoint] is Access.WEBHOOK]
    assert len(rules) == 6
    for rule in rules:
        for token, status in ((SECRET, 400), ("operators-token", 401), (ADMIN, 401), ("", 401)):
            path = path_of(rule, token or "-") if "token" in rule.arguments else f"{path_of(rule)}?token={token}"
            assert client.post(path, json={}).status_code == status, path


def test_without_passwords_this_machine_sees_all_and_nobody_else_does(make_app: MakeApp) -> None:
    app = make_app(ROUTER_ENABLED="false", API_TOKEN="operators-token")
    client = app.test_client()
    for endpoint, method, path, access in every_route(app):
        if access not in {Access.VIEWER, Access.OPERATOR}:
            continue
        here = client.open(path, method=method).status_code
        closed = access is Access.OPERATOR and method != "GET"
        assert here == 401 if closed else here in {200, 404}, (endpoint, here)
        for headers in ({"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}, {"Host": "evil.example"}):
            assert client.open(path, method=method, headers=headers).status_code == 401, endpoint


def test_a_route_that_nobody_listed_is_closed_to_everybody(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture, sql: Sql
) -> None:
    app = make_app(**ENVIRONMENT)
    app.add_url_rule("/new", "new", lambda: "open")
    with caplog.at_level(logging.ERROR):
        answer = app.test_client().get("/new", headers=bearer("operators-token"))
    assert answer.status_code == 403
    assert (answer.json or {})["code"] == "route_unlisted"
    assert "route_unlisted" in [record.__dict__["event"] for record in caplog.records]
    assert app.test_client().get("/nowhere").status_code == 404
