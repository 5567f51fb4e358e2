"""Who may come in, and how often: the settings of webhooks, API, page and login."""

from dataclasses import dataclass, field
from typing import Annotated

from config.declared import Setting, operational
from config.door_kinds import PasswordHash, Proxies
from config.kinds import Text, WholeSeconds


@dataclass(frozen=True, kw_only=True)
class DoorSettings:
    """The doors of the web process. Times in seconds."""

    webhook_secret: Annotated[Text, Setting("Secret that a sender of signals must show; required in live mode")] = (
        field(default=None, repr=False)
    )
    api_token: Annotated[
        Text,
        operational("Token for account updates and orders, and from other machines for live events and all details"),
    ] = field(default=None, repr=False)
    api_viewer_token: Annotated[
        Text, operational("Token that reads all that `API_TOKEN` reads, and changes nothing")
    ] = field(default=None, repr=False)
    admin_password: Annotated[
        Text,
        operational("Password of the page for operators; without any password this machine alone may see the page"),
    ] = field(default=None, repr=False)
    admin_password_hash: Annotated[
        PasswordHash, operational("In place of `ADMIN_PASSWORD`: its hash, from `python -m config hash-password`")
    ] = field(default=None, repr=False)
    viewer_password: Annotated[Text, operational("Password of the page for those who may look and change nothing")] = (
        field(default=None, repr=False)
    )
    viewer_password_hash: Annotated[PasswordHash, operational("In place of `VIEWER_PASSWORD`: its hash")] = field(
        default=None, repr=False
    )
    secret_key: Annotated[
        Text, operational("Text from which the key of the login cookies is made; unset: a random one in the database")
    ] = field(default=None, repr=False)
    trusted_proxies: Annotated[
        Proxies, operational("Proxies before the web process whose word on a client's address and TLS counts")
    ] = 0
    session_idle: Annotated[
        WholeSeconds, operational("Seconds without a request after which a login ends", "SESSION_IDLE_SECONDS")
    ] = 28800
    session_lifetime: Annotated[
        WholeSeconds, operational("Seconds after which a login ends in any case", "SESSION_LIFETIME_SECONDS")
    ] = 604800
