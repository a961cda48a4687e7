"""What the exchange process is told: its venues and their sources. The config file decodes into these too."""

from decimal import Decimal
from typing import Annotated

import msgspec

from actors.runtime.spec import ChildSpec
from gateways.exchange.feed_spec import Feed
from messages.instruments import Instrument

Positive = Annotated[float, msgspec.Meta(gt=0.0, le=1e15)]
NonNegative = Annotated[float, msgspec.Meta(ge=0.0, le=1e15)]


class RecordedSourceSpec(msgspec.Struct, frozen=True, tag_field="kind", tag="recorded", forbid_unknown_fields=True):
    """Recorded market data.

    It is either one feed of the venue's only instrument, by `format`, `files` and, for `binance-stream`, `market`; or
    any number of `feeds`.

    :param speed: 1 = as recorded, 10 = ten times, 0 = as fast as the slowest reader keeps up.
    """

    format: str = ""
    market: str = ""
    files: tuple[str, ...] = ()
    speed: NonNegative = 1.0
    feeds: tuple[Feed, ...] = ()

    @property
    def feed_specs(self) -> tuple[Feed, ...]:
        """The feeds, whichever way they were written.

        :raises ValueError: the one feed is of no format, or has not the keys of its format.
        """
        if self.feeds:
            return self.feeds
        table = {"format": self.format, "files": self.files} | ({"market": self.market} if self.market else {})
        return (msgspec.convert(table, Feed),)


class AssetSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The efficient price of one asset of a synthetic market, in the reporting currency (US dollars).

    None stands for the default of that asset (`docs/synthetic_market.md`).

    :param volatility_annual: of the log price, per square root of a year, averaged over both regimes.
    :param half_life_s: of the way back to `price`; 0 for a random walk without one.
    :param active_volatility_ratio: volatility of the active regime, as a multiple of that of the calm one.
    :param calm_s: mean duration of the calm regime; `active_s` likewise.
    """

    price: Positive | None = None
    volatility_annual: Annotated[float, msgspec.Meta(ge=0.0, le=10.0)] | None = None
    half_life_s: NonNegative | None = None
    active_volatility_ratio: Annotated[float, msgspec.Meta(ge=1.0, le=100.0)] = 3.0
    calm_s: Annotated[float, msgspec.Meta(ge=1.0, le=1e6)] = 60.0
    active_s: Annotated[float, msgspec.Meta(ge=1.0, le=1e6)] = 20.0


class SyntheticProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one instrument of a synthetic market behaves. None stands for the default of the instrument's type.

    :param spread_bps: of the book at rest, best ask over best bid.
    :param basis_bps: mean of the basis of a derivative; `basis_volatility_bps` its stationary standard deviation.
    :param basis_half_life_s: of a deviation of the basis from its mean.
    :param carry_bps_annual: added to the mean basis of a dated future, times the years left to its expiry.
    :param noise_bps: stationary standard deviation of this venue's own error about the price.
    :param lag_ms: by which this venue sees the efficient price late.
    :param events_per_second: of book changes, quotes and trades together, on average.
    :param level_notional: mean size of the touch, in the reporting currency; deeper levels are larger.
    :param level_spacing_bps: distance between the levels behind the touch.
    :param trade_notional_ratio: median size of a trade, as a ratio of `level_notional`.
    """

    spread_bps: Annotated[float, msgspec.Meta(gt=0.0, le=1_000.0)] | None = None
    basis_bps: Annotated[float, msgspec.Meta(ge=-5_000.0, le=5_000.0)] | None = None
    basis_volatility_bps: Annotated[float, msgspec.Meta(ge=0.0, le=1_000.0)] | None = None
    basis_half_life_s: Annotated[float, msgspec.Meta(gt=0.0, le=1e9)] | None = None
    carry_bps_annual: Annotated[float, msgspec.Meta(ge=-5_000.0, le=5_000.0)] | None = None
    noise_bps: Annotated[float, msgspec.Meta(ge=0.0, le=1_000.0)] | None = None
    noise_half_life_s: Annotated[float, msgspec.Meta(gt=0.0, le=1e9)] | None = None
    lag_ms: Annotated[float, msgspec.Meta(ge=0.0, le=10_000.0)] | None = None
    events_per_second: Annotated[float, msgspec.Meta(gt=0.0, le=100_000.0)] | None = None
    level_notional: Annotated[float, msgspec.Meta(gt=0.0, le=1e12)] | None = None
    level_spacing_bps: Annotated[float, msgspec.Meta(gt=0.0, le=1_000.0)] | None = None
    trade_notional_ratio: Annotated[float, msgspec.Meta(gt=0.0, le=100.0)] | None = None


class SyntheticSourceSpec(msgspec.Struct, frozen=True, tag_field="kind", tag="synthetic", forbid_unknown_fields=True):
    """A synthetic market. Venues whose sources have the same seed share their assets' efficient prices, as long as
    their `assets` agree too.

    :param events_per_second: of each instrument that its profile gives no rate of its own.
    :param levels: of each side of a book.
    :param funding_interval_minutes: of every perpetual, in place of its own interval; 0 leaves that as it is.
    :param profiles: by symbol.
    """

    seed: int = 1
    speed: Positive = 1.0
    assets: dict[str, AssetSpec] = msgspec.field(default_factory=dict)
    events_per_second: Annotated[float, msgspec.Meta(gt=0.0, le=100_000.0)] = 15.0
    levels: Annotated[int, msgspec.Meta(ge=1, le=50)] = 10
    funding_interval_minutes: Annotated[int, msgspec.Meta(ge=0, le=10_080)] = 0
    profiles: dict[str, SyntheticProfile] = msgspec.field(default_factory=dict)


SourceSpec = RecordedSourceSpec | SyntheticSourceSpec


class VenueSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One simulated venue.

    :param latency_ms: from a request's arrival at the venue to its effect, in market time.
    :param latency_jitter_ms: mean of an exponential addition to it, drawn from `seed`.
    :param depth_levels: levels published on each side of a book.
    """

    id: str
    instruments: tuple[Instrument, ...]
    balances: dict[str, Decimal]
    source: SourceSpec
    latency_ms: NonNegative = 5.0
    latency_jitter_ms: NonNegative = 0.0
    depth_levels: Annotated[int, msgspec.Meta(ge=1, le=50)] = 10
    seed: int = 1


class ExchangeSpec(ChildSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The exchange process.

    :param orders_endpoint: where it binds the ROUTER for gateways.
    :param data_endpoints: by venue id: where it binds the XPUB of that venue's market data.
    """

    venues: tuple[VenueSpec, ...]
    orders_endpoint: str
    data_endpoints: dict[str, str]
