"""What an owner sets so that a platform can be reached: for a firm, or for one account with a login of its own."""

from dataclasses import dataclass, field
from typing import Annotated

from config.declared import Setting
from config.kinds import Template, Text, WebAddress, Word


@dataclass(frozen=True, kw_only=True)
class LoginSettings:
    """The way into a platform. Which of these a platform needs stands in ``config.platforms``."""

    api_url: Annotated[WebAddress, Setting("Address of the platform's interface")] = field(default=None, repr=False)
    api_user: Annotated[Word | None, Setting("User name at the platform")] = None
    api_password: Annotated[Text, Setting("Password at the platform")] = field(default=None, repr=False)
    api_key: Annotated[
        Text, Setting("Key for the platform: ProjectX's API key, Tradovate's `cid`, cTrader's client id")
    ] = field(default=None, repr=False)
    api_secret: Annotated[
        Text, Setting("Secret that goes with the key: Tradovate's `sec`, cTrader's client secret")
    ] = field(default=None, repr=False)
    api_token: Annotated[Text, Setting("Access token: cTrader's")] = field(default=None, repr=False)
    api_domain: Annotated[Word | None, Setting("Domain of the login, where the platform asks for one: DXtrade")] = None
    api_template: Annotated[
        Template | None, Setting("JSON file with the calls of a platform of kind `http`, and what it can do")
    ] = None
