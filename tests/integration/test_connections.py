"""No process opens more connections than the operations page counts."""

from __future__ import annotations

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.conftest import Sql, repository
from tests.processes import entry, web_process, worker_process

TABLE = re.compile(r"^\| `(execution-router-[a-z]+)` \| (?:`DATABASE_POOL_SIZE`, )?(\d+) \| (\d+) \|", re.MULTILINE)
SUM = re.compile(r"^\| all, `start` left out \| (\d+) \| (\d+) \|", re.MULTILINE)
BEGINNING = "execution-router-start"


def counted() -> dict[str, tuple[int, int]]:
    text = (repository() / "docs" / "operations.md").read_text(encoding="utf-8")
    return {name: (int(web), int(worker)) for name, web, worker in TABLE.findall(text)}


def test_the_table_adds_up() -> None:
    text = (repository() / "docs" / "operations.md").read_text(encoding="utf-8")
    lasting = [counts for name, counts in counted().items() if name != BEGINNING]
    found = SUM.search(text)
    assert found is not None
    assert (int(found[1]), int(found[2])) == (sum(web for web, _ in lasting), sum(worker for _, worker in lasting))
    assert f"hold {int(found[1]) + int(found[2])} at most" in text


def test_a_burst_opens_no_more_than_was_counted(database_url: str, sql: Sql, tmp_path: Path) -> None:
    most: Counter[str] = Counter()

    def look() -> None:
        rows = sql(
            "SELECT application_name AS name, count(*) AS n FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'execution-router-%%' GROUP BY 1"
        )
        for row in rows:
            most[row["name"]] = max(most[row["name"]], row["n"])

    with web_process(database_url, tmp_path / "web.log") as web, worker_process(database_url, tmp_path / "worker.log"):
        with ThreadPoolExecutor(30) as threads:
            answers = [threads.submit(web.post, entry(f"T{number}")) for number in range(60)]
            answers += [threads.submit(web.health) for _ in range(30)]
            while not all(answer.done() for answer in answers):
                look()
        look()
    assert {answer.result()[0] for answer in answers} == {200}
    allowed = {name: web + worker for name, (web, worker) in counted().items()}
    assert {name: n for name, n in most.items() if n > allowed.get(name, 0)} == {}
    # It was enough of a burst to open more than one at a time.
    assert most["execution-router-web"] > 1
