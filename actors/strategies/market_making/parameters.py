"""The parameters of market making, their ranges, and the mistakes that only show in combination."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from messages.instruments import Instrument

BPS = 10_000.0
LEVELS_MAX = 20

Positive = Annotated[float, msgspec.Meta(gt=0)]
NonNegative = Annotated[float, msgspec.Meta(ge=0)]
Bps = Annotated[float, msgspec.Meta(ge=0, le=5_000)]
PositiveBps = Annotated[float, msgspec.Meta(gt=0, le=5_000)]
Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
Milliseconds = Annotated[int, msgspec.Meta(ge=1, le=3_600_000)]
Attempts = Annotated[int, msgspec.Meta(ge=1, le=100)]


class MarketMakingParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Parameters of a market maker. Quantities are in the instrument's own unit (base or contracts), spreads in bps of
    the fair value, times in market time.

    :param instrument: instrument id; what is quoted.
    :param order_size: quantity of each innermost order, before the skew by inventory.
    :param inventory_max: hard limit of the position on either side; no order may lead beyond it.
    :param inventory_target: position to come back to, signed.
    :param inventory_range: share of `inventory_max` around the target; at its end only the side that reduces is quoted.
    :param inventory_skew: half-spreads by which the `fixed` model moves both quotes at a whole `inventory_max`.
    :param opening_inventory: of a spot instrument, held at the venue before the start; what may be sold at most.
    :param levels: orders on each side.
    :param level_size_decay: each level's size, as a share of the one before.
    :param level_spread_multiplier: each level's distance, as a multiple of the one before.
    :param model: `fixed`, or `avellaneda_stoikov`.
    :param target_spread_bps: bid to ask, of the `fixed` model in a market that does not move.
    :param min_spread_bps: least spread, whatever the model says.
    :param max_spread_bps: largest spread, whatever the model says; only the cost floor goes beyond it.
    :param volatility_multiplier: standard deviations of one second that the `fixed` model adds to the spread.
    :param volatility_half_life_s: after which a return has half of its weight.
    :param risk_aversion: γ of `avellaneda_stoikov`, for each bps of price and order of inventory.
    :param order_arrival_decay: κ of `avellaneda_stoikov`, for each bps of price.
    :param horizon_s: τ of `avellaneda_stoikov`, rolling.
    :param min_profit_bps: least profit in the half-spread, after maker fee and adverse selection.
    :param adverse_selection_horizon_s: of the markouts that adverse selection is estimated from.
    :param adverse_selection_bps_max: bound of the estimate of adverse selection.
    :param imbalance_weight: spreads by which the fair value leans to the heavier side of the book; 0 = micro-price.
    :param lead_instrument: instrument id of a market that moves first; none: not used.
    :param lead_beta: our return for each of the lead's.
    :param lead_shift_bps_max: bound of what the lead may move the fair value.
    :param refresh_tolerance_bps: a quote is replaced when its price should be farther off than this.
    :param order_age_max_s: an older quote is replaced.
    :param filled_order_delay_ms: rest after a fill before quotes are refreshed; 0: at once.
    :param post_only_retries_max: times that a quote which would take is moved one tick away, in a row.
    :param refusals_max: refusals in a row, other than for post-only, before everything is withdrawn.
    :param order_timeout_ms: until a cancel that is not answered is sent again; also the wait between two attempts of
        an emergency order.
    :param quote_age_max_ms: without a quote for so long, everything is withdrawn.
    :param quiet_s: without a sign of danger, before a withdrawn maker comes back.
    :param sweep_window_ms: in which the trades of one aggressor count together, as one run.
    :param sweep_levels: different prices in a run that make it a sweep, if it also goes `sweep_bps` far.
    :param sweep_bps: distance from the first price of a run that makes it a sweep, if it has `sweep_levels` prices.
    :param sweep_volume_ratio: volume of a run, over the usual one, that makes it a sweep by itself.
    :param jump_window_ms: in which a move of the mid counts as one.
    :param jump_bps: move of the mid that is a jump.
    :param volatility_max_bps: for each √second; above it everything is withdrawn.
    :param market_spread_bps_max: a market that is wider has lost its depth.
    :param depth_min: least size on each side of the visible book; 0: not looked at.
    :param price_floor: in quote currency; below it nothing is quoted.
    :param price_ceiling: in quote currency; above it nothing is quoted.
    :param price_band_bps: on either side of a mid taken every `price_band_refresh_s`; outside nothing is quoted.
    :param price_band_refresh_s: age at which the band is moved to the market.
    :param flatten_slippage_bps: cap of the first order that brings the position back within its limit; each further
        one may slip so much more.
    :param flatten_attempts_max: orders to bring the position back, before the strategy halts.
    :param hanging_orders: when a quote fills, its counterpart stays where it is, beside the new quotes.
    :param hanging_distance_bps: a hanging order that is farther off is cancelled.
    :param ping_pong: a side rests, level by level, for each quote of it that filled more often than the other side's.
    """

    instrument: str
    order_size: Decimal
    inventory_max: Decimal
    inventory_target: Decimal = Decimal(0)
    inventory_range: Share = 0.5
    inventory_skew: Annotated[float, msgspec.Meta(ge=0, le=2)] = 0.5
    opening_inventory: Decimal = Decimal(0)
    levels: Annotated[int, msgspec.Meta(ge=1, le=LEVELS_MAX)] = 3
    level_size_decay: Share = 0.7
    level_spread_multiplier: Annotated[float, msgspec.Meta(ge=1, le=10)] = 1.5
    model: Literal["fixed", "avellaneda_stoikov"] = "fixed"
    target_spread_bps: PositiveBps = 10.0
    min_spread_bps: Bps = 5.0
    max_spread_bps: PositiveBps = 50.0
    volatility_multiplier: Annotated[float, msgspec.Meta(ge=0, le=100)] = 2.0
    volatility_half_life_s: Positive = 60.0
    risk_aversion: Annotated[float, msgspec.Meta(gt=0, le=1_000)] = 0.05
    order_arrival_decay: Annotated[float, msgspec.Meta(gt=0, le=1_000)] = 0.2
    horizon_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 60.0
    min_profit_bps: Bps = 0.5
    adverse_selection_horizon_s: Literal[1, 10, 60] = 10
    adverse_selection_bps_max: Bps = 5.0
    imbalance_weight: Annotated[float, msgspec.Meta(ge=-1, le=1)] = 0.0
    lead_instrument: str | None = None
    lead_beta: Annotated[float, msgspec.Meta(ge=-10, le=10)] = 1.0
    lead_shift_bps_max: Bps = 10.0
    refresh_tolerance_bps: Bps = 1.0
    order_age_max_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 1_800.0
    filled_order_delay_ms: Annotated[int, msgspec.Meta(ge=0, le=3_600_000)] = 500
    post_only_retries_max: Annotated[int, msgspec.Meta(ge=0, le=100)] = 3
    refusals_max: Attempts = 10
    order_timeout_ms: Milliseconds = 1_000
    quote_age_max_ms: Milliseconds = 5_000
    quiet_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 5.0
    sweep_window_ms: Milliseconds = 200
    sweep_levels: Annotated[int, msgspec.Meta(ge=2, le=100)] = 5
    sweep_bps: Bps = 5.0
    sweep_volume_ratio: Annotated[float, msgspec.Meta(gt=1, le=1e6)] = 50.0
    jump_window_ms: Milliseconds = 1_000
    jump_bps: PositiveBps = 30.0
    volatility_max_bps: PositiveBps = 20.0
    market_spread_bps_max: PositiveBps = 100.0
    depth_min: NonNegative = 0.0
    price_floor: Positive | None = None
    price_ceiling: Positive | None = None
    price_band_bps: PositiveBps | None = None
    price_band_refresh_s: Positive = 600.0
    flatten_slippage_bps: PositiveBps = 50.0
    flatten_attempts_max: Attempts = 5
    hanging_orders: bool = False
    hanging_distance_bps: PositiveBps = 100.0
    ping_pong: bool = False


