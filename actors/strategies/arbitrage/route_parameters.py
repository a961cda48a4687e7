"""What a route of simple arbitrage is: its instruments, its directions, and what makes it impossible."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from messages.base import Id
from messages.instruments import Instrument, InstrumentType

Bps = Annotated[float, msgspec.Meta(ge=-10_000, le=10_000)]
CostBps = Annotated[float, msgspec.Meta(ge=0, le=5_000)]
Money = Annotated[Decimal, msgspec.Meta(extra={"above": "0"})]


class Route(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="type"):
    """What all routes have.

    :param name: of the route, for people.
    :param notional: of its trades; none: the strategy's.
    :param min_profit_bps: of its trades; none: the strategy's.
    """

    name: Id
    notional: Money | None = None
    min_profit_bps: Bps | None = None


class TwoLegs(Route, frozen=True, kw_only=True):
    """Buy on one side, sell on the other; what is bought and sold stays where it is, as inventory.

    :param first: instrument id; when execution is sequential it goes first: the less liquid one.
    :param second: instrument id.
    :param directions: `both`, or one of them.
    :param transfer_cost_bps: what bringing the inventories back costs, in bps of what comes out.
    """

    first: str
    second: str
    directions: Literal["both", "buy-first", "sell-first"] = "both"
    transfer_cost_bps: CostBps = 0.0


class CrossVenue(TwoLegs, frozen=True, kw_only=True, tag="cross-venue"):
    """The same base and quote currency in two markets: spot and spot, spot and perpetual, two perpetuals."""


class CrossPair(TwoLegs, frozen=True, kw_only=True, tag="cross-pair"):
    """The same base in two quote currencies, compared by an executable rate between these.

    :param fx: instrument id of the spot market between the two quote currencies.
    :param is_pegged: both are pegged to the same money, so that a rate far from 1 is a depeg.
    """

    fx: str
    is_pegged: bool = False


class Stablecoin(TwoLegs, frozen=True, kw_only=True, tag="stablecoin"):
    """One stablecoin against another at two venues; its price is what the depeg guard looks at."""


class Triangular(Route, frozen=True, kw_only=True, tag="triangular"):
    """Three spot markets of one venue that lead from a currency back to it.

    :param instruments: instrument ids, in the order of the forward direction.
    :param start: the currency that it begins and ends in.
    :param directions: `both`, `forward` (through the instruments as they are listed) or `backward`.
    """

    instruments: tuple[str, str, str]
    start: Id
    directions: Literal["both", "forward", "backward"] = "both"


AnyRoute = CrossVenue | CrossPair | Stablecoin | Triangular


def instruments_of(route: AnyRoute) -> tuple[str, ...]:
    if isinstance(route, Triangular):
        return route.instruments
    return (route.first, route.second, *((route.fx,) if isinstance(route, CrossPair) else ()))


def loop(start: str, instruments: tuple[Instrument, ...]) -> tuple[str, ...] | None:
    """The currencies that the instruments lead through from `start`, `start` itself last; None where they do not."""
    held, path = start, []
    for instrument in instruments:
        if held not in {instrument.base, instrument.quote}:
            return None
        held = instrument.base if held == instrument.quote else instrument.quote
        path.append(held)
    return tuple(path) if held == start and len(set(path)) == len(path) else None


def route_faults(route: AnyRoute, instruments: Mapping[str, Instrument]) -> Iterator[str]:
    """What makes a route impossible; all of its instruments exist."""
    if isinstance(route, Triangular):
        yield from _triangle_faults(route, tuple(instruments[name] for name in route.instruments))
        return
    first, second = instruments[route.first], instruments[route.second]
    yield from _leg_faults(first, second)
    if isinstance(route, CrossPair):
        yield from _fx_faults(instruments[route.fx], first, second)
        return
    if first.quote != second.quote:
        yield (
            f"{first.id} is quoted in {first.quote} and {second.id} in {second.quote}; "
            "that is a cross-pair route, with an fx market between them"
        )
    if isinstance(route, Stablecoin):
        yield from _stablecoin_faults(first, second)


def _leg_faults(first: Instrument, second: Instrument) -> Iterator[str]:
    if first.id == second.id:
        yield f"both legs are {first.id}"
    if first.base != second.base:
        yield f"{first.id} is in {first.base} and {second.id} in {second.base}; both legs need the same base currency"
    for leg in (first, second):
        if leg.inverse:
            yield f"{leg.id} is inverse: its profit is in {leg.base}, so that equal base amounts lock in no profit"
        if leg.type is InstrumentType.FUTURE:
            yield f"{leg.id} is a dated future, whose basis is carry and no arbitrage; trade it as a hedge"


def _fx_faults(fx: Instrument, first: Instrument, second: Instrument) -> Iterator[str]:
    if first.quote == second.quote:
        yield f"both legs are quoted in {first.quote}; that is a cross-venue route"
    elif {fx.base, fx.quote} != {first.quote, second.quote}:
        yield f"fx is {fx.id}, which does not exchange {first.quote} and {second.quote}"
    if not fx.is_spot:
        yield f"fx is {fx.id}, a {fx.type.value}; an exchange rate needs a spot instrument"


def _stablecoin_faults(first: Instrument, second: Instrument) -> Iterator[str]:
    for leg in (first, second):
        if not leg.is_spot:
            yield f"{leg.id} is a {leg.type.value}; a stablecoin route needs spot instruments"
    if first.venue == second.venue:
        yield f"both legs are at {first.venue}; a stablecoin route needs two venues"


def _triangle_faults(route: Triangular, instruments: tuple[Instrument, ...]) -> Iterator[str]:
    for instrument in instruments:
        if not instrument.is_spot:
            yield f"{instrument.id} is a {instrument.type.value}; a triangle needs spot instruments, which change hands"
    venues = sorted({instrument.venue for instrument in instruments})
    if len(venues) > 1:
        yield f"its instruments are at {', '.join(venues)}; a triangle needs one venue"
    if loop(route.start, instruments) is None:
        pairs = ", ".join(f"{instrument.base}/{instrument.quote}" for instrument in instruments)
        yield f"{pairs} do not lead from {route.start} back to {route.start} through two other currencies"
