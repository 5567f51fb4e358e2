"""Log lines: gathered, in order, none lost but by a kill."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from config import log_writer
from config.log_writer import GATHER_SECONDS, MOST_WAITING, GatheringWriter
from config.logs import HumanLines
from tests.processes import REPOSITORY, wait_until

PROGRAM = """
import logging, os, signal, sys, time
from config.log_writer import GatheringWriter
log = logging.getLogger("program")
log.addHandler(GatheringWriter(sys.stdout))
log.setLevel(logging.INFO)
log.info("begun")
{rest}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def stream(path: Path) -> Iterator[TextIO]:
    with path.open("w") as opened:
        yield opened


@pytest.fixture
def log(stream: TextIO) -> Iterator[logging.Logger]:
    made, handler = logging.getLogger("lines"), GatheringWriter(stream)
    made.setLevel(logging.INFO)
    made.propagate = False
    made.addHandler(handler)
    yield made
    made.removeHandler(handler)


def program(rest: str) -> tuple[int, list[str]]:
    """Run a program that logs; return its status and its lines."""
    environment = {"PYTHONPATH": str(REPOSITORY)}
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(rest=rest)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    return ended.returncode, ended.stdout.splitlines()


def test_lines_of_many_threads_are_all_written_each_threads_in_its_order(log: logging.Logger, path: Path) -> None:
    def say(name: int) -> None:
        for n in range(500):
            log.info("%s %s", name, n)

    threads = [threading.Thread(target=say, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until(lambda: len(path.read_text().splitlines()) == 4000, what="all lines")
    lines = [line.split() for line in path.read_text().splitlines()]
    for name in range(8):
        assert [int(n) for of, n in lines if int(of) == name] == list(range(500))


def test_a_line_waits_for_no_second_one(log: logging.Logger, path: Path) -> None:
    log.info("alone")
    assert wait_until(lambda: path.read_text() == "alone\n", what="the line") < 10 * GATHER_SECONDS + 1.0


def test_an_error_is_written_at_once_behind_what_came_before_it(
    log: logging.Logger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_writer, "GATHER_SECONDS", 60.0)
    log.warning("first")
    log.error("second")
    assert path.read_text() == "first\nsecond\n"


def test_who_logs_waits_for_a_reader_that_is_far_behind(
    log: logging.Logger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_writer, "GATHER_SECONDS", 60.0)
    for n in range(MOST_WAITING - 1):
        log.info("%s", n)
    assert path.read_text() == ""
    log.info("the last that fits")
    assert len(path.read_text().splitlines()) == MOST_WAITING


@pytest.mark.parametrize(
    ("rest", "status"),
    [("", 0), ("sys.exit(3)", 3), ("1 / 0", 1)],
)
def test_a_process_that_ends_by_itself_has_written_everything(rest: str, status: int) -> None:
    ended, lines = program(rest)
    assert ended == status
    assert lines[0] == "begun"


def test_a_forked_process_writes_its_own_lines_and_not_its_parents() -> None:
    status, lines = program(
        "child = os.fork()\n"
        "log.info('child' if child == 0 else 'parent')\n"
        "time.sleep(0.2)\n"
        "if child == 0:\n    log.info('kept for the end'); sys.exit(0)\n"
        "os.waitpid(child, 0)"
    )
    assert status == 0
    assert sorted(lines) == ["begun", "child", "kept for the end", "parent"]


def test_what_was_logged_a_moment_ago_survives_a_kill() -> None:
    status, lines = program(f"time.sleep({20 * GATHER_SECONDS}); os.kill(os.getpid(), signal.SIGKILL)")
    assert status == -signal.SIGKILL
    assert lines == ["begun"]


def test_a_stream_that_nobody_reads_ends_nothing() -> None:
    status, _ = program(
        "os.dup2(os.open('/dev/full', os.O_WRONLY), 1)\nlog.error('lost')\nlog.error('lost, too')\nos._exit(7)"
    )
    assert status == 7


def test_a_line_in_words_tells_time_level_sentence_and_facts() -> None:
    record = logging.makeLogRecord(
        {
            "levelname": "WARNING",
            "msg": "%s was refused",
            "args": ("T1",),
            "event": "e",
            "trade_id": "T1",
            "created": 90061.5,
        }
    )
    line = HumanLines(["s3cret"]).format(record)
    assert line[2] == line[5] == ":"
    assert line[8:] == " WARNING T1 was refused trade_id=T1"
    try:
        int("s3cret")
    except ValueError:
        record.exc_info = sys.exc_info()
    told = HumanLines(["s3cret"]).format(record)
    assert told.startswith(line + "\nTraceback")
    assert told.endswith("ValueError: invalid literal for int() with base 10: '****'")
