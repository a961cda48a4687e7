"""The parameters of a futures-futures pair, their ranges, and the mistakes that only show in combination."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from math import log2
from typing import Annotated, Literal

import msgspec

from actors.analytics.funding import NS_PER_HOUR
from actors.analytics.spread_statistics import StatisticsTerms
from actors.strategies.futures_futures.spread_signal import NEVER, SpreadTerms
from actors.strategies.pair.commands import PairParameters
from actors.strategies.pair.parameters import (
    IN_ORDER,
    Attempts,
    Bps,
    Milliseconds,
    Order,
    PositiveMilliseconds,
    TwoLegParameters,
    order_faults,
    pair_parameters_of,
    quantity_faults,
)
from messages.instruments import Instrument, InstrumentType

NS_PER_MS = 1_000_000
NS_PER_MINUTE = 60_000 * NS_PER_MS
MINUTES_AN_HOUR = 60

ORDERS: tuple[Order, ...] = (
    ("z_exit", "less than", "z_enter"),
    ("z_enter", "less than", "z_stop"),
    ("samples_min", "at most", "lookback"),
    ("sample_ms", "at most", "quote_age_max_ms"),
)

PositiveBps = Annotated[float, msgspec.Meta(gt=0, le=10_000)]
Deviations = Annotated[float, msgspec.Meta(ge=0, le=100)]
Samples = Annotated[int, msgspec.Meta(ge=10, le=100_000)]


class FuturesFuturesParameters(TwoLegParameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Parameters of a futures-futures pair, beside those of every pair.

    :param near: instrument id of the contract that ends first, or of a perpetual.
    :param far: instrument id of the contract that ends last, or of a perpetual where near is one too.
    :param hedge_ratio: base of the far leg for each base of the near one.
    :param rule: statistics (deviations from the mean) or fixed (a spread in bps).
    :param statistics: weights of the samples: rolling (a window, all alike) or ewma (old ones fade).
    :param lookback: samples in the window, or span of the exponential weights.
    :param samples_min: samples before the first entry.
    :param sample_interval_ms: between two samples, in market time.
    :param sample_ms: how far apart the quotes of one sample may be, in market time.
    :param z_enter: standard deviations from the mean to enter at.
    :param z_exit: standard deviations from the mean to leave at.
    :param z_stop: standard deviations from the mean to give up at.
    :param min_edge_bps: deviation, net of all costs, to enter at; negative ones trade at a loss on purpose.
    :param min_spread_bps: spread to enter at by the fixed rule; left at half of it.
    :param horizon_hours: over which the fixed rule expects funding; statistics have the half-life.
    :param exit_confirm: readings in a row before leaving for any reason but time.
    :param max_loss_bps: leave at this loss.
    :param profit_target_bps: leave at this profit.
    :param holding_hours_max: leave after so long.
    :param half_lives_max: leave after so many half-lives of the spread.
    :param expiry_guard_hours: no entry, and an exit, so long before either contract expires.
    :param settlement_minutes: no order at all so long before either contract expires.
    :param first_leg: which leg goes first when sequential: the less liquid one.
    """

    near: str
    far: str
    rule: Literal["statistics", "fixed"] = "statistics"
    statistics: Literal["rolling", "ewma"] = "rolling"
    lookback: Samples = 300
    samples_min: Samples = 100
    sample_interval_ms: PositiveMilliseconds = 1_000
    sample_ms: Milliseconds = 500
    z_enter: Deviations = 2.0
    z_exit: Deviations = 0.5
    z_stop: Deviations = 4.0
    min_edge_bps: Bps = 2.0
    min_spread_bps: PositiveBps = 20.0
    horizon_hours: Annotated[float, msgspec.Meta(ge=0, le=8_760)] = 8.0
    exit_confirm: Attempts = 3
    max_loss_bps: PositiveBps = 50.0
    profit_target_bps: PositiveBps = 30.0
    holding_hours_max: Annotated[float, msgspec.Meta(gt=0, le=87_600)] = 48.0
    half_lives_max: Annotated[float, msgspec.Meta(gt=0, le=1_000)] = 3.0
    expiry_guard_hours: Annotated[float, msgspec.Meta(ge=1, le=8_760)] = 24.0
    settlement_minutes: Annotated[float, msgspec.Meta(ge=0, le=1_440)] = 30.0
    first_leg: Literal["near", "far"] = "far"


# --- mistakes ----------------------------------------------------------------------------------------------------


def faults_of(parameters: FuturesFuturesParameters, instruments: Mapping[str, Instrument]) -> list[str]:
    """Every mistake that the types of the single parameters do not exclude, one sentence each."""
    faults = [*quantity_faults(parameters), *_order_faults(parameters)]
    legs = {"near": parameters.near, "far": parameters.far}
    faults += [
        f"{leg} is {name!r}, which is no instrument here; there are: {', '.join(sorted(instruments)) or 'none'}"
        for leg, name in legs.items()
        if name not in instruments
    ]
    if all(name in instruments for name in legs.values()):
        near, far = instruments[parameters.near], instruments[parameters.far]
        faults += [*_leg_faults(near, far), *_tenor_faults(near, far), *_size_faults(parameters, (near, far))]
    return faults


