"""What is installed, against what is pinned."""

from __future__ import annotations

import pytest

from deploy.check_dependencies import brought, pinned, problems


def test_everything_that_is_brought_is_pinned_and_nothing_else() -> None:
    assert list(problems(pinned(), brought())) == []
    assert {"flask", "werkzeug", "psycopg2-binary", "websocket-client", "pytest-xdist"} <= brought().keys()


@pytest.mark.parametrize(
    ("pins", "installed", "said"),
    [
        ({}, {"flask": "3.1"}, "flask 3.1 is brought by the requirements and not pinned"),
        ({"flask": "3.0"}, {"flask": "3.1"}, "flask is pinned to 3.0, and 3.1 is installed"),
        ({"flask": "3.0"}, {"flask": ""}, "flask is pinned to 3.0, and nothing is installed"),
        ({"flask": "3.0"}, {}, "flask is pinned in constraints.txt and nothing brings it"),
    ],
)
def test_what_does_not_fit_is_named(pins: dict[str, str], installed: dict[str, str], said: str) -> None:
    (found,) = problems(pins, installed)
    assert found.startswith(said)
