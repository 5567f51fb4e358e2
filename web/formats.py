"""How figures, times and names are written on the page. Every number a trader reads is made here, never in a script."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import g, request
from markupsafe import Markup

from domain.checks import json_default
from domain.json_text import with_times

NONE = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
CENT = Decimal("0.01")
ZONE_COOKIE = "zone"
THEMES = frozenset({"dark", "light"})
LONGEST_LINE = 300
MINUTE, HOUR, DAY = 60, 3600, 86_400
# What stays in capitals when a code is read.
SAID_AS = {"SL": "SL", "TP": "TP", "BE": "BE", "MFE": "MFE", "API": "API", "ENV": "environment"}
# As code writes a moment, and as people do.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?(?:\+00:00|Z)| \d\d:\d\d(?::\d\d)? UTC)", re.ASCII)
_SECONDS = re.compile(r"(?<![\d.])(\d{3,}(?:\.\d+)?) s\b", re.ASCII)


def dollars(amount: Decimal | None) -> str:
    """Return an amount with its cents: $1,234.50, and a loss with a minus sign."""
    if amount is None:
        return NONE
    rounded = amount.quantize(CENT, ROUND_HALF_UP)
    return f"{MINUS if rounded < 0 else ''}${abs(rounded):,.2f}"


def short_dollars(amount: Decimal | None) -> str:
    """Return an amount without cents where it has none: $1,000, $1,234.50."""
    return dollars(amount).removesuffix(".00")


def signed_dollars(amount: Decimal | None) -> str:
    """Return a gain or loss, with its sign: +$350.00, $0.00."""
    text = dollars(amount)
    return f"+{text}" if amount is not None and amount.quantize(CENT, ROUND_HALF_UP) > 0 else text


def number(value: Decimal | int | None) -> str:
    """Return a quantity or price with its own decimals and separators."""
    if value is None:
        return NONE
    text = f"{abs(value):,f}" if isinstance(value, Decimal) else f"{abs(value):,}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{MINUS if value < 0 else ''}{text}"


def percent(fraction: Decimal | None, places: int = 0) -> str:
    """Return a fraction as percent, cut off and not rounded up: 99.9 % of a limit is not all of it."""
    if fraction is None:
        return NONE
    scaled = fraction * 100
    cut = scaled.quantize(Decimal(1).scaleb(-places), rounding="ROUND_DOWN")
    return f"{MINUS if cut < 0 else ''}{abs(cut):,.{places}f}%"


def coarse(seconds: float) -> str:
    """Return a duration in its largest unit, as an age is read: 42 s, 5 min, 2 h, 3 d."""
    whole = max(int(seconds), 0)
    units = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"))
    return next((f"{whole // large} {name}" for large, name in units if whole >= large), f"{whole} s")


def span(seconds: Decimal | float | None) -> str:
    """Return a duration in its two largest units: 42 s, 5 min 3 s, 2 h 10 min, 3 d 4 h."""
    if seconds is None:
        return NONE
    whole = max(int(seconds), 0)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return _two(whole, MINUTE, "min", 1, "s")
    if whole < DAY:
        return _two(whole, HOUR, "h", MINUTE, "min")
    return _two(whole, DAY, "d", HOUR, "h")


def viewer_zone() -> tzinfo:
    """Return the viewer's time zone as the browser told it (a cookie); UTC before it did, and without JavaScript."""
    try:
        return ZoneInfo(request.cookies.get(ZONE_COOKIE, "UTC"))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def chosen_theme() -> str | None:
    """Return the look that the viewer has chosen (a cookie), None for that of his system."""
    theme = request.cookies.get("theme")
    return theme if theme in THEMES else None


def page_now() -> datetime:
    """Return the moment as of which the page is written, the same for all of it."""
    if "page_now" not in g:
        g.page_now = datetime.now(UTC)
    now: datetime = g.page_now
    return now


def zoned(at: datetime | None, zone: tzinfo | None = None, *, seconds: bool = True) -> str:
    """Return date and time with its zone, the viewer's unless another is given: 2026-11-18 12:00:03 EST."""
    if at is None:
        return NONE
    local = at.astimezone(viewer_zone() if zone is None else zone)
    return f"{local:%Y-%m-%d %H:%M:%S %Z}" if seconds else f"{local:%Y-%m-%d %H:%M %Z}"


