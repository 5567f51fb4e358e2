"""What makes a venue template unsafe or useless, although every key of it can be read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from connectors.http_calls import RateLimit
from connectors.platforms.template_model import Call, FindOrder, OrderFields, TemplateFields
from connectors.platforms.template_text import MARK, names_in, texts_in

SECRETS = frozenset({"key", "secret", "token"})
LOGIN = SECRETS | {"user", "account"}
ORDER = frozenset({"client_order_id", "symbol", "side", "quantity"})
# Which have no value at times.
OPTIONAL = frozenset({"stop_price", "entry_price"})
KNOWN = {
    "entry": LOGIN | ORDER | OPTIONAL,
    "exit": LOGIN | ORDER,
    "find": LOGIN | {"client_order_id", "order_id"},
    "positions": LOGIN,
    "working_orders": LOGIN,
    "cancel": LOGIN | {"order_id"},
    "shrink": LOGIN | {"order_id", "quantity"},
    "account_status": LOGIN,
}
REQUIRED = {
    "entry": frozenset({"symbol", "side", "quantity"}),
    "exit": frozenset({"symbol", "quantity"}),
    "cancel": frozenset({"order_id"}),
    "shrink": frozenset({"order_id", "quantity"}),
}
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def problems_of(template: TemplateFields) -> list[str]:
    """Return what is wrong, a sentence each that begins with the key."""
    found = [*_texts(template), *_required(template), *_answers(template), *_capabilities(template)]
    if template.protection is not None:
        found += _protection(template)
    if template.rate_limit is not None:
        try:
            RateLimit(template.rate_limit)
        except ValueError:
            found.append("rate_limit: no limit; write it like 50 per 10 second")
    return found


def names_of(call: Call) -> set[str]:
    """Return the placeholders of one operation."""
    return {name for _, text in _texts_of(call) for name in names_in(text)}


def _texts_of(call: Call) -> Iterator[tuple[str, str]]:
    yield "path", call.path
    for part in ("query", "headers", "body"):
        yield from texts_in(getattr(call, part), part)


def _texts(template: TemplateFields) -> Iterator[str]:
    everywhere = [("headers", place, text) for place, text in texts_in(template.headers, "headers")]
    for name, call in template.operations().items():
        everywhere += [(name, f"{name}.{place}", text) for place, text in _texts_of(call)]
        if call.method == "GET" and call.body is not None:
            yield f"{name}.body: a GET has none"
        yield from _headers(f"{name}.headers", call.headers)
        yield from _marks(f"{name}.body", call.body)
    yield from _headers("headers", template.headers)
    for owner, place, text in everywhere:
        try:
            used = names_in(text)
        except ValueError as error:
            yield f"{place}: {error}"
            continue
        yield from _misplaced(owner, place, used)


def _headers(place: str, headers: Mapping[str, str]) -> Iterator[str]:
    for name, text in headers.items():
        if not _HEADER.fullmatch(name):
            yield f"{place}.{name}: no name of a header"
        if not (text.isascii() and text.isprintable()):
            yield f"{place}.{name}: a header takes printable ASCII only"


def _marks(place: str, value: object) -> Iterator[str]:
    if isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _marks(f"{place}.{number}", inner)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key.endswith(MARK) and (key == MARK or key.removesuffix(MARK) in value):
                yield f"{place}.{key}: without its mark it is no key, or another one's"
            yield from _marks(f"{place}.{key}", inner)


def _misplaced(owner: str, place: str, used: set[str]) -> Iterator[str]:
    known = KNOWN.get(owner, LOGIN)
    for name in sorted(used - known):
        yield f"{place}: {{{name}}} is no placeholder here; there are {', '.join(sorted(known))}"
    if used and place.endswith("(the key)"):
        yield f"{place}: placeholders stand in values, not in names"
    parts = place.split(".")
    if "path" in parts[1:2] or "query" in parts[1:2]:
        for name in sorted(used & SECRETS):
            yield f"{place}: {{{name}}} is a secret and belongs in a header or the body, addresses get into logs"
    if parts[1:] == ["path"]:
        for name in sorted(used & OPTIONAL):
            yield f"{place}: {{{name}}} has no value at times and cannot be part of an address"


def _required(template: TemplateFields) -> Iterator[str]:
    for name, call in template.operations().items():
        missing = REQUIRED.get(name, frozenset()) - _safe_names(call)
        for placeholder in sorted(missing):
            yield f"{name}: {{{placeholder}}} is nowhere in it, the venue would not know what is meant"
    find = template.find
    if find is not None and find.orders is None and not _safe_names(find) & {"client_order_id", "order_id"}:
        yield "find: {client_order_id} is nowhere in it and there is no list (find.orders) to search"
    if find is not None and find.orders is not None and find.tag is None:
        yield "find.tag: needed to search find.orders"


def _answers(template: TemplateFields) -> Iterator[str]:
    answers: dict[str, OrderFields] = {"entry": template.entry.answer, "exit": template.exit.answer}
    if template.find is not None:
        answers["find"] = template.find.answer
        for field in ("state", "filled"):
            if getattr(template.find.answer, field) is None:
                yield f"find.answer.{field}: needed, what became of an order is what find is for"
    if not template.states and any(answer.state is not None for answer in answers.values()):
        yield "states: needed, because an answer has a state"
    positions = template.positions
    if positions is not None and positions.side is not None and None in (positions.long, positions.short):
        yield "positions: with a side the words for long and short are needed"
    for name, words in (("sides", (template.sides.buy, template.sides.sell)), ("positions", _long_short(template))):
        if words[0] is not None and words[0] == words[1]:
            yield f"{name}: both sides have the same word"


def _long_short(template: TemplateFields) -> tuple[object, object]:
    return (None, None) if template.positions is None else (template.positions.long, template.positions.short)


def _capabilities(template: TemplateFields) -> Iterator[str]:
    declared, find = template.capabilities, template.find
    tagged = all("client_order_id" in _safe_names(call) for call in (template.entry, template.exit))
    stop = "stop_price" in _safe_names(template.entry)
    by_tag = _searches(find) or (find is not None and "client_order_id" in _safe_names(find))
    rules = [
        ("client_tag", declared.client_tag and not tagged, "needs {client_order_id} in entry and exit"),
        ("unique_tag", declared.unique_tag and not declared.client_tag, "needs client_tag"),
        (
            "unique_tag",
            declared.unique_tag and template.entry.duplicate is None,
            "needs entry.duplicate: a request that something repeats on its way would read as a refusal",
        ),
        (
            "lookup_by_tag",
            declared.lookup_by_tag and not (declared.client_tag and by_tag),
            "needs client_tag and a find that looks for {client_order_id}",
        ),
        (
            "complete_list",
            declared.complete_list
            and not (declared.lookup_by_tag and declared.settling_seconds is not None and _searches(find)),
            "needs lookup_by_tag, settling_seconds and a list of orders (find.orders)",
        ),
        ("brackets", declared.brackets and not stop, "needs {stop_price} in entry"),
    ]
    yield from (f"capabilities.{name}: {needs}" for name, broken, needs in rules if broken)
    if stop and not declared.brackets:
        yield "entry: {stop_price} needs capabilities.brackets, else nobody takes the stop away with the trade"
    if template.positions is None and not declared.reduce_only:
        yield "positions: needed, unless capabilities.reduce_only: an exit has to be limited to what is held"


def _searches(find: FindOrder | None) -> bool:
    return find is not None and find.orders is not None


def _protection(template: TemplateFields) -> Iterator[str]:
    protection = template.protection
    try:
        named = set() if protection is None else names_in(protection.tag)
    except ValueError as error:
        named = set()
        yield f"protection.tag: {error}"
    if named != {"client_order_id"}:
        yield "protection.tag: has to be made of {client_order_id}"
    for name in ("working_orders", "cancel", "shrink"):
        if getattr(template, name) is None:
            yield f"{name}: needed by protection"
    if template.working_orders is not None and template.working_orders.tag is None:
        yield "working_orders.tag: needed by protection"
    if not template.capabilities.brackets:
        yield "protection: needs capabilities.brackets"


def _safe_names(call: Call) -> set[str]:
    """Return the placeholders that can be read; the others are complained about on their own."""
    names: set[str] = set()
    for _, text in _texts_of(call):
        try:
            names |= names_in(text)
        except ValueError:
            continue
    return names
