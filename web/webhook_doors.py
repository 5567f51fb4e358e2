"""Who may post to the webhooks: by address, by a secret, or by a signature over the body."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from config.settings import Settings
from config.webhook_keys import WebhookKey, digest_of
from web.client_address import client_address
from web.refusals import Refused, wrong_secret

SIGNATURE = "X-Webhook-Signature"
SIGNATURE_HEADER = "HTTP_X_WEBHOOK_SIGNATURE"
# Longer than any queue on the way, shorter than somebody needs to make use of a recorded request.
SIGNATURE_SECONDS = 300
_SIGNATURE = re.compile(r"t=(?P<time>[0-9]{1,12}),v1=(?P<hex>[0-9a-f]{64})", re.ASCII)


class WebhookDoors:
    """Judges senders. ``now`` gives the time in UTC.

    A sender names one proof or several; each that he gives has to be right, and one of them is enough.
    """

    def __init__(self, settings: Settings, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._keys = settings.webhook_keys
        self._allowed = settings.webhook_allow
        self._proxies = settings.trusted_proxies
        self._now = now
        # Given as a digest, a secret is first known as it is when a sender shows it.
        self._shown: dict[str, str] = {}

    @property
    def shown(self) -> Iterable[str]:
        """Return the secrets that the settings have as a digest alone and that were shown since."""
        return self._shown.values()

    def enter(self, environ: Mapping[str, Any], token: str | None, body: bytes) -> str | None:
        """Return the label of the secret or key that a request came with; None where its body still may name one.

        ``token``: the secret of its path or query. Raises Refused for a wrong address, secret or signature.
        """
        self._check_address(environ)
        label = None if token is None else self._of_secret(token)
        signature = environ.get(SIGNATURE_HEADER)
        if signature is not None and self._keys:
            label = self._of_signature(str(signature), body)
        return label

    def enter_by_body(self, given: object) -> str | None:
        """Return the label of the secret in a body's ``secret``; None where the webhook is open. Raises Refused."""
        if not self._keys:
            return None
        if given is None:
            raise wrong_secret(missing=True, signed=bool(self._keys.signing))
        return self._of_secret(given if isinstance(given, str) else "")

    def _check_address(self, environ: Mapping[str, Any]) -> None:
        if self._allowed is None:
            return
        address = client_address(environ, self._proxies)
        if address is None or not any(address in network for network in self._allowed):
            hint = " Behind proxies TRUSTED_PROXIES has to be their number." if self._proxies == 0 else ""
            message = f"WEBHOOK_ALLOW does not have the address {address or 'that this came from'}.{hint}"
            raise Refused(403, "address_not_allowed", f"{message} No signal was stored.")

    def _of_secret(self, given: str) -> str | None:
        if not self._keys:
            return None
        key = self._holding(_matching(self._keys.secrets, digest_of(given)), "secret")
        if key is None:
            raise wrong_secret(missing=False, signed=bool(self._keys.signing))
        if key.text is None:
            self._shown[key.label] = given
        return key.label

    def _of_signature(self, text: str, body: bytes) -> str:
        found = _SIGNATURE.fullmatch(text.strip())
        if found is None:
            raise _wrong_signature(f"is not of the form {SIGNATURE}: t=<Unix seconds>,v1=<64 hexadecimal digits>")
        signed = f"{found['time']}.".encode() + body
        right = [key for key in self._keys.signing if key.text is not None and _signs(key.text, signed, found["hex"])]
        key = self._holding(right, "signing key")
        if key is None:
            raise _wrong_signature("is by none of the signing keys, or the body was changed on its way")
        if abs(self._now().timestamp() - int(found["time"])) > SIGNATURE_SECONDS:
            raise _wrong_signature(f"was made more than {SIGNATURE_SECONDS} s ago or ahead, by our clock")
        return key.label

    def _holding(self, keys: list[WebhookKey], kind: str) -> WebhookKey | None:
        """Return one of these keys that has not ended. Raises Refused where all of them have."""
        now = self._now()
        for key in keys:
            if not key.has_ended(now):
                return key
        for key in keys:
            message = f"The {kind} {key.label} ended at {key.expires_at}. No signal was stored."
            raise Refused(401, "ended_secret", message)
        return None


def _matching(keys: Iterable[WebhookKey], digest: bytes) -> list[WebhookKey]:
    return [key for key in keys if hmac.compare_digest(key.digest, digest)]


def _signs(key: str, signed: bytes, given: str) -> bool:
    return hmac.compare_digest(hmac.new(key.encode(), signed, "sha256").hexdigest(), given)


def _wrong_signature(what: str) -> Refused:
    return Refused(401, "wrong_signature", f"The signature {what}. No signal was stored.")