def clock(at: datetime | None, zone: tzinfo | None = None, *, seconds: bool = False) -> str:
    """Return the time of day with its zone, and the weekday where it is not within a day of now: 18:00 EST."""
    if at is None:
        return NONE
    local = at.astimezone(viewer_zone() if zone is None else zone)
    near = abs(at - page_now()) < timedelta(days=1)
    return f"{local:{'' if near else '%a '}%H:%M{':%S' if seconds else ''} %Z}"


def when(at: datetime | None) -> Markup:
    """Return a moment as an element: its time of day, the whole of it on hovering."""
    if at is None:
        return Markup(NONE)  # noqa: S704 - a constant
    return _time(at, _short(at))


def ago(at: datetime | None) -> Markup:
    """Return how long ago a moment was, as an element that goes on counting."""
    if at is None:
        return Markup("never")
    return _time(at, f"{coarse((page_now() - at).total_seconds())} ago", "data-ago")


def until(at: datetime | None) -> Markup:
    """Return how long it is until a moment, as an element that goes on counting down."""
    if at is None:
        return Markup(NONE)  # noqa: S704 - a constant
    return _time(at, span((at - page_now()).total_seconds()), "data-until")


def words(code: object) -> str:
    """Return a code as people read it: REDUCE_ONLY becomes Reduce only, EXIT_SL Exit SL."""
    first, *others = (SAID_AS.get(word, word.lower()) for word in str(code).split("_"))
    return " ".join([first[:1].upper() + first[1:], *others])


def sentence(text: str) -> str:
    """Return a sentence of the record with its moments on the viewer's clock and long ages in words."""
    local = _MOMENT.sub(lambda found: _short(datetime.fromisoformat(found[0].replace(" UTC", "Z"))), text)
    return _SECONDS.sub(lambda found: span(float(found[1])), local)


def capital(text: str) -> str:
    """Return a sentence as one begins: with a capital letter."""
    return text[:1].upper() + text[1:]


def sign_class(amount: Decimal | None) -> str:
    """Return the class of a gain, a loss, or neither."""
    if amount is None or amount == 0:
        return "flat"
    return "gain" if amount > 0 else "loss"


def times(multiple: Decimal | None) -> str:
    """Return a result in multiples of what was risked: +1.50 R."""
    if multiple is None:
        return NONE
    rounded = multiple.quantize(CENT, ROUND_HALF_UP)
    return f"{MINUS if rounded < 0 else '+' if rounded > 0 else ''}{abs(rounded):,.2f} R"


def pretty(value: Any) -> str:
    """Return a value of the record as JSON that people can read."""
    return json.dumps(with_times(value), default=json_default, indent=2, ensure_ascii=False)


def one_line(value: Any) -> str:
    """Return a value of the record as JSON in one line, cut where it is long."""
    text = json.dumps(with_times(value), default=json_default, ensure_ascii=False)
    return text if len(text) <= LONGEST_LINE else text[:LONGEST_LINE] + "…"


FILTERS: dict[str, Callable[..., object]] = {
    "dollars": dollars,
    "short_dollars": short_dollars,
    "signed_dollars": signed_dollars,
    "number": number,
    "percent": percent,
    "span": span,
    "zoned": zoned,
    "clock": clock,
    "when": when,
    "ago": ago,
    "until": until,
    "words": words,
    "sentence": sentence,
    "capital": capital,
    "sign_class": sign_class,
    "pretty": pretty,
    "times": times,
    "one_line": one_line,
}


def _short(at: datetime) -> str:
    today = at.astimezone(viewer_zone()).date() == page_now().astimezone(viewer_zone()).date()
    return clock(at, seconds=True) if today else zoned(at)


def _two(whole: int, large: int, large_name: str, small: int, small_name: str) -> str:
    rest = whole % large // small
    return f"{whole // large} {large_name}" + (f" {rest} {small_name}" if rest else "")


def _time(at: datetime, text: str, mark: str = "") -> Markup:
    instant = at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    opened = Markup('<time datetime="{}" title="{}"{}>').format(
        instant,
        zoned(at),
        Markup(f" {mark}" if mark else ""),  # noqa: S704 - constants of this module
    )
    return opened + text + Markup("</time>")
