"""How loops meet trouble: pauses that grow to a limit, one complaint a minute."""

from __future__ import annotations

import logging

import pytest

from routing.patience import Complaints, outage_pause


@pytest.mark.parametrize(
    ("failures", "least", "most"), [(1, 0.1, 0.2), (2, 0.2, 0.4), (4, 0.8, 1.6), (5, 1.5, 3.0), (1000, 1.5, 3.0)]
)
def test_pauses_double_up_to_three_seconds(failures: int, least: float, most: float) -> None:
    assert all(least <= outage_pause(failures) <= most for _ in range(50))


def test_the_same_complaint_comes_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    complaints = Complaints(logging.getLogger("patience"), "went_wrong", clock=lambda: now[0])

    def complained(subject: str, text: str, at: float) -> int:
        now[0], before = at, len(caplog.records)
        complaints.about(subject, ValueError(text), "could not be done")
        return len(caplog.records) - before

    assert [complained("A", "x", at) for at in (0.0, 1.0, 59.9, 60.0, 60.1)] == [1, 0, 0, 1, 0]
    assert complained("A", "y", 61.0) == 1
    assert complained("B", "y", 61.0) == 1
    complaints.settled("A")
    assert complained("A", "y", 62.0) == 1
    assert caplog.records[0].getMessage() == "A: could not be done: x"
    assert caplog.records[0].__dict__["event"] == "went_wrong"
    assert caplog.records[0].exc_info is not None
