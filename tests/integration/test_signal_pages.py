"""The feed of signals: what it shows, what its filters leave, how it pages, and what is downloaded of it."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from config.settings import Settings
from database.connection import Database
from database.feed import MOST_LOOKED_AT, PAGE, Feed
from database.tracked_accounts import tracked_accounts
from execution_router import ExecutionRouter
from signals.feed_query import parse_feed
from tests.conftest import Sql
from tests.integration.conftest import MakeApp
from tests.processes import ROUTED, entry, exit_of
from tests.standings import NOW

HTML = {"Accept": "text/html"}


@pytest.fixture
def router(database: Database) -> ExecutionRouter:
    settings = Settings.from_env(ROUTED)
    return ExecutionRouter(
        settings=settings, database=database, account_state_manager=tracked_accounts(settings, database)
    )


@pytest.fixture
def client(make_app: MakeApp) -> FlaskClient:
    return make_app(ROUTER_ENABLED="false").test_client()


def decided(router: ExecutionRouter, *bodies: dict[str, Any]) -> None:
    """Store signals and decide them."""
    for body in bodies:
        handle = router.handle_exit_signal if body["event_type"].startswith("EXIT") else router.handle_entry_signal
        handle(body)


def page(client: FlaskClient, path: str, status: int = 200) -> str:
    answer = client.get(path, headers=HTML)
    assert answer.status_code == status, answer.text
    return answer.text


def trades(text: str) -> list[str]:
    return re.findall(r'class="trade"><a href="/signals/\d+">([^<]+)</a>', text)


def words(text: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def test_an_empty_feed_says_what_to_paste(client: FlaskClient) -> None:
    assert "curl -X POST" in page(client, "/signals")
    assert "curl" not in page(client, "/signals?trade=T1")


def test_a_signal_opens_into_each_account_with_rule_value_limit_sizes_and_stages(
    client: FlaskClient, router: ExecutionRouter
) -> None:
    router.account_state_manager.update_account_state("FTMO", 1, {"day_pl": -1200.5})
    decided(router, entry("T1", contracts=4))
    text = words(page(client, re.findall(r'"(/signals/\d+)"', page(client, "/signals"))[0]))
    assert re.search(r"FTMO/1 refused MAX_DAILY_LOSS .\$1,200.50 against \$1,000", text)
    assert re.search(r"APEX/1 approved .* 4 3 . Global dry run enabled claimed \d+ logged \d+", text), text
    assert "received" in text
    assert "The whole trade" in text


def test_filters_are_asked_of_one_account_of_a_signal(client: FlaskClient, router: ExecutionRouter, sql: Sql) -> None:
    router.account_state_manager.update_account_state("FTMO", 1, {"day_pl": -1200})
    decided(router, entry("T1"), exit_of("T1"))
    router.account_state_manager.update_account_state("FTMO", 1, {"day_pl": 0})
    decided(router, entry("T2", contracts=1), entry("T3", stop_loss=8000.0))
    sql("UPDATE automated_signals SET received_at = received_at - interval '2 hours' WHERE trade_id = 'T1'")

    def left(query: str) -> list[str]:
        return trades(page(client, f"/signals?{query}"))

    assert left("") == ["T3", "T2", "T1", "T1"]
    assert left("trade=T1") == ["T1", "T1"]
    assert left("rule=max_daily_loss") == ["T1"]
    assert left("account=FTMO/1&rule=MAX_DAILY_LOSS") == ["T1"]
    assert left("account=APEX&rule=MAX_DAILY_LOSS") == []
    assert left("account=APEX/1&status=REFUSED") == ["T3"]
    assert left("account=FTMO&status=APPROVED") == ["T2", "T1"], "an exit passes"
    assert left("status=WAITING") == []
    assert left("hours=1") == ["T3", "T2"]
    cut = sql("SELECT min(received_at) AS at FROM automated_signals WHERE trade_id = 'T2'")[0]["at"]
    assert left(f"until={cut.isoformat().replace('+', '%2B')}") == ["T1", "T1"]
    page(client, "/signals?rule=NO_SUCH", status=400)
    page(client, "/signals?since=yesterday", status=400)
    page(client, "/signals?_scheme=ftp", status=400)
    decided(router, entry("T4"))
    sql("DELETE FROM execution_logs WHERE trade_id = 'T4'")
    sql("UPDATE execution_tasks SET status = 'FAILED', last_error = 'it broke' WHERE trade_id = 'T4'")
    assert left("status=GIVEN_UP") == ["T4"]


def fill(sql: Sql, count: int) -> None:
    sql(
        "INSERT INTO execution_tasks (id, trade_id, event_type, status, finished_at)"
        " SELECT n, 'B' || n, 'ENTRY', 'SUCCESS', now() FROM generate_series(1, %s) n",
        count,
    )
    # Many at one moment, as a batch stores them: the id decides.
    sql(
        "INSERT INTO automated_signals (trade_id, lifecycle, event_key, content_digest, source, task_id, raw_body,"
        " received_at) SELECT 'B' || n, 'ENTRY', 'k' || n, 'd', 's', n, '{}',"
        " timestamptz '2026-11-01 12:00Z' + make_interval(secs => n / 7) FROM generate_series(1, %s) n",
        count,
    )
    sql(
        "INSERT INTO execution_logs (task_id, trade_id, event_type, status, response_body)"
        " SELECT n, 'B' || n, 'ENTRY', 'SUCCESS', jsonb_build_object('connector_results', jsonb_build_array("
        " jsonb_build_object('firm_code', 'APEX', 'program_id', 1, 'approved', n %% 600 <> 0, 'blocked_by',"
        " CASE WHEN n %% 600 = 0 THEN '[\"MAX_DRAWDOWN\"]'::jsonb ELSE '[]' END))) FROM generate_series(1, %s) n",
        count,
    )


@pytest.mark.parametrize(
    ("query", "wanted"), [("", 1), ("rule=MAX_DRAWDOWN", 600), ("status=REFUSED&account=APEX", 600)]
)
def test_pages_go_on_to_the_end_and_miss_and_repeat_nothing(
    client: FlaskClient, sql: Sql, query: str, wanted: int
) -> None:
    count = MOST_LOOKED_AT + 450
    fill(sql, count)
    seen: list[str] = []
    address: str | None = f"/signals?{query}" if wanted > 1 else f"/signals?{query}&before={PAGE * 2 + 5}"
    turns = 0
    while address is not None:
        text = page(client, address)
        seen += trades(text)
        turns += 1
        found = re.search(r'href="(/signals\?[^"]+)" rel="next"', text)
        address = None if found is None else found[1].replace("&amp;", "&")
    newest = count if wanted > 1 else PAGE * 2 + 4
    assert seen == [f"B{number}" for number in range(newest - newest % wanted, 0, -wanted)]
    assert turns == (2 if wanted > 1 else 3)


def test_a_download_has_what_the_filters_show_and_no_cell_is_a_formula(
    client: FlaskClient, router: ExecutionRouter, database: Database
) -> None:
    router.account_state_manager.update_account_state("FTMO", 1, {"day_pl": -1200})
    decided(router, entry("=HYPERLINK(1)"), entry("-2+3", contracts=2), entry('T3,"x"'))
    answer = client.get("/signals/export.csv?account=FTMO/1&rule=MAX_DAILY_LOSS")
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["trade_id"] for row in rows] == ['T3,"x"', "'-2+3", "'=HYPERLINK(1)"]
    assert {row["account"] for row in rows} == {"FTMO/1"}
    assert rows[1]["entry_price"] == "16500.0"
    assert rows[1]["rules"].startswith("MAX_DAILY_LOSS")
    told = client.get("/signals/export.json?account=FTMO/1").json
    assert told is not None
    assert told["complete"] is True
    assert [row["trade_id"] for row in told["rows"]] == ['T3,"x"', "-2+3", "=HYPERLINK(1)"]
    assert client.get("/signals/export.csv?rule=NO", headers=HTML).status_code == 400
    assert len(client.get("/signals/export.json").json["rows"]) == 6  # type: ignore[index]
    few = list(Feed(database).every(parse_feed({}, NOW), most_looked_at=1))
    assert len(few) == 3, "one look brings more than was asked for, and that was all there is"


def test_a_download_that_was_cut_off_says_so(client: FlaskClient, sql: Sql, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(sql, 600)
    monkeypatch.setattr("web.pages.signals.MOST_EXPORTED", 500)
    told = client.get("/signals/export.json").json
    assert told is not None
    assert (len(told["rows"]), told["complete"]) == (500, False)
    assert client.get("/signals/export.csv").text.splitlines()[-1].startswith("cut off here")
