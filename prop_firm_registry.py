"""Who the firms are. Their data stand in ``config/firms``, one file a firm, with sources and dates."""

from config.firm_data import Firm, firms

__all__ = ["Firm", "get_firm_by_code", "get_firm_registry", "is_firm_supported"]


def get_firm_registry() -> dict[str, Firm]:
    """Return every registered firm by its code, in a dictionary of the caller's own."""
    return dict(firms())


def get_firm_by_code(code: str) -> Firm | None:
    """Return the firm with this code, in any case and with any space around it, or None."""
    return firms().get(code.strip().upper())


def is_firm_supported(code: str) -> bool:
    """Return whether a firm is registered; whether orders can reach it is its ``api_enabled``."""
    return get_firm_by_code(code) is not None
