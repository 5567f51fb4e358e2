"""How a platform is reached: its address and what it asks for at the door."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueLogin:
    """How to reach a platform; which of the fields it needs is its own matter. Secrets stay out of ``repr``.

    ``template``: path of the file that describes the calls, for a platform of kind ``http``. ``timeout`` in seconds.
    """

    firm_code: str
    platform: str
    url: str
    user: str | None = None
    password: str | None = None
    key: str | None = None
    secret: str | None = None
    token: str | None = None
    domain: str | None = None
    template: str | None = None
    timeout: float = 10.0

    def __repr__(self) -> str:
        return f"VenueLogin({self.firm_code}, {self.platform}, {self.url}, user={self.user})"

    def secrets(self) -> tuple[str, ...]:
        """Return every value that must never be stored or shown."""
        return tuple(value for value in (self.password, self.key, self.secret, self.token) if value)
