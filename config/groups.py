"""The settings, each declared once: its type, its default, its variable and its meaning.

Reading (``config.reading``), the printout (``python -m config``) and the reference (``config.variables``) all work
from these declarations. A variable's name is the prefix of its group and the field's name in capitals, unless the
declaration says otherwise. A field that stays out of ``repr`` holds a secret.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from config.alert_settings import AlertSettings
from config.declared import Setting, operational
from config.door_settings import DoorSettings
from config.kinds import (
    Acknowledgement,
    Contracts,
    Count,
    DatabaseUrl,
    Directory,
    Dollars,
    DryRun,
    Fraction,
    LogFormat,
    LogLevel,
    OnOff,
    PlatformName,
    Port,
    Reserve,
    RuleSetName,
    Seconds,
    Sessions,
    SignedDollars,
    SymbolMap,
    WholeSeconds,
    Word,
)
from config.login_settings import LoginSettings


@dataclass(frozen=True, kw_only=True)
class RouterSettings:
    """Settings of the whole service but those of its doors. Times in seconds."""

    dry_run: Annotated[
        DryRun,
        operational(
            "Dry-run: every order is decided and recorded, none is sent. "
            "Live only for exactly `false`, `0`, `no` or `off`",
            variable="EXECUTION_DRY_RUN",
        ),
    ] = True
    database_url: Annotated[DatabaseUrl, Setting("Address of the PostgreSQL; unset: an embedded one in `DATA_DIR`")] = (
        field(default=None, repr=False)
    )
    database_direct_url: Annotated[
        DatabaseUrl,
        Setting(
            "Where `DATABASE_URL` is a pooler in transaction mode: address of the PostgreSQL itself, for what needs a "
            "session (wake-ups, the leader's lock, the schema); unset: `DATABASE_URL`"
        ),
    ] = field(default=None, repr=False)
    data_dir: Annotated[Directory, operational("Directory of the embedded database")] = Path(".data")
    # A container is reached from outside it, so the default listens on every address.
    host: Annotated[Word, operational("Address on which the web process listens")] = "0.0.0.0"  # noqa: S104
    port: Annotated[Port, operational("Port on which the web process listens; 0: any free one")] = 5000
    router_enabled: Annotated[
        OnOff, operational("Whether the web process routes too; `false` where separate workers do")
    ] = True
    poll_interval: Annotated[
        Seconds,
        operational("Seconds between looks at the queue when nothing wakes the router", "ROUTER_POLL_INTERVAL"),
    ] = 2.0
    batch_size: Annotated[
        Count,
        operational(
            "Tasks taken from the queue at a time; in dry-run up to five times as many while it is long",
            "ROUTER_BATCH_SIZE",
        ),
    ] = 20
    task_lease: Annotated[
        Seconds,
        operational("Seconds after which the task of a router that died is taken over", "TASK_LEASE_SECONDS"),
    ] = 10.0
    task_max_attempts: Annotated[Count, operational("Attempts before a failing task is set aside as `FAILED`")] = 5
    task_retry_base: Annotated[
        Seconds,
        operational(
            "Seconds before the second attempt; doubles with each further one, up to a cap",
            variable="TASK_RETRY_BASE_SECONDS",
        ),
    ] = 1.0
    entry_max_age: Annotated[WholeSeconds, Setting("Seconds after which an entry is too old to be placed")] = 120
    exit_max_age: Annotated[WholeSeconds, Setting("Seconds after which an exit is too old to be sent")] = 86400
    connector_timeout: Annotated[
        Seconds,
        operational("Seconds after which a platform that does not answer is given up", "CONNECTOR_TIMEOUT_SECONDS"),
    ] = 10.0
    send_max_attempts: Annotated[
        Count, operational("Attempts to send an order that certainly never reached the platform")
    ] = 8
    send_retry_base: Annotated[
        Seconds,
        operational(
            "Seconds before the second attempt to send; doubles with each further one, up to a cap",
            variable="SEND_RETRY_BASE_SECONDS",
        ),
    ] = 0.5
    reconcile_interval: Annotated[
        Seconds,
        operational("Seconds between comparisons of our record with the platforms'", "RECONCILE_SECONDS"),
    ] = 60.0
    default_symbol: Annotated[Word, Setting("Symbol of a signal that names none")] = "NQ"
    allow_unknown_account_state: Annotated[
        OnOff,
        operational("Live: whether an account may enter while figures that its limits need are unknown or stale"),
    ] = False
    account_state_max_age: Annotated[WholeSeconds, Setting("Seconds after which an account's figures are stale")] = 300
    account_poll_interval: Annotated[
        Seconds,
        operational("Seconds between questions to live firms for their accounts' figures", "ACCOUNT_POLL_SECONDS"),
    ] = 15.0
    database_pool_size: Annotated[
        Count, operational("Database connections of a web process for webhooks; it has 21 more, a worker 13")
    ] = 10
    web_threads: Annotated[Count, operational("Requests that the web process serves at a time")] = 64
    log_level: Annotated[
        LogLevel,
        operational("Least severe log line: `DEBUG`, `INFO`, `WARNING`, `ERROR` or `CRITICAL`"),
    ] = "INFO"
    log_format: Annotated[
        LogFormat, operational("Form of log lines: `human` or `json`; on Railway `json` unless it is set")
    ] = "human"


@dataclass(frozen=True, kw_only=True)
class ServiceSettings(AlertSettings, DoorSettings, RouterSettings):
    """Settings of the whole service."""


@dataclass(frozen=True, kw_only=True)
class FirmSettings(LoginSettings):
    """What the owner set for one firm. A limit that is None is not set, or is reported as an error."""

    code: str
    program_ids: tuple[int, ...] = ()
    platform: Annotated[
        PlatformName | None,
        Setting("Trading platform of the firm's accounts; unset: the firm's own in `config/firms`"),
    ] = None
    symbol_map: Annotated[
        SymbolMap | None,
        Setting("The venue's symbols for ours, and how many of its lots one contract is; where CFDs are traded"),
    ] = None
    max_position_size: Annotated[
        Contracts | None, Setting("Most contracts in one order of any program of the firm")
    ] = None
    max_daily_loss: Annotated[
        Dollars | None, Setting("Loss of one day in dollars, all programs together, that stops entries")
    ] = None
    max_total_loss: Annotated[
        Dollars | None, Setting("Total loss in dollars, all programs together, that stops entries")
    ] = None
    dry_run: Annotated[
        DryRun | None,
        Setting(
            "`true` keeps this firm in dry-run while others are live; it never makes a firm live by itself",
            unreadable=True,
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class ProgramSettings(LoginSettings):
    """What the owner set for one account, and the figures of it that the environment gives.

    The figures (from ``equity`` on) are validated here and applied by the account state.
    """

    rule_set: Annotated[
        RuleSetName | None,
        Setting("The firm's rules for the account's program; the limits below may tighten them, not loosen them"),
    ] = None
    dry_run: Annotated[
        DryRun | None,
        Setting(
            "`true` keeps this account in dry-run while others are live; it never makes an account live by itself",
            unreadable=True,
        ),
    ] = None
    policy_ack: Annotated[
        Acknowledgement | None,
        Setting(
            "On what ground the owner trades live although the firm's stated policy does not plainly allow automated "
            "orders from a server, such as its consent in writing; goes on record, and lifts no rule of the firm"
        ),
    ] = None
    use_micros: Annotated[
        OnOff | None,
        Setting("`true` trades the micro of the signal's instrument, at its ratio: 2 NQ become 20 MNQ"),
    ] = None
    stop_required: Annotated[
        OnOff | None,
        Setting("`true` refuses entries of this account that carry no stop to the venue", unreadable=True),
    ] = None
    account_size: Annotated[Dollars | None, Setting("Size of the account in dollars, from which trades are sized")] = (
        None
    )
    risk_per_trade: Annotated[
        Fraction | None, Setting("Part of the account size risked by one trade, a fraction: `0.01` is 1 %")
    ] = None
    max_contracts: Annotated[Contracts | None, Setting("Most contracts in one order of this account")] = None
    max_daily_loss: Annotated[
        Dollars | None, Setting("Loss of one day in dollars that stops entries of this account")
    ] = None
    max_total_loss: Annotated[Dollars | None, Setting("Total loss in dollars that stops entries of this account")] = (
        None
    )
    max_drawdown: Annotated[
        Dollars | None, Setting("Fall below the account's peak in dollars that stops its entries")
    ] = None
    allowed_sessions: Annotated[
        Sessions | None,
        Setting("Sessions in which the account may enter, separated by commas; unset: all"),
    ] = None
    max_risk_per_trade_pct: Annotated[
        Fraction | None, Setting("Most of the equity that one order may lose at its stop, a fraction")
    ] = None
    buffer: Annotated[
        Reserve | None, Setting("Reserve in dollars that the worst case of an entry may not touch; unset: none")
    ] = None
    starting_balance: Annotated[
        Dollars | None,
        Setting("Balance in dollars from which the daily loss limit on equity is counted; a rule set has its own"),
    ] = None
    account_name: Annotated[
        Word | None,
        operational(
            "Name or number of the account on its platform: orders go to it, an add-on such as NinjaTrader's reports it"
        ),
    ] = None
    equity: Annotated[SignedDollars | None, Setting("Equity in dollars, while no better source is known")] = None
    balance: Annotated[SignedDollars | None, Setting("Balance in dollars, while no better source is known")] = None
    day_pl: Annotated[
        SignedDollars | None,
        Setting("Profit of the day in dollars, negative for a loss, while no better source is known"),
    ] = None
    total_pl: Annotated[
        SignedDollars | None,
        Setting("Total profit in dollars, negative for a loss, while no better source is known"),
    ] = None
    drawdown: Annotated[
        SignedDollars | None,
        Setting("Drawdown in dollars, negative, while no better source is known"),
    ] = None
    paused: Annotated[
        OnOff | None,
        Setting("`true` stops the entries of this account; its exits go on", unreadable=True),
    ] = None
    peak_equity: Annotated[
        SignedDollars | None,
        Setting("Highest equity in dollars, while no better source is known"),
    ] = None

    def limits(self) -> dict[str, Decimal | int]:
        """Return the limits that are set: contracts and dollars, by field name."""
        named: dict[str, Decimal | int | None] = {
            "max_contracts": self.max_contracts,
            "max_daily_loss": self.max_daily_loss,
            "max_total_loss": self.max_total_loss,
            "max_drawdown": self.max_drawdown,
        }
        return {name: limit for name, limit in named.items() if limit is not None}
