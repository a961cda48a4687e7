"""The parameters of a spot-futures pair, their ranges, and the mistakes that only show in combination."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from actors.analytics.funding import NS_PER_HOUR
from actors.strategies.pair.commands import PairParameters
from actors.strategies.pair.parameters import (
    IN_ORDER,
    Attempts,
    Bps,
    NonNegative,
    Positive,
    Share,
    TwoLegParameters,
    order_faults,
    pair_parameters_of,
    quantity_faults,
)
from actors.strategies.spot_futures.carry_signal import CarryTerms
from messages.instruments import Instrument, InstrumentType


class SpotFuturesParameters(TwoLegParameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Parameters of a spot-futures pair, beside those of every pair.

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
    :param borrow_apr: yearly rate paid on the spot leg's money, as a ratio.
    :param stop_loss: leave at this loss, as a share of notional.
    :param profit_target: leave at this profit, as a share of notional.
    :param holding_hours_max: leave after so long.
    :param expiry_guard_hours: no entry, and an exit, so long before a dated future expires.
    :param leverage: of the futures leg.
    :param margin_ratio_min: flatten when the short's equity over its notional falls below it.
    :param first_leg: which leg goes first when sequential: the less liquid one.
    :param direction: long-spot (spot bought, futures sold) or short-spot, the mirror.
    :param can_short_spot: the account holds or can borrow the base currency that short-spot sells; its cost is
        `borrow_apr`.
    """

    spot: str
    futures: str
    min_edge_bps: Bps = 2.0
    exit_edge_bps: Bps = 1.0
    exit_basis_bps: Bps = 0.0
    exit_confirm: Attempts = 3
    min_funding_apr: Annotated[float, msgspec.Meta(ge=-100, le=100)] | None = None
    horizon_hours: Annotated[float, msgspec.Meta(ge=0, le=8_760)] = 8.0
    funding_guard_s: NonNegative = 60.0
    borrow_apr: NonNegative = 0.0
    stop_loss: Share = 0.02
    profit_target: Share = 0.01
    holding_hours_max: Positive = 24.0
    expiry_guard_hours: NonNegative = 24.0
    leverage: Annotated[float, msgspec.Meta(gt=0, le=125)] = 1.0
    margin_ratio_min: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.1
    first_leg: Literal["spot", "futures"] = "spot"
    direction: Literal["long-spot", "short-spot"] = "long-spot"
    can_short_spot: bool = False


def faults_of(parameters: SpotFuturesParameters, instruments: Mapping[str, Instrument]) -> list[str]:
    """Every mistake that the types of the single parameters do not exclude, one sentence each."""
    faults = [*quantity_faults(parameters), *order_faults(parameters, IN_ORDER)]
    if parameters.direction == "short-spot" and not parameters.can_short_spot:
        faults.append(
            "direction is short-spot, which sells spot that it has not bought; expected can_short_spot = true, "
            "where the account holds or can borrow it"
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
    ratio, basis_bps = parameters.hedge_ratio, parameters.exit_basis_bps
    return pair_parameters_of(
        parameters,
        ratio if parameters.first_leg == "spot" else 1 / ratio,
        exit_basis_bps=basis_bps if is_long_spot(parameters) else -basis_bps,
        is_two_way=False,
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
