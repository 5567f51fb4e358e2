"""``python -m config``, run as a user runs it: in a directory of its own, with an environment of its own."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

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
    code, out, _ = run(tmp_path, {"ROUTE_TO_FIRMS": "FTMO", **live})
    assert code == 0
    assert out.splitlines()[0] == "LIVE: dry-run is off for FTMO/1."
    assert "no live connection" in out
    _, held_back, _ = run(tmp_path, {"ROUTE_TO_FIRMS": "FTMO", "FTMO_DRY_RUN": "true", **live})
    assert held_back.startswith("LIVE, but no routed account is")


@pytest.mark.parametrize("module", ["config", "prop_firm_registry", "config.instruments"])
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
