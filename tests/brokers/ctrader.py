"""A cTrader broker on a real WebSocket: the Open API's JSON frames over an order book."""

from __future__ import annotations

import json
import math
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from domain.json_text import json_text
from tests.brokers.book import OrderBook, Refused
from tests.brokers.ctrader_books import Bad, Fields
from tests.brokers.ctrader_desk import Desk
from tests.brokers.server import BrokerServer, Call, Fault, Planned

HEARTBEAT, ORDER_ERROR, OA_ERROR, EXECUTION = 51, 2132, 2142, 2126
# What tests call a message, and the number of its answer.
NAMES = {
    2100: ("application", 2101),
    2102: ("account", 2103),
    2106: ("order", EXECUTION),
    2108: ("cancel", EXECUTION),
    2111: ("close", EXECUTION),
    2114: ("symbols", 2115),
    2116: ("symbol", 2117),
    2121: ("trader", 2122),
    2124: ("reconcile", 2125),
    2175: ("history", 2176),
    2181: ("details", 2182),
    2183: ("position-history", 2184),
    2187: ("profits", 2188),
}
Sent = list[tuple[int, Fields]]


@dataclass(eq=False)
class Client:
    """One connection. ``accounts``: those that were authorised on it."""

    socket: ServerConnection
    application: bool = False
    accounts: set[int] = field(default_factory=set)

    def send(self, kind: int, payload: Fields, sender: str | None = None) -> None:
        body: Fields = {"payloadType": kind, "payload": payload}
        if sender is not None:
            body["clientMsgId"] = sender
        self.send_text(json_text(body))

    def send_text(self, text: str) -> None:
        with suppress(ConnectionClosed, OSError):
            self.socket.send(text)

    def reset(self) -> None:
        with suppress(OSError):
            self.socket.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close_socket()


