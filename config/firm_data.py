"""The firms: what is known of each, from one TOML file a firm in ``config/firms``.

Every figure there carries the program it applies to, its source and the date that the source carries. None of them is
ever an active limit: limits are what the owner configured.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from config.platforms import Platform

FIRMS_DIRECTORY = Path(__file__).parent / "firms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure of a firm's rules. ``checked`` is the date of the source, as exactly as it gives one (ISO 8601)."""

    value: Decimal | int
    unit: str
    applies_to: str
    source: str
    checked: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomationPolicy:
    """What a firm says of automated orders. ``status`` tells the firm's own word from others' reports."""

    policy: str
    status: str
    note: str
    source: str
    checked: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmPlatform:
    """The platform that a firm's accounts are taken to be on unless the owner says otherwise.

    ``url`` is the address of its interface, None where no source gives one. ``note`` says what else there is.
    """

    name: Platform
    status: str
    note: str
    source: str
    checked: str
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Firm(Mapping[str, Any]):
    """One prop firm; reads as attributes (``firm.code``) and as a mapping (``firm["code"]``).

    The three defaults are the firm's published figures for the one program that ``figures`` names beside them, in
    dollars and in contracts or lots; None where the firm has no such rule or none was found.
    """

    code: str
    name: str
    api_enabled: bool
    supports_automated_execution: bool
    max_daily_loss_default: Decimal | None
    max_total_loss_default: Decimal | None
    max_position_size_default: int | None
    automation_policy: AutomationPolicy
    platform: FirmPlatform
    figures: Mapping[str, Figure]

    def __getitem__(self, key: str) -> Any:
        if key not in self.__dataclass_fields__:
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return (entry.name for entry in fields(self))

    def __len__(self) -> int:
        return len(fields(self))

    def as_row(self) -> dict[str, Any]:
        """Return the firm as plain dictionaries."""
        return {
            **self,
            "automation_policy": asdict(self.automation_policy),
            "platform": asdict(self.platform),
            "figures": {name: asdict(figure) for name, figure in self.figures.items()},
        }


@cache
def firms() -> Mapping[str, Firm]:
    """Return every known firm by its code, read once."""
    loaded = [load_firm(path.read_text(encoding="utf-8")) for path in sorted(FIRMS_DIRECTORY.glob("*.toml"))]
    return MappingProxyType({firm.code: firm for firm in loaded})


def load_firm(text: str) -> Firm:
    """Return the firm that a TOML text describes; a missing or unknown key raises KeyError or TypeError."""
    document = tomllib.loads(text, parse_float=Decimal)
    platform = document["platform"]
    figures = {name: Figure(**figure) for name, figure in document["figures"].items()}
    return Firm(
        code=document["code"],
        name=document["name"],
        api_enabled=document["api_enabled"],
        supports_automated_execution=document["supports_automated_execution"],
        max_daily_loss_default=_dollars(figures.get("max_daily_loss")),
        max_total_loss_default=_dollars(figures.get("max_total_loss")),
        max_position_size_default=_contracts(figures.get("max_position_size")),
        automation_policy=AutomationPolicy(**document["automation_policy"]),
        platform=FirmPlatform(**{**platform, "name": Platform(platform["name"])}),
        figures=MappingProxyType(figures),
    )


def _dollars(figure: Figure | None) -> Decimal | None:
    return None if figure is None else Decimal(figure.value)


def _contracts(figure: Figure | None) -> int | None:
    return None if figure is None else int(figure.value)
