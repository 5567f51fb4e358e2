"""The network between service and database swallows packets: nobody is refused, nobody is told, nothing comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.drills.burst import Burst, bursting
from tests.drills.conftest import Recovered
from tests.drills.network import Network
from tests.drills.outage import Outage, live_through
from tests.drills.server import Server
from tests.processes import web_process, worker_process

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
        outages = [
            Outage(f"network {name}", partial(cut, network), partial(mend, network), CUT_SECONDS)
            for name, (cut, mend) in CUTS.items()
        ]
        live_through(outages, web=web, worker=worker, burst=burst, record=server, recovered=recovered)
