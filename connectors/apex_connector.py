"""Apex Trader Funding."""

from __future__ import annotations

from connectors.base_connector import Connector, Venue
from connectors.paper import PaperVenue


class ApexConnector(Connector):
    """The connector of APEX. Without a venue its orders go to paper."""

    def __init__(self, firm_code: str = "APEX", venue: Venue | None = None) -> None:
        super().__init__(firm_code, PaperVenue() if venue is None else venue)