def faults_of(parameters: MarketMakingParameters, instruments: Mapping[str, Instrument]) -> list[str]:
    """Every mistake that the types of the single parameters do not exclude, one sentence each."""
    faults = _quantity_faults(parameters) or _inventory_faults(parameters)
    faults += _spread_faults(parameters) + _price_faults(parameters)
    names = {"instrument": parameters.instrument, "lead_instrument": parameters.lead_instrument}
    faults += [
        f"{field} is {name!r}, which is no instrument here; there are: {', '.join(sorted(instruments)) or 'none'}"
        for field, name in names.items()
        if name is not None and name not in instruments
    ]
    if parameters.lead_instrument == parameters.instrument:
        faults.append(f"lead_instrument is {parameters.instrument}, the instrument itself; expected another market")
    instrument = instruments.get(parameters.instrument)
    if instrument is not None and not faults:
        faults += _size_faults(parameters, instrument) + _distance_faults(parameters, instrument)
    return faults


def widest_floor_bps(parameters: MarketMakingParameters, instrument: Instrument) -> float:
    """The largest half-spread that costs can ask for: maker fee, adverse selection at its bound, least profit."""
    fee_bps = max(0.0, float(instrument.maker_fee_bps))
    return fee_bps + parameters.adverse_selection_bps_max + parameters.min_profit_bps


