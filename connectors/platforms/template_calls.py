"""The calls that a venue template describes, and what their answers say."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import quote

from connectors.http_calls import HttpCalls, RateLimit, Reply
from connectors.platforms.template_checks import names_of
from connectors.platforms.template_file import VenueTemplate
from connectors.platforms.template_model import Call, OrderFields, Path
from connectors.platforms.template_text import GAP, Value, as_text, at, filled, names_in, put_in, texts_in
from connectors.tickets import VenueLogin
from connectors.venue import NotSent, Unclear
from domain.account import AccountKey
from domain.money import decimal_of
from signals.redaction import mask_values

Described = TypeVar("Described", bound=Call)

# A segment that would change which address is meant.
_STEPS = frozenset({"", ".", ".."})


class TemplateCalls:
    """Calls to one venue under one login. Nothing that they raise or return holds one of the login's secrets."""

    def __init__(self, login: VenueLogin, accounts: Mapping[AccountKey, str], template: VenueTemplate) -> None:
        self.template = template
        self._login = login
        self._accounts = dict(accounts)
        self._secrets = login.secrets()
        self._check()
        limit = None if template.rate_limit is None else RateLimit(template.rate_limit)
        self._calls = HttpCalls(login.url.rstrip("/"), timeout=login.timeout, limit=limit)

    def described(self, name: str, call: Described | None) -> Described:
        """Return an operation. Raises NotSent where the template does not describe it."""
        if call is None:
            raise NotSent(f"the template {self.template.name} describes no {name}", final=True)
        return call

    def call(self, name: str, call: Call, account: AccountKey, **values: Value) -> Reply:
        """Make the call of an operation, once."""
        known = {**self._of_login(), "account": self._account(account), **values}
        path = self._path(name, call.path, known)
        query = {key: filled(value, known) for key, value in call.query.items()}
        body = None if call.body is None else filled(call.body, known, numbers_as_text=self.template.numbers == "text")
        if body is GAP:
            raise NotSent(f"{name}: nothing of its body has a value", final=True)
        headers = {**self.template.headers, **call.headers}
        sent = {key: text for key, given in headers.items() if (text := put_in(given, known)) is not GAP}
        for key, text in sent.items():
            if not (text.isascii() and text.isprintable()):
                raise NotSent(f"{name}: the header {key} would have characters that no header takes", final=True)
        try:
            return self._calls.call(call.method, path, json_body=body, params=_query(query), headers=sent)
        except Unclear as error:
            raise Unclear(self.hide(str(error)), self.hide(error.raw)) from None

    def read(self, name: str, call: Call, account: AccountKey, **values: Value) -> Reply:
        """Ask a question. Raises NotSent for a login that is refused, Unclear for any other answer but success."""
        reply = self.call(name, call, account, **values)
        self.require(name, call, reply)
        return reply

    def require(self, name: str, call: Call, reply: Reply) -> None:
        """Raise NotSent for a login that is refused, Unclear for any other answer but success."""
        if call.success.holds(reply) is not True:
            self.refuse_login(name, reply)
            raise Unclear(f"{name}: HTTP {reply.status}: {self.said(reply)}", {"body": self.hide(reply.body)})

    def refuse_login(self, name: str, reply: Reply) -> None:
        """Raise NotSent where the venue does not know, or not let in, who is asking."""
        if reply.status in {401, 403}:
            raise NotSent(f"{name}: HTTP {reply.status}, the venue refuses the login: {self.said(reply)}", final=True)

    def list_at(self, name: str, reply: Reply, path: Path) -> list[Any]:
        """Return the list at a path. Raises Unclear where there is none."""
        found = at(reply.body, path)
        if not isinstance(found, list):
            raise Unclear(f"{name}: no list at {path!r} in the answer", {"body": self.hide(reply.body)})
        return found

    def said(self, reply: Reply, fields: OrderFields | None = None) -> str:
        """Return the venue's reason, or as much of its answer as makes one."""
        told = GAP if fields is None or fields.message is None else at(reply.body, fields.message)
        text = str(reply.body) if told in (GAP, None, "") else str(told)
        return str(self.hide(text))[:500]

    def hide(self, value: Any) -> Any:
        """Return a value without the login's secrets."""
        if isinstance(value, str):
            return mask_values(value, self._secrets)
        if isinstance(value, Mapping):
            return {self.hide(key): self.hide(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.hide(inner) for inner in value]
        return value

    def close(self) -> None:
        """Close the connections."""
        self._calls.close()

    def _check(self) -> None:
        base = {name for _, text in texts_in(self.template.headers, "") for name in names_in(text)}
        for operation, call in self.template.operations().items():
            used = base | names_of(call)
            for name in sorted(used & self._of_login().keys()):
                if self._of_login()[name] is None:
                    raise ValueError(f"{self.template.name}: {operation} uses {{{name}}}, the login has none")
            if len(self._accounts) > 1 and "account" not in used:
                raise ValueError(f"{self.template.name}: {operation} does not say {{account}}, but there are several")
        for key, account in self._accounts.items():
            if account in _STEPS:
                raise ValueError(f"{self.template.name}: {account!r} cannot be the account of {key}")

    def _of_login(self) -> dict[str, Value]:
        login = self._login
        return {"key": login.key, "secret": login.secret, "token": login.token, "user": login.user}

    def _account(self, account: AccountKey) -> str:
        try:
            return self._accounts[account]
        except KeyError:
            raise NotSent(f"{account} has no account at {self.template.name}", final=True) from None

    def _path(self, name: str, path: str, known: Mapping[str, Value]) -> str:
        for placeholder in names_in(path):
            value = known[placeholder]
            if value is None or as_text(value) in _STEPS:
                raise NotSent(f"{name}: {{{placeholder}}} is {value!r}, which makes no address", final=True)
        quoted = {key: value if value is None else quote(as_text(value), safe="") for key, value in known.items()}
        return str(put_in(path, quoted))


def number_at(name: str, row: Any, path: Path | None) -> Decimal | None:
    """Return the number at a path, None where there is none. Raises Unclear for what is no number."""
    found = GAP if path is None else at(row, path)
    if found is GAP or found is None:
        return None
    try:
        return decimal_of(found)
    except ValueError as error:
        raise Unclear(f"{name}: {path}: {error}") from error


def text_at(row: Any, path: Path | None) -> str | None:
    """Return what stands at a path as text, None where nothing does."""
    found = GAP if path is None else at(row, path)
    return None if found is GAP or found is None else str(found)


def _query(query: Mapping[str, Any]) -> dict[str, str] | None:
    texts = {
        key: str(value).lower() if isinstance(value, bool) else as_text(value)
        for key, value in query.items()
        if value is not GAP
    }
    return texts or None
