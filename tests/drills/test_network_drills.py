"""The network between service and database swallows packets: nobody is refused, nobody is told, nothing comes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.drills.burst import SENDER_SECONDS, Burst, bursting, nothing_lost_or_doubled, until_decided
from tests.drills.conftest import Recovered
from tests.drills.network import Network
from tests.drills.server import Server
from tests.processes import get, web_process, worker_process

CUT_SECONDS = 6.0
CUTS: dict[str, tuple[Callable[[Network], None], Callable[[Network], None]]] = {
    "cut both ways": (Network.pull_cable, Network.plug_cable),
    "without the database's answers": (Network.lose_answers, Network.find_answers),
}


@pytest.fixture
def network() -> Iterator[Network]:
    made = Network()
    yield made
    made.close()


def test_service_goes_on_after_its_network_to_the_database_was_cut(
    network: Network, server: Server, tmp_path: Path, recovered: Recovered
) -> None:
    """A webhook answers 503 within a sender's 3 s, as often as it is asked, however long the cut lasts.

    What is given up after 5 s without a word is opened again. Once the network is back, web process and worker go on by
    themselves. Where the answer to a commit was lost, a signal that was answered with 503 is stored and decided once.
    """
    server.stop()
    server.listen(network.database)
    server.start()
    with (
        web_process(
            server.network_url,
            tmp_path / "web.log",
            within=network.within,
            HOST=network.service,
            ROUTER_ENABLED="false",
        ) as web,
        worker_process(server.network_url, tmp_path / "worker.log", within=network.within) as worker,
        bursting(Burst(lambda: web.url)) as burst,
    ):
        for name, (cut, mend) in CUTS.items():
            burst.until_accepted_after(time.monotonic())
            cut(network)
            time.sleep(CUT_SECONDS)
            assert get(f"{web.url}/healthz")[0] == 200, "the process lives"
            mend(network)
            back = time.monotonic()
            recovered(f"network {name}, webhook accepts", burst.until_accepted_after(back))
            until_decided(server, burst.accepted()[-1:])
            recovered(f"network {name}, worker decides", time.monotonic() - back)
        burst.stop()
        assert burst.statuses() == {200, 503}
        assert burst.slowest() < SENDER_SECONDS
        until_decided(server, burst.accepted())
        nothing_lost_or_doubled(server, burst.accepted())
        assert (web.process.poll(), worker.poll()) == (None, None)
