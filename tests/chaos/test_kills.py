"""Workers are killed at every step of an order's life and at any other moment: no leg is sent twice, none is lost.

``make chaos`` runs it with a thousand kills and more (``CHAOS_KILLS``); ``CHAOS_SEED`` gives other ones.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict

import pytest

from tests.chaos.mutations import SEND_BEFORE_COMMIT
from tests.chaos.rig import Rig
from tests.chaos.storm import AGENDA, Storm

KILLS = int(os.environ.get("CHAOS_KILLS", "20"))
SEED = int(os.environ.get("CHAOS_SEED", "20261121"))
ROUND = 11 if KILLS <= 110 else 25
ROUNDS = -(-KILLS // ROUND)
# The first rounds go through the agenda, each through a part of it.
PARTS = 5


@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", range(ROUNDS))
def test_no_kill_doubles_or_loses_an_order(
    number: int, rig: Rig, record_property: Callable[[str, object], None]
) -> None:
    """1 to 4 workers; in every other round only the leading one sends, as at a venue of one session."""
    rig.single_session = number % 2 == 1
    agenda = AGENDA[number % PARTS :: PARTS]
    storm = Storm(rig, seed=SEED + number, workers=1 + number % 4, agenda=agenda)
    try:
        storm.rage(ROUND, seconds=150)
        assert storm.violations == []
        storm.settle()
        assert storm.violations == []
    finally:
        record_property("kills", json.dumps([asdict(kill) for kill in storm.kills()]))


def test_a_send_before_its_commit_is_found_out(rig: Rig) -> None:
    """The proof that the storm can fail: with this one fault it finds two orders for one leg."""
    points = ["before commit entry claimed", "answered other POST /order/placeoso"]
    found: list[str] = []
    # On a busy machine a kill may come before there was anything to double.
    for attempt in range(3):
        storm = Storm(rig, seed=SEED + attempt, workers=2, agenda=points, mutation=SEND_BEFORE_COMMIT)
        storm.rage(50, seconds=30)
        found += [violation for violation in storm.violations if "orders for the leg" in violation]
        if found:
            break
    assert found
