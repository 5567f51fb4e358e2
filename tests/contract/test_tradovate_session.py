"""Tradovate's sessions: one token for all, renewed and not logged in for again; nothing secret told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.platforms.tradovate import Tradovate
from connectors.platforms.tradovate_session import _lifetime
from connectors.venue import NotSent, Unclear
from domain.order_state import OrderState
from tests.brokers.server import Fault
from tests.brokers.tradovate_sessions import PASSWORD, SECRET
from tests.contract.tradovate_stand import ACCOUNT, LOGIN_PATH, RENEW_PATH, TradovateStand, login, standing


@pytest.fixture
def stand() -> Iterator[TradovateStand]:
    with standing() as stand:
        yield stand


def age(stand: TradovateStand, *, renew_in: float = -1.0, ends_in: float = 300.0) -> None:
    """Let the token be as old as that: to be renewed, or over."""
    session, now = stand.venue._session, time.time()
    assert session._token is not None
    session._token = replace(session._token, renew_at=now + renew_in, ends_at=now + ends_in)


def at_once(act: Callable[[], Any], threads: int = 8) -> list[Any]:
    with ThreadPoolExecutor(threads) as pool:
        return [future.result() for future in [pool.submit(act) for _ in range(threads)]]


def test_nothing_is_opened_before_the_first_call(stand: TradovateStand) -> None:
    assert stand.broker.connections == 0


def test_a_token_near_its_end_is_renewed_and_not_logged_in_for(stand: TradovateStand) -> None:
    stand.venue.positions(ACCOUNT)
    age(stand)
    stand.venue.positions(ACCOUNT)
    stand.venue.positions(ACCOUNT)

    assert stand.counted() == (1, 1)
    first, *_, last = [call.headers["authorization"] for call in stand.broker.calls_to("/position/list")]
    assert first != last


def test_a_token_in_its_time_is_left_alone(stand: TradovateStand) -> None:
    stand.venue.positions(ACCOUNT)
    age(stand, renew_in=1.0)
    stand.venue.positions(ACCOUNT)
    assert stand.counted() == (1, 0)


def test_many_threads_renew_once_and_none_of_the_others_waits(stand: TradovateStand) -> None:
    stand.venue.positions(ACCOUNT)
    age(stand)
    stand.broker.misbehave(Fault.DELAY, RENEW_PATH, seconds=1.0)

    def timed() -> float:
        began = time.monotonic()
        stand.venue.positions(ACCOUNT)
        return time.monotonic() - began

    took = sorted(at_once(timed))
    assert stand.counted() == (1, 1)
    assert took[-1] >= 1.0
    assert took[-2] < 0.8


def test_a_thread_that_comes_late_to_a_renewal_does_not_renew_again(stand: TradovateStand) -> None:
    stand.venue.positions(ACCOUNT)
    session = stand.venue._session
    fresh = session._token
    age(stand)

    class RenewedMeanwhile:
        """A lock that is had only after another thread has renewed."""

        def acquire(self, *, blocking: bool) -> bool:
            session._token = fresh
            return not blocking

        def release(self) -> None:
            pass

    session._lock = RenewedMeanwhile()  # type: ignore[assignment]
    assert session._bearer() is fresh
    assert stand.counted() == (1, 0)


def test_many_threads_log_in_once(stand: TradovateStand) -> None:
    at_once(lambda: stand.venue.positions(ACCOUNT))
    assert stand.counted() == (1, 0)


def test_a_token_that_is_over_is_logged_in_for(stand: TradovateStand) -> None:
    stand.venue.positions(ACCOUNT)
    age(stand, ends_in=-1.0)
    at_once(lambda: stand.venue.positions(ACCOUNT))
    assert stand.counted() == (2, 0)


def test_a_session_that_was_ended_is_noticed_by_all_and_begun_anew_once(stand: TradovateStand) -> None:
    stand.venue.positions(ACCOUNT)
    stand.broker.forget_sessions()
    at_once(lambda: stand.venue.positions(ACCOUNT))
    assert stand.counted() == (2, 1)


def test_an_order_that_met_a_dead_session_is_taken_once(stand: TradovateStand) -> None:
    stand.venue.positions(ACCOUNT)
    stand.broker.forget_sessions()
    report = stand.venue.place_entry(stand.entry())

    assert report.state is OrderState.ACCEPTED
    assert len(stand.sent("/order/placeoso")) == 2
    assert stand.market_orders() == 1


def test_another_process_may_end_our_session_and_each_comes_back_with_one_login(stand: TradovateStand) -> None:
    stand.broker.one_session = True
    other = stand.make()
    stand.venue.positions(ACCOUNT)
    other.positions(ACCOUNT)
    stand.venue.positions(ACCOUNT)
    assert stand.counted() == (3, 1)
    other.close()


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.RESET, Fault.TAKEN_GARBAGE])
def test_a_renewal_that_fails_is_tried_later_while_the_token_holds(stand: TradovateStand, fault: Fault) -> None:
    stand.venue.positions(ACCOUNT)
    age(stand)
    stand.broker.misbehave(fault, RENEW_PATH)
    stand.venue.positions(ACCOUNT)
    stand.venue.positions(ACCOUNT)
    assert stand.counted() == (1, 1)


def test_a_renewal_that_is_refused_ends_in_a_login(stand: TradovateStand) -> None:
    stand.venue.positions(ACCOUNT)
    age(stand)
    stand.broker.answers["auth/renewaccesstoken"] = (200, {"errorText": "Expired Access Token"})
    stand.venue.positions(ACCOUNT)
    assert stand.counted() == (2, 1)


def test_a_token_beside_an_error_is_none(stand: TradovateStand) -> None:
    stand.broker.answers["auth/accesstokenrequest"] = (200, {"accessToken": "t", "errorText": "Account is locked"})
    with pytest.raises(NotSent, match="Account is locked"):
        stand.venue.positions(ACCOUNT)


def test_a_renewal_may_leave_the_token_as_it_was(stand: TradovateStand) -> None:
    stand.venue.positions(ACCOUNT)
    age(stand)
    end = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    stand.broker.answers["auth/renewaccesstoken"] = (200, {"expirationTime": end})
    stand.venue.positions(ACCOUNT)
    stand.venue.positions(ACCOUNT)
    assert stand.counted() == (1, 1)


def test_what_the_key_may_not_do_is_told_and_ends_no_session(stand: TradovateStand) -> None:
    stand.broker.forbidden.add("order/placeoso")
    with pytest.raises(NotSent, match="permissions") as caught:
        stand.venue.place_entry(stand.entry())
    assert not caught.value.final
    assert len(stand.sent("/order/placeoso")) == 2
    assert stand.counted() == (1, 1)


def test_a_wrong_password_is_final_and_not_tried_over_and_over() -> None:
    with standing(password="wrong-pass") as stand:
        for _ in range(3):
            with pytest.raises(NotSent, match=r"trader7.*Incorrect username") as caught:
                stand.venue.place_entry(stand.entry())
            assert caught.value.final
        assert stand.counted() == (1, 0)


@pytest.mark.parametrize("missing", [{"user": None}, {"password": None}])
def test_a_login_without_name_or_password_is_final(missing: dict[str, Any]) -> None:
    with standing(**missing) as stand:
        with pytest.raises(NotSent, match="user and a password") as caught:
            stand.venue.positions(ACCOUNT)
        assert caught.value.final
        assert stand.broker.calls == []


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.SERVER_ERROR, Fault.TAKEN_GARBAGE, Fault.TAKEN_HALF])
@pytest.mark.parametrize("path", [LOGIN_PATH, "/account/list"])
def test_what_goes_wrong_before_an_order_leaves_is_never_unclear(
    stand: TradovateStand, fault: Fault, path: str
) -> None:
    stand.broker.misbehave(fault, path)
    acts: list[Callable[[], Any]] = [
        lambda: stand.venue.place_entry(stand.entry()),
        lambda: stand.venue.place_exit(stand.exit(1)),
        # Looking is no order, but no login is no answer at all.
        *([lambda: stand.venue.positions(ACCOUNT)] if path == LOGIN_PATH else []),
    ]
    for act in acts:
        with pytest.raises(NotSent) as caught:
            act()
        assert not caught.value.final
        stand.broker.misbehave(fault, path)
    assert stand.market_orders() == 0


@pytest.mark.parametrize(
    ("told", "lifetime"),
    [
        ("2026-01-01T01:20:00Z", 4800),
        ("2026-01-01T01:20:00", 4800),
        ("2026-01-01T04:00:00Z", 5400),
        ("2025-12-31T23:00:00Z", 3600),
        ("soon", 3600),
        (None, 3600),
    ],
    ids=["told", "without a zone", "our clock is behind", "our clock is ahead", "unreadable", "not told"],
)
def test_how_long_a_token_is_taken_to_hold(told: object, lifetime: float) -> None:
    assert _lifetime(told, datetime(2026, 1, 1, tzinfo=UTC).timestamp()) == lifetime


def told_of(error: BaseException | None) -> Iterator[str]:
    """Everything that a log shows of an exception and its causes."""
    while error is not None:
        yield f"{error!r} {error} {getattr(error, 'raw', '')}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_no_secret_is_ever_told(stand: TradovateStand) -> None:
    told: list[str] = []

    def hear(act: Callable[[], Any]) -> None:
        try:
            report = act()
            told.append(f"{report!r}")
        except (NotSent, Unclear) as error:
            told.extend(told_of(error))

    for fault in (Fault.RESET, Fault.TAKEN_HALF, Fault.TAKEN_GARBAGE, Fault.SERVER_ERROR):
        stand.broker.misbehave(fault, LOGIN_PATH)
        hear(lambda: stand.venue.positions(ACCOUNT))
    other = Tradovate(login(stand.broker), {ACCOUNT: "APEX123"})
    stand.broker.answers["auth/accesstokenrequest"] = (200, {"errorText": f"no: {PASSWORD} {SECRET}"})
    hear(lambda: other.positions(ACCOUNT))
    other.close()
    stand.venue.positions(ACCOUNT)
    held = stand.venue._session._token
    assert held is not None
    echo = {"errorText": f"no: {PASSWORD} {SECRET} {held.text}"}
    for status in (200, 400, 408, 500):
        for path in ("order/placeoso", "position/list", "order/cancelorder", "cashbalance/getcashbalancesnapshot"):
            stand.broker.answers[path] = (status, echo)
        hear(lambda: stand.venue.place_entry(stand.entry()))
        hear(lambda: stand.venue.positions(ACCOUNT))
        hear(lambda: stand.venue.cancel_order(ACCOUNT, "1001"))
        hear(lambda: stand.venue.account_status(ACCOUNT))
    told += [
        repr(stand.venue),
        repr(stand.venue._session),
        repr(stand.venue._session._token),
        repr(login(stand.broker)),
    ]
    everything = " ".join(told)
    assert "no: *** *** ***" in everything
    for secret in (PASSWORD, SECRET, held.text):
        assert secret not in everything


def test_closing_closes_the_connections(stand: TradovateStand) -> None:
    stand.venue.positions(ACCOUNT)
    stand.venue.close()
    with suppress(NotSent, Unclear), pytest.raises(RuntimeError):
        stand.venue.positions(ACCOUNT)
