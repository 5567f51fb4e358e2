"""The login: who gets in, what ends it, and what a stranger, a guesser and another site get."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest
from flask import Flask, render_template_string
from flask.testing import FlaskClient
from werkzeug.security import generate_password_hash

from database.connection import Database
from database.logins import LoginRecord
from tests.conftest import Sql
from tests.integration.conftest import MakeApp
from web.login import safe_next
from web.routes import KEY as ROUTES
from web.routes import Access
from web.sessions import current_person, operator_required, viewer_required
from web_server import service_of

ADMIN, VIEWER = "correct-horse-battery", "look-do-not-touch"
BROWSER = {"Accept": "text/html"}
TLS = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
IN = "anna operator password"


@pytest.fixture
def make_site(make_app: MakeApp) -> MakeApp:
    def make(**environment: str) -> Flask:
        passwords = {"ADMIN_PASSWORD": ADMIN, "VIEWER_PASSWORD": VIEWER, "ROUTER_ENABLED": "false"}
        return with_pages(make_app(**{**passwords, "API_TOKEN": "operators-token", **environment}))

    return make


def with_pages(app: Flask) -> Flask:
    """Add a page and an act, listed and guarded as those of the page are."""
    table = {"inside": Access.VIEWER, "act": Access.OPERATOR, "csrf": Access.VIEWER}
    app.extensions[ROUTES].update(table)

    @app.get("/inside")
    @viewer_required
    def inside() -> str:
        person = current_person()
        return "" if person is None else f"{person.name} {person.role} {person.via}"

    @app.post("/act")
    @operator_required
    def act() -> str:
        person = current_person()
        return "" if person is None else f"done by {person.name}"

    @app.get("/csrf")
    @viewer_required
    def csrf() -> str:
        return render_template_string("{{ csrf_token() }}")

    return app


def token_of(client: FlaskClient, **asked: Any) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/login", **asked).text)
    return "" if found is None else found[1]


def log_in(client: FlaskClient, password: str, *, name: str = "anna", target: str = "/inside", **asked: Any) -> Any:
    form = {"csrf_token": token_of(client, **asked), "password": password, "name": name, "next": target}
    return client.post("/login", data=form, **asked)


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json["code"]


def see(client: FlaskClient) -> str:
    answer = client.get("/inside")
    return answer.text if answer.status_code == 200 else str(answer.status_code)


def test_a_stranger_is_sent_to_the_login_and_comes_back_where_he_wanted_to(make_site: MakeApp) -> None:
    client = make_site().test_client()
    sent = client.get("/inside?x=1", headers=BROWSER)
    assert (sent.status_code, sent.location) == (303, "/login?next=/inside%3Fx%3D1")
    entered = log_in(client, ADMIN, target="/inside?x=1")
    assert (entered.status_code, entered.location) == (303, "/inside?x=1")
    assert see(client) == IN
    assert client.get("/login").status_code == 303


def test_a_password_makes_its_role(make_site: MakeApp, sql: Sql) -> None:
    app = make_site()
    for password, name, seen in (
        (ADMIN, "anna", IN),
        (f" {ADMIN} ", "  ", "operator operator password"),
        (VIEWER, "\x1bben" + "x" * 99, "ben" + "x" * 57 + " viewer password"),
        (ADMIN[:-1], "anna", "401"),
        (ADMIN + "x", "anna", "401"),
        ("", "anna", "401"),
    ):
        client = app.test_client()
        assert log_in(client, password, name=name).status_code == (401 if seen == "401" else 303)
        assert see(client) == seen
    assert sql("SELECT name, role, source FROM web_logins ORDER BY begun_at")[0] == {
        "name": "anna",
        "role": "operator",
        "source": "127.0.0.1",
    }
    assert sql("SELECT count(*) AS n FROM web_logins") == [{"n": 3}]


def test_hashes_open_as_passwords_do(make_app: MakeApp) -> None:
    cheap = generate_password_hash(ADMIN, method="scrypt:1024:8:1")
    client = with_pages(make_app(ADMIN_PASSWORD_HASH=cheap, ROUTER_ENABLED="false")).test_client()
    assert log_in(client, cheap).status_code == 401
    assert log_in(client, ADMIN).status_code == 303
    assert see(client) == IN


@pytest.mark.parametrize(
    ("proxies", "headers", "attributes"),
    [
        ("1", TLS, {"__Host-router", "Secure"}),
        ("2", {**TLS, "X-Forwarded-For": "203.0.113.9, 10.0.0.1"}, {"__Host-router", "Secure"}),
        ("0", TLS, {"router"}),
        ("1", {**TLS, "X-Forwarded-Proto": "https, http"}, {"router"}),
        ("0", {}, {"router"}),
    ],
)
def test_the_cookie_is_hidden_and_kept_to_tls_where_a_trusted_proxy_says_so(
    make_site: MakeApp, proxies: str, headers: dict[str, str], attributes: set[str]
) -> None:
    client = make_site(TRUSTED_PROXIES=proxies).test_client()
    base = "https://localhost" if "Secure" in attributes else "http://localhost"
    cookie = log_in(client, ADMIN, headers=headers, base_url=base).headers["Set-Cookie"]
    parts = {part.partition("=")[0].strip() for part in cookie.split(";")}
    assert parts == {*attributes, "Expires", "HttpOnly", "Path", "SameSite"}
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie


def test_a_login_ends(make_site: MakeApp, sql: Sql) -> None:
    app = make_site(SESSION_IDLE_SECONDS="1000", SESSION_LIFETIME_SECONDS="100000")
    for ended_by, change, fresh in (
        ("nothing", "begun_at = now() - interval '99990 s', seen_at = now() - interval '990 s'", 1),
        ("its lifetime", "begun_at = now() - interval '100001 s'", 1),
        ("silence", "seen_at = now() - interval '1001 s'", 0),
        ("a revocation", "ended_at = now(), seen_at = now() - interval '990 s'", 0),
        ("a hand in the record", "digest = 'another'", 1),
    ):
        sql("DELETE FROM web_logins")
        client = app.test_client()
        log_in(client, ADMIN)
        sql(f"UPDATE web_logins SET {change}")
        assert see(client) == (IN if ended_by == "nothing" else "401"), ended_by
        recent = sql("SELECT count(*) AS n FROM web_logins WHERE seen_at > now() - interval '9 s'")
        assert recent == [{"n": fresh}], ended_by


@pytest.mark.parametrize(
    ("changed", "still_in"),
    [
        ({}, True),
        ({"ADMIN_PASSWORD": "another-horse-battery"}, False),
        ({"ADMIN_PASSWORD": VIEWER, "VIEWER_PASSWORD": ADMIN}, False),
        ({"VIEWER_PASSWORD": "another-look-only"}, True),
        ({"SECRET_KEY": "another-key-of-thirty-two-characters"}, False),
    ],
)
def test_another_process_knows_the_login_unless_the_password_was_changed(
    make_site: MakeApp, changed: dict[str, str], still_in: bool
) -> None:
    first = make_site().test_client()
    log_in(first, ADMIN)
    second = make_site(**changed).test_client()
    cookie = first.get_cookie("router")
    assert cookie is not None
    second.set_cookie("router", cookie.value)
    assert see(second) == (IN if still_in else "401")


def test_leaving_ends_the_login_also_for_who_kept_a_copy_of_the_cookie(make_site: MakeApp) -> None:
    app = make_site()
    client, thief, ben = app.test_client(), app.test_client(), app.test_client()
    log_in(client, ADMIN)
    cookie = client.get_cookie("router")
    assert cookie is not None
    thief.set_cookie("router", cookie.value)
    assert (see(thief), see(client)) == (IN, IN)
    left = client.post("/logout", data={"csrf_token": csrf_of(client)})
    assert (left.status_code, left.location) == (303, "/login")
    assert (see(thief), see(client)) == ("401", "401")
    log_in(client, ADMIN)
    log_in(ben, VIEWER, name="ben")
    ben.post("/logout", data={"csrf_token": csrf_of(ben), "everywhere": "1"})
    assert see(client) == IN
    log_in(ben, VIEWER, name="ben")
    client.post("/logout", data={"csrf_token": csrf_of(client), "everywhere": "1"})
    assert (see(client), see(ben)) == ("401", "401")


def csrf_of(client: FlaskClient) -> str:
    """Return what a page shown to this client carries."""
    return client.get("/csrf").text


def test_a_login_leaves_nothing_of_the_strangers_cookie(make_site: MakeApp) -> None:
    """Who put a cookie of his own into somebody's browser knows neither his login nor his token."""
    app = make_site()
    client = app.test_client()
    prepared = token_of(client)
    before = client.get_cookie("router")
    client.post("/login", data={"csrf_token": prepared, "password": ADMIN, "name": "anna"})
    after = client.get_cookie("router")
    assert before is not None
    assert after is not None
    assert before.value != after.value
    assert client.post("/act", headers={"X-CSRF-Token": prepared}).status_code == 403
    other = app.test_client()
    other.set_cookie("router", before.value)
    assert see(other) == "401"