def _quantity_faults(parameters: MarketMakingParameters) -> list[str]:
    faults = [
        f"{name} is {value}, expected more than 0"
        for name, value in (("order_size", parameters.order_size), ("inventory_max", parameters.inventory_max))
        if not value.is_finite() or value <= 0
    ]
    if not parameters.inventory_target.is_finite():
        faults.append(f"inventory_target is {parameters.inventory_target}, expected a number")
    if not parameters.opening_inventory.is_finite() or parameters.opening_inventory < 0:
        faults.append(f"opening_inventory is {parameters.opening_inventory}, expected 0 or more")
    return faults


def _inventory_faults(parameters: MarketMakingParameters) -> list[str]:
    faults = []
    if parameters.inventory_max < parameters.order_size:
        faults.append(
            f"inventory_max is {parameters.inventory_max}, expected at least order_size, which is "
            f"{parameters.order_size}"
        )
    if abs(parameters.inventory_target) > parameters.inventory_max:
        faults.append(
            f"inventory_target is {parameters.inventory_target}, expected within ± inventory_max, which is "
            f"{parameters.inventory_max}"
        )
    return faults


def _spread_faults(parameters: MarketMakingParameters) -> list[str]:
    faults = []
    low, target, high = parameters.min_spread_bps, parameters.target_spread_bps, parameters.max_spread_bps
    if not low <= target <= high:
        faults.append(
            f"target_spread_bps is {target:g}, expected between min_spread_bps ({low:g}) and max_spread_bps ({high:g})"
        )
    if low > high:
        faults.append(f"min_spread_bps is {low:g}, expected at most max_spread_bps, which is {high:g}")
    if parameters.refresh_tolerance_bps > target / 2.0:
        faults.append(
            f"refresh_tolerance_bps is {parameters.refresh_tolerance_bps:g}, expected at most half of "
            f"target_spread_bps ({target / 2.0:g}); the market would trade through quotes before they are replaced"
        )
    return faults


def _price_faults(parameters: MarketMakingParameters) -> list[str]:
    faults = []
    floor, ceiling = parameters.price_floor, parameters.price_ceiling
    if floor is not None and ceiling is not None and floor >= ceiling:
        faults.append(f"price_floor is {floor:g}, expected less than price_ceiling, which is {ceiling:g}")
    if parameters.hanging_orders and parameters.hanging_distance_bps <= parameters.max_spread_bps / 2.0:
        faults.append(
            f"hanging_distance_bps is {parameters.hanging_distance_bps:g}, expected more than half of max_spread_bps "
            f"({parameters.max_spread_bps / 2.0:g}); an order would not hang at all"
        )
    return faults


def _size_faults(parameters: MarketMakingParameters, instrument: Instrument) -> list[str]:
    faults = []
    size = parameters.order_size
    if instrument.round_quantity(size) != size:
        faults.append(
            f"order_size is {size}, expected a multiple of the lot of {instrument.id} ({instrument.lot_size})"
        )
    last = parameters.levels - 1
    outermost = instrument.round_quantity(float(size) * parameters.level_size_decay**last)
    if outermost < max(instrument.min_quantity, instrument.lot_size):
        faults.append(
            f"levels is {parameters.levels}, of which the last would have {outermost} {instrument.id}; the venue's "
            f"least is {max(instrument.min_quantity, instrument.lot_size)}"
        )
    if instrument.max_quantity is not None and size > instrument.max_quantity:
        faults.append(
            f"order_size is {size}, expected at most {instrument.max_quantity}, the most {instrument.id} takes"
        )
    if parameters.opening_inventory and not instrument.is_spot:
        faults.append(
            f"opening_inventory is {parameters.opening_inventory}, but {instrument.id} is a {instrument.type.value}, "
            "which can be sold without holding it; expected 0"
        )
    if instrument.is_spot and parameters.inventory_target < -parameters.opening_inventory:
        faults.append(
            f"inventory_target is {parameters.inventory_target}; on spot no more than opening_inventory "
            f"({parameters.opening_inventory}) can be sold"
        )
    return faults


def _distance_faults(parameters: MarketMakingParameters, instrument: Instrument) -> list[str]:
    """A bid must stay above 0, whatever spread, level and skew."""
    half_bps = max(parameters.max_spread_bps / 2.0, widest_floor_bps(parameters, instrument))
    outermost_bps = half_bps * parameters.level_spread_multiplier ** (parameters.levels - 1)
    if outermost_bps + parameters.max_spread_bps < BPS:
        return []
    return [
        f"levels is {parameters.levels}, of which the last could be {outermost_bps:.0f} bps away, expected less than "
        f"{BPS - parameters.max_spread_bps:.0f}; lower max_spread_bps or level_spread_multiplier"
    ]
