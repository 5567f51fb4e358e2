"""The runbook is true: a section for each alert, and queries and commands in it that exist."""

from __future__ import annotations

import re

import pytest
import yaml

from alerts.model import AlertRule
from alerts.rules import LATE_SECONDS, LOWEST_SUCCESS, MOST_REJECTIONS, SLOW_SECONDS
from control.arguments import command_parser
from tests.conftest import Sql, repository

RUNBOOK = (repository() / "docs" / "operations.md").read_text(encoding="utf-8")
SECTIONS = {
    title.lower().replace(" ", "-"): text
    for title, text in re.findall(r"^### (.+)\n((?:(?!^##).*\n)*)", RUNBOOK, re.MULTILINE)
}


@pytest.mark.parametrize("rule", AlertRule)
def test_each_alert_has_its_section(rule: AlertRule) -> None:
    text = SECTIONS[rule.section]
    assert all(part in text for part in ("**Means.**", "**Look.**", "**Do.**"))
    assert "```sql" in text or "database/queries/" in text


def test_the_alerts_of_prometheus_lead_to_sections() -> None:
    rules = yaml.safe_load((repository() / "deploy" / "prometheus-alerts.yml").read_text(encoding="utf-8"))
    leads = {rule["annotations"]["runbook"] for group in rules["groups"] for rule in group["rules"]}
    assert {lead.partition("#")[0] for lead in leads} == {"docs/operations.md"}
    assert {lead.partition("#")[2] for lead in leads} <= set(SECTIONS)


def test_queries_that_are_named_exist() -> None:
    named = set(re.findall(r"database/queries/\w+\.sql", RUNBOOK))
    assert len(named) > 8
    assert [path for path in named if not (repository() / path).exists()] == []


def test_queries_that_are_spelled_out_run(sql: Sql) -> None:
    blocks = re.findall(r"```sql\n(.+?)```", RUNBOOK, re.DOTALL)
    assert blocks
    for block in blocks:
        sql(block.replace("%", "%%"))


def test_commands_that_are_named_are_understood() -> None:
    lines = re.findall(r"python -m control ([^`\n]+)", RUNBOOK)
    assert lines
    for line in lines:
        words = re.findall(r'"[^"]*"|\S+', line)
        command_parser().parse_args([word.strip('"') for word in words])


def test_thresholds_are_those_of_the_code() -> None:
    assert f"under {LOWEST_SUCCESS:.0%}" in SECTIONS["connector-failures"].replace(" %", "%")
    assert f"more than {MOST_REJECTIONS} " in SECTIONS["risk-rejections"]
    assert f"{SLOW_SECONDS:.0f} s" in SECTIONS["slow-processing"]
    assert f"{LATE_SECONDS:.0f} s" in SECTIONS["heartbeat-missing"]