def _order_faults(parameters: FuturesFuturesParameters) -> Iterator[str]:
    yield from order_faults(parameters, (*ORDERS, *IN_ORDER))
    guard_minutes = parameters.expiry_guard_hours * MINUTES_AN_HOUR
    if parameters.settlement_minutes >= guard_minutes:
        yield (
            f"settlement_minutes is {parameters.settlement_minutes}, expected less than expiry_guard_hours, which is "
            f"{guard_minutes:g} minutes"
        )


def _leg_faults(near: Instrument, far: Instrument) -> Iterator[str]:
    for name, instrument in (("near", near), ("far", far)):
        if instrument.is_spot:
            yield f"{name} is {instrument.id}, a spot instrument; expected a perpetual or a dated future"
        if instrument.type is InstrumentType.FUTURE and not instrument.expiry_ns:
            yield f"{name} is {instrument.id}, a dated future without an expiry"
    if near.id == far.id:
        yield f"far is {far.id}, which is the near leg too; expected another contract"
    if near.base != far.base:
        yield f"far is in {far.base} and near in {near.base}; a spread needs the same base currency"
    if near.inverse == far.inverse and near.quote != far.quote:
        yield f"far is quoted in {far.quote} and near in {near.quote}; the spread would hold their exchange rate"


def _tenor_faults(near: Instrument, far: Instrument) -> Iterator[str]:
    if near.expiry_ns and not far.expiry_ns:
        yield f"far is {far.id}, which does not expire, but near is dated; expected the perpetual as near"
    elif near.expiry_ns > far.expiry_ns:
        yield f"near is {near.id}, which expires after {far.id}; expected the contract that expires first"


def _size_faults(parameters: FuturesFuturesParameters, legs: tuple[Instrument, Instrument]) -> Iterator[str]:
    notional = parameters.notional if parameters.notional.is_finite() else Decimal(0)
    for instrument in legs:
        least = max(instrument.multiplier if instrument.inverse else Decimal(0), instrument.min_notional)
        if 0 < notional < least:
            yield f"notional is {parameters.notional}, less than one order of {instrument.id} needs ({least})"


# --- what the parts of the strategy need -------------------------------------------------------------------------


def expiry_ns(near: Instrument, far: Instrument) -> int:
    """When the first of both ends; 0 where neither does."""
    return near.expiry_ns or far.expiry_ns


def guard_starts_ns(parameters: FuturesFuturesParameters, near: Instrument, far: Instrument) -> float:
    """From when on nothing is entered or held; infinite where neither contract expires."""
    expires_ns = expiry_ns(near, far)
    return expires_ns - int(parameters.expiry_guard_hours * NS_PER_HOUR) if expires_ns else NEVER


def settlement_starts_ns(parameters: FuturesFuturesParameters, near: Instrument, far: Instrument) -> float:
    """From when on no order is sent; infinite where neither contract expires."""
    expires_ns = expiry_ns(near, far)
    return expires_ns - int(parameters.settlement_minutes * NS_PER_MINUTE) if expires_ns else NEVER


def reversion_half_lives(z_enter: float, z_exit: float, half_lives_max: float) -> float:
    """Half-lives that a deviation is expected to take from `z_enter` to `z_exit`: log2 of their ratio.

    What is expected of a deviation d after h half-lives is d / 2^h (E. Chan, Algorithmic Trading, 2013, chapter 2).
    """
    return min(log2(z_enter / z_exit), half_lives_max) if z_exit > 0.0 else half_lives_max


def pair_parameters(parameters: FuturesFuturesParameters) -> PairParameters:
    """What pair execution needs of them; the hedge ratio is the second leg's base for each of the first one's."""
    ratio = parameters.hedge_ratio
    second = ratio if parameters.first_leg == "near" else 1 / ratio
    return pair_parameters_of(parameters, second, exit_basis_bps=0.0, is_two_way=True)


def spread_terms(parameters: FuturesFuturesParameters) -> SpreadTerms:
    return SpreadTerms(
        notional=float(parameters.notional),
        fixed_bps=parameters.min_spread_bps if parameters.rule == "fixed" else None,
        z_enter=parameters.z_enter,
        z_exit=parameters.z_exit,
        z_stop=parameters.z_stop,
        min_edge_bps=parameters.min_edge_bps,
        slippage_bps=parameters.slippage_bps,
        holding_half_lives=reversion_half_lives(parameters.z_enter, parameters.z_exit, parameters.half_lives_max),
        holding_ns_max=int(parameters.holding_hours_max * NS_PER_HOUR),
        horizon_ns=int(parameters.horizon_hours * NS_PER_HOUR),
        skew_ns_max=parameters.sample_ms * NS_PER_MS,
        quote_age_max_ns=parameters.quote_age_max_ms * NS_PER_MS,
    )


def statistics_terms(parameters: FuturesFuturesParameters) -> StatisticsTerms:
    """A step between samples counts while it may be one of a market that is quoted often enough to be traded on."""
    return StatisticsTerms(
        weights=parameters.statistics,
        lookback=parameters.lookback,
        samples_min=parameters.samples_min,
        interval_ns=parameters.sample_interval_ms * NS_PER_MS,
        hole_ns=(parameters.sample_interval_ms + parameters.quote_age_max_ms) * NS_PER_MS,
    )
