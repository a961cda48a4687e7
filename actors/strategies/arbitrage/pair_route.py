"""A route of two legs: bought on one side and sold on the other, by a pair execution that keeps both as inventory."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from actors.analytics.arbitrage import ChainWalk, edge_bps
from actors.analytics.pnl import ZERO, Ledger
from actors.strategies.arbitrage.direction import Direction, Threshold, kept_after
from actors.strategies.arbitrage.edge import ChainTerms, Hop
from actors.strategies.arbitrage.flows import Flows
from actors.strategies.arbitrage.fx import ExchangeRate
from actors.strategies.arbitrage.parameters import ArbitrageParameters
from actors.strategies.arbitrage.route_parameters import CrossPair, CrossVenue, Stablecoin
from actors.strategies.arbitrage.routes import ArbitrageRoute, Desk, Outcome, Plan
from actors.strategies.arbitrage.state import State
from actors.strategies.market_view import MarketView
from actors.strategies.pair.commands import (
    Arm,
    CycleRecorded,
    Execution,
    HeadroomGranted,
    PairParameters,
    PairState,
    Release,
    Reserve,
    Turn,
)
from actors.strategies.pair.execution import PairExecution
from actors.strategies.pair.sizing import Leg, PairPlan, common_step, is_tradable, to_order
from messages.health import CycleResult
from messages.instruments import ONE, Rounding
from messages.orders import Fill, Side

NS_PER_MS = 1_000_000

_MEANING = {
    PairState.RECOVERING: State.IDLE,
    PairState.IDLE: State.SCANNING_OPPORTUNITIES,
    PairState.ARMED: State.VALIDATING_OPPORTUNITY,
    PairState.RESERVED: State.VALIDATING_OPPORTUNITY,
    PairState.BOTH_WORKING: State.MONITORING_EXECUTION,
    PairState.OPEN: State.PROFIT_REALIZED,
    PairState.REPAIRING: State.REPAIRING,
    PairState.FLATTENING: State.REPAIRING,
    PairState.PROTECTING: State.PROTECTING,
    PairState.FLAT: State.COOLDOWN,
    PairState.HALTED: State.HALTED,
}
_AT_REST = frozenset({PairState.RECOVERING, PairState.IDLE, PairState.HALTED})
_SETTLED = frozenset({PairState.IDLE, PairState.HALTED})
_LEG_OF = {PairState.LEG_ONE_WORKING: 0, PairState.LEG_TWO_WORKING: 1}
_SIDE = {Side.BUY: State.EXECUTING_BUY_SIDE, Side.SELL: State.EXECUTING_SELL_SIDE}


class PairRoute(ArbitrageRoute):
    """Its pair's ledger is its own, and holds what an attempt has traded until it is released into the inventory."""

    def __init__(
        self, settings: CrossVenue | CrossPair | Stablecoin, parameters: ArbitrageParameters, desk: Desk
    ) -> None:
        markets = desk.views[settings.first], desk.views[settings.second]
        legs = tuple(Leg(view.instrument, side, view, is_shared=True) for view, side in zip(markets, Side, strict=True))
        self.legs = legs[0], legs[1]
        self._notional = parameters.notional_of(settings)
        self._slippage_bps_max = parameters.slippage_bps_max
        self._own_orders, self._inventory = desk.own_orders, desk.inventory
        self._flows = Flows()
        self._was_repaired = False
        self.ledger = Ledger(view.instrument for view in markets)
        self.pair = PairExecution(self.legs, desk.own_orders, self.ledger, pair_parameters(parameters, self._notional))
        fees_bps = sum(float(leg.instrument.taker_fee_bps) for leg in self.legs)
        self._exit_basis_bps = -fees_bps  # there is no close whose fees would still have to be paid
        directions = tuple(_directions(settings, parameters, desk.views))
        super().__init__(settings.name, {view.instrument.id: view.instrument for view in markets}, directions)

    # --- planning -----------------------------------------------------------------------------------------------

    def plan(self, direction: Direction) -> Plan | str:
        """The largest size of which the last unit still pays, in whole steps of both legs.

        The pair is turned into the direction, so that a residual that it carries counts with the right sign.
        """
        buy, sell = direction.chain.hops
        least = _least_base(buy, sell)
        dry = next((text for hop in (buy, sell) if (text := self._inventory.why_dry(hop, least))), "")
        if dry:
            return dry
        room = min(self._inventory.room(buy), self._inventory.room(sell))
        amount_max = min(float(self._notional), float(room) / buy.touch_rate())
        keep = direction.keep(amount_max * buy.touch_rate() * sell.touch_rate(), self._own_orders.now_ns)
        if not keep:
            return f"{direction.text}: the visible book of the exchange rate does not cover the amount"
        min_bps = direction.min_bps(self._inventory)
        walk = direction.chain.walk(ChainTerms(amount_max, min_bps, self._slippage_bps_max, keep))
        if not walk.worst:
            return f"{direction.text}: less than {min_bps:.2f} bps are left at the exchange rate for the whole amount"
        orders = self._orders(direction, min(room, _base(buy, walk)), walk)
        if isinstance(orders, str):
            return orders
        for leg, side in zip(self.legs, self.pair.position.sides, strict=True):
            leg.rate = keep / direction.kept if side is Side.SELL else 1.0
        return Plan(direction, orders, edge_bps(walk, keep))

    def _orders(self, direction: Direction, base: Decimal, walk: ChainWalk) -> PairPlan | str:
        """Both orders, with what the pair still carries taken into account."""
        hops = direction.chain.hops
        sides = [next(hop.side for hop in hops if hop.view is leg.view) for leg in self.legs]
        self.pair.on_message(Turn((sides[0], sides[1]), self._exit_basis_bps))
        base = _in_steps(hops, base)
        held = self.pair.position.held
        quantities = [self._quantity(leg, base, carried) for leg, carried in zip(self.legs, held, strict=True)]
        by_view = dict(
            zip((id(hop.view) for hop in hops), direction.chain.limits(walk, self._slippage_bps_max), strict=True)
        )
        limits = [by_view[id(leg.view)] for leg in self.legs]
        for leg, quantity, limit in zip(self.legs, quantities, limits, strict=True):
            if not is_tradable(leg.instrument, quantity, limit):
                return (
                    f"{direction.text}: {quantity} at {limit} is below the minimum of {leg.instrument.id} "
                    f"(lot {leg.instrument.lot_size}, quantity {leg.instrument.min_quantity}, "
                    f"notional {leg.instrument.min_notional})"
                )
        return PairPlan((quantities[0], quantities[1]), (limits[0], limits[1]), ONE, 0.0)

    @staticmethod
    def _quantity(leg: Leg, base: Decimal, carried: Decimal) -> Decimal:
        quantity = base / leg.instrument.multiplier
        return to_order(leg, quantity - carried) if quantity > carried else ZERO

    # --- executing ----------------------------------------------------------------------------------------------

    def begin(self, plan: Plan) -> list[Any]:
        self._flows.clear()
        self.fills, self._was_repaired = 0, False
        outputs = [*self.hear(Arm()), *self.hear(Reserve(plan.orders))]
        return [*outputs, *self.hear(HeadroomGranted())]

    def book(self, fill: Fill) -> None:
        self.fills += 1
        self.ledger.apply_fill(fill)
        self._flows.add(fill, self.instruments[fill.instrument])

    def adopt(self, instrument: str, difference: Decimal) -> None:
        book = self.ledger.books[instrument]
        book.adopt(book.position + difference)
        self._flows.move({book.instrument.base: difference * book.instrument.multiplier})

    def let_go(self) -> None:
        for book in self.ledger.books.values():
            book.adopt(ZERO)

    def hear(self, message: Any) -> list[Any]:
        """Let the pair hear it, and take it through the states that need a word of ours."""
        pair, before = self.pair, self.pair.state
        outputs = list(pair.on_message(message))
        if pair.state is not before:
            self.note(self.state)
            self._was_repaired = self._was_repaired or self.state is State.REPAIRING
        if pair.state is PairState.OPEN:
            outputs += self.hear(Release("both sides are filled"))
        elif pair.state is PairState.FLAT:
            self.outcome = Outcome(self._result(), self._reason(), dict(self._flows.amounts))
            self.fills, self._was_repaired = 0, False
            outputs += self.hear(CycleRecorded())
        return outputs

    def _result(self) -> CycleResult:
        """What became of the attempt. The pair forgets a repair over a restart; we do not."""
        result = self.pair.result(has_fills=self.fills > 0)
        return CycleResult.REPAIRED if result is CycleResult.COMPLETED and self._was_repaired else result

    def _reason(self) -> str:
        parts = (f"{self.name}: {self.pair.reason}", self.residual_text)
        return "; ".join(text for text in parts if text)

    # --- what the strategy asks about ---------------------------------------------------------------------------

    @property
    def state(self) -> State:
        pair = self.pair
        leg = _LEG_OF.get(pair.state)
        return _MEANING[pair.state] if leg is None else _SIDE[self.legs[leg].opens]

    @property
    def is_busy(self) -> bool:
        return self.pair.state not in _AT_REST

    @property
    def is_settled(self) -> bool:
        return self.pair.state in _SETTLED

    @property
    def residual_text(self) -> str:
        text = self.pair.position.residual_text()
        return f"{self.name}: {text}" if text else ""


