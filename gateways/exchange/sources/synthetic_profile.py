"""What an instrument of a synthetic market does where the config says nothing, and what it says in its place."""

import msgspec

from gateways.exchange.spec import SyntheticProfile, SyntheticSourceSpec
from messages.instruments import Instrument, InstrumentType


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A `SyntheticProfile` with every value filled in; the meanings are told there."""

    spread_bps: float
    basis_bps: float = 0.0
    basis_volatility_bps: float = 0.0
    basis_half_life_s: float = 10.0
    carry_bps_annual: float = 0.0
    noise_bps: float
    noise_half_life_s: float = 4.0
    lag_ms: float
    events_per_second: float = 0.0
    level_notional: float
    level_spacing_bps: float = 1.0
    trade_notional_ratio: float = 0.1


DEFAULTS = {
    InstrumentType.SPOT: Profile(spread_bps=1.0, noise_bps=1.5, lag_ms=50.0, level_notional=25_000.0),
    InstrumentType.PERPETUAL: Profile(
        spread_bps=0.8,
        basis_bps=5.0,
        basis_volatility_bps=12.0,
        noise_bps=0.5,
        lag_ms=0.0,
        level_notional=40_000.0,
    ),
    InstrumentType.FUTURE: Profile(
        spread_bps=1.5,
        basis_volatility_bps=8.0,
        basis_half_life_s=15.0,
        carry_bps_annual=600.0,
        noise_bps=0.5,
        lag_ms=100.0,
        level_notional=20_000.0,
    ),
}


def resolve(instrument: Instrument, spec: SyntheticSourceSpec) -> Profile:
    """The profile of one instrument: its own values, else the source's rate, else the defaults of its type."""
    stated = msgspec.structs.asdict(spec.profiles.get(instrument.symbol, SyntheticProfile()))
    values = {name: value for name, value in stated.items() if value is not None}
    return msgspec.structs.replace(DEFAULTS[instrument.type], **{"events_per_second": spec.events_per_second, **values})
