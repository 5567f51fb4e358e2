"""What a person does about an account: pause and resume it, put his own figures over its platform's, withdraw them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request, url_for

from account_engine.tracked import Override
from database.operator_acts import NotPossible
from domain.account import AccountKey
from domain.account_update import FIGURES
from signals.manual import OverrideOrder, parse_flags, parse_override, parse_withdrawal
from signals.problem import FieldProblem, InvalidSignal
from web.formats import dollars, span, words, zoned
from web.known_accounts import KnownAccounts
from web.pages.confirmation import Confirmation
from web.pages.forms import filled_in, form, signed
from web.pages.gate import signature

if TYPE_CHECKING:
    from web.pages.site import Site

ACCOUNT = "/accounts/<firm>/<program>"
OVERRIDE = (*FIGURES, "minutes", "reason")
# Short ones first: an override hides what the platform says.
LIFETIMES = {"15": "15 minutes", "60": "1 hour", "240": "4 hours", "1440": "1 day", "10080": "7 days"}
EXITS = "Exits and protective orders still go out. Open positions stay as they are."
DRY = "It is in dry-run: nothing of it is at a venue. It holds for its verdicts all the same."


def add_account_acts(routes: Blueprint, site: Site) -> None:
    """Add ``pause``, ``resume``, ``override`` and ``withdraw`` under ``/accounts/APEX/1``: GET asks, POST acts."""
    desk = _AccountDesk(site)
    _add_switch(routes, site, desk)
    _add_override(routes, site, desk)


def _add_switch(routes: Blueprint, site: Site, desk: _AccountDesk) -> None:
    @routes.get(f"{ACCOUNT}/pause")
    def pause_form(firm: str, program: str) -> Response:
        return site.frame.show("act.html", lambda: desk.pausing(firm, program), own=True)

    @routes.post(f"{ACCOUNT}/pause")
    def pause(firm: str, program: str) -> Response:
        return site.forms.act(
            lambda: desk.switch(firm, program, paused=True), "act.html", lambda: desk.pausing(firm, program)
        )

    @routes.get(f"{ACCOUNT}/resume")
    def resume_form(firm: str, program: str) -> Response:
        return site.frame.show("act.html", lambda: desk.resuming(firm, program), own=True)

    @routes.post(f"{ACCOUNT}/resume")
    def resume(firm: str, program: str) -> Response:
        return site.forms.act(
            lambda: desk.switch(firm, program, paused=False), "act.html", lambda: desk.resuming(firm, program)
        )


def _add_override(routes: Blueprint, site: Site, desk: _AccountDesk) -> None:
    @routes.get(f"{ACCOUNT}/override")
    def override_form(firm: str, program: str) -> Response:
        return site.frame.show("override.html", lambda: desk.overriding(firm, program, request.args), own=True)

    @routes.post(f"{ACCOUNT}/override")
    def override(firm: str, program: str) -> Response:
        return site.forms.act(
            lambda: desk.override(firm, program),
            "override.html",
            lambda: desk.overriding(firm, program, request.form),
        )

    @routes.get(f"{ACCOUNT}/withdraw")
    def withdraw_form(firm: str, program: str) -> Response:
        return site.frame.show("act.html", lambda: desk.withdrawing(firm, program), own=True)

    @routes.post(f"{ACCOUNT}/withdraw")
    def withdraw(firm: str, program: str) -> Response:
        return site.forms.act(lambda: desk.withdraw(firm, program), "act.html", lambda: desk.withdrawing(firm, program))


class _AccountDesk:
    """Each act with what is said before it. Every method raises Refused (404) for an account that is not routed."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._tracker = site.tracker
        self._accounts = KnownAccounts(site.settings.accounts, {}, site.tracker, site.tracker.rules_of)

    def pausing(self, firm: str, program: str) -> Mapping[str, Any]:
        """Return what a pause would do."""
        key = self._key(firm, program)
        does = (
            f"No entry of {key} goes out any more, from any process: each is refused with ACCOUNT_PAUSED.",
            EXITS,
            "It lasts until somebody resumes the account, also after a restart and beyond the firm's reset.",
        )
        warnings = (f"{key} is paused already.",) if self._is_paused(key) else ()
        return self._confirmed(key, "pause", f"Pause {key}", does, warnings=warnings)

    def resuming(self, firm: str, program: str) -> Mapping[str, Any]:
        """Return what the end of a pause would do."""
        key = self._key(firm, program)
        does = (
            f"{key} is paused by nobody any more, and entries that come from now on are decided as usual.",
            "What was refused meanwhile is not sent.",
            "Where the environment pauses it, this goes before it, also after a restart.",
        )
        others = [reason for reason in self._tracker.view(key).standing.reasons if not reason.startswith("Paused by")]
        warnings = [f"It may not enter all the same: {reason}" for reason in others]
        if not self._is_paused(key):
            warnings.insert(0, f"{key} is not paused.")
        return self._confirmed(key, "resume", f"Resume {key}", does, warnings=tuple(warnings))

    def switch(self, firm: str, program: str, *, paused: bool) -> str:
        """Pause or resume as the form says; return where that is shown. Raises InvalidSignal."""
        key = self._key(firm, program)
        order = parse_flags({**signed("reason", by="set_by"), "paused": paused}, self._site.clock())
        self._tracker.set_flags(key, order.flags, set_by=order.set_by, reason=order.reason)
        return _page_of(key)

    def overriding(self, firm: str, program: str, fields: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the form for figures, and what they would do once they are given."""
        key = self._key(firm, program)
        problems: tuple[FieldProblem, ...] = ()
        act = None
        given = filled_in(fields, *OVERRIDE)
        if given:
            try:
                told = {**given, "set_by": signature()}
                order = parse_override(told, self._site.clock(), self._accounts.bounds(key))
                act = self._override_asked(key, order, given)
            except InvalidSignal as error:
                problems = error.problems
        effective = self._tracker.view(key).state
        return form(
            key=key,
            act=act,
            problems=problems,
            typed={name: fields.get(name, "") for name in OVERRIDE},
            figures={name: effective.get(name) for name in FIGURES},
            lifetimes=LIFETIMES,
            back=_page_of(key),
        )

    def override(self, firm: str, program: str) -> str:
        """Override as the form says; return where that is shown. Raises InvalidSignal."""
        key = self._key(firm, program)
        given = {**filled_in(request.form, *OVERRIDE), "set_by": signature()}
        order = parse_override(given, self._site.clock(), self._accounts.bounds(key))
        self._tracker.set_override(
            key, order.figures, reason=order.reason, set_by=order.set_by, expires_at=order.expires_at
        )
        return _page_of(key)

    def withdrawing(self, firm: str, program: str) -> Mapping[str, Any]:
        """Return what the end of an override would do."""
        key = self._key(firm, program)
        override = self._in_force(key)
        does: tuple[str, ...] = ("Nothing: no override is in force.",)
        if override is not None:
            does = (
                f"What {override.set_by} said of {key} holds no longer: {_list(override.figures)}.",
                "What its platform tells counts again at once, for its standing, its rooms and every check of entries.",
            )
        return self._confirmed(key, "withdraw", f"Withdraw the override of {key}", does, may=override is not None)

    def withdraw(self, firm: str, program: str) -> str:
        """Withdraw the override in force; return where that is shown. Raises NotPossible where there is none."""
        key = self._key(firm, program)
        if self._in_force(key) is None:
            raise NotPossible(f"no override of {key} is in force")
        order = parse_withdrawal(signed(by="set_by"), self._site.clock())
        self._tracker.set_override(key, {}, reason=order.reason, set_by=order.set_by, expires_at=self._site.clock())
        return _page_of(key)

    def _key(self, firm: str, program: str) -> AccountKey:
        key = self._accounts.key(firm, program)
        self._tracker.refresh([key])
        return key

    def _is_paused(self, key: AccountKey) -> bool:
        return self._tracker.view(key).state.get("paused") not in (None, False)

    def _in_force(self, key: AccountKey) -> Override | None:
        override = self._tracker.known(key).override
        return override if override is not None and self._site.clock() < override.expires_at else None

    def _override_asked(self, key: AccountKey, order: OverrideOrder, given: Mapping[str, str]) -> Confirmation:
        lasts = span((order.expires_at - self._site.clock()).total_seconds() + 1)
        replaced = self._in_force(key)
        return Confirmation(
            title=f"Override {key}",
            does=(
                f"{key} counts as having {_list(order.figures)}, whatever its platform tells.",
                "Standing, rooms and all checks of entries go by that. On record mark, days and curve stay.",
                f"It holds for {lasts}, until {zoned(order.expires_at)}.",
                "Then, or once it is withdrawn, the platform's figures count again.",
            ),
            warnings=()
            if replaced is None
            else (f"It replaces the override of {replaced.set_by}: {replaced.reason}.",),
            button=f"Override {key}",
            address=url_for("pages.override", **_parts(key)),
            back=_page_of(key),
            kept=given,
            reason=None,
            danger=True,
        )

    def _confirmed(
        self,
        key: AccountKey,
        act: str,
        title: str,
        does: tuple[str, ...],
        *,
        warnings: tuple[str, ...] = (),
        may: bool = True,
    ) -> Mapping[str, Any]:
        dry = (DRY,) if self._site.settings.dry_run and act == "pause" else ()
        return form(
            act=Confirmation(
                title=title,
                does=does,
                warnings=warnings + dry,
                button=title,
                address=url_for(f"pages.{act}", **_parts(key)),
                back=_page_of(key),
                reason=None if act == "withdraw" else request.form.get("reason", ""),
                danger=act == "pause",
                may=may,
            )
        )


def _list(figures: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{words(name).lower().replace('pl', 'P&L')} {dollars(figure)}" for name, figure in figures.items()
    )


def _parts(key: AccountKey) -> dict[str, Any]:
    return {"firm": key.firm_code, "program": key.program_id}


def _page_of(key: AccountKey) -> str:
    return url_for("pages.account", **_parts(key))
