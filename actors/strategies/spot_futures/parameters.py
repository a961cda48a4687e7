"""The parameters of a spot-futures pair, their ranges, and the mistakes that only show in combination."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from actors.analytics.funding import NS_PER_HOUR
from actors.strategies.pair.commands import HEDGE_RATIO_MAX, Execution, PairParameters
from actors.strategies.spot_futures.carry_signal import CarryTerms
from messages.instruments import Instrument, InstrumentType

Positive = Annotated[float, msgspec.Meta(gt=0)]
NonNegative = Annotated[float, msgspec.Meta(ge=0)]
Bps = Annotated[float, msgspec.Meta(ge=-10_000, le=10_000)]
Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=3_600_000)]
Attempts = Annotated[int, msgspec.Meta(ge=1, le=100)]


class SpotFuturesParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Parameters of a spot-futures pair.

    :param spot: instrument id of the spot leg.
    :param futures: instrument id of the perpetual or dated future.
    :param notional: size of each leg, in the spot's quote currency.
    :param hedge_ratio: base sold for each base bought.
    :param min_edge_bps: edge, net of all costs, to enter at; negative ones trade at a loss on purpose.
    :param exit_edge_bps: leave when what holding on would bring is less.
    :param exit_basis_bps: executable basis (F_ask / S_bid − 1) that is expected at the exit.
    :param exit_confirm: readings in a row before leaving for any reason but time, expiry and margin.
    :param min_funding_apr: least gross yearly funding rate to enter at, as a ratio; none: funding is no condition.
    :param horizon_hours: over which funding and borrow are expected.
    :param funding_guard_s: seconds before a funding stamp in which no entry lives on that payment alone.
    :param slippage_bps: allowed for in the edge, for the whole round trip.
    :param borrow_apr: yearly rate paid on the spot leg's money, as a ratio.
    :param delta_band: rebalance beyond this share of net delta.
    :param stop_loss: leave at this loss, as a share of notional.
    :param profit_target: leave at this profit, as a share of notional.
    :param holding_hours_max: leave after so long.
    :param expiry_guard_hours: no entry, and an exit, so long before a dated future expires.
    :param leverage: of the futures leg.
    :param margin_ratio_min: flatten when the short's equity over its notional falls below it.
    :param slippage_bps_max: cap of every order beyond the touch.
    :param flatten_slippage_bps: cap of the first orders of an emergency; then three times as wide, then the market.
    :param confirm_ms: how long the edge must hold, in market time.
    :param leg_timeout_ms: until an order that does not end is cancelled, in market time.
    :param repair_attempts_max: attempts to complete or unwind before everything is flattened.
    :param loss_budget: what the repairs of one cycle may cost, as a share of notional.
    :param cooldown_s: rest after each cycle, in market time.
    :param quote_age_max_ms: a quote that is older is not traded on, in market time.
    :param quote_skew_max_ms: while the newest quotes of both legs are further apart, no price decides; 0: may be.
    :param execution: sequential (the second leg follows what the first filled) or concurrent.
    :param first_leg: which leg goes first when sequential: the less liquid one.
    :param direction: long-spot (spot bought, futures sold) or short-spot, the mirror.
    :param can_short_spot: the account holds or can borrow the base currency that short-spot sells; its cost is
        `borrow_apr`.
    """

    spot: str
    futures: str
    notional: Decimal
    hedge_ratio: Decimal = Decimal(1)
    min_edge_bps: Bps = 2.0
    exit_edge_bps: Bps = 1.0
    exit_basis_bps: Bps = 0.0
    exit_confirm: Attempts = 3
    min_funding_apr: Annotated[float, msgspec.Meta(ge=-100, le=100)] | None = None
    horizon_hours: Annotated[float, msgspec.Meta(ge=0, le=8_760)] = 8.0
    funding_guard_s: NonNegative = 60.0
    slippage_bps: NonNegative = 0.0
    borrow_apr: NonNegative = 0.0
    delta_band: Share = 0.05
    stop_loss: Share = 0.02
    profit_target: Share = 0.01
    holding_hours_max: Positive = 24.0
    expiry_guard_hours: NonNegative = 24.0
    leverage: Annotated[float, msgspec.Meta(gt=0, le=125)] = 1.0
    margin_ratio_min: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.1
    slippage_bps_max: Annotated[float, msgspec.Meta(ge=0, le=1_000)] = 5.0
    flatten_slippage_bps: Annotated[float, msgspec.Meta(gt=0, le=3_000)] = 100.0
    confirm_ms: Milliseconds = 100
    leg_timeout_ms: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = 1_000
    repair_attempts_max: Attempts = 3
    loss_budget: Share = 0.01
    cooldown_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 2.0
    quote_age_max_ms: Annotated[int, msgspec.Meta(ge=1, le=3_600_000)] = 5_000
    quote_skew_max_ms: Milliseconds = 0
    execution: Literal["sequential", "concurrent"] = "sequential"
    first_leg: Literal["spot", "futures"] = "spot"
    direction: Literal["long-spot", "short-spot"] = "long-spot"
    can_short_spot: bool = False