def pair_parameters(parameters: ArbitrageParameters, notional: Decimal) -> PairParameters:
    """What pair execution needs of them. The strategy rests by itself, so that the pair does not."""
    return PairParameters(
        execution=Execution(parameters.execution),
        hedge_ratio=ONE,
        slippage_bps_max=parameters.slippage_bps_max,
        flatten_slippage_bps=parameters.flatten_slippage_bps,
        leg_timeout_ms=parameters.execution_timeout_ms,
        repair_attempts_max=parameters.repair_attempts_max,
        loss_budget=parameters.loss_budget * float(notional),
        cooldown_ms=0,
        quote_age_max_ms=parameters.quote_age_max_ms,
        exit_basis_bps=0.0,
        is_two_way=True,
    )


def _directions(
    settings: CrossVenue | CrossPair | Stablecoin, parameters: ArbitrageParameters, views: dict[str, MarketView]
) -> Iterator[Direction]:
    threshold = Threshold(parameters.min_profit_bps_of(settings), parameters.inventory_skew_bps)
    age_max_ns = parameters.quote_age_max_ms * NS_PER_MS
    pairs = {"buy-first": (settings.first, settings.second), "sell-first": (settings.second, settings.first)}
    for name, (bought, sold) in pairs.items():
        if settings.directions not in ("both", name):
            continue
        hops = Hop(views[bought], Side.BUY), Hop(views[sold], Side.SELL)
        fx = ExchangeRate(views[settings.fx], hops[1].receives, age_max_ns) if isinstance(settings, CrossPair) else None
        yield Direction(hops, threshold, kept=kept_after(settings.transfer_cost_bps), fx=fx)


def _least_base(buy: Hop, sell: Hop) -> Decimal:
    """Less than this cannot be traded on both sides: steps, minimum quantities and notionals."""
    least = common_step(buy.instrument, sell.instrument)
    for hop in (buy, sell):
        instrument = hop.instrument
        price = instrument.round_price(hop.view.touch(hop.side), Rounding.NEAREST)
        least = max(least, instrument.min_quantity * instrument.multiplier, instrument.min_notional / price)
    return least


def _base(buy: Hop, walk: ChainWalk) -> Decimal:
    """What the walk buys, net of a fee in base, in whole lots of the leg that buys."""
    instrument = buy.instrument
    return instrument.round_quantity(walk.amounts[1] / float(instrument.multiplier)) * instrument.multiplier


def _in_steps(hops: tuple[Hop, ...], base: Decimal) -> Decimal:
    """Rounded down to a step that both sides can trade, and to the largest order of either."""
    first, second = (hop.instrument for hop in hops)
    for instrument in (first, second):
        if instrument.max_quantity is not None:
            base = min(base, instrument.max_quantity * instrument.multiplier)
    step = common_step(first, second)
    return base // step * step
