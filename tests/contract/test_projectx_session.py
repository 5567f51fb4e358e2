"""The login at ProjectX and the limit of its calls."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from connectors.platforms.projectx_session import RENEW_AFTER_SECONDS, Session
from connectors.tickets import VenueLogin
from connectors.venue import NotSent, Unclear
from domain.order_state import OrderState
from tests.brokers.projectx import KEY, USER
from tests.brokers.server import Fault
from tests.contract.projectx_stand import ACCOUNT, LOGIN, PLACE, POSITIONS, VALIDATE, ProjectXStand, projectx_stand
from tests.contract.venue_conformance import NEXT_TAG, TAG

BODY = {"accountId": 101}


@pytest.fixture
def stand() -> Iterator[ProjectXStand]:
    with projectx_stand() as stand:
        yield stand


@pytest.fixture
def session(stand: ProjectXStand, request: pytest.FixtureRequest) -> Iterator[Session]:
    """A session that renews its token after as many seconds as the test is parametrised with."""
    login = VenueLogin(firm_code="TOPSTEP", platform="projectx", url=stand.service.url, user=USER, key=KEY)
    session = Session(login, renew_after=getattr(request, "param", RENEW_AFTER_SECONDS))
    yield session
    session.close()


def bearers(stand: ProjectXStand) -> list[str]:
    return [call.headers.get("authorization", "") for call in stand.service.calls_to(POSITIONS)]


def test_one_login_serves_all_threads(stand: ProjectXStand, session: Session) -> None:
    stand.service.misbehave(Fault.DELAY, LOGIN, seconds=0.1)
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: session.call(POSITIONS, BODY), range(16)))
    assert {reply.status for reply in replies} == {200}
    assert stand.sent(LOGIN) == [{"userName": USER, "apiKey": KEY}]
    assert set(bearers(stand)) == {"Bearer token-1"}


def test_a_token_that_ended_is_followed_by_one_login_and_one_repeat(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.service.expire()
    assert stand.venue.place_entry(stand.entry(NEXT_TAG)).state is OrderState.FILLED
    assert len(stand.sent(LOGIN)) == 2
    assert [body["customTag"] for body in stand.sent(PLACE)] == [TAG, NEXT_TAG, NEXT_TAG]
    assert stand.market_orders() == 2


def test_of_many_threads_with_an_ended_token_one_logs_in(stand: ProjectXStand, session: Session) -> None:
    session.call(POSITIONS, BODY)
    stand.service.expire()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: session.call(POSITIONS, BODY), range(8)))
    assert len(stand.sent(LOGIN)) == 2


def test_a_new_token_that_is_refused_too_is_an_end(stand: ProjectXStand) -> None:
    stand.venue.positions(ACCOUNT)
    stand.service.say(PLACE, None, status=401, times=2)
    with pytest.raises(NotSent) as caught:
        stand.venue.place_entry(stand.entry())
    assert not caught.value.final
    assert len(stand.sent(PLACE)) == 2
    assert stand.market_orders() == 0


def test_a_repeat_whose_answer_is_lost_is_unclear_and_not_made_again(stand: ProjectXStand) -> None:
    stand.venue.positions(ACCOUNT)
    stand.venue.place_entry(stand.entry(NEXT_TAG))
    stand.service.say(PLACE, None, status=401)
    stand.service.before(LOGIN, lambda: stand.service.misbehave(Fault.TAKEN_RESET, PLACE))
    with pytest.raises(Unclear):
        stand.venue.place_entry(stand.entry())
    assert len(stand.book.tagged(TAG)) == 1


@pytest.mark.parametrize("session", [0.0], indirect=True)
def test_an_old_token_is_renewed_before_its_end(stand: ProjectXStand, session: Session) -> None:
    for _ in range(3):
        session.call(POSITIONS, BODY)
    assert bearers(stand) == ["Bearer token-1", "Bearer token-2", "Bearer token-3"]
    assert [call.headers["authorization"] for call in stand.service.calls_to(VALIDATE)] == [
        "Bearer token-1",
        "Bearer token-2",
    ]
    assert len(stand.sent(LOGIN)) == 1


@pytest.mark.parametrize("session", [0.0], indirect=True)
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"success": False, "errorCode": 3, "errorMessage": None, "newToken": None}),
        (200, {"success": True, "errorCode": 0, "errorMessage": None, "newToken": None}),
        (200, {"success": False, "errorCode": 4, "errorMessage": None, "newToken": "token-1"}),
        (200, []),
        (401, None),
        (500, None),
    ],
)
def test_a_token_that_cannot_be_renewed_is_followed_by_a_login(
    stand: ProjectXStand, session: Session, status: int, body: Any
) -> None:
    session.call(POSITIONS, BODY)
    stand.service.say(VALIDATE, body, status=status)
    assert session.call(POSITIONS, BODY).status == 200
    assert bearers(stand)[1] == "Bearer token-2"
    assert len(stand.sent(LOGIN)) == 2


def test_a_fresh_token_is_not_renewed(stand: ProjectXStand, session: Session) -> None:
    session.call(POSITIONS, BODY)
    session.call(POSITIONS, BODY)
    assert stand.sent(VALIDATE) == []


@pytest.mark.parametrize(
    ("code", "name", "final"),
    [
        (3, "InvalidCredentials", True),
        (7, "AgreementsNotSigned", True),
        (9, "ApiSubscriptionNotFound", True),
        (10, "ApiKeyAuthenticationDisabled", True),
        (8, "UnknownError", False),
        (11, "code 11", False),
    ],
)
def test_a_refused_login_is_told_by_name_and_nothing_was_sent(
    stand: ProjectXStand, code: int, name: str, final: bool
) -> None:
    stand.service.refuse(LOGIN, code, "please log in")
    with pytest.raises(NotSent, match=f"no login as {USER}: .*{name}.*please log in") as caught:
        stand.venue.place_entry(stand.entry())
    assert caught.value.final is final
    assert KEY not in str(caught.value)
    assert stand.sent(PLACE) == []


@pytest.mark.parametrize("changes", [{"user": None}, {"key": None}, {"key": ""}])
def test_a_login_without_user_or_key_is_not_tried(stand: ProjectXStand, changes: dict[str, Any]) -> None:
    with pytest.raises(NotSent) as caught:
        stand.open_venue(**changes).positions(ACCOUNT)
    assert caught.value.final
    assert stand.service.calls == []


def test_a_wrong_key_is_refused(stand: ProjectXStand) -> None:
    with pytest.raises(NotSent, match="InvalidCredentials"):
        stand.open_venue(key="another").positions(ACCOUNT)


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.RESET, Fault.TAKEN_GARBAGE, Fault.TAKEN_HALF])
def test_a_login_without_a_clear_answer_means_that_no_order_was_sent(stand: ProjectXStand, fault: Fault) -> None:
    stand.service.misbehave(fault, LOGIN)
    with pytest.raises(NotSent) as caught:
        stand.venue.place_entry(stand.entry())
    assert not caught.value.final
    assert "token" not in str(caught.value)
    assert stand.venue.place_entry(stand.entry()).state is OrderState.FILLED


def test_threads_that_wait_for_a_login_that_fails_do_not_each_try_it(stand: ProjectXStand) -> None:
    venue = stand.open_venue(timeout=0.5)
    stand.service.misbehave(Fault.HANG, LOGIN, times=100, seconds=1.0)

    def ask(_: int) -> str:
        try:
            venue.positions(ACCOUNT)
        except NotSent:
            return "not sent"
        return "answered"

    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == ["not sent"] * 8
    assert time.monotonic() - began < 3.0
    assert len(stand.sent(LOGIN)) <= 4


def test_entries_and_readings_leave_calls_to_exits(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    venue = stand.open_venue(calls_per_minute=40)
    for _ in range(28):
        venue.positions(ACCOUNT)
    with pytest.raises(NotSent, match="rate limit") as caught:
        venue.positions(ACCOUNT)
    assert caught.value.retry_after is not None
    with pytest.raises(NotSent, match="rate limit"):
        venue.place_entry(stand.entry(NEXT_TAG))

    assert venue.place_exit(stand.exit(3)).state is OrderState.FILLED
    assert stand.position() == 0


def test_what_exits_may_use_is_what_entries_and_readings_left(stand: ProjectXStand) -> None:
    login = VenueLogin(firm_code="TOPSTEP", platform="projectx", url=stand.service.url, user=USER, key=KEY)
    session = Session(login, calls_per_minute=10)
    for _ in range(7):
        session.call(POSITIONS, BODY)
    # Ten in all, and one of them was the login.
    for _ in range(2):
        session.call_first(POSITIONS, BODY)
    with pytest.raises(NotSent, match="rate limit"):
        session.call_first(POSITIONS, BODY)
    session.close()


def test_the_venues_word_on_too_many_calls_is_for_all_of_them(stand: ProjectXStand) -> None:
    stand.venue.place_entry(stand.entry())
    stand.service.misbehave(Fault.RATE_LIMIT, POSITIONS, seconds=30.0)
    with pytest.raises(NotSent):
        stand.venue.positions(ACCOUNT)
    calls = len(stand.service.calls)
    with pytest.raises(NotSent, match="rate limit"):
        stand.venue.place_exit(stand.exit(3))
    assert len(stand.service.calls) == calls


def test_no_answer_and_no_error_shows_a_secret(stand: ProjectXStand) -> None:
    report = stand.venue.place_entry(stand.entry())
    assert "token" not in repr(report)
    assert KEY not in repr(stand.venue)