class CTraderBroker(BrokerServer):
    """``tagged_events``: how many of an order's events carry the request's id; None: all of them."""

    def __init__(self, book: OrderBook) -> None:
        super().__init__(book)
        self.desk = Desk(book)
        self.client_id, self.client_secret, self.token = "app-id-1", "app-secret-1", "access-token-1"
        self.tagged_events: int | None = None
        self.clients: list[Client] = []
        self._websocket: Server | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._port}"

    def start(self) -> None:
        self._websocket = serve(self._serve, "127.0.0.1", self._port, compression=None, ping_interval=None)
        self._port = self._websocket.socket.getsockname()[1]
        threading.Thread(target=self._websocket.serve_forever, daemon=True).start()

    def stop(self) -> None:
        if self._websocket is not None:
            self.drop_clients()
            self._websocket.shutdown()
            self._websocket = None

    def drop_clients(self) -> None:
        """Reset every connection."""
        for client in list(self.clients):
            client.reset()

    def tell(self, kind: int, payload: Fields) -> None:
        """Send an event to everybody."""
        for client in list(self.clients):
            client.send(kind, payload)

    def heartbeats(self) -> list[Call]:
        return self.calls_to("heartbeat")

    def _serve(self, websocket: ServerConnection) -> None:
        client = Client(websocket)
        self.clients.append(client)
        self.connections += 1
        with suppress(ConnectionClosed, OSError):
            for text in websocket:
                self._take(client, text)
        self.clients.remove(client)

    def _take(self, client: Client, text: str | bytes) -> None:
        frame = json.loads(text)
        kind = frame["payloadType"]
        path = "heartbeat" if kind == HEARTBEAT else NAMES[kind][0]
        self.calls.append(Call("MESSAGE", path, {}, {}, frame))
        if kind == HEARTBEAT:
            return
        planned = self.take_fault(path)
        sender = frame.get("clientMsgId")
        if planned is None:
            self._send(client, sender, self._answer(client, kind, frame["payload"]))
        else:
            self._go_wrong(planned, client, sender, lambda: self._answer(client, kind, frame["payload"]))

    def _go_wrong(self, planned: Planned, client: Client, sender: str | None, act: Callable[[], Sent]) -> None:  # noqa: C901 - one case a fault
        open_answer: Sent = [(OA_ERROR, {"errorCode": "UNKNOWN_ERROR", "description": "Server error"})]
        match planned.fault:
            case Fault.RESET:
                client.reset()
            case Fault.SERVER_ERROR:
                self._send(client, sender, open_answer)
            case Fault.HANG:
                pass
            case Fault.RATE_LIMIT:
                blocked = {"errorCode": "BLOCKED_PAYLOAD_TYPE", "retryAfter": math.ceil(planned.seconds)}
                self._send(client, sender, [(OA_ERROR, blocked)])
            case Fault.TAKEN_RESET:
                act()
                client.reset()
            case Fault.TAKEN_CLOSE:
                act()
                client.socket.close()
            case Fault.TAKEN_HANG:
                act()
            case Fault.TAKEN_SERVER_ERROR:
                act()
                self._send(client, sender, open_answer)
            case Fault.TAKEN_GARBAGE:
                act()
                client.send_text("<html>upstream timed out</html>")
            case Fault.TAKEN_HALF:
                kind, payload = act()[0]
                whole = json_text({"payloadType": kind, "payload": payload, "clientMsgId": sender})
                client.send_text(whole[: len(whole) // 2])
            case Fault.DELAY:
                answer = act()
                threading.Timer(planned.seconds, self._send, (client, sender, answer)).start()
            case Fault.TWICE:
                act()
                self._send(client, sender, act())

    def _send(self, client: Client, sender: str | None, answer: Sent) -> None:
        for number, (kind, payload) in enumerate(answer):
            most = len(answer) if self.tagged_events is None or kind != EXECUTION else self.tagged_events
            tagged = number < most and not payload.get("isServerEvent")
            client.send(kind, payload, sender if tagged else None)
            if kind == EXECUTION:
                for other in list(self.clients):
                    if other is not client and payload["ctidTraderAccountId"] in other.accounts:
                        other.send(kind, payload)

    def _answer(self, client: Client, kind: int, asked: Fields) -> Sent:
        if kind in {2100, 2102}:
            return self._log_in(client, kind, asked)
        account = asked["ctidTraderAccountId"]
        if not client.application:
            return [(OA_ERROR, {"errorCode": "CH_CLIENT_NOT_AUTHENTICATED", "description": "log in first"})]
        if account not in client.accounts:
            return [(OA_ERROR, {"errorCode": "INVALID_REQUEST", "description": "Trading account is not authorized"})]
        with self.book.lock:
            try:
                return self._act(kind, str(account), asked)
            except Refused as refused:
                code = refused.code if isinstance(refused, Bad) else "NOT_ENOUGH_MONEY"
                fields: Fields = {"ctidTraderAccountId": account, "errorCode": code, "description": str(refused)}
                return [(ORDER_ERROR if kind in {2106, 2108, 2111} else OA_ERROR, fields)]

    def _act(self, kind: int, account: str, asked: Fields) -> Sent:
        desk = self.desk
        match kind:
            case 2106:
                return [(EXECUTION, event) for event in desk.new_order(account, asked)]
            case 2108:
                return [(EXECUTION, event) for event in desk.cancel_order(account, asked)]
            case 2111:
                return [(EXECUTION, event) for event in desk.close_position(account, asked)]
            case _:
                return [(NAMES[kind][1], {"ctidTraderAccountId": int(account), **self._read(kind, account, asked)})]

    def _read(self, kind: int, account: str, asked: Fields) -> Fields:
        desk = self.desk
        reads: dict[int, Callable[[], Fields]] = {
            2114: lambda: {"symbol": desk.light_symbols()},
            2116: lambda: {"symbol": desk.full_symbols(asked["symbolId"])},
            2121: lambda: desk.trader(account),
            2124: lambda: desk.reconcile(account),
            2175: lambda: desk.orders(account, asked["fromTimestamp"], asked["toTimestamp"]),
            2181: lambda: desk.order(account, asked["orderId"]),
            2183: lambda: desk.orders_of(account, asked["positionId"]),
            2187: lambda: desk.unrealized(account),
        }
        return reads[kind]()

    def _log_in(self, client: Client, kind: int, asked: Fields) -> Sent:
        if kind == 2100:
            if (asked["clientId"], asked["clientSecret"]) != (self.client_id, self.client_secret):
                return [(OA_ERROR, {"errorCode": "CH_CLIENT_AUTH_FAILURE", "description": "wrong credentials"})]
            client.application = True
            return [(2101, {})]
        account = asked["ctidTraderAccountId"]
        if not client.application:
            return [(OA_ERROR, {"errorCode": "CH_CLIENT_NOT_AUTHENTICATED"})]
        if asked["accessToken"] != self.token:
            said = f"Access token {asked['accessToken']} is invalid"
            return [(OA_ERROR, {"errorCode": "CH_ACCESS_TOKEN_INVALID", "description": said})]
        if str(account) not in self.book.accounts:
            return [(OA_ERROR, {"errorCode": "CH_CTID_TRADER_ACCOUNT_NOT_FOUND", "description": f"no {account}"})]
        client.accounts.add(account)
        return [(2103, {"ctidTraderAccountId": account})]


def payloads(calls: list[Call]) -> list[Any]:
    """Return what the calls carried."""
    return [call.body["payload"] for call in calls]
