"""The parameters that every strategy of one pair has, their ranges, and what the pair execution needs of them."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from actors.strategies.pair.commands import HEDGE_RATIO_MAX, Execution, PairParameters

Positive = Annotated[float, msgspec.Meta(gt=0)]
NonNegative = Annotated[float, msgspec.Meta(ge=0)]
Bps = Annotated[float, msgspec.Meta(ge=-10_000, le=10_000)]
Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=3_600_000)]
PositiveMilliseconds = Annotated[int, msgspec.Meta(ge=1, le=3_600_000)]
Attempts = Annotated[int, msgspec.Meta(ge=1, le=100)]

Order = tuple[str, Literal["less than", "at most"], str]
"""Two parameters of which the first must be less than, or at most, the second."""

IN_ORDER: tuple[Order, ...] = (
    ("confirm_ms", "less than", "quote_age_max_ms"),
    ("slippage_bps_max", "at most", "flatten_slippage_bps"),
)


class TwoLegParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Parameters of a pair; a strategy adds its own.

    :param notional: size of each leg, in quote currency.
    :param slippage_bps: allowed for in the edge, for the whole round trip.
    :param delta_band: rebalance beyond this share of net delta.
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
    """

    notional: Decimal
    hedge_ratio: Decimal = Decimal(1)
    slippage_bps: NonNegative = 0.0
    delta_band: Share = 0.05
    slippage_bps_max: Annotated[float, msgspec.Meta(ge=0, le=1_000)] = 5.0
    flatten_slippage_bps: Annotated[float, msgspec.Meta(gt=0, le=3_000)] = 100.0
    confirm_ms: Milliseconds = 100
    leg_timeout_ms: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = 1_000
    repair_attempts_max: Attempts = 3
    loss_budget: Share = 0.01
    cooldown_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 2.0
    quote_age_max_ms: PositiveMilliseconds = 5_000
    quote_skew_max_ms: Milliseconds = 0
    execution: Literal["sequential", "concurrent"] = "sequential"


def pair_parameters_of(
    parameters: TwoLegParameters, hedge_ratio: Decimal, *, exit_basis_bps: float, is_two_way: bool
) -> PairParameters:
    """What pair execution needs of them.

    :param hedge_ratio: base of the leg that goes second for each of the one that goes first.
    """
    return PairParameters(
        execution=Execution(parameters.execution),
        hedge_ratio=hedge_ratio,
        slippage_bps_max=parameters.slippage_bps_max,
        flatten_slippage_bps=parameters.flatten_slippage_bps,
        leg_timeout_ms=parameters.leg_timeout_ms,
        repair_attempts_max=parameters.repair_attempts_max,
        loss_budget=parameters.loss_budget * float(parameters.notional),
        cooldown_ms=round(parameters.cooldown_s * 1_000),
        quote_age_max_ms=parameters.quote_age_max_ms,
        exit_basis_bps=exit_basis_bps,
        confirm_ms=parameters.confirm_ms,
        delta_band=parameters.delta_band,
        is_two_way=is_two_way,
    )


def quantity_faults(parameters: TwoLegParameters) -> Iterator[str]:
    """What is wrong with the amounts, whose bounds no type of a Decimal states."""
    notional, ratio = parameters.notional, parameters.hedge_ratio
    if not notional.is_finite() or notional <= 0:
        yield f"notional is {notional}, expected more than 0"
    if not ratio.is_finite() or not 0 < ratio <= HEDGE_RATIO_MAX:
        yield f"hedge_ratio is {ratio}, expected more than 0 and at most {HEDGE_RATIO_MAX}"


def order_faults(parameters: Any, orders: Sequence[Order]) -> Iterator[str]:
    """Parameters that do not stand in the order in which they must."""
    for name, relation, other in orders:
        value, bound = getattr(parameters, name), getattr(parameters, other)
        if value > bound or (value == bound and relation == "less than"):
            yield f"{name} is {value}, expected {relation} {other}, which is {bound}"
