"""The reference of all settings: one row a variable, made from their declarations."""

from dataclasses import dataclass

from config.contract_months import EXPECTED as CONTRACT_EXPECTED
from config.contract_months import SUFFIX as CONTRACT_SUFFIX
from config.groups import FirmSettings, ProgramSettings, ServiceSettings
from config.point_values import EXPECTED as POINT_VALUE_EXPECTED
from config.point_values import SUFFIX as POINT_VALUE_SUFFIX
from config.reading import Group, setting_fields, shown_default
from config.routing import PROGRAM_IDS, ROUTE_TO_FIRMS
from config.webhook_keys import EXPIRES, EXPIRES_EXPECTED, SECRET, SECRET_EXPECTED, SIGNING_KEY

FIRM_PREFIX = "{FIRM}_"
PROGRAM_PREFIX = "{FIRM}_{ID}_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One setting as people look it up. ``name`` may hold {FIRM}, {ID} and {SYMBOL}; no default is an empty text."""

    name: str
    default: str
    meaning: str
    expected: str
    secret: bool = False


def variables() -> tuple[Variable, ...]:
    """Return every setting there is: the service's, the routing, a firm's, an account's, a symbol's."""
    return (
        *_of_group(ServiceSettings, ""),
        *_webhook_keys(),
        Variable(
            name=ROUTE_TO_FIRMS,
            default="",
            meaning="Firms that signals are routed to, separated by commas, in this order",
            expected="firm codes such as FTMO,APEX",
        ),
        Variable(
            name=FIRM_PREFIX + PROGRAM_IDS,
            default="",
            meaning="The owner's programs at the firm, by numbers of the owner's choice, separated by commas",
            expected="whole numbers from 1, each once, such as 1,2",
        ),
        *_of_group(FirmSettings, FIRM_PREFIX),
        *_of_group(ProgramSettings, PROGRAM_PREFIX),
        Variable(
            name="{SYMBOL}" + POINT_VALUE_SUFFIX,
            default="the exchange's",
            meaning="Dollars for one point of the chart and one contract; `_` for each character of the symbol "
            "that is no letter or digit",
            expected=POINT_VALUE_EXPECTED,
        ),
        Variable(
            name="{SYMBOL}" + CONTRACT_SUFFIX,
            default="the front month",
            meaning="Contract that the symbol and its micro mean where a signal names no month",
            expected=CONTRACT_EXPECTED,
        ),
    )


def _webhook_keys() -> tuple[Variable, ...]:
    labelled, signing = f"{SECRET}_{{LABEL}}", f"{SIGNING_KEY}_{{LABEL}}"
    end = "When it ends; unset: never. Exits that come with it afterwards are refused, too"
    one_more = "One more secret beside `WEBHOOK_SECRET`, to change over without a gap"
    key = "Key with which a sender that shows no secret signs: header `X-Webhook-Signature: t=...,v1=...`"
    return (
        Variable(name=labelled, default="", meaning=one_more, expected=SECRET_EXPECTED, secret=True),
        Variable(name=SECRET + EXPIRES, default="", meaning=end, expected=EXPIRES_EXPECTED),
        Variable(name=labelled + EXPIRES, default="", meaning=end, expected=EXPIRES_EXPECTED),
        Variable(name=SIGNING_KEY, default="", meaning=key, expected="a text", secret=True),
        Variable(name=signing, default="", meaning=key, expected="a text", secret=True),
        Variable(name=SIGNING_KEY + EXPIRES, default="", meaning=end, expected=EXPIRES_EXPECTED),
        Variable(name=signing + EXPIRES, default="", meaning=end, expected=EXPIRES_EXPECTED),
    )


def settings_table() -> str:
    """Return the reference as a Markdown table: variable, default, meaning, what is accepted."""
    rows = ["| variable | default | meaning | accepted |", "| --- | --- | --- | --- |"]
    for variable in variables():
        default = f"`{variable.default}`" if variable.default else ""
        accepted = f"{variable.expected}; secret" if variable.secret else variable.expected
        rows.append(f"| `{variable.name}` | {default} | {variable.meaning} | {accepted} |")
    return "\n".join(rows) + "\n"


def _of_group(group: Group, prefix: str) -> list[Variable]:
    return [
        Variable(
            name=prefix + entry.suffix,
            default=shown_default(entry),
            meaning=entry.declared.meaning,
            expected=entry.expected,
            secret=entry.secret,
        )
        for entry in setting_fields(group)
    ]
