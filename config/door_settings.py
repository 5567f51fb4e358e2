"""Who may come in, and how often: the settings of webhooks, API, page and login."""

from dataclasses import dataclass, field
from typing import Annotated

from config.declared import Setting, operational
from config.door_kinds import AMinute, Networks, PasswordHash, Proxies
from config.kinds import Text, WholeSeconds


@dataclass(frozen=True, kw_only=True)
class DoorSettings:
    """The doors of the web process. Times in seconds."""

    webhook_secret: Annotated[Text, Setting("Secret that a sender of signals must show; required in live mode")] = (
        field(default=None, repr=False)
    )
    webhook_allow: Annotated[
        Networks, Setting("Addresses from which webhooks are taken; `tradingview`: its published ones; unset: all")
    ] = None
    webhook_entry_max_age: Annotated[
        WholeSeconds | None,
        Setting("Seconds after its `alert_time` up to which an entry is taken; one without a time is then refused"),
    ] = None
    webhook_exit_max_age: Annotated[
        WholeSeconds | None,
        Setting("Seconds after its `alert_time` up to which an exit is taken; unset: exits are always taken"),
    ] = None
    webhook_source_rate: Annotated[
        AMinute | None, operational("Webhooks a minute from one address; exits are always taken")
    ] = None
    webhook_strategy_rate: Annotated[
        AMinute | None,
        operational("Signals a minute of one strategy: a secret's label and a body's `strategy`; exits always taken"),
    ] = None
    account_update_rate: Annotated[AMinute | None, operational("Updates a minute of one account's figures")] = None
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