def faults_of(parameters: SpotFuturesParameters, instruments: Mapping[str, Instrument]) -> list[str]:
    """Every mistake that the types of the single parameters do not exclude, one sentence each."""
    faults = []
    notional, ratio = parameters.notional, parameters.hedge_ratio
    if not notional.is_finite() or notional <= 0:
        faults.append(f"notional is {notional}, expected more than 0")
    if not ratio.is_finite() or not 0 < ratio <= HEDGE_RATIO_MAX:
        faults.append(f"hedge_ratio is {ratio}, expected more than 0 and at most {HEDGE_RATIO_MAX}")
    if parameters.confirm_ms >= parameters.quote_age_max_ms:
        faults.append(
            f"confirm_ms is {parameters.confirm_ms}, expected less than quote_age_max_ms, which is "
            f"{parameters.quote_age_max_ms}"
        )
    if parameters.direction == "short-spot" and not parameters.can_short_spot:
        faults.append(
            "direction is short-spot, which sells spot that it has not bought; expected can_short_spot = true, "
            "where the account holds or can borrow it"
        )
    if parameters.slippage_bps_max > parameters.flatten_slippage_bps:
        faults.append(
            f"flatten_slippage_bps is {parameters.flatten_slippage_bps}, expected at least slippage_bps_max "
            f"({parameters.slippage_bps_max})"
        )
    legs = {"spot": parameters.spot, "futures": parameters.futures}
    faults += [
        f"{leg} is {name!r}, which is no instrument here; there are: {', '.join(sorted(instruments)) or 'none'}"
        for leg, name in legs.items()
        if name not in instruments
    ]
    if all(name in instruments for name in legs.values()):
        faults += _leg_faults(parameters, instruments[parameters.spot], instruments[parameters.futures])
    return faults


def _leg_faults(parameters: SpotFuturesParameters, spot: Instrument, futures: Instrument) -> list[str]:
    faults = []
    notional = parameters.notional if parameters.notional.is_finite() else Decimal(0)
    if not spot.is_spot:
        faults.append(f"spot is {spot.id}, a {spot.type.value}; the leg that is bought must be a spot instrument")
    if futures.is_spot:
        faults.append(f"futures is {futures.id}, a spot instrument; expected a perpetual or a dated future to sell")
    if spot.base != futures.base:
        faults.append(f"spot is in {spot.base} and futures in {futures.base}; a hedge needs the same base currency")
    if not futures.inverse and spot.quote != futures.quote:
        faults.append(
            f"spot is quoted in {spot.quote} and futures in {futures.quote}; the basis would hold their exchange rate"
        )
    for instrument in (spot, futures):
        least = instrument.multiplier if instrument.inverse else instrument.min_notional
        if 0 < notional < max(least, instrument.min_notional):
            faults.append(f"notional is {parameters.notional}, less than one order of {instrument.id} needs ({least})")
    if parameters.min_funding_apr is not None and not futures.funding_interval_hours:
        faults.append(
            f"min_funding_apr needs a perpetual that pays funding; {futures.id} has no funding_interval_hours"
        )
    if futures.type is InstrumentType.FUTURE and not futures.expiry_ns:
        faults.append(f"futures is {futures.id}, a dated future without an expiry")
    return faults


def deadline_ns(parameters: SpotFuturesParameters, futures: Instrument, opened_ns: int) -> int:
    """When a pair opened at `opened_ns` must be left: after the time limit, or before a dated future expires."""
    latest_ns = opened_ns + int(parameters.holding_hours_max * NS_PER_HOUR)
    if not futures.expiry_ns:
        return latest_ns
    return min(latest_ns, futures.expiry_ns - int(parameters.expiry_guard_hours * NS_PER_HOUR))


def is_long_spot(parameters: SpotFuturesParameters) -> bool:
    return parameters.direction == "long-spot"


def pair_parameters(parameters: SpotFuturesParameters) -> PairParameters:
    """What pair execution needs of them; the hedge ratio is the second leg's base for each of the first one's."""
    ratio = parameters.hedge_ratio
    return PairParameters(
        execution=Execution(parameters.execution),
        hedge_ratio=ratio if parameters.first_leg == "spot" else 1 / ratio,
        slippage_bps_max=parameters.slippage_bps_max,
        flatten_slippage_bps=parameters.flatten_slippage_bps,
        leg_timeout_ms=parameters.leg_timeout_ms,
        repair_attempts_max=parameters.repair_attempts_max,
        loss_budget=parameters.loss_budget * float(parameters.notional),
        cooldown_ms=round(parameters.cooldown_s * 1_000),
        quote_age_max_ms=parameters.quote_age_max_ms,
        exit_basis_bps=parameters.exit_basis_bps if is_long_spot(parameters) else -parameters.exit_basis_bps,
        confirm_ms=parameters.confirm_ms,
        delta_band=parameters.delta_band,
    )


def carry_terms(parameters: SpotFuturesParameters) -> CarryTerms:
    return CarryTerms(
        notional=float(parameters.notional),
        horizon_hours=parameters.horizon_hours,
        exit_basis_bps=parameters.exit_basis_bps,
        slippage_bps=parameters.slippage_bps,
        borrow_apr=parameters.borrow_apr,
        quote_age_max_ms=parameters.quote_age_max_ms,
        is_long_spot=is_long_spot(parameters),
    )
