"""The shape of a cluster's config: one struct for each table of its TOML file. Names of keys are a contract."""

import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from gateways.exchange.spec import SourceSpec, VenueSpec
from gateways.gate.gate_limits import GateLimits
from gateways.gate.rate_limits import RULES_MAX, RateRule
from gateways.spec import LEASE_TTL_MS_MAX, LEASE_TTL_MS_MIN
from messages.instruments import ONE, Instrument, InstrumentType
from messages.risk import DeathPolicy
from supervisor.config.risk import RiskConfig

NAME_LENGTH_MAX = 32
SYMBOL_LENGTH_MAX = 31
"""Symbol, dot and gateway id make an instrument id of at most 64 characters."""

GATEWAYS_MAX = 32
STRATEGIES_MAX = 128
INSTRUMENTS_MAX = 256
FEE_BPS_MAX = 1_000
DEADLINE_MS_MAX = 600_000
LEDGER_SCHEMES = ("sqlite", "postgresql")

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)

Name = Annotated[
    str,
    Meta(
        pattern=rf"^[A-Za-z0-9][A-Za-z0-9-]{{0,{NAME_LENGTH_MAX - 1}}}\Z",
        extra={"expected": f"1 to {NAME_LENGTH_MAX} letters, digits and -, not opening with -"},
    ),
]
"""The id of a cluster, gateway or strategy: part of file names, socket names and order ids."""

Symbol = Annotated[
    str,
    Meta(
        pattern=rf"^[A-Za-z0-9_/:.-]{{1,{SYMBOL_LENGTH_MAX}}}\Z",
        extra={"expected": f"1 to {SYMBOL_LENGTH_MAX} letters, digits and _ / : . -"},
    ),
]
Currency = Annotated[
    str,
    Meta(pattern=r"^[A-Za-z0-9]{1,16}\Z", extra={"expected": "a currency such as USDT: 1 to 16 letters and digits"}),
]
PositiveDecimal = Annotated[Decimal, Meta(extra={"above": "0"})]
UnsignedDecimal = Annotated[Decimal, Meta(extra={"least": "0"})]
FeeBps = Annotated[
    Decimal, Meta(extra={"least": str(-FEE_BPS_MAX), "most": str(FEE_BPS_MAX), "accepts_float": True})
]  # fmt: skip
"""Basis points of notional; negative = rebate."""

