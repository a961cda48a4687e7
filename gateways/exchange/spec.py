"""What the exchange process is told: its venues and their sources. The config file decodes into these too."""

from decimal import Decimal
from typing import Annotated

import msgspec

from messages.instruments import Instrument

Positive = Annotated[float, msgspec.Meta(gt=0.0, le=1e15)]
NonNegative = Annotated[float, msgspec.Meta(ge=0.0, le=1e15)]


class RecordedSourceSpec(msgspec.Struct, frozen=True, tag_field="kind", tag="recorded", forbid_unknown_fields=True):
    """Recorded market data.

    :param format: `binance-stream`.
    :param market: spot | usdm | coinm: whose rule joins the snapshot to the diffs.
    :param files: read one after the other, as one stream.
    :param speed: 1 = as recorded, 10 = ten times, 0 = as fast as the slowest reader keeps up.
    """

    format: str
    market: str
    files: tuple[str, ...]
    speed: NonNegative = 1.0


class AssetSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The efficient price of one asset of a synthetic market, in the reporting currency."""

    price: Positive = 60_000.0
    volatility_annual: NonNegative = 0.5


class SyntheticSourceSpec(msgspec.Struct, frozen=True, tag_field="kind", tag="synthetic", forbid_unknown_fields=True):
    """A synthetic market. Venues whose sources have the same seed share their assets' efficient prices."""

    seed: int = 1
    speed: Positive = 1.0
    assets: dict[str, AssetSpec] = msgspec.field(default_factory=dict)


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
