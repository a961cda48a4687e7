"""A triangle's execution alone: its orders, its timers, and a venue that does as it is told."""

from collections.abc import Callable
from decimal import Decimal as D
from typing import Any

from actors.strategies.arbitrage.edge import Chain, ChainTerms
from actors.strategies.arbitrage.triangle.commands import Begin, TriangleParameters, TrianglePlan, TriangleState
from actors.strategies.arbitrage.triangle.execution import TriangleExecution
from actors.strategies.arbitrage.triangle.handlers import FLATTEN_ROUNDS_MAX
from actors.strategies.arbitrage.triangle.plan import TriangleRequest, plan_triangle
from actors.strategies.arbitrage.triangle.route import hops_from
from actors.strategies.market_view import MarketView
from actors.strategies.own_orders import OwnOrders
from actors.strategies.pair.commands import CycleRecorded
from actors.strategies.pair.patience import RETRY_MS
from messages.gateway_link import VenueDown, VenueUp
from messages.market import Gap, Quote
from messages.orders import (
    AmendRejected,
    CancelRejected,
    CloseReason,
    DenyReason,
    Fill,
    Liquidity,
    OrderAccepted,
    OrderAmended,
    OrderClosed,
    OrderDenied,
    OrderRejected,
    OrderUnknown,
    RejectReason,
    Side,
    SubmitOrder,
)
from messages.strategy_host import (
    DrainStrategy,
    FlattenStrategy,
    HaltStrategy,
    RecoveryCompleted,
    ResumeStrategy,
    StrategyStarted,
    TimerFired,
)
from tests.actors.strategies.arbitrage.world import ALPHA, ETH_BTC, ETH_USDT

NOW = 1_700_000_000_000_000_000
PRICES = {ALPHA.id: (60_000.0, 60_000.01), ETH_BTC.id: (0.05, 0.05001), ETH_USDT.id: (3_030.0, 3_030.01)}


class TriangleFloor:
    def __init__(self, *, loss_budget: float = 100.0, returns_max: int = 3) -> None:
        self.views = {instrument.id: MarketView(instrument) for instrument in (ALPHA, ETH_BTC, ETH_USDT)}
        self.own_orders = OwnOrders("a")
        self.own_orders.now_ns = NOW
        terms = TriangleParameters(
            slippage_bps_max=10.0, flatten_slippage_bps=100.0, step_timeout_ms=2_000, returns_max=returns_max,
            loss_budget=loss_budget, quote_age_max_ms=5_000,
        )  # fmt: skip
        self.execution = TriangleExecution(tuple(self.views.values()), "USDT", self.own_orders, terms)
        self.trades = 0
        self.said: list[Any] = []
        self.quote()

    @property
    def state(self) -> TriangleState:
        return self.execution.state

    @property
    def orders(self) -> list[SubmitOrder]:
        return [message for message in self.said if isinstance(message, SubmitOrder)]

    @property
    def last(self) -> SubmitOrder:
        return self.orders[-1]

    def quote(self, **changes: tuple[float, float]) -> None:
        """Every market anew; `btc`, `cross` and `eth` may be elsewhere."""
        names = {"btc": ALPHA.id, "cross": ETH_BTC.id, "eth": ETH_USDT.id}
        prices = {**PRICES, **{names[name]: price for name, price in changes.items()}}
        now = self.own_orders.now_ns
        for name, (bid, ask) in prices.items():
            self.views[name].on_quote(Quote(name, bid, 1_000.0, ask, 1_000.0, now, now))

    def send(self, message: Any) -> None:
        """As a strategy does it: books first, then the machine."""
        if isinstance(message, StrategyStarted):
            self.own_orders.start(message)
        elif isinstance(message, VenueDown | VenueUp):
            for view in self.views.values():
                view.on_venue(is_up=isinstance(message, VenueUp))
        elif isinstance(message, Gap):
            self.views[message.instrument].on_gap(message)
        elif isinstance(message, TimerFired):
            self.own_orders.take_timer(message)
        elif hasattr(message, "client_order_id"):
            self.own_orders.apply(message)
            if isinstance(message, Fill):
                self.execution.book(message)
        self.said += self.execution.on_message(message)

    # --- reports ------------------------------------------------------------------------------------------------

    def fill_of(self, part: str = "1") -> Fill:
        order = self.last
        instrument = self.views[order.instrument].instrument
        quantity = instrument.round_quantity(order.quantity * D(part))
        price = order.price or D(repr(PRICES[order.instrument][0]))
        self.trades += 1
        return Fill(
            client_order_id=order.client_order_id, strategy="a", instrument=order.instrument, side=order.side,
            price=price, quantity=quantity, fee=instrument.fee(quantity, price, is_maker=False),
            fee_currency=instrument.quote, liquidity=Liquidity.TAKER, trade_id=f"t{self.trades}", ts_event=NOW,
        )  # fmt: skip

    def fill(self, part: str = "1") -> None:
        self.send(self.fill_of(part))

    def closed(self) -> OrderClosed:
        order = self.own_orders.order(self.last.client_order_id)
        assert order is not None
        reason = CloseReason.FILLED if order.filled_quantity == order.request.quantity else CloseReason.EXPIRED
        return OrderClosed(self.last.client_order_id, "a", self.last.instrument, reason, order.filled_quantity, NOW)

    def close(self) -> None:
        self.send(self.closed())

    def fire(self, name: str) -> TimerFired:
        return TimerFired(name, self.own_orders.timers.get(name, 0), self.own_orders.now_ns)

    def retry(self) -> None:
        """The markets are quoted anew, and the next attempt is due."""
        self.news()
        self.send(self.fire("triangle-retry"))

    def news(self) -> None:
        self.own_orders.now_ns += RETRY_MS * 1_000_000
        self.quote()

    # --- ways into a state --------------------------------------------------------------------------------------

    def recover(self) -> "TriangleFloor":
        self.send(StrategyStarted("a", 1, "x-a", NOW))
        self.send(RecoveryCompleted({}, (), NOW))
        return self

    def plan(self, min_bps: float = 10.0) -> TrianglePlan:
        hops = tuple(hops_from("USDT", tuple(self.views.values())))
        walk = Chain(hops).walk(ChainTerms(6_000.0, min_bps, 10.0))
        found = plan_triangle(TriangleRequest(hops, walk, min_bps, 10.0))
        assert isinstance(found, TrianglePlan), found
        return found

    def begin(self, step: int = 1) -> "TriangleFloor":
        """Convert up to the order of a step, which works."""
        self.recover()
        self.send(Begin(self.plan()))
        for _ in range(step - 1):
            self.fill()
        return self


