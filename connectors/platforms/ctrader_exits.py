"""Closing positions at cTrader, and what became of a closing that was not answered.

A closing carries no id of ours: the venue's request has no place for one. What ties it to a trade is the label of the
position, which its closing orders keep (as recorded sessions show).
"""

from __future__ import annotations

from decimal import Decimal

from connectors.platforms.ctrader_answers import Answer, answer_of, report
from connectors.platforms.ctrader_errors import GONE
from connectors.platforms.ctrader_orders import HeldPosition
from connectors.platforms.ctrader_record import Record
from connectors.platforms.ctrader_sent import Sent
from connectors.platforms.ctrader_session import Outcome, Session, before_sending
from connectors.platforms.ctrader_symbols import Symbol, Symbols
from connectors.platforms.ctrader_waiter import Watched
from connectors.platforms.ctrader_wire import Message, part, whole
from connectors.tickets import ExitTicket
from connectors.venue import NotSent, OrderReport, Unclear
from domain.order_state import OrderState

Plan = list[tuple[HeldPosition, Symbol, int]]


class Exits:
    """Closes positions; each request names one, so that none can be turned."""

    def __init__(self, session: Session, record: Record, symbols: Symbols, sent: Sent) -> None:
        self._session = session
        self._record = record
        self._symbols = symbols
        self._sent = sent

    def place(self, account: int, ticket: ExitTicket) -> OrderReport:
        """Close a trade's positions, the oldest first, until ``ticket.quantity`` is reached.

        Protection belongs to the position and goes, or shrinks, with it. Raises NotSent where nothing was sent, Unclear
        where one of the requests was not answered; where a later one could not be sent, reports what was closed.
        """
        with before_sending():
            plan = self._plan(account, ticket)
        if not plan:
            nothing = Answer(state=OrderState.CANCELLED, message="the account holds nothing of this trade")
            return report([nothing], ticket.client_order_id)
        self._sent.exit(ticket.client_order_id, ticket.entries)
        answers: list[Answer] = []
        for position, symbol, volume in plan:
            try:
                answers.append(
                    self.close(account, position, symbol, volume, ticket.client_order_id, ticket.contract.lots)
                )
            except NotSent as error:
                if not answers:
                    raise
                return report(answers, ticket.client_order_id, f"position {position.id} was not closed: {error}")
            except Unclear as error:
                closed = [answer.order_id for answer in answers]
                raw = {**error.raw, "positionId": position.id, "volume": volume, "answered": closed}
                raise Unclear(f"closing position {position.id}: {error}", raw) from error
        return report(answers, ticket.client_order_id)

    def close(
        self, account: int, position: HeldPosition, symbol: Symbol, volume: int, tag: str, lots: Decimal
    ) -> Answer:
        """Close a volume of one position. Raises NotSent and Unclear."""
        outcome = self.send(account, position, volume, tag)
        if outcome.event is None and outcome.refusal is not None and outcome.refusal.code in GONE:
            return Answer(state=OrderState.CANCELLED, message=f"position {position.id}: {outcome.refusal}")
        return answer_of(outcome, lots, symbol)

    def send(self, account: int, position: HeldPosition, volume: int, tag: str) -> Outcome:
        """Ask for a volume of one position to be closed. Raises NotSent and Unclear."""
        fields = {"positionId": position.id, "volume": volume}
        outcome = self._session.act(Message.CLOSE_POSITION_REQ, fields, Watched(account=account, closing=True))
        order = part(outcome.event or {}, "order")
        if order:
            self._sent.closing(whole(order, "orderId"), tag)
        return outcome

    def _plan(self, account: int, ticket: ExitTicket) -> Plan:
        plan: Plan = []
        left = ticket.quantity * ticket.contract.lots
        for position in self._held(account, ticket):
            symbol = self._symbols.of(account, position.symbol_id)
            volume = symbol.closing_volume(left, position.volume)
            if volume <= 0:
                break
            plan.append((position, symbol, volume))
            left -= symbol.lots(volume)
        return plan

    def _held(self, account: int, ticket: ExitTicket) -> list[HeldPosition]:
        positions = self._record.positions(account)
        named = [held for held in positions if held.entry_tag in ticket.entries]
        if not named and positions and self._record.netted(account):
            # All trades in a symbol are one position there, under the first one's label. Where accounts are hedged
            # another position is another trade, and is left alone.
            symbol = self._symbols.named(account, ticket.contract.symbol)
            named = [held for held in positions if held.symbol_id == symbol.id]
        return [held for held in named if held.side is ticket.side.opposite]
