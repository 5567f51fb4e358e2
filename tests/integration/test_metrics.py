"""/metrics: what is told, to whom, and that the dashboard and the alert rules ask for nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from database.connection import Database
from database.heartbeats import Heartbeats, own_name
from database.observations import observe
from domain.observed import Observed
from domain.order_state import OrderState
from domain.stage_times import StageTimes
from tests.conftest import Sql, repository
from tests.integration.conftest import MakeApp
from tests.orders import APEX_2, FTMO_1, Bench, entry_leg
from tests.processes import entry, wait_until
from web.metric_families import record_families, stage_family

STRANGER = {"X-Forwarded-For": "203.0.113.9"}
WEBHOOK = "/api/automated-signals/webhook"
DEPLOY = repository() / "deploy"

Scraped = dict[str, dict[tuple[str, ...], float]]


def scraped(text: str) -> Scraped:
    found: Scraped = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = tuple(value for _, value in sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


@pytest.fixture
def scrape(make_app: MakeApp, sql: Sql) -> tuple[Any, Any]:
    client = make_app(API_TOKEN="right", API_VIEWER_TOKEN="looks", FTMO_1_DAY_PL="-5000").test_client()
    return client, lambda: scraped(client.get("/metrics").get_data(as_text=True))


def test_a_scrape_tells_what_happened(scrape: tuple[Any, Any], sql: Sql) -> None:
    client, read = scrape
    assert client.post(WEBHOOK, json=entry("T1")).status_code == 200
    assert client.post(WEBHOOK, json=entry("T2", contracts=11)).status_code == 200
    assert client.post(WEBHOOK + "/not-a-secret-path", json={"event_type": "?"}).status_code == 400
    wait_until(lambda: not sql("SELECT id FROM execution_tasks WHERE status <> 'SUCCESS'"), what="the decisions")
    found = read()
    assert found["router_webhook_answers_total"] == {("200", "automated_signal"): 2, ("400", "automated_signal"): 1}
    assert found["router_webhook_seconds_count"] == {("automated_signal",): 3}
    assert found["router_tasks"] == {("pending",): 0, ("processing",): 0, ("failed",): 0}
    assert found["router_tasks_finished_last_hour"] == {(): 2}
    assert found["router_verdicts"] == {
        ("APEX/1", "APEX", "", "APPROVED"): 1,
        ("APEX/1", "APEX", "MAX_CONTRACTS", "REJECTED"): 1,
        ("FTMO/1", "FTMO", "MAX_DAILY_LOSS", "REJECTED"): 1,
        ("FTMO/1", "FTMO", "MAX_POSITION_SIZE", "REJECTED"): 1,
    }
    assert found["router_checks"]["risk_checks", "FTMO", "MAX_POSITION_SIZE", "REJECTED"] == 1
    for stage in ("wait", "decide"):
        assert found["router_stage_seconds_count"][(own_name(), stage)] == 2
        assert found["router_stage_seconds_bucket"][("+Inf", own_name(), stage)] == 2
    assert found["router_stage_seconds_count"][(own_name(), "record")] >= 1
    assert found["router_pool_size"][("web",)] == 10
    assert found["router_record_readable"] == {(): 1}
    assert found["router_criterion"][("account_breaches",)] == 2
    assert "not-a-secret-path" not in client.get("/metrics").get_data(as_text=True)


def test_a_worker_that_has_no_port_is_told_of_by_the_web_process(scrape: tuple[Any, Any], database: Database) -> None:
    times = StageTimes()
    times.add("decide", [0.002, 0.2])
    worker = Heartbeats(database, process="other:1", kind="WORKER", started_at=datetime.now(UTC))
    worker.beat(routes=True, dry_run=True, armed=[], stages=times.counted())
    wait_until(lambda: ("other:1", "decide") in scrape[1]()["router_stage_seconds_count"], what="the worker's stages")
    found = scrape[1]()
    assert found["router_stage_seconds_count"]["other:1", "decide"] == 2
    assert found["router_stage_seconds_sum"]["other:1", "decide"] == pytest.approx(0.202)
    assert found["router_stage_seconds_bucket"]["0.0025", "other:1", "decide"] == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        (STRANGER, 401),
        ({**STRANGER, "Authorization": "Bearer right"}, 200),
        ({**STRANGER, "Authorization": "Bearer looks"}, 200),
        ({**STRANGER, "Authorization": "Bearer wrong"}, 401),
    ],
)
def test_who_may_scrape(scrape: tuple[Any, Any], headers: dict[str, str], status: int) -> None:
    assert scrape[0].get("/metrics", headers=headers).status_code == status


def test_orders_and_accounts_are_told(database: Database, sql: Sql) -> None:
    bench = Bench(database, sql)
    bench.filled_entry("T1")
    (lost,) = bench.plan("T2", entry_leg(APEX_2))
    (bare,) = bench.plan("T3", entry_leg(FTMO_1, stop_price=None))
    (warned,) = bench.plan("T4", entry_leg())
    (refused,) = bench.plan("T5", entry_leg(FTMO_1))
    (halted,) = bench.plan("T6", entry_leg(FTMO_1))
    bench.become(halted, OrderState.NOT_SENT, cause="TRADING_HALTED")
    bench.claim()
    bench.become(lost, OrderState.UNRESOLVED)
    bench.become(bare, OrderState.FILLED, 2)
    assert bench.become(warned, OrderState.FILLED, 2, message="no stop order is working") is not None
    # One entry of an account at a time is on its way.
    bench.claim()
    bench.become(refused, OrderState.REJECTED)
    sql(
        "INSERT INTO account_states (firm_code, program_id, version, source, observed_at, received_at) "
        "VALUES ('APEX', 1, 1, 'PROGRAM', now() - interval '90 s', now())"
    )
    sql(
        "INSERT INTO account_resets (firm_code, program_id, day, due_at, performed_at, caught_up, released) "
        "VALUES ('APEX', 1, '2026-11-19', now() - interval '7 s', now(), false, false)"
    )
    sql(
        "INSERT INTO router_heartbeats (process, kind, routes, dry_run, armed, started_at, beat_at) VALUES "
        "('a', 'WORKER', true, true, '{}', now(), now()), "
        "('b', 'WEB', true, true, '{}', now(), now() - interval '1 min')"
    )
    registry = CollectorRegistry()
    registry.register(Told(observe(database)))
    found = scraped(generate_latest(registry).decode())
    assert found["router_unresolved_orders"] == {("APEX/2",): 1}
    assert found["router_positions_without_stop"] == {("APEX/1",): 1, ("FTMO/1",): 1}
    told = {key: value for key, value in found["router_sends"].items() if value}
    assert told == {
        ("APEX/1", "taken"): 2,
        ("APEX/2", "unresolved"): 1,
        ("FTMO/1", "taken"): 1,
        ("FTMO/1", "failed"): 1,
    }
    assert found["router_account_state_age_seconds"][("APEX/1",)] == pytest.approx(90, abs=5)
    assert found["router_reset_lag_seconds"] == {("APEX/1",): 7}
    assert found["router_processes_routing"] == {(): 1}


class Told(Collector):
    def __init__(self, seen: Observed) -> None:
        self._seen = seen

    def collect(self) -> Iterator[Metric]:
        yield from record_families(self._seen)


def test_a_histogram_counts_each_class_and_all_below_it() -> None:
    times = StageTimes()
    times.add("decide", [0.001, 0.0011, 99.0])
    rows = {tuple(row.labels.values()): row.value for row in stage_family({"here:1": times.counted()}).samples}
    assert [rows["here:1", "decide", end] for end in ("0.001", "0.0025", "30.0", "+Inf")] == [1, 2, 2, 3]


def names_in(expression: str) -> set[str]:
    return set(re.findall(r"\brouter_[a-z_]+\b", expression))


def test_dashboard_and_alert_rules_use_only_metrics_that_exist(scrape: tuple[Any, Any], sql: Sql) -> None:
    client, read = scrape
    client.post(WEBHOOK, json=entry("T1"))
    wait_until(lambda: not sql("SELECT id FROM execution_tasks WHERE status <> 'SUCCESS'"), what="the decision")
    # A family without a sample is told all the same, as is a histogram's bucket.
    text = client.get("/metrics").get_data(as_text=True)
    exist = {family.name for family in text_string_to_metric_families(text)} | set(read())
    board = json.loads((DEPLOY / "grafana-dashboard.json").read_text(encoding="utf-8"))
    rules = yaml.safe_load((DEPLOY / "prometheus-alerts.yml").read_text(encoding="utf-8"))
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    asked += [rule["expr"] for rule in alerts]
    used = {name for expression in asked for name in names_in(expression)}
    assert used <= exist
    assert {rule["labels"]["severity"] for rule in alerts} == {"critical", "warning"}
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    ours = {name for name in exist if name.startswith("router_")}
    families = {re.sub(r"_(bucket|count|sum|created|total)$", "", name) for name in ours}
    shown = {re.sub(r"_(bucket|count|sum|total)$", "", name) for name in used}
    assert families - shown == set(), "told, but neither shown nor watched"
