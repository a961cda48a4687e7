"""Looks at the edges of all routes, quote by quote."""

from collections.abc import Mapping, Sequence

import msgspec

from actors.strategies.arbitrage.direction import Direction
from actors.strategies.arbitrage.fx import Peg
from actors.strategies.arbitrage.inventory import Inventory
from actors.strategies.arbitrage.parameters import ArbitrageParameters
from actors.strategies.arbitrage.route_parameters import CrossPair, Stablecoin
from actors.strategies.arbitrage.routes import ArbitrageRoute
from actors.strategies.market_view import MarketView

NS_PER_MS = 1_000_000


class Signal(msgspec.Struct, frozen=True):
    """An edge that has been seen."""

    route: ArbitrageRoute
    direction: Direction
    since_ns: int


class Scanner:
    """Finds the edge that pays most above its threshold, among those that a quote may have changed."""

    def __init__(
        self,
        routes: Sequence[ArbitrageRoute],
        inventory: Inventory,
        views: Mapping[str, MarketView],
        parameters: ArbitrageParameters,
    ) -> None:
        self._routes = routes
        self._inventory = inventory
        self._age_max_ns = parameters.quote_age_max_ms * NS_PER_MS
        self._watched = _directions_by_instrument(routes)
        self._pegs = {name: Peg(views[name], parameters.depeg_bps_max) for name in _pegged(parameters)}

    def depeg(self, instrument: str) -> str:
        """What is to be told of a peg that is broken; empty while it holds, or where there is none."""
        peg = self._pegs.get(instrument)
        return peg.broken() if peg is not None else ""

    def best(self, instrument: str, now_ns: int) -> Signal | None:
        best_bps, best = 0.0, None
        for route, way in self._watched[instrument]:
            edge_bps = way.touch_edge_bps(now_ns)
            if edge_bps < way.least_bps or route.is_suspended:
                continue
            above_bps = edge_bps - way.min_bps(self._inventory)
            if above_bps >= 0.0 and (best is None or above_bps > best_bps) and self._is_fresh(way, now_ns):
                best_bps, best = above_bps, Signal(route, way, now_ns)
        return best

    def still_pays(self, way: Direction, now_ns: int) -> bool:
        return way.touch_edge_bps(now_ns) >= way.min_bps(self._inventory) and self._is_fresh(way, now_ns)

    def text(self, now_ns: int) -> str:
        """The best edge now, and what keeps a route from having one."""
        found = [(route, way) for route in self._routes for way in route.directions]
        missing = {text for _, way in found if way.fx is not None and (text := way.fx.why_not(now_ns))}
        fresh = [(way.touch_edge_bps(now_ns), route.name) for route, way in found if self._is_fresh(way, now_ns)]
        best = f"best edge {max(fresh)[0]:.2f} bps on {max(fresh)[1]}" if fresh else ""
        return "; ".join(text for text in (*sorted(missing), best) if text)

    def _is_fresh(self, way: Direction, now_ns: int) -> bool:
        return way.chain.is_fresh(now_ns, self._age_max_ns)


def _directions_by_instrument(
    routes: Sequence[ArbitrageRoute],
) -> dict[str, list[tuple[ArbitrageRoute, Direction]]]:
    """What is to be looked at when an instrument is quoted."""
    found: dict[str, list[tuple[ArbitrageRoute, Direction]]] = {}
    for route in routes:
        for way in route.directions:
            names = [hop.instrument.id for hop in way.chain.hops]
            for name in names if way.fx is None else [*names, way.fx.view.instrument.id]:
                found.setdefault(name, []).append((route, way))
    return found


def _pegged(parameters: ArbitrageParameters) -> list[str]:
    """Instruments whose price should be 1."""
    found = []
    for route in parameters.routes:
        if isinstance(route, Stablecoin):
            found += [route.first, route.second]
        elif isinstance(route, CrossPair) and route.is_pegged:
            found.append(route.fx)
    return found