def recovering() -> TriangleFloor:
    floor = TriangleFloor()
    floor.send(StrategyStarted("a", 1, "x-a", NOW))
    return floor


def returning() -> TriangleFloor:
    floor = TriangleFloor().begin(2)
    floor.close()
    assert TriangleState.RETURNING is floor.state
    return floor


def flattening() -> TriangleFloor:
    floor = TriangleFloor(loss_budget=0.01).begin(2)
    floor.quote(cross=(0.049, 0.052))
    floor.close()
    assert TriangleState.FLATTENING is floor.state
    return floor


def flattened_in_vain() -> TriangleFloor:
    """The last round of it works."""
    floor = flattening()
    for _ in range(FLATTEN_ROUNDS_MAX - 1):
        floor.close()
        floor.retry()
    return floor


def protecting(step: int = 1) -> TriangleFloor:
    """The outcome of an order is not known."""
    floor = TriangleFloor().begin(step)
    floor.send(OrderUnknown(floor.last.client_order_id, "a", floor.last.instrument, "gone", NOW))
    return floor


def waiting(floor: TriangleFloor) -> TriangleFloor:
    """The order has ended without a fill, and the market is away."""
    floor.send(VenueDown("alpha", "gone", NOW))
    floor.close()
    return floor


def halted() -> TriangleFloor:
    floor = TriangleFloor().begin()
    floor.send(HaltStrategy("operator", NOW))
    return floor


def done() -> TriangleFloor:
    floor = TriangleFloor().begin()
    floor.close()
    return floor


IN_STATE: dict[TriangleState, Callable[[], TriangleFloor]] = {
    TriangleState.RECOVERING: recovering,
    TriangleState.IDLE: lambda: TriangleFloor().recover(),
    TriangleState.CONVERTING: lambda: TriangleFloor().begin(),
    TriangleState.RETURNING: returning,
    TriangleState.PROTECTING: protecting,
    TriangleState.FLATTENING: flattening,
    TriangleState.DONE: done,
    TriangleState.HALTED: halted,
}


def _id(floor: TriangleFloor) -> tuple[str, str, str]:
    if not floor.orders:
        return "x-a-e0-9", "a", ALPHA.id
    return floor.last.client_order_id, "a", floor.last.instrument


EVENTS: dict[str, Callable[[TriangleFloor], Any]] = {
    "Fill": lambda f: f.fill_of() if f.orders else _stray(f),
    "OrderClosed": lambda f: f.closed() if f.orders else OrderClosed(*_id(f), CloseReason.EXPIRED, D(0), NOW),
    "OrderRejected": lambda f: OrderRejected(*_id(f), RejectReason.OTHER, "", NOW),
    "OrderDenied": lambda f: OrderDenied(*_id(f), DenyReason.LINK_DOWN, "", NOW),
    "OrderAccepted": lambda f: OrderAccepted(*_id(f), "v", NOW),
    "OrderAmended": lambda f: OrderAmended(*_id(f), D("0.1"), D(1), NOW),
    "AmendRejected": lambda f: AmendRejected(*_id(f), RejectReason.OTHER, "", NOW),
    "CancelRejected": lambda f: CancelRejected(*_id(f), RejectReason.OTHER, "", NOW),
    "OrderUnknown": lambda f: OrderUnknown(*_id(f), "", NOW),
    "Gap": lambda _: Gap(ALPHA.id, "", NOW),
    "StrategyStarted": lambda _: StrategyStarted("a", 2, "x-a", NOW),
    "RecoveryCompleted": lambda _: RecoveryCompleted({}, (), NOW),
    "TimerFired": lambda f: f.fire(next(iter(f.own_orders.timers), "triangle-other")),
    "HaltStrategy": lambda _: HaltStrategy("operator", NOW),
    "DrainStrategy": lambda _: DrainStrategy("shutdown", NOW),
    "ResumeStrategy": lambda _: ResumeStrategy("operator", NOW),
    "FlattenStrategy": lambda _: FlattenStrategy("operator", NOW),
    "VenueDown": lambda _: VenueDown("alpha", "", NOW),
    "VenueUp": lambda _: VenueUp("alpha", NOW),
    "Begin": lambda _: Begin(TriangleFloor().plan()),
    "CycleRecorded": lambda _: CycleRecorded(),
}


def _stray(floor: TriangleFloor) -> Fill:
    """A fill from before: 0.1 BTC are there."""
    floor.trades += 1
    return Fill(
        client_order_id="x-a-e0-9", strategy="a", instrument=ALPHA.id, side=Side.BUY, price=D(60_000),
        quantity=D("0.1"), fee=D(0), fee_currency="USDT", liquidity=Liquidity.TAKER, trade_id=f"t{floor.trades}",
        ts_event=NOW,
    )  # fmt: skip
