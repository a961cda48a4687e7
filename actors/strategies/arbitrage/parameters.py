"""The parameters of simple arbitrage: what every route shares, and the mistakes that only show in combination."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from actors.strategies.arbitrage.route_parameters import (
    AnyRoute,
    Bps,
    Money,
    Triangular,
    TwoLegs,
    instruments_of,
    route_faults,
)
from messages.instruments import Instrument

ROUTES_MAX = 64

NonNegative = Annotated[float, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
Attempts = Annotated[int, msgspec.Meta(ge=1, le=100)]


class ArbitrageParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Parameters of simple arbitrage. Edges are net of every fee, in bps of what is paid; times are market time.

    :param routes: what is watched; each of type `cross-venue`, `cross-pair`, `stablecoin` or `triangular`.
    :param notional: largest size of one trade, in the money that its route pays with.
    :param min_profit_bps: least edge of the last unit traded; negative ones trade at a loss on purpose.
    :param slippage_bps_max: no order is sent, and no level counted, farther from the touch than this.
    :param execution_timeout_ms: until an order that does not end is cancelled.
    :param position_value_max: largest value of what one instrument drifts from its start, in its quote currency.
    :param balance_check: sell spot only as far as `inventory` and what was bought since allow.
    :param inventory: base currency of each spot instrument that its venue holds at the start.
    :param inventory_skew_bps: by how much a drift of the whole `position_value_max` moves the threshold: up in the
        direction that adds to it, down in the one that brings it back.
    :param confirm_ms: how long an edge must hold.
    :param quote_age_max_ms: a quote that is older is not traded on.
    :param quote_skew_max_ms: the newest quotes of a route's markets may be so far apart; else the later one is awaited.
    :param depeg_bps_max: distance from 1, of the rate of a pegged route, beyond which everything halts.
    :param cooldown_s: rest after each attempt.
    :param mode: `once` stops after the first profit, `continuous` goes on.
    :param execution: `concurrent` (both sides at once) or `sequential` (`first`, then `second` as large as it filled).
    :param repair_attempts_max: to complete or unwind, before everything of the attempt is flattened.
    :param repairs_max: attempts of one route that did not come out as planned, before the route is suspended.
    :param loss_budget: what the repairs of one attempt may cost, as a share of the notional.
    :param flatten_slippage_bps: cap of the first orders of an emergency; then three times as wide, then the market.
    """

    routes: Annotated[tuple[AnyRoute, ...], msgspec.Meta(min_length=1, max_length=ROUTES_MAX)]
    notional: Money
    min_profit_bps: Bps = 50.0
    slippage_bps_max: Annotated[float, msgspec.Meta(ge=0, le=1_000)] = 10.0
    execution_timeout_ms: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = 2_000
    position_value_max: Money = Decimal(10_000)
    balance_check: bool = True
    inventory: dict[str, Annotated[Decimal, msgspec.Meta(extra={"least": "0"})]] = {}
    inventory_skew_bps: Annotated[float, msgspec.Meta(ge=0, le=10_000)] = 0.0
    confirm_ms: Annotated[int, msgspec.Meta(ge=0, le=3_600_000)] = 0
    quote_age_max_ms: Annotated[int, msgspec.Meta(ge=1, le=3_600_000)] = 5_000
    quote_skew_max_ms: Annotated[int, msgspec.Meta(ge=0, le=3_600_000)] = 1_000
    depeg_bps_max: Annotated[float, msgspec.Meta(gt=0, le=10_000)] = 50.0
    cooldown_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 1.0
    mode: Literal["once", "continuous"] = "continuous"
    execution: Literal["concurrent", "sequential"] = "concurrent"
    repair_attempts_max: Attempts = 3
    repairs_max: Attempts = 3
    loss_budget: Share = 0.01
    flatten_slippage_bps: Annotated[float, msgspec.Meta(gt=0, le=3_000)] = 100.0

    def notional_of(self, route: AnyRoute) -> Decimal:
        return self.notional if route.notional is None else route.notional

    def min_profit_bps_of(self, route: AnyRoute) -> float:
        return self.min_profit_bps if route.min_profit_bps is None else route.min_profit_bps


