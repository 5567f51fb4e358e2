"""``python -m config``, run as a user runs it: in a directory of its own, with an environment of its own."""

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from config.groups import ProgramSettings
from config.printout import printout
from config.settings import Settings
from domain.account import AccountKey
from tests.armed import armed

ROOT = Path(__file__).parents[2]


def run(
    directory: Path, environ: Mapping[str, str], arguments: tuple[str, ...] = ("-m", "config")
) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=directory,
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **environ},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_without_configuration_it_shows_the_demonstration(tmp_path: Path) -> None:
    code, out, err = run(tmp_path, {})
    assert (code, err) == (0, "")
    assert out.startswith("DRY-RUN")
    assert "DEMONSTRATION" in out
    assert "FTMO/1, APEX/1" in out
    line = next(line for line in out.splitlines() if "FTMO_1_MAX_CONTRACTS" in line)
    assert line.split(maxsplit=2) == ["FTMO_1_MAX_CONTRACTS", "5", "example (.env.example)"]
    assert "WARNING  WEBHOOK_SECRET" in out


def test_it_masks_secrets_names_sources_and_reports_every_problem(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "ROUTE_TO_FIRMS=FTMO\nFTMO_PROGRAM_IDS=1\nFTMO_1_MAX_DAILY_LOSS=none\nFTMO_API_SECRET=hush-one\nPORT=x1\n"
    )
    secrets = {
        "DATABASE_URL": "postgresql://u:hush-two@h/d",
        "WEBHOOK_SECRET": "hush-three",
        "API_TOKEN": "hush-four",
        "FTMO_API_KEY": "hush-five",
        "FTMO_API_URL": "hush-six",
        "FTMO_PASSWORD": "hush-seven",
    }
    code, out, err = run(tmp_path, {"FTMO_1_MAX_CONTRACTS": "5", **secrets})
    assert (code, err) == (1, "")
    assert "hush" not in out
    assert "DEMONSTRATION" not in out
    rows = {line.split()[0]: line.split(maxsplit=2)[1:] for line in out.splitlines() if line.startswith("  F")}
    assert rows["FTMO_1_MAX_CONTRACTS"] == ["5", "environment"]
    assert rows["FTMO_API_SECRET"] == ["****", ".env"]
    assert rows["FTMO_1_MAX_DAILY_LOSS"] == ["-", ".env, UNUSABLE: see problems"]
    for variable, value in (("FTMO_1_MAX_DAILY_LOSS", '"none"'), ("PORT", '"x1"'), ("FTMO_API_URL", '"****"')):
        assert f"ERROR  {variable}\n" in out
        assert f"value:    {value}\n" in out
    assert "WARNING  FTMO_PASSWORD\n" in out
    assert out.index("ERROR ") < out.index("WARNING ")


def test_live_accounts_are_named_in_the_first_line(tmp_path: Path) -> None:
    live = {"EXECUTION_DRY_RUN": "false", "WEBHOOK_SECRET": "s", "FTMO_PROGRAM_IDS": "1", "FTMO_MAX_POSITION_SIZE": "1"}
    code, out, _ = run(tmp_path, {"ROUTE_TO_FIRMS": "FTMO", **live, **armed(("FTMO", 1))})
    assert code == 0
    assert out.splitlines()[0] == "LIVE: armed are FTMO/1."
    assert [name for name in ("KEY", "SECRET", "TOKEN") if f"API_{name}-value" in out] == []
    _, held_back, _ = run(tmp_path, {"ROUTE_TO_FIRMS": "FTMO", "FTMO_DRY_RUN": "true", **live, **armed(("FTMO", 1))})
    assert held_back.startswith("LIVE, but no routed account is armed")


def test_of_every_account_it_says_whether_it_is_armed_and_what_is_missing_even_in_dry_run(tmp_path: Path) -> None:
    environ = {"ROUTE_TO_FIRMS": "APEX", "APEX_PROGRAM_IDS": "1", "APEX_1_RULE_SET": "apex-eod-50k@2026-03-01"}
    for switch, said in ({}, "GLOBAL_DRY_RUN_ENABLED: "), ({"EXECUTION_DRY_RUN": "false"}, "NOT_ARMED\n"):
        _, out, _ = run(tmp_path, {**environ, **switch})
        block = out[out.index("Arming of APEX/1") : out.index("\n\n", out.index("Arming of APEX/1"))] + "\n"
        rows = [line.split(maxsplit=2) for line in block.splitlines()[1:]]
        assert said in block
        assert [row[1] for row in rows if row[0] == "missing"] == [
            "WEBHOOK_SECRET",
            *(f"APEX_API_{name}" for name in ("URL", "USER", "PASSWORD", "KEY", "SECRET")),
            "APEX_1_ACCOUNT_NAME",
            "APEX_1_POLICY_ACK",
        ]
        assert ["policy", "prohibited"] in [row[:2] for row in rows]
        assert re.search(r"NQ today +NQ[HMUZ]\d +at tradovate", block)


