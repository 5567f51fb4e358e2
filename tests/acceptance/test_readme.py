"""A newcomer pastes what the README says and gets what it promises."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Sql
from tests.processes import REPOSITORY, Web, post, wait_until, web_process

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def web(empty_database_url: str, tmp_path: Path) -> Iterator[Web]:
    """The service as ``make run`` starts it for somebody who has configured nothing."""
    with web_process(empty_database_url, tmp_path / "web.log", configured=False) as process:
        yield process


def test_the_quick_start_answers_as_printed(web: Web, empty_database_url: str) -> None:
    shell = re.search(r"^curl -X POST.*?'$", README, re.DOTALL | re.MULTILINE)
    promised = re.search(r'^# (\{"signal_id".*\})$', README, re.MULTILINE)
    assert shell is not None
    assert promised is not None
    command = shell[0].replace("http://localhost:5000", web.url)
    answer = subprocess.run(["bash", "-c", command], capture_output=True, check=True, text=True)
    assert json.loads(answer.stdout) == json.loads(promised[1])
    query = re.search(r"database\.psql -c '(.*)'", README)
    assert query is not None

    def verdicts() -> str:
        return subprocess.run(
            [sys.executable, "-m", "database.psql", "--csv", "-t", "-c", query[1]],
            env={"DATABASE_URL": empty_database_url, "PATH": ""},
            cwd=REPOSITORY,
            capture_output=True,
            check=True,
            text=True,
        ).stdout

    wait_until(lambda: bool(verdicts()), what="the verdicts")
    assert verdicts().splitlines() == ["FTMO,t,2,[]", 'APEX,f,3,"[""MAX_DAILY_LOSS""]"']


def test_the_example_is_labelled_as_an_example(web: Web, tmp_path: Path) -> None:
    log = (tmp_path / "web.log").read_text()
    assert "EXAMPLE: nothing is configured" in log
    assert "not the firms' real limits" in log
    assert "open it with:" in log
    assert f"curl -X POST '{web.url.replace('127.0.0.1', 'localhost')}/api/automated-signals/webhook'" in log


def test_the_printed_sql_runs(database_url: str, sql: Sql) -> None:
    blocks = re.findall(r"```sql\n(.*?)```", README, re.DOTALL)
    assert blocks
    for block in blocks:
        for statement in block.split(";"):
            text = re.sub(r"--.*", "", statement).strip()
            if text:
                sql(text.replace("%", "%%"))


def test_the_printed_alerts_are_accepted(web: Web) -> None:
    lines = re.findall(r"alert_message='(.*?)'\)$", README, re.MULTILINE)
    assert len(lines) == 2
    values = {
        "id": "NQ1!_20251122_143000",
        "str.tostring(close)": "16500.25",
        "str.tostring(stop)": "16475",
        "syminfo.ticker": "NQ1!",
    }
    for line in lines:
        body = re.sub(r"' \+ (.*?) \+ '", lambda found: values[found[1]], line)
        assert post(f"{web.webhook}", json.loads(body))[0] == 200
    update = re.search(r'`(\{"event_type":"MFE_UPDATE".*?\})`', README)
    assert update is not None
    assert post(web.webhook, json.loads(update[1]))[0] == 200


def test_the_whole_process_reads_the_env_file_of_the_folder_it_was_started_in(
    empty_database_url: str, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("ROUTE_TO_FIRMS=TOPSTEP\nTOPSTEP_PROGRAM_IDS=7\nWEB_THREADS=3\n")
    with web_process(empty_database_url, tmp_path / "web.log", configured=False) as web:
        assert web.health()[1]["accounts"] == ["TOPSTEP/7"]
