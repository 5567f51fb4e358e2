"""Passwords, tokens and key of the page: which of them open it, and what is said of the others."""

from __future__ import annotations

import io
import sys

import pytest
from werkzeug.security import check_password_hash

from config.__main__ import main
from config.passwords import password_asked, passwords
from config.problems import MASK, Severity
from config.settings import Settings
from domain.person import Person, Role, Via

LONG, OTHER = "twelve-chars", "twelve-other"
HASH = "scrypt:32768:8:1$salt$" + "ab" * 64
LIVE = {"EXECUTION_DRY_RUN": "false"}


@pytest.mark.parametrize(
    ("environ", "opens", "complained_of"),
    [
        ({}, [], []),
        ({"ADMIN_PASSWORD": LONG}, [(Role.OPERATOR, LONG, False)], []),
        ({"VIEWER_PASSWORD": LONG}, [(Role.VIEWER, LONG, False)], []),
        ({"ADMIN_PASSWORD_HASH": HASH}, [(Role.OPERATOR, HASH, True)], []),
        ({"VIEWER_PASSWORD_HASH": HASH} | LIVE, [(Role.VIEWER, HASH, True)], []),
        ({"ADMIN_PASSWORD": LONG} | LIVE, [(Role.OPERATOR, LONG, False)], []),
        ({"ADMIN_PASSWORD": LONG[:-1]}, [(Role.OPERATOR, LONG[:-1], False)], [("ADMIN_PASSWORD", "WARNING")]),
        ({"ADMIN_PASSWORD": LONG[:-1]} | LIVE, [], [("ADMIN_PASSWORD", "ERROR")]),
        ({"VIEWER_PASSWORD": "x"} | LIVE, [], [("VIEWER_PASSWORD", "ERROR")]),
        ({"ADMIN_PASSWORD": LONG, "ADMIN_PASSWORD_HASH": HASH}, [], [("ADMIN_PASSWORD", "ERROR")]),
        ({"ADMIN_PASSWORD_HASH": LONG}, [], [("ADMIN_PASSWORD_HASH", "ERROR")]),
        ({"ADMIN_PASSWORD": "  "}, [], []),
        (
            {"ADMIN_PASSWORD": LONG, "VIEWER_PASSWORD": LONG},
            [(Role.OPERATOR, LONG, False), (Role.VIEWER, LONG, False)],
            [("VIEWER_PASSWORD", "ERROR")],
        ),
        ({"API_TOKEN": "a", "API_VIEWER_TOKEN": "a"}, [], [("API_VIEWER_TOKEN", "ERROR")]),
        ({"SECRET_KEY": "x" * 31}, [], [("SECRET_KEY", "ERROR")]),
        ({"SECRET_KEY": "x" * 32}, [], []),
    ],
)
def test_what_opens_the_page_and_what_is_said_of_the_rest(
    environ: dict[str, str], opens: list[tuple[Role, str, bool]], complained_of: list[tuple[str, str]]
) -> None:
    settings = Settings.from_env({"WEBHOOK_SECRET": "s", **environ})
    found = [(password.role, password.text, password.is_hash) for password in passwords(settings)]
    problems = [problem for problem in settings.problems if problem.variable in environ and problem.value == MASK]
    assert found == opens
    assert [(problem.variable, problem.severity) for problem in problems] == [
        (variable, Severity(severity)) for variable, severity in complained_of
    ]
    assert not any(problem.stops_entries for problem in problems)
    assert not any(text in repr(passwords(settings)) for _, text, _ in opens)


def test_a_password_that_cannot_be_used_is_asked_for_all_the_same() -> None:
    assert not password_asked(Settings.from_env({"API_TOKEN": "t"}))
    assert password_asked(Settings.from_env({"VIEWER_PASSWORD": "x", **LIVE}))
    assert password_asked(Settings.from_env({"ADMIN_PASSWORD": LONG, "ADMIN_PASSWORD_HASH": HASH}))


@pytest.mark.parametrize(("typed", "status"), [(f"{LONG}\n", 0), ("short\n", 1), ("", 1)])
def test_the_hash_of_a_password_is_printed_and_can_be_set(
    typed: str, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["config", "hash-password"])
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    assert main() == status
    printed = capsys.readouterr()
    if status == 0:
        settings = Settings.from_env({"ADMIN_PASSWORD_HASH": printed.out})
        assert check_password_hash(settings.admin_password_hash or "", LONG)
        assert not check_password_hash(settings.admin_password_hash or "", OTHER)
    else:
        assert "at least 12 characters" in printed.err


def test_an_operator_may_do_what_a_viewer_may_and_not_the_other_way_round() -> None:
    assert [role.covers(needed) for role in Role for needed in Role] == [True, False, True, True]
    assert Person("anna", Role.VIEWER, Via.PASSWORD).signature == "anna (password)"
