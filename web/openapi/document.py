"""The whole document: a path for each JSON route of the application, with who may call it by the table of routes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from web.openapi.accounts import account_operations
from web.openapi.forms import form_of
from web.openapi.operation import REFUSALS, WAITS, Operation, Refusal, Schema
from web.openapi.orders import order_operations
from web.openapi.records import record_operations
from web.openapi.service import service_operations
from web.openapi.webhooks import webhook_operations
from web.routes import KEY, NEEDED, Access

ABOUT = """Every JSON route of the service. Money is a JSON number in dollars, times are ISO 8601 in UTC.

Whoever asks shows `API_TOKEN` (or, to read, `API_VIEWER_TOKEN`) as a bearer, or comes with the login of the page; what
a login changes it also has to sign with the page's own token. Where no password is set this machine itself may read
without either. Webhooks have secrets of their own. A body is read by its content, whatever its `Content-Type` says; an
address has each parameter once."""
SECURITY: dict[str, Schema] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "`API_TOKEN`, or to read `API_VIEWER_TOKEN`."},
    "login": {
        "type": "apiKey",
        "in": "cookie",
        "name": "router",
        "description": "The login of the page; over TLS its cookie is `__Host-router`.",
    },
    "own_page": {
        "type": "apiKey",
        "in": "header",
        "name": "X-CSRFToken",
        "description": "The page's own token, which goes with every change that comes with its login.",
    },
    "webhook_secret": {
        "type": "apiKey",
        "in": "query",
        "name": "token",
        "description": "`WEBHOOK_SECRET`; also as the end of the path, or in the body's `secret`.",
    },
    "webhook_signature": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Webhook-Signature",
        "description": '`t=<Unix seconds>,v1=<HMAC-SHA256 of "t.body" by WEBHOOK_SIGNING_KEY, hexadecimal>`.',
    },
}
READERS: list[Schema] = [{"bearer": []}, {"login": []}]
WRITERS: list[Schema] = [{"bearer": []}, {"login": [], "own_page": []}]
# The last is for a secret in the path or the body, and for a service that asks for none.
SENDERS: list[Schema] = [{"webhook_secret": []}, {"webhook_signature": []}, {}]
PART = re.compile(r"<(?:(?P<kind>\w+)(?:\((?P<limits>[^)]*)\))?:)?(?P<name>\w+)>")


def operations() -> Mapping[str, Operation]:
    """Return what every JSON route asks and answers, by endpoint."""
    return {
        **webhook_operations(),
        **account_operations(),
        **order_operations(),
        **record_operations(),
        **service_operations(),
    }


def document(app: Flask) -> Schema:
    """Return the OpenAPI 3.1 document of an application."""
    parts: dict[str, Schema] = {}
    paths: dict[str, dict[str, Schema]] = {}
    known = operations()
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if rule.endpoint not in known:
            continue
        access = app.extensions[KEY][rule.endpoint]
        path = PART.sub(lambda part: f"{{{part['name']}}}", rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            told = _operation(rule, method, access, known[rule.endpoint], parts)
            paths.setdefault(path, {})[method.lower()] = told
    _hoisted(form_of(Refusal), "Refusal", parts)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Prop-firm execution router", "version": "1", "description": ABOUT},
        "paths": paths,
        "components": {"schemas": dict(sorted(parts.items())), "securitySchemes": SECURITY},
    }


def _operation(rule: Rule, method: str, access: Access, operation: Operation, parts: dict[str, Schema]) -> Schema:
    in_path = [_in_path(part, operation.path) for part in PART.finditer(rule.rule)]
    in_query = [
        {"name": name, "in": "query", "description": form.get("description", ""), "schema": _undescribed(form)}
        for name, form in operation.query.items()
    ]
    told: Schema = {
        "operationId": _id(rule, method),
        "tags": [rule.endpoint.partition(".")[0]],
        "summary": operation.summary,
        "security": _security(access),
        "parameters": [*in_path, *in_query],
        "responses": _answers(rule, access, operation, parts),
    }
    if operation.body is not None:
        form = _hoisted(operation.body, None, parts)
        told["requestBody"] = {"required": not operation.bodiless, "content": {"application/json": {"schema": form}}}
    return told


def _answers(rule: Rule, access: Access, operation: Operation, parts: dict[str, Schema]) -> Schema:
    statuses = set(operation.refusals)
    if operation.query:
        statuses.add(400)
    if operation.body is not None:
        statuses |= {400, 413}
    if "<" in rule.rule and access is not Access.WEBHOOK:
        statuses.add(404)
    if access in NEEDED:
        statuses |= {401, 403, 503}
    answers = {"200": _answer(operation.answer, "As asked.", parts)}
    answers |= {str(status): _answer(model, words, parts) for status, (model, words) in operation.others.items()}
    for status in sorted(statuses - operation.others.keys()):
        answers[str(status)] = _refused(status, operation.refused_as)
    return dict(sorted(answers.items()))


def _answer(model: Any, words: str, parts: dict[str, Schema]) -> Schema:
    schema = _hoisted(form_of(model), model.__name__, parts)
    return {"description": words, "content": {"application/json": {"schema": schema}}}


def _refused(status: int, mimetype: str) -> Schema:
    content: Schema = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    if mimetype != "application/json" and status not in {401, 403}:
        content[mimetype] = {"schema": {"type": "string"}}
    answer: Schema = {"description": REFUSALS[status], "content": content}
    if status in WAITS:
        answer["headers"] = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
    return answer


def _security(access: Access) -> list[Schema]:
    if access is Access.WEBHOOK:
        return SENDERS
    if access is Access.PUBLIC:
        return []
    return READERS if access is Access.VIEWER else WRITERS


def _in_path(part: re.Match[str], forms: Mapping[str, Schema]) -> Schema:
    schema = forms.get(part["name"], {"type": "string", "minLength": 1})
    if part["kind"] == "int":
        most = re.search(r"max=(\d+)", part["limits"] or "")
        schema = {"type": "integer", "minimum": 0, **({} if most is None else {"maximum": int(most[1])})}
    return {"name": part["name"], "in": "path", "required": True, "schema": schema}


def _id(rule: Rule, method: str) -> str:
    # Two rules of one endpoint, the second with a token, are two operations.
    with_token = "_by_path" if "token" in rule.arguments else ""
    methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
    by_method = f"_{method.lower()}" if len(methods) > 1 else ""
    return f"{rule.endpoint.replace('.', '_')}{with_token}{by_method}"


def _hoisted(form: Schema, name: str | None, parts: dict[str, Schema]) -> Schema:
    """Return a form whose parts, and itself where it has a name, stand among the document's."""
    inner = {key: value for key, value in form.items() if key != "$defs"}
    for part, schema in form.get("$defs", {}).items():
        _keep(part, schema, parts)
    if name is None:
        return inner
    _keep(name, inner, parts)
    return {"$ref": f"#/components/schemas/{name}"}


def _keep(name: str, schema: Schema, parts: dict[str, Schema]) -> None:
    if parts.setdefault(name, schema) != schema:
        raise ValueError(f"two models of the API are called {name}")


def _undescribed(form: Schema) -> Schema:
    return {key: value for key, value in form.items() if key != "description"}