def test_what_changes_something_needs_the_role_and_the_pages_own_token(make_site: MakeApp) -> None:
    app = make_site(API_VIEWER_TOKEN="viewers-token")
    anna, ben, nobody = app.test_client(), app.test_client(), app.test_client()
    log_in(anna, ADMIN)
    log_in(ben, VIEWER, name="ben")
    token, bens = csrf_of(anna), csrf_of(ben)
    assert anna.post("/act", headers={"X-CSRF-Token": token}).text == "done by anna"
    assert anna.post("/act", data={"csrf_token": token}).text == "done by anna"
    for forged in ({}, {"csrf_token": ""}, {"csrf_token": token[:-1]}, {"csrf_token": bens}):
        answer = anna.post("/act", data=forged)
        assert refusal(answer) == (403, "csrf")
    assert refusal(ben.post("/act", headers={"X-CSRF-Token": bens})) == (403, "operator_needed")
    assert refusal(nobody.post("/act", headers={"X-CSRF-Token": token})) == (401, "wrong_token")
    bearer = {"Authorization": "Bearer operators-token"}
    assert nobody.post("/act", headers=bearer).text == "done by API token"
    assert nobody.post("/act", headers={"Authorization": "Bearer viewers-token"}).status_code == 403
    assert nobody.get("/inside", headers={"Authorization": "Bearer viewers-token"}).status_code == 200
    # A wrong token counts as none, and opens nothing by its mere presence.
    wrong = {"Authorization": "Bearer wrong"}
    assert anna.get("/inside", headers=wrong).text == IN
    assert refusal(anna.post("/act", headers=wrong)) == (403, "csrf")