Cpus = tuple[Annotated[int, Meta(ge=0, le=1023)], ...]
DeadlineMs = Annotated[int, Meta(ge=0, le=DEADLINE_MS_MAX)]
LatencyMs = Annotated[float, Meta(ge=0.0, le=60_000.0)]
BackoffS = Annotated[float, Meta(ge=0.0, le=3_600.0)]


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The base of every table: an unknown key is a mistake, never ignored."""


class ClusterConfig(Table, frozen=True):
    """`[cluster]`: its name, and how its processes are watched, restarted and stopped.

    :param heartbeat_timeout_ms: a process silent for so long is killed and restarted.
    :param restarts_max: more restarts than this within `restart_period_s` end in quarantine.
    :param backoff_min_s: wait before the second restart of a row (the first is at once); doubled for each further one,
        up to `backoff_max_s`.
    :param drain_deadline_ms: for strategies to cancel and settle, when the cluster stops.
    :param stop_deadline_ms: for a process to end by itself, before it is killed.
    :param lease_ttl_ms: how long a gateway lets trade without the supervisor's word, and keeps the orders of a strategy
        that it does not hear of.
    :param curve: encrypt and authenticate every link with the keys in the state directory. False is for benches.
    """

    name: Name
    heartbeat_interval_ms: Annotated[int, Meta(ge=10, le=10_000)] = 100
    heartbeat_timeout_ms: Annotated[int, Meta(ge=50, le=60_000)] = 2_000
    restarts_max: Annotated[int, Meta(ge=0, le=1_000)] = 3
    restart_period_s: Annotated[float, Meta(gt=0.0, le=86_400.0)] = 60.0
    backoff_min_s: BackoffS = 0.5
    backoff_max_s: BackoffS = 30.0
    drain_deadline_ms: DeadlineMs = 3_000
    stop_deadline_ms: DeadlineMs = 3_000
    lease_ttl_ms: Annotated[int, Meta(ge=LEASE_TTL_MS_MIN, le=LEASE_TTL_MS_MAX)] = 1_000
    curve: bool = True

    def __post_init__(self) -> None:
        if self.heartbeat_timeout_ms < 2 * self.heartbeat_interval_ms:
            raise ValueError(
                f"heartbeat_timeout_ms is {self.heartbeat_timeout_ms}, less than two heartbeats "
                f"of {self.heartbeat_interval_ms} ms"
            )
        if self.backoff_max_s < self.backoff_min_s:
            raise ValueError(
                f"backoff_max_s is {self.backoff_max_s:g}, less than backoff_min_s, {self.backoff_min_s:g}"
            )


class InstrumentConfig(Table, frozen=True):
    """`[[gateways.instruments]]`: what is traded at the venue, by the venue's own rules.

    :param multiplier: contract size: base currency (linear) or quote currency (inverse).
    :param settle: currency of margin and PnL; left out: quote for linear, base for inverse contracts.
    :param expiry: last trade of a dated future.
    """

    symbol: Symbol
    type: InstrumentType
    base: Currency
    quote: Currency
    tick_size: PositiveDecimal
    lot_size: PositiveDecimal
    min_notional: UnsignedDecimal = Decimal(0)
    min_quantity: UnsignedDecimal = Decimal(0)
    max_quantity: PositiveDecimal | None = None
    maker_fee_bps: FeeBps = Decimal(0)
    taker_fee_bps: FeeBps = Decimal(0)
    fee_currency: Currency | None = None
    inverse: bool = False
    multiplier: PositiveDecimal = ONE
    settle: Currency | None = None
    expiry: Annotated[datetime.datetime, Meta(tz=True)] | None = None
    funding_interval_hours: Annotated[int, Meta(ge=0, le=168)] = 0

    @property
    def settle_currency(self) -> str:
        return self.settle or (self.base if self.inverse else self.quote)

    @property
    def expiry_ns(self) -> int:
        """Nanoseconds since the epoch; 0 for no expiry."""
        if self.expiry is None:
            return 0
        since_epoch = self.expiry - _EPOCH
        return (since_epoch.days * 86_400 + since_epoch.seconds) * 1_000_000_000 + since_epoch.microseconds * 1_000

    def at(self, venue: str) -> Instrument:
        """The instrument at the gateway of this id."""
        return Instrument(
            symbol=self.symbol,
            venue=venue,
            type=self.type,
            base=self.base,
            quote=self.quote,
            settle=self.settle_currency,
            tick_size=self.tick_size,
            lot_size=self.lot_size,
            inverse=self.inverse,
            multiplier=self.multiplier,
            min_quantity=self.min_quantity,
            max_quantity=self.max_quantity,
            min_notional=self.min_notional,
            maker_fee_bps=self.maker_fee_bps,
            taker_fee_bps=self.taker_fee_bps,
            fee_currency=self.fee_currency or "",
            expiry_ns=self.expiry_ns,
            funding_interval_hours=self.funding_interval_hours,
        )


class GatewayConfig(Table, frozen=True):
    """`[[gateways]]`: one account at one venue. The kind `simulated` trades at a venue of the exchange process.

    :param latency_ms: from a request's arrival at the venue to its effect, in market time.
    :param latency_jitter_ms: mean of an exponential addition to it, drawn from `seed`.
    :param depth_levels: levels published on each side of a book.
    :param cpus: the process runs on these processors only; empty: on any.
    :param balances: what the account holds at first, by currency.
    :param rate_limits: the venue's rules for how much may be sent; none: everything leaves at once.
    :param checks: the bounds of its order gate.
    """

    id: Name
    kind: Literal["simulated"]
    source: SourceSpec
    instruments: Annotated[tuple[InstrumentConfig, ...], Meta(min_length=1, max_length=INSTRUMENTS_MAX)]
    balances: dict[Currency, UnsignedDecimal] = msgspec.field(default_factory=dict)
    latency_ms: LatencyMs = 5.0
    latency_jitter_ms: LatencyMs = 0.0
    depth_levels: Annotated[int, Meta(ge=1, le=50)] = 10
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 1
    cpus: Cpus = ()
    rate_limits: Annotated[tuple[RateRule, ...], Meta(max_length=RULES_MAX)] = ()
    checks: GateLimits = GateLimits()

    def venue_spec(self) -> VenueSpec:
        """What the exchange process is to simulate for this gateway: a venue of the same id."""
        return VenueSpec(
            id=self.id,
            instruments=tuple(instrument.at(self.id) for instrument in self.instruments),
            balances=self.balances,
            source=self.source,
            latency_ms=self.latency_ms,
            latency_jitter_ms=self.latency_jitter_ms,
            depth_levels=self.depth_levels,
            seed=self.seed,
        )


class StrategyConfig(Table, frozen=True):
    """`[[strategies]]`: one strategy in a process of its own.

    :param priority: 1 (last) to 10 (first), where something scarce is shared out.
    :param enabled: False: checked, but not started.
    :param on_death: what is done with its position when it is dead for good or hung; its orders are cancelled anyway.
    :param parameters: of the type that the strategy's kind has for them.
    """

    id: Name
    kind: str
    priority: Annotated[int, Meta(ge=1, le=10)] = 5
    enabled: bool = True
    cpus: Cpus = ()
    on_death: DeathPolicy = DeathPolicy.HOLD
    parameters: Any = msgspec.field(default_factory=dict)  # Any: each kind has a type of its own


class LedgerConfig(Table, frozen=True):
    """`[ledger]`: the database in which orders, fills, positions, profit, commands and the audit are kept.

    :param url: `sqlite:///FILE` (relative to the state directory) or `postgresql://USER:PASSWORD@HOST/DATABASE`; left
        out: the file `ledger.db` in the state directory. Take a password from the environment: `${NAME}`.
    """

    url: str = ""

    def __post_init__(self) -> None:
        scheme, colon, _ = self.url.partition("://")
        if self.url and (not colon or scheme.partition("+")[0] not in LEDGER_SCHEMES):
            raise ValueError("url is none of " + ", ".join(f"{name}://..." for name in LEDGER_SCHEMES))


class Config(Table, frozen=True):
    """A whole cluster.

    :param risk: left out: nothing is limited; leases are granted all the same, and end without the supervisor.
    """

    cluster: ClusterConfig
    gateways: Annotated[tuple[GatewayConfig, ...], Meta(min_length=1, max_length=GATEWAYS_MAX)]
    strategies: Annotated[tuple[StrategyConfig, ...], Meta(max_length=STRATEGIES_MAX)] = ()
    ledger: LedgerConfig = LedgerConfig()
    risk: RiskConfig | None = None
