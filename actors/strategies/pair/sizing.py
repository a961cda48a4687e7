"""How much of each leg: steps, minimums, and how the second leg follows what the first one filled.

Quantities are in the leg's own unit (base for spot, contracts for derivatives), unsigned, in the direction that the
leg has while the pair is open. "Base" quantities are in base currency. Where a leg is inverse, contracts are converted
at one reference price that is fixed when the pair is opened: the contract count does not chase the price.
"""

from decimal import Decimal
from math import lcm

import msgspec

from actors.strategies.market_view import MarketView
from messages.instruments import ONE, TEN_THOUSAND, Instrument, Rounding
from messages.orders import Side

ZERO = Decimal(0)
BPS = 10_000.0


class Leg(msgspec.Struct):
    """One instrument of a pair.

    :param opens: the side that opens it: BUY for the long leg.
    :param rate: worth of its quote currency, in the one that the pair counts its costs in.
    :param is_shared: the strategy holds more of the instrument than this leg, so that what closes the leg may open a
        position at the venue: it is not reduce-only, and keeps to the minimum notional.
    """

    instrument: Instrument
    opens: Side
    view: MarketView
    rate: float = 1.0
    is_shared: bool = False

    @property
    def closes(self) -> Side:
        return self.opens.opposite


class PairPlan(msgspec.Struct, frozen=True):
    """What is going to be opened, checked against the rules of both legs.

    :param quantities: of each leg's order.
    :param limits: the worst price of each leg that still meets the edge and the slippage cap.
    :param reference_price: at which inverse contracts count as base; 1 where no leg is inverse.
    """

    quantities: tuple[Decimal, Decimal]
    limits: tuple[Decimal, Decimal]
    reference_price: Decimal
    edge_bps: float


class PlanRequest(msgspec.Struct, frozen=True, kw_only=True):
    """:param slack_bps: by how much the edge is better than it must be; each leg may give away half of it.

    :param held: what each leg holds already (a residual that was carried).
    """

    notional: Decimal
    hedge_ratio: Decimal
    slippage_bps_max: float
    slack_bps: float
    edge_bps: float
    held: tuple[Decimal, Decimal]


def common_step(first: Instrument, second: Instrument) -> Decimal:
    """Least common multiple of both legs' steps in base currency: 0.0003 and 0.001 give 0.003."""
    steps = [instrument.lot_size * instrument.multiplier for instrument in (first, second)]
    scale = max(-int(step.normalize().as_tuple().exponent) for step in steps)
    scale = max(scale, 0)
    whole = [int(step.scaleb(scale)) for step in steps]
    return Decimal(lcm(*whole)).scaleb(-scale)


def is_tradable(instrument: Instrument, quantity: Decimal, price: Decimal | None, *, is_reducing: bool = False) -> bool:
    """Whether the venue would take an order of this quantity: lot, minimum quantity, minimum notional.

    Without a price the notional is not held against it; and not against an order that reduces a derivative's position
    (Binance futures: reduce-only orders have no minimum notional).
    """
    if quantity <= 0 or instrument.round_quantity(quantity) != quantity or quantity < instrument.min_quantity:
        return False
    if price is None or (is_reducing and not instrument.is_spot):
        return True
    return instrument.notional(quantity, price) >= instrument.min_notional


def base_fee_rate(instrument: Instrument) -> Decimal:
    """The part of a taker's fill that the venue keeps in base currency; 0 where fees are in quote."""
    if instrument.is_spot and instrument.fee_currency == instrument.base:
        return instrument.taker_fee_bps / TEN_THOUSAND
    return ZERO


def to_order(leg: Leg, quantity: Decimal) -> Decimal:
    """The order that, net of a fee taken in base, adds at least `quantity` to the leg; at most the venue's maximum."""
    rate = base_fee_rate(leg.instrument)
    if rate and leg.opens is Side.BUY:
        quantity = leg.instrument.round_quantity(quantity / (ONE - rate), Rounding.UP)
    return _at_most(leg.instrument, quantity)


def closable(leg: Leg, held: Decimal) -> Decimal:
    """The largest order that closes no more than is held; 0 where that is below the minimums."""
    if held <= 0:
        return ZERO
    quantity = _at_most(leg.instrument, leg.instrument.round_quantity(held))
    is_reducing = not leg.is_shared
    return quantity if is_tradable(leg.instrument, quantity, leg.view.mid, is_reducing=is_reducing) else ZERO


def _at_most(instrument: Instrument, quantity: Decimal) -> Decimal:
    return quantity if instrument.max_quantity is None else min(quantity, instrument.max_quantity)


def following(legs: tuple[Leg, Leg], held_first: Decimal, hedge_ratio: Decimal, reference: Decimal) -> Decimal:
    """What the second leg should hold, given what the first one holds; rounded down to its lot."""
    if held_first <= 0:
        return ZERO
    base = legs[0].instrument.base_quantity(held_first, reference) * hedge_ratio
    return legs[1].instrument.round_quantity(legs[1].instrument.quantity_of_base(base, reference))