def test_it_shows_the_rules_in_force_and_where_each_came_from(tmp_path: Path) -> None:
    environ = {
        "ROUTE_TO_FIRMS": "APEX",
        "APEX_PROGRAM_IDS": "1,2",
        "WEBHOOK_SECRET": "s",
        "APEX_1_RULE_SET": "apex-eod-pa-50k@2026-03-01",
        "APEX_1_MAX_DRAWDOWN": "1500",
        "APEX_1_MAX_DAILY_LOSS": "700",
        "APEX_2_RULE_SET": "apex-eod-51k",
    }
    code, out, err = run(tmp_path, environ)
    assert (code, err) == (1, "")
    block = out[out.index("Rules in force for APEX/1\n") : out.index("Account APEX/2")]
    rows = {line[2:20].strip(): line[20:].split("  ") for line in block.splitlines()[1:] if line}
    assert rows["rule set"][0].startswith("apex-eod-pa-50k@2026-03-01 (digest ")
    assert rows["drawdown"][0] == "1500, floor stops at 50100"
    assert rows["drawdown"][-1].strip() == "APEX_1_MAX_DRAWDOWN"
    assert rows["drawdown family"][-1].strip() == "rule set apex-eod-pa-50k@2026-03-01"
    assert rows["daily loss"][0].startswith("700 from the larger of the day's first balance and equity, pauses")
    assert (rows["most minis"][0], rows["most micros"][0]) == ("4", "40")
    assert rows["unknown"][0] == "daily_loss, news, scaling"
    assert rows["stop required"][0] == "no"
    assert "rule set       none chosen" in out
    assert "ERROR  APEX_2_RULE_SET" in out
    assert "apex-eod-50k@2026-03-01" in out
    assert "checked again by 2026-06-14" in out


def test_an_account_whose_firm_has_no_day_is_still_shown() -> None:
    stranger = AccountKey("NOBODY", 1)
    settings = replace(Settings.from_env({}), programs={stranger: ProgramSettings()})
    assert "NOBODY is not a known firm" in printout(settings)


def test_it_lists_the_rule_sets(tmp_path: Path) -> None:
    code, out, err = run(tmp_path, {}, ("-m", "config", "rule-sets"))
    assert (code, err) == (0, "")
    rows = {line.split()[0]: line for line in out.splitlines()[1:]}
    assert len(rows) == 81
    assert "2026-06-14 PAST  medium" in rows["apex-eod-pa-50k@2026-03-01"]
    assert "unknown" in rows["apex-eod-pa-50k@2026-03-01"]
    code, _, err = run(tmp_path, {}, ("-m", "config", "rules"))
    assert code == 2
    assert "rule-sets" in err


@pytest.mark.parametrize("module", ["config", "prop_firm_registry", "config.instruments", "config.rule_printout"])
def test_importing_reads_no_file_of_the_project_and_no_environment(tmp_path: Path, module: str) -> None:
    # Libraries look at the environment when they are first imported; ours may not.
    watch = f"""
import csv, dotenv.parser, os, sys, tomllib
from pydantic import BeforeValidator, Field, StringConstraints, TypeAdapter, ValidationError

touched = []

def on_event(event, arguments):
    if event == "open" and str(arguments[0]).endswith((".csv", ".toml", ".env", ".example")):
        touched.append(arguments[0])

class Watched(dict):
    def __getitem__(self, name):
        touched.append(name)
        return ""
    def get(self, name, default=None):
        touched.append(name)
    def __iter__(self):
        touched.append("every name")
        return iter(())
    keys = items = __iter__

os.environ = Watched()
sys.addaudithook(on_event)
import {module}
assert touched == [], touched
"""
    code, _, err = run(tmp_path, {}, ("-c", watch))
    assert code == 0, err
