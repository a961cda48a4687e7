"""A route round three markets of one venue, in either direction."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from actors.analytics.pnl import ZERO, Ledger
from actors.strategies.arbitrage.direction import Direction, Threshold
from actors.strategies.arbitrage.edge import ChainTerms, Hop
from actors.strategies.arbitrage.parameters import ArbitrageParameters
from actors.strategies.arbitrage.route_parameters import Triangular
from actors.strategies.arbitrage.routes import ArbitrageRoute, Desk, Outcome, Plan
from actors.strategies.arbitrage.state import State
from actors.strategies.arbitrage.triangle.commands import Begin, TriangleParameters, TriangleState
from actors.strategies.arbitrage.triangle.execution import TriangleExecution
from actors.strategies.arbitrage.triangle.plan import TriangleRequest, plan_triangle
from actors.strategies.market_view import MarketView
from actors.strategies.pair.commands import CycleRecorded
from messages.orders import Fill, Side

_MEANING = {
    TriangleState.RECOVERING: State.IDLE,
    TriangleState.IDLE: State.SCANNING_OPPORTUNITIES,
    TriangleState.RETURNING: State.REPAIRING,
    TriangleState.FLATTENING: State.REPAIRING,
    TriangleState.PROTECTING: State.PROTECTING,
    TriangleState.DONE: State.COOLDOWN,
    TriangleState.HALTED: State.HALTED,
}
_AT_REST = frozenset({TriangleState.RECOVERING, TriangleState.IDLE, TriangleState.HALTED})


class TriangleRoute(ArbitrageRoute):
    """One triangle at a time, that ends in the currency in which it began."""

    def __init__(self, settings: Triangular, parameters: ArbitrageParameters, desk: Desk) -> None:
        markets = tuple(desk.views[name] for name in settings.instruments)
        self._notional = float(parameters.notional_of(settings))
        self._min_bps = parameters.min_profit_bps_of(settings)
        self._slippage_bps_max = parameters.slippage_bps_max
        terms = triangle_parameters(parameters, self._notional)
        self.execution = TriangleExecution(markets, settings.start, desk.own_orders, terms)
        directions = tuple(_directions(settings, markets, self._min_bps))
        super().__init__(settings.name, {view.instrument.id: view.instrument for view in markets}, directions)
        self._books = Ledger(self.instruments.values())

    def plan(self, direction: Direction) -> Plan | str:
        """The largest amount of which the last unit still pays, in whole lots at every step."""
        hops = direction.chain.hops
        walk = direction.chain.walk(ChainTerms(self._notional, self._min_bps, self._slippage_bps_max))
        plan = plan_triangle(TriangleRequest(hops, walk, self._min_bps, self._slippage_bps_max))
        return f"{direction.text}: {plan}" if isinstance(plan, str) else Plan(direction, plan, plan.edge_bps)

    def begin(self, plan: Plan) -> list[Any]:
        self.fills = 0
        return self.hear(Begin(plan.orders))

    def book(self, fill: Fill) -> None:
        self.fills += 1
        self._books.apply_fill(fill)
        self.execution.book(fill)

    def position(self, instrument: str) -> Decimal:
        """A triangle leaves a position in each of its instruments, while no currency is left over."""
        return self._books.position(instrument) if instrument in self.instruments else ZERO

    def adopt(self, instrument: str, difference: Decimal) -> None:
        book = self._books.books[instrument]
        book.adopt(book.position + difference)
        self.execution.adopt(instrument, difference)

    def hear(self, message: Any) -> list[Any]:
        execution, side, before = self.execution, self.execution.working_side, self.execution.state
        outputs = list(execution.on_message(message))
        if execution.state is not before or execution.working_side is not side:
            is_profit = execution.state is TriangleState.DONE and execution.is_round
            self.note(State.PROFIT_REALIZED if is_profit else self.state)
        if execution.state is TriangleState.DONE:
            result, reason = execution.result(has_fills=self.fills > 0), f"{self.name}: {execution.reason}"
            self.outcome = Outcome(result, reason, dict(execution.flows.amounts))
            self.fills = 0
            outputs += self.hear(CycleRecorded())
        return outputs

    @property
    def state(self) -> State:
        side = self.execution.working_side
        if side is not None:
            return State.EXECUTING_BUY_SIDE if side is Side.BUY else State.EXECUTING_SELL_SIDE
        return _MEANING[self.execution.state]

    @property
    def is_busy(self) -> bool:
        return self.execution.state not in _AT_REST

    @property
    def is_settled(self) -> bool:
        return self.execution.is_settled

    @property
    def residual_text(self) -> str:
        text = self.execution.holdings.text()
        return f"{self.name}: {text}" if text else ""


def triangle_parameters(parameters: ArbitrageParameters, notional: float) -> TriangleParameters:
    return TriangleParameters(
        slippage_bps_max=parameters.slippage_bps_max,
        flatten_slippage_bps=parameters.flatten_slippage_bps,
        step_timeout_ms=parameters.execution_timeout_ms,
        returns_max=parameters.repair_attempts_max,
        loss_budget=parameters.loss_budget * notional,
        quote_age_max_ms=parameters.quote_age_max_ms,
    )


def _directions(settings: Triangular, markets: tuple[MarketView, ...], min_bps: float) -> Iterator[Direction]:
    for name, views in (("forward", markets), ("backward", tuple(reversed(markets)))):
        if settings.directions in ("both", name):
            yield Direction(tuple(hops_from(settings.start, views)), Threshold(min_bps))


def hops_from(start: str, views: tuple[MarketView, ...]) -> Iterator[Hop]:
    """The conversions that lead from a currency through markets in their order."""
    held = start
    for view in views:
        hop = Hop(view, Side.BUY if view.instrument.quote == held else Side.SELL)
        held = hop.receives
        yield hop
