"""The way out: one connector per firm, over a venue that takes its orders."""

from connectors.apex_connector import ApexConnector
from connectors.base_connector import Connector, Leg, Receipt, ReceiptStatus
from connectors.ftmo_connector import FTMOConnector
from connectors.paper import PaperVenue
from connectors.unavailable import UnavailableVenue

__all__ = [
    "ApexConnector",
    "Connector",
    "FTMOConnector",
    "Leg",
    "PaperVenue",
    "Receipt",
    "ReceiptStatus",
    "UnavailableVenue",
    "connector_for",
]

BY_FIRM: dict[str, type[Connector]] = {"FTMO": FTMOConnector, "APEX": ApexConnector}


def connector_for(firm_code: str, *, dry_reason: str | None) -> Connector:
    """Return the firm's connector: over paper when dry, otherwise over its live venue.

    No live venue is part of this version: a live connector sends nothing and says so in its receipts.
    """
    venue = PaperVenue(dry_reason) if dry_reason is not None else UnavailableVenue(firm_code)
    return BY_FIRM.get(firm_code, Connector)(firm_code, venue)