@pytest.mark.parametrize(
    ("environment", "cases"),
    [
        (
            {},
            [
                ("127.0.0.1", {}, True),
                ("::1", {"Host": "[::1]:5000"}, True),
                ("::ffff:127.0.0.1", {"Host": "127.0.0.1:5000"}, True),
                ("203.0.113.9", {}, False),
                ("127.0.0.1", {"Host": "evil.example:5000"}, False),
                ("127.0.0.1", {"Host": "localhost.evil.example"}, False),
                ("127.0.0.1", {"Host": "[::1].evil.example"}, False),
                ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, False),
                ("127.0.0.1", {"X-Forwarded-For": ""}, False),
                ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}, False),
                ("127.0.0.1", {"X-Real-IP": "127.0.0.1"}, False),
                ("127.0.0.1", {"X-Forwarded-Proto": "https"}, False),
                ("127.0.0.1", {"Via": "1.1 proxy"}, False),
            ],
        ),
        ({"TRUSTED_PROXIES": "1"}, [("10.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, False)]),
        ({"VIEWER_PASSWORD": VIEWER}, [("127.0.0.1", {}, False)]),
        (
            {"ADMIN_PASSWORD": "short", "EXECUTION_DRY_RUN": "false", "WEBHOOK_SECRET": "s"},
            [("127.0.0.1", {}, False)],
        ),
    ],
)
def test_without_any_password_this_machine_alone_gets_in(
    make_app: MakeApp, environment: dict[str, str], cases: list[tuple[str, dict[str, str], bool]]
) -> None:
    client = with_pages(make_app(ROUTER_ENABLED="false", **environment)).test_client()
    for remote, headers, let_in in cases:
        answer = client.get("/inside", headers=headers, environ_base={"REMOTE_ADDR": remote})
        assert answer.text.startswith("this machine") == let_in, (remote, headers)
        assert answer.status_code == (200 if let_in else 403)


def test_this_machine_changes_something_from_its_page_alone(make_app: MakeApp) -> None:
    app = with_pages(make_app(ROUTER_ENABLED="false"))
    client = app.test_client()
    assert refusal(client.post("/act")) == (403, "api_token_unset")
    assert client.post("/act", headers={"X-CSRF-Token": csrf_of(client)}).text == "done by this machine"


def test_guesses_wait_longer_and_longer_and_the_owner_does_not(make_site: MakeApp, sql: Sql) -> None:
    app = make_site(TRUSTED_PROXIES="1")
    client = app.test_client()
    guesser, owner = {"X-Forwarded-For": "198.51.100.1"}, {"X-Forwarded-For": "203.0.113.9"}
    statuses = [log_in(client, f"guess-{n}", headers=guesser).status_code for n in range(6)]
    assert statuses == [401] * 5 + [429]
    waits: list[int] = []
    for _ in range(4):
        refused = log_in(client, ADMIN, headers={"X-Forwarded-For": f"{len(waits)}.2.3.4, 198.51.100.1"})
        assert refused.status_code == 429
        waits.append(int(refused.headers["Retry-After"]))
        sql("UPDATE login_attempts SET free_at = now() WHERE source = '198.51.100.1'")
        assert log_in(client, "guess", headers=guesser).status_code == 401
    assert waits == [1, 2, 4, 8]
    sql("UPDATE login_attempts SET failures = 40, free_at = now() WHERE source = '198.51.100.1'")
    log_in(client, "guess", headers=guesser)
    assert 899 <= int(log_in(client, "guess", headers=guesser).headers["Retry-After"]) <= 900
    assert log_in(client, ADMIN, headers=owner).status_code == 303


def test_many_sources_together_wait_too_but_not_who_was_in_before(make_site: MakeApp, sql: Sql) -> None:
    app = make_site(TRUSTED_PROXIES="1")
    owner = {"X-Forwarded-For": "203.0.113.9"}
    assert log_in(app.test_client(), ADMIN, headers=owner).status_code == 303
    sql("UPDATE login_attempts SET failures = 60, last_at = now() WHERE source = 'everybody'")
    stranger = app.test_client()
    assert log_in(stranger, "guess", headers={"X-Forwarded-For": "198.51.100.1"}).status_code == 401
    refused = log_in(stranger, ADMIN, headers={"X-Forwarded-For": "2001:db8::1"})
    assert refused.status_code == 429
    assert 29 <= int(refused.headers["Retry-After"]) <= 30
    assert log_in(app.test_client(), ADMIN, headers=owner).status_code == 303
    assert {row["source"] for row in sql("SELECT source FROM login_attempts")} == {
        *("everybody", "203.0.113.9", "198.51.100.1", "2001:0db8:0000:0000::/64")
    }


def test_guesses_at_the_same_moment_count_each(database: Database) -> None:
    record, free = LoginRecord(database, idle=60, lifetime=60), []

    def guess() -> None:
        free.append(record.may_try("198.51.100.1"))

    threads = [threading.Thread(target=guess) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert free.count(0) == 5


@pytest.mark.parametrize(
    ("target", "leads_to"),
    [
        ("/accounts?firm=APEX#top", "/accounts?firm=APEX#top"),
        (None, "/"),
        ("", "/"),
        ("//evil.example/x", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("http:evil.example", "/"),
        ("javascript:alert(1)", "/"),
        (" //evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
        ("///evil.example", "/"),
        ("evil.example", "/"),
        ("/login?next=/login", "/"),
        ("/logout", "/"),
        ("/" + "x" * 500, "/"),
        ("//[evil", "/"),
        ("/[x", "/[x"),
    ],
)
def test_after_the_login_one_stays_on_this_site(target: str | None, leads_to: str) -> None:
    assert safe_next(target) == leads_to


def test_with_the_database_away_nobody_gets_in_and_is_told_why(make_site: MakeApp) -> None:
    app = make_site()
    client = app.test_client()
    log_in(client, ADMIN)
    service_of(app)._pools.desk._url = "postgresql://nobody@127.0.0.1:1/none"
    service_of(app)._pools.desk.close()
    assert see(client) == "503"
    fresh = make_site().test_client()
    service_of(fresh.application)._pools.desk._url = "postgresql://nobody@127.0.0.1:1/none"
    service_of(fresh.application)._pools.desk.close()
    cookie = client.get_cookie("router")
    assert cookie is not None
    fresh.set_cookie("router", cookie.value)
    assert see(fresh) == "503"
    assert fresh.get("/login").status_code == 503
