"""README and reference are true: their tables come from the code, their commands work."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from domain.rules import MEANING, Rule

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_code() -> None:
    generate = runpy.run_path(str(REPOSITORY / "docs" / "generate.py"))
    assert generate["readme"](README) == README, "run: make reference"
    assert generate["reference"]() == (REPOSITORY / "docs" / "reference.md").read_text(encoding="utf-8")


def test_every_rule_has_a_meaning() -> None:
    assert set(MEANING) == set(Rule)


def test_the_readme_is_short_and_starts_with_something_that_runs() -> None:
    lines = README.splitlines()
    assert len(lines) <= 150
    assert any("make run" in line for line in lines[:30])
    assert any("curl -X POST" in line for line in lines[:30])


def test_every_linked_file_is_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if "://" not in link and not (REPOSITORY / link).exists()] == []


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    texts = [README, *(path.read_text(encoding="utf-8") for path in (REPOSITORY / "docs").glob("*.md"))]
    named = {name for text in texts for name in re.findall(r"`?make ([a-z]+)\b`", text)}
    assert named <= targets
