"""The protective stops of one trade: found by their client order ids, cancelled or made smaller before it is closed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from decimal import Decimal

from connectors.platforms.tradovate_desk import AGAIN_AFTER, TradovateDesk
from connectors.platforms.tradovate_records import TradovateRecords, made_by
from connectors.platforms.tradovate_wire import CHANGING, STOP_SUFFIX, Account, OrderRecord, Refusal, whole
from connectors.tickets import ExitTicket
from connectors.venue import NotSent

# How long to wait between looks at an order whose change is under way. Tradovate takes the command and acts afterwards.
CONFIRMING = (0.05, 0.1, 0.2, 0.4, 0.8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """What is on record of a trade at the time of an exit. ``exits``: orders under the exit's own client order id."""

    entries: tuple[int, ...]
    stops: tuple[OrderRecord, ...]
    exits: tuple[int, ...]

    @property
    def looks_open(self) -> bool:
        """Whether a stop still waits for the trade's end."""
        return any(stop.leaves for stop in self.stops)


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """What became of the stops. ``at_most``: contracts that may still be the trade's to close, None: no stop says.

    What a stop has filled is the trade's no longer, whatever else the account holds of the contract.
    """

    changed: bool
    at_most: Decimal | None


class Protection:
    """The stops of trades, read and changed one after the other."""

    def __init__(self, records: TradovateRecords, desk: TradovateDesk) -> None:
        self._records = records
        self._desk = desk

    def trade(self, account: Account, ticket: ExitTicket) -> Trade:
        """Read a trade: its entries, and its stops on the closing side."""
        commands = self._records.commands()
        stops = [
            record
            for entry in ticket.entries
            for number in made_by(commands, entry + STOP_SUFFIX)
            if (record := self._records.order(number)) is not None
            and record.side is ticket.side
            and record.account_id == account.id
        ]
        return Trade(
            entries=tuple(number for entry in ticket.entries for number in made_by(commands, entry)),
            stops=tuple(stops),
            exits=tuple(made_by(commands, ticket.client_order_id)),
        )

    def release(self, trade: Trade, keep: Decimal) -> Released:
        """Leave stops for ``keep`` contracts; cancel and shrink the rest, and wait until Tradovate has done it.

        Raises NotSent where it refuses or does not get done in time: an exit on top of a stop could turn the position.
        """
        left = keep
        changed = False
        released = filled = Decimal(0)
        for stop in trade.stops:
            after = self._settled(stop.id) if stop.status in CHANGING else stop
            part = min(after.leaves, left)
            left -= part
            if after.leaves > part:
                changed = True
                after = self._reduced(after, part)
            released += max((stop.quantity or Decimal(0)) - after.filled - after.leaves, Decimal(0))
            filled += after.filled
        return Released(changed=changed, at_most=released if filled else None)

    def _reduced(self, stop: OrderRecord, part: Decimal) -> OrderRecord:
        """Return the stop with no more than ``part`` to fill, whoever brought that about. Raises NotSent otherwise."""
        refusal = self._shrink(stop, part) if part else self._desk.cancel(stop.id)
        after = self._settled(stop.id, part if refusal is None else None)
        if after.leaves <= part and after.status not in CHANGING:
            return after
        told = f": {refusal.text}" if refusal else ""
        raise NotSent(
            f"the protective stop {stop.id} still works for {after.leaves} ({after.status}{told}); nothing was closed",
            retry_after=AGAIN_AFTER,
        )

    def _shrink(self, stop: OrderRecord, part: Decimal) -> Refusal | None:
        return self._desk.modify(
            {
                "orderId": stop.id,
                # What has filled counts in an order's size.
                "orderQty": whole(stop.filled + part),
                "orderType": stop.kind or "Stop",
                # The documentation has the field and does not say that it is a stop's trigger; read so from use.
                "stopPrice": stop.stop_price,
                "timeInForce": stop.time_in_force or "GTC",
            }
        )

    def _settled(self, number: int, part: Decimal | None = None) -> OrderRecord:
        """Return the order once nothing is under way with it, and no more than ``part`` waits where that is given."""
        found = None
        for pause in (0.0, *CONFIRMING):
            time.sleep(pause)
            found = self._records.order(number)
            if found is not None and found.status not in CHANGING and (part is None or found.leaves <= part):
                break
        if found is None:
            raise NotSent(f"the protective stop {number} is not on record any more", retry_after=AGAIN_AFTER)
        return found
