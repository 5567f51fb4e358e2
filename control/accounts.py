"""Accounts: where each stands, what room is left, and how old its figures are."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from account_engine.account_tracker import AccountTracker
from account_engine.account_view import AccountView
from control.desk import Answer, Command, Desk
from control.tables import Columns, age, facts, table
from control.words import Commands, read
from database.operator_acts import NotKnown
from database.tracked_accounts import tracked_accounts, tracker_of
from domain.account import AccountKey

ACCOUNTS: Columns = (
    *(("ACCOUNT", "name"), ("STATE", "state"), ("ROOM $", "room"), ("EQUITY", "equity"), ("DAY P/L", "day_pl")),
    *(("DAY ROOM", "daily_room"), ("FLOOR ROOM", "floor_room"), ("AGE", "shown_age"), ("SOURCE", "source")),
    ("WHY", "why"),
)


def add_accounts(commands: Commands) -> None:
    """Add ``accounts`` and ``account``."""
    commands.add("accounts", _accounts, "where each account stands: state, room in dollars, age of its figures")
    one = commands.add("account", _account, "show one account with all that is known of its standing")
    one.add_argument("account", type=read(AccountKey.of), metavar="APEX/1")


def _accounts(_: Namespace) -> Command:
    def run(desk: Desk) -> Answer:
        views = [_tracker(desk).view(key) for key in desk.settings.accounts]
        shown = [
            {
                **_shown(view),
                "name": str(view.key),
                "shown_age": None if view.age is None else age(int(view.age)),
                "why": "; ".join(view.standing.reasons),
            }
            for view in views
        ]
        text = table(shown, ACCOUNTS, without="No account is routed: set ROUTE_TO_FIRMS and {FIRM}_PROGRAM_IDS.")
        return Answer({"accounts": [_told(view) for view in views]}, text)

    return run


def _account(typed: Namespace) -> Command:
    def run(desk: Desk) -> Answer:
        if typed.account not in desk.settings.accounts:
            routed = ", ".join(map(str, desk.settings.accounts)) or "none"
            raise NotKnown(f"no account {typed.account} is routed; the accounts are {routed}")
        tracker = _tracker(desk)
        view, known = tracker.view(typed.account), tracker.known(typed.account)
        data = {**_told(view), "positions": known.tracked.positions, "flags": known.flags}
        parts = [f"Account {view.key}: {view.standing.state}", facts(_shown(view))]
        if known.flags:
            parts += ["", "Flags", facts(known.flags)]
        return Answer(data, "\n".join(parts))

    return run


def _told(view: AccountView) -> dict[str, Any]:
    # As the API tells it.
    return {"account": view.as_row(), "standing": view.standing.as_row()}


def _shown(view: AccountView) -> dict[str, Any]:
    # Money exactly as it is, not as a number of JSON.
    row = view.standing.as_row()
    exact = {name: getattr(view.standing, name) for name in row if hasattr(view.standing, name)}
    return {**exact, "figures_at": view.figures_at, "age": view.age, "source": str(view.source)}


def _tracker(desk: Desk) -> AccountTracker:
    return tracker_of(tracked_accounts(desk.settings, desk.database))
