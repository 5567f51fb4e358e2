"""What is bought or sold at a venue: one future with its delivery month, or one CFD."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """``root``: the instrument as it is known here (``NQ``). ``symbol``: as venues are asked for it (``NQZ6``).

    ``month_code`` and ``year`` (four digits) are None for what has no delivery month. ``tick_size`` in points, None
    where it is not known. ``lots`` is how many of the venue's lots one contract of the decision is; 1 for futures.
    """

    root: str
    symbol: str
    month_code: str | None = None
    year: int | None = None
    tick_size: Decimal | None = None
    lots: Decimal = Decimal(1)