def instrument_ids(parameters: ArbitrageParameters) -> tuple[str, ...]:
    """Every instrument of every route, each once, in the order in which they are named."""
    return tuple(dict.fromkeys(name for route in parameters.routes for name in instruments_of(route)))


def faults_of(parameters: ArbitrageParameters, instruments: Mapping[str, Instrument]) -> list[str]:
    """Every mistake that the types of the single parameters do not exclude, one sentence each."""
    faults = [*_faults_together(parameters), *_inventory_faults(parameters, instruments)]
    names = [route.name for route in parameters.routes]
    faults += [
        f"routes: there are {names.count(name)} called {name!r}" for name in sorted(set(names)) if names.count(name) > 1
    ]
    for route in parameters.routes:
        missing = [name for name in instruments_of(route) if name not in instruments]
        faults += [
            f"routes: {route.name} names {name!r}, which is no instrument here; "
            f"there are: {', '.join(sorted(instruments)) or 'none'}"
            for name in missing
        ]
        if not missing:
            faults += [f"routes: {route.name}: {fault}" for fault in route_faults(route, instruments)]
            faults += [f"routes: {route.name}: {fault}" for fault in _size_faults(parameters, route, instruments)]
    return faults


def _faults_together(parameters: ArbitrageParameters) -> Iterator[str]:
    for name in ("notional", "position_value_max"):
        value: Decimal = getattr(parameters, name)
        if not value.is_finite() or value <= 0:
            yield f"{name} is {value}, expected more than 0"
    if parameters.confirm_ms >= parameters.quote_age_max_ms:
        yield (
            f"confirm_ms is {parameters.confirm_ms}, expected less than quote_age_max_ms, which is "
            f"{parameters.quote_age_max_ms}"
        )
    if parameters.slippage_bps_max > parameters.flatten_slippage_bps:
        yield (
            f"flatten_slippage_bps is {parameters.flatten_slippage_bps}, expected at least slippage_bps_max "
            f"({parameters.slippage_bps_max})"
        )
    least = min(parameters.min_profit_bps_of(route) for route in parameters.routes)
    if 0.0 <= least < parameters.inventory_skew_bps:
        yield (
            f"inventory_skew_bps is {parameters.inventory_skew_bps}, expected at most min_profit_bps ({least}): "
            "a trade that brings inventory back must not lose"
        )


def _inventory_faults(parameters: ArbitrageParameters, instruments: Mapping[str, Instrument]) -> Iterator[str]:
    used = set(instrument_ids(parameters))
    for name, quantity in parameters.inventory.items():
        if name not in used:
            yield f"inventory names {name!r}, which no route uses"
        elif name in instruments and not instruments[name].is_spot:
            yield f"inventory names {name}, a {instruments[name].type.value}; only spot has an inventory"
        if not quantity.is_finite() or quantity < 0:
            yield f"inventory of {name} is {quantity}, expected at least 0"


def _size_faults(
    parameters: ArbitrageParameters, route: AnyRoute, instruments: Mapping[str, Instrument]
) -> Iterator[str]:
    notional = parameters.notional_of(route)
    if not notional.is_finite() or notional <= 0:
        if route.notional is not None:
            yield f"notional is {notional}, expected more than 0"
        return
    if isinstance(route, Triangular):
        return
    if parameters.position_value_max.is_finite() and notional > parameters.position_value_max:
        yield f"notional is {notional}, expected at most position_value_max ({parameters.position_value_max})"
    for name in (route.first, route.second):
        if notional < instruments[name].min_notional:
            yield f"notional is {notional}, less than one order of {name} needs ({instruments[name].min_notional})"
    if parameters.balance_check and not any(_can_sell(parameters, instruments[name]) for name in _sold(route)):
        yield f"nothing can be sold: inventory has none of {' or '.join(_sold(route))}, and balance_check is true"


def _sold(route: TwoLegs) -> tuple[str, ...]:
    """What its directions sell."""
    return {"both": (route.first, route.second), "buy-first": (route.second,), "sell-first": (route.first,)}[
        route.directions
    ]


def _can_sell(parameters: ArbitrageParameters, instrument: Instrument) -> bool:
    held = parameters.inventory.get(instrument.id, Decimal(0))
    return not instrument.is_spot or (held.is_finite() and held > 0)
