"""What an account may trade at cTrader, and the arithmetic of its volumes and distances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, Decimal

from connectors.platforms.ctrader_session import Session
from connectors.platforms.ctrader_wire import Fields, Message, parts, text, whole
from connectors.venue import NotSent, Unclear

# A distance is sent in 1/100000 of a price, whatever the symbol's own digits.
DISTANCE_DIGITS = 5
NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """Volumes in hundredths of a unit, as the venue counts them; 0 where it names no limit."""

    id: int
    name: str
    digits: int
    lot_size: int
    min_volume: int
    max_volume: int
    step_volume: int

    def lots(self, volume: int) -> Decimal:
        """Return a volume in lots."""
        return Decimal(volume) / self.lot_size

    def volume_of(self, lots: Decimal) -> int:
        """Return the volume of an order. Raises NotSent for what the symbol does not allow; nothing is rounded."""
        volume = lots * self.lot_size
        step = self.step_volume or 1
        if volume <= 0 or volume % step != 0:
            raise NotSent(f"{lots} lots of {self.name}: not a multiple of {self.lots(step)} lots", final=True)
        if volume < self.min_volume:
            raise NotSent(f"{lots} lots of {self.name}: fewer than the least, {self.lots(self.min_volume)}", final=True)
        if self.max_volume and volume > self.max_volume:
            raise NotSent(f"{lots} lots of {self.name}: more than the most, {self.lots(self.max_volume)}", final=True)
        return int(volume)

    def closing_volume(self, lots: Decimal, held: int) -> int:
        """Return the volume that closes ``lots`` of a position of ``held``; a broken step is closed whole."""
        step = self.step_volume or 1
        steps = (lots * self.lot_size / step).to_integral_value(ROUND_CEILING)
        return min(int(steps) * step, held)

    def distance(self, points: Decimal) -> int:
        """Return a distance as the venue takes it; what its digits cannot say is cut off, so a stop is never wider.

        Raises NotSent where nothing is left of it. The venue refuses distances finer than the symbol's digits.
        """
        finest = Decimal(1).scaleb(-min(self.digits, DISTANCE_DIGITS))
        steps = points.quantize(finest, ROUND_DOWN)
        if steps <= 0:
            raise NotSent(f"a stop {points} points from the entry is closer than {self.name} can say", final=True)
        return int(steps.scaleb(DISTANCE_DIGITS))


class Symbols:
    """The symbols of a login's accounts, asked for once and again after a reconnect or when the venue changed some."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._names: dict[int, dict[int, Fields]] = {}
        self._symbols: dict[tuple[int, int], Symbol] = {}
        session.changed = self.forget

    def forget(self) -> None:
        """Ask anew for everything."""
        self._names.clear()
        self._symbols.clear()

    def named(self, account: int, name: str) -> Symbol:
        """Return the symbol of that very name. Raises NotSent where there is none or more than one."""
        # A new connection is opened before what was known from an older one is looked at.
        self._session.ready(account)
        known = self._light(account)
        found = [symbol for symbol in known.values() if text(symbol, "symbolName") == name]
        if len(found) > 1:
            found = [symbol for symbol in found if symbol.get("enabled", True)]
        if len(found) != 1:
            fault = "no symbol" if not found else "more than one symbol"
            raise NotSent(f"account {account} has {fault} {name}{_like(name, list(known.values()))}", final=True)
        return self.of(account, whole(found[0], "symbolId"))

    def of(self, account: int, symbol_id: int) -> Symbol:
        """Return a symbol by its number. Raises NotSent and Unclear."""
        known = self._symbols.get((account, symbol_id))
        if known is None:
            fields = {"symbolId": [symbol_id]}
            answer = self._session.ask(account, Message.SYMBOL_BY_ID_REQ, Message.SYMBOL_BY_ID_RES, fields)
            found = [entry for entry in parts(answer, "symbol") if whole(entry, "symbolId") == symbol_id]
            if not found:
                raise Unclear(f"the venue does not describe symbol {symbol_id}", answer)
            name = text(self._light(account).get(symbol_id, {}), "symbolName") or str(symbol_id)
            known = self._symbols[account, symbol_id] = _symbol(found[0], name)
        return known

    def _light(self, account: int) -> dict[int, Fields]:
        known = self._names.get(account)
        if known is None:
            answer = self._session.ask(account, Message.SYMBOLS_LIST_REQ, Message.SYMBOLS_LIST_RES)
            known = {whole(symbol, "symbolId"): symbol for symbol in parts(answer, "symbol")}
            self._names[account] = known
        return known


def _symbol(fields: Fields, name: str) -> Symbol:
    lot_size = whole(fields, "lotSize", 0)
    if lot_size <= 0:
        raise Unclear(f"{name} has no lot size", fields)
    return Symbol(
        id=whole(fields, "symbolId"),
        name=name,
        digits=whole(fields, "digits"),
        lot_size=lot_size,
        min_volume=whole(fields, "minVolume", 0),
        max_volume=whole(fields, "maxVolume", 0),
        step_volume=whole(fields, "stepVolume", 0),
    )


def _like(name: str, symbols: Sequence[Fields]) -> str:
    asked = name.partition(".")[0].lower()
    names = sorted(filter(None, (text(symbol, "symbolName") for symbol in symbols)))
    near = [other for other in names if asked in other.lower() or other.lower() in asked][:NAMES_SHOWN]
    return f"; there is {', '.join(near)}" if near else ""
