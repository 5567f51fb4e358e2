"""The feed of signals with what was decided, one signal opened into its accounts, and the feed as a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from database.connection import Row
from domain.acts import HIGHEST_ID
from domain.rules import Rule
from signals.feed_query import FeedQuery, FeedStatus, parse_feed
from signals.problem import FieldProblem, InvalidSignal
from web.formats import page_now, viewer_zone
from web.pages.export import begun, csv_file, json_file
from web.pages.frame import address
from web.pages.signal_summary import summary
from web.pages.verdicts import accounts_of, stages_of

if TYPE_CHECKING:
    from web.pages.site import Site

MOST_EXPORTED = 20_000
PERIODS = {"1": "last hour", "24": "last 24 hours", "168": "last 7 days", "720": "last 30 days"}
STATUSES = {
    FeedStatus.APPROVED: "approved",
    FeedStatus.REFUSED: "refused",
    FeedStatus.WAITING: "waits for its verdict",
    FeedStatus.GIVEN_UP: "given up",
    FeedStatus.PENDING: "order on its way",
    FeedStatus.SUCCESS: "order taken",
    FeedStatus.FAILED: "order failed",
    FeedStatus.UNRESOLVED: "order unresolved",
    FeedStatus.SKIPPED: "no order (dry-run or refused)",
}
COLUMNS = (
    *("signal_id", "received_at", "trade_id", "event", "symbol", "direction", "entry_price", "stop_loss"),
    *("contracts_asked", "task_id", "task_status", "decided_at", "account", "approved", "rules", "contracts_sized"),
    *("order_status", "order_reason", "venue_order_id", "message"),
)


def add_signals(routes: Blueprint, site: Site) -> None:
    """Add ``/signals``, ``/signals/17`` and the files. The filters stand in the address, so that they can be kept."""

    @routes.get("/signals")
    def signals() -> Response:
        return site.frame.show("signals.html", lambda: _feed(site))

    @routes.get(f"/signals/<int(max={HIGHEST_ID}):signal_id>")
    def signal(signal_id: int) -> Response:
        return site.frame.show("signal.html", lambda: _opened(site.feed.signal(signal_id)))

    @routes.get("/signals/export.csv")
    def signals_csv() -> Response:
        return site.frame.give(lambda: csv_file("signals.csv", COLUMNS, begun(_rows(site, _asked(site)))))

    @routes.get("/signals/export.json")
    def signals_json() -> Response:
        return site.frame.give(lambda: json_file("signals.json", begun(_rows(site, _asked(site)))))


def _feed(site: Site) -> Mapping[str, Any]:
    query = _asked(site)
    page = site.feed.page(query)
    kept = {name: text for name, text in request.args.items() if text and name != "before"}
    accounts = site.settings.accounts
    return {
        "signals": [{**row, "summary": summary(row)} for row in page.rows],
        "page": page,
        "query": query,
        "given": request.args,
        "filtered": bool(kept),
        "older": None if page.older is None else address("pages.signals", {**kept, "before": page.older}),
        "newest": address("pages.signals", kept) if query.before is not None else None,
        "as_csv": address("pages.signals_csv", kept),
        "as_json": address("pages.signals_json", kept),
        "most_exported": MOST_EXPORTED,
        "firms": list(dict.fromkeys(key.firm_code for key in accounts)),
        "accounts": accounts,
        "statuses": STATUSES,
        "rules": sorted(Rule),
        "periods": PERIODS,
        "webhook_secret": site.settings.webhook_secret is not None,
        "origin": request.host_url.rstrip("/"),
    }


def _opened(signal: Row) -> Mapping[str, Any]:
    accounts = accounts_of(signal)
    verdicts = (signal["response_body"] or {}).get("connector_results")
    return {
        "signal": {**signal, "summary": summary({**signal, "verdicts": verdicts})},
        "accounts": accounts,
        "stages": [stage for stage in stages_of(signal) if stage.name in {"received", "claimed", "logged"}],
    }


def _asked(site: Site) -> FeedQuery:
    """Return the query of the address. A period counts back from now; a time without a zone is the viewer's."""
    arguments: dict[str, Any] = request.args.to_dict()
    period = arguments.pop("hours", "")
    if period:
        if period not in PERIODS:
            raise InvalidSignal(FieldProblem(field="hours", given=period, accepted=f"one of {', '.join(PERIODS)}"))
        # A minute is exact enough, and the same address then reads the same rows.
        now = page_now().replace(second=0, microsecond=0)
        arguments.setdefault("since", (now - timedelta(hours=int(period))).isoformat())
    for name in ("since", "until"):
        if arguments.get(name):
            arguments[name] = _with_zone(arguments[name])
    return parse_feed(arguments, site.clock())


def _with_zone(text: str) -> str:
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (told.replace(tzinfo=viewer_zone()) if told.tzinfo is None else told).isoformat()


def _rows(site: Site, query: FeedQuery) -> Iterator[Mapping[str, Any]]:
    """Return a row for each account of each signal that the query asks for; an empty one where it was cut off."""
    for signal in site.feed.every(query, most_looked_at=MOST_EXPORTED):
        if not signal:
            yield {}
            return
        head = _head(signal)
        verdicts = [row for row in signal["verdicts"] or () if _asked_for(row, query)]
        yield from ({**head, **_account(row)} for row in verdicts)
        if not verdicts:
            yield head


def _head(signal: Row) -> dict[str, Any]:
    return {
        "signal_id": signal["id"],
        "event": signal["lifecycle"],
        "contracts_asked": signal["contracts"],
        **{name: signal[name] for name in COLUMNS if name in signal},
    }


def _account(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "account": f"{row['firm_code']}/{row['program_id']}",
        "approved": row.get("approved"),
        "rules": list(row.get("blocked_by") or ()),
        "contracts_sized": row.get("contracts"),
        "order_status": row.get("status"),
        "order_reason": row.get("reason"),
        "venue_order_id": row.get("order_id"),
        "message": row.get("message"),
    }


def _asked_for(row: Mapping[str, Any], query: FeedQuery) -> bool:
    """Return whether the filters mean this account of a signal; the feed's own statement says the same of it."""
    wanted, approved = query.status, row.get("approved")
    right = {FeedStatus.APPROVED: approved is True, FeedStatus.REFUSED: approved is False}
    return (
        query.account.firm_code in {None, row["firm_code"]}
        and query.account.program_id in {None, row["program_id"]}
        and (query.rule is None or query.rule in (row.get("blocked_by") or ()))
        and (wanted is None or right.get(wanted, row.get("status") == wanted))
    )
