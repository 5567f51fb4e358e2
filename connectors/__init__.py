"""The way out: one connector per firm, over a venue that takes its orders."""

from connectors.apex_connector import ApexConnector
from connectors.base_connector import Connector, Leg, Receipt, ReceiptStatus
from connectors.ftmo_connector import FTMOConnector
from connectors.paper import PaperVenue

__all__ = [
    "ApexConnector",
    "Connector",
    "FTMOConnector",
    "Leg",
    "PaperVenue",
    "Receipt",
    "ReceiptStatus",
    "connector_for",
]

BY_FIRM: dict[str, type[Connector]] = {"FTMO": FTMOConnector, "APEX": ApexConnector}


def connector_for(firm_code: str, *, dry_reason: str) -> Connector:
    """Return the firm's connector for an account in dry-run: it keeps orders on paper and gives the reason.

    What trades live has its connector from ``connectors.live``.
    """
    return BY_FIRM.get(firm_code, Connector)(firm_code, PaperVenue(dry_reason))
