"""How the settings of the doors are read: addresses, expiries, counts, hashes of passwords."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import BeforeValidator, Field

from config.kinds import Expected

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# The addresses from which TradingView posts; it does not post over IPv6.
# https://www.tradingview.com/support/solutions/43000529348, read 2026-11-21.
TRADINGVIEW = ("52.89.214.238", "34.212.75.30", "54.218.53.128", "52.32.178.7")
PRESETS = {"tradingview": TRADINGVIEW}

# What werkzeug.security.generate_password_hash makes: method with its costs, salt, digest in hex.
PASSWORD_HASH = re.compile(r"(scrypt|pbkdf2)(:[a-z0-9]+)+\$[A-Za-z0-9./]+\$[0-9a-f]{64,128}", re.ASCII)


def _networks(text: str) -> tuple[Network, ...] | None:
    found: list[Network] = []
    for part in text.split(","):
        name = part.strip()
        if name:
            found += [ipaddress.ip_network(address) for address in PRESETS.get(name.lower(), (name,))]
    return tuple(dict.fromkeys(found)) or None


def _password_hash(text: str) -> str | None:
    value = text.strip()
    if value and PASSWORD_HASH.fullmatch(value) is None:
        raise ValueError("not a hash")
    return value or None


Networks = Annotated[
    tuple[Network, ...] | None,
    BeforeValidator(_networks),
    Expected("tradingview, addresses and networks separated by commas, such as tradingview,203.0.113.7,2001:db8::/32"),
]
Proxies = Annotated[int, Field(ge=0, le=10), Expected("a whole number from 0 to 10")]
AMinute = Annotated[int, Field(ge=1, le=100_000), Expected("a whole number a minute from 1 to 100000, such as 60")]
PasswordHash = Annotated[
    str | None, BeforeValidator(_password_hash), Expected("the line that python -m config hash-password prints")
]