def leading(legs: tuple[Leg, Leg], held_second: Decimal, hedge_ratio: Decimal, reference: Decimal) -> Decimal:
    """What the first leg should hold, given what the second one holds; rounded up, so that `following` agrees."""
    if held_second <= 0:
        return ZERO
    base = legs[1].instrument.base_quantity(held_second, reference) / hedge_ratio
    return legs[0].instrument.round_quantity(legs[0].instrument.quantity_of_base(base, reference), Rounding.UP)


def plan_pair(legs: tuple[Leg, Leg], request: PlanRequest) -> PairPlan | str:
    """Size both legs and cap their prices; a sentence instead where the pair cannot be opened."""
    touches = [leg.view.touch(leg.opens) for leg in legs]
    reference = _reference_price(legs)
    price = legs[0].instrument.round_price(touches[0], Rounding.NEAREST)
    base = min(request.notional / price, *(_covered_base(leg, request.notional, reference) for leg in legs))
    first, second = _quantities(legs, base, request.hedge_ratio, reference)
    orders = (
        to_order(legs[0], first - request.held[0]) if first > request.held[0] else ZERO,
        to_order(legs[1], second - request.held[1]) if second > request.held[1] else ZERO,
    )
    limits = (_limit(legs[0], orders[0], request), _limit(legs[1], orders[1], request))
    for leg, quantity, limit in zip(legs, orders, limits, strict=True):
        if not is_tradable(leg.instrument, quantity, limit):
            return (
                f"{quantity} {leg.instrument.id} at {limit} is below the venue's minimum "
                f"(lot {leg.instrument.lot_size}, quantity {leg.instrument.min_quantity}, "
                f"notional {leg.instrument.min_notional})"
            )
    return PairPlan(orders, limits, reference, request.edge_bps)


def _reference_price(legs: tuple[Leg, Leg]) -> Decimal:
    for leg in legs:
        if leg.instrument.inverse:
            return leg.instrument.round_price(leg.view.touch(leg.opens), Rounding.NEAREST)
    return ONE


def _covered_base(leg: Leg, notional: Decimal, reference: Decimal) -> Decimal:
    """What the visible book covers of the notional, in base currency."""
    instrument = leg.instrument
    touch = instrument.round_price(leg.view.touch(leg.opens), Rounding.NEAREST)
    wanted = instrument.quantity_of_base(notional / touch, touch)
    covered = leg.view.executable(leg.opens, float(wanted)).size
    if covered >= float(wanted):
        return notional / touch
    return instrument.base_quantity(instrument.round_quantity(covered), reference)


def _quantities(
    legs: tuple[Leg, Leg], base: Decimal, hedge_ratio: Decimal, reference: Decimal
) -> tuple[Decimal, Decimal]:
    first, second = legs[0].instrument, legs[1].instrument
    if second.inverse:
        contracts = second.round_quantity(second.quantity_of_base(base * hedge_ratio, reference))
        return leading(legs, contracts, hedge_ratio, reference), contracts
    if hedge_ratio == ONE and not first.inverse:
        step = common_step(first, second)
        base = base // step * step
    quantity = first.round_quantity(first.quantity_of_base(base, reference))
    return quantity, following(legs, quantity, hedge_ratio, reference)


def _limit(leg: Leg, quantity: Decimal, request: PlanRequest) -> Decimal:
    """The worst price: half of the slack beyond the average, at least the last level needed, within the cap."""
    executable = leg.view.executable(leg.opens, float(quantity))
    touch, half = leg.view.touch(leg.opens), max(0.0, request.slack_bps) / 2.0 / BPS
    if leg.opens is Side.BUY:
        cap = touch * (1.0 + request.slippage_bps_max / BPS)
        worst = min(max(executable.worst, executable.price * (1.0 + half)), cap)
        return leg.instrument.round_price(worst, Rounding.DOWN)
    cap = touch * (1.0 - request.slippage_bps_max / BPS)
    worst = max(min(executable.worst, executable.price * (1.0 - half)), cap)
    return leg.instrument.round_price(worst, Rounding.UP)


def slipped(instrument: Instrument, side: Side, price: float | Decimal, slippage_bps: float) -> Decimal:
    """A price given away by `slippage_bps`, brought to the tick on the generous side; at least one tick."""
    exact = price if isinstance(price, Decimal) else Decimal(repr(price))
    share = Decimal(repr(slippage_bps)) / TEN_THOUSAND
    if side is Side.BUY:
        return instrument.round_price(exact * (ONE + share), Rounding.UP)
    return max(instrument.round_price(exact * (ONE - share), Rounding.DOWN), instrument.tick_size)
