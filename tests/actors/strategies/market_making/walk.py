"""Random sequences of everything that can happen to a market maker, against a venue that keeps its own books.

The venue is the one of `random_walk.py`; here it also refuses post-only orders, prints trades and sweeps, jumps, and
changes the position without an order of ours (a liquidation, say).
"""

from collections.abc import Callable, Sequence
from decimal import Decimal as D

from actors.strategies.market_making.desk import QUOTING
from actors.strategies.market_making.strategy import MarketMaking
from messages.instruments import Rounding
from messages.order_lifecycle import OrderState
from messages.orders import CancelOrder, Side, SubmitOrder
from tests.actors.strategies.market_making.world import LEAD_ID, SPOT, MakerWorld
from tests.actors.strategies.random_walk import Event, Walk
from tests.actors.strategies.trading_world import INVERSE, MS, S

SETTINGS: tuple[Callable[[], MakerWorld], ...] = (
    lambda: MakerWorld(levels=3, inventory_skew=2.0, inventory_range=1.0, min_spread_bps=0.0, target_spread_bps=2.0),
    lambda: MakerWorld(levels=2, filled_order_delay_ms=200, quiet_s=0.5, inventory_target=D("0.2")),
    lambda: MakerWorld(INVERSE, levels=3, inventory_range=1.0, quiet_s=0.2),
    lambda: MakerWorld(SPOT, levels=3, opening_inventory=D("0.15"), refresh_tolerance_bps=0.0),
    lambda: MakerWorld(
        levels=2, model="avellaneda_stoikov", risk_aversion=1.0, hanging_orders=True, volatility_max_bps=1_000.0
    ),
    lambda: MakerWorld(levels=3, ping_pong=True, hanging_orders=True, lead_instrument=LEAD_ID, depth_min=1.0),
    lambda: MakerWorld(levels=2, order_age_max_s=0.5, post_only_retries_max=1, refusals_max=2, quiet_s=0.0),
)
QUOTING_STATES = {state.name for state in QUOTING}
PRICE_LOW, PRICE_HIGH = 55_000.0, 65_000.0
SETTLING_ROUNDS_MAX = 200
WATCHED_S = 12
"""Of a calm market first, so that its volatility is known."""


class MakerWalk(Walk):
    """:ivar strayed: how much the position was changed without an order of ours, unsigned."""

    world: MakerWorld  # type: ignore[assignment]
    changes = (
        {"quiet_s": 0.1}, {"order_age_max_s": 2.0}, {"refusals_max": 1}, {"inventory_skew": 0.3}, {"jump_bps": 50.0},
        {"filled_order_delay_ms": 50}, {"max_spread_bps": 60.0}, {"order_timeout_ms": 500}, {"price_band_bps": 80.0},
        {"price_band_bps": None}, {"flatten_slippage_bps": 90.0},
    )  # fmt: skip

    def __init__(self, world: MakerWorld) -> None:
        super().__init__(world)
        self.strayed = D(0)
        self.levels: dict[str, tuple[Side, int]] = {}
        self.hung: set[str] = set()

    # --- events -------------------------------------------------------------------------------------------------

    def step(self, event: str, chance: float) -> None:
        """While an outcome is unknown or the venue is gone, and after a drain or halt, nothing new is sent."""
        must_rest, sent = self._must_rest(), len(self.world.orders)
        super().step(event, chance)
        assert len(self.world.orders) == sent or not (must_rest and self._must_rest())

    def restart(self, chance: float) -> None:
        """A new incarnation is told which venues are down, as by its host."""
        super().restart(chance)
        for venue in sorted(self.down):
            self.world.venue_down(venue)

    def _must_rest(self) -> bool:
        strategy = self.world.strategy
        is_unknown = any(order.state is OrderState.UNKNOWN for order in strategy.open_orders)
        is_gone = self.world.instrument.venue in self.down
        is_draining = strategy.is_draining and not strategy.is_flattening
        return is_unknown or is_gone or is_draining or self.world.state == "HALTED"

    def quotes(self, chance: float) -> None:
        """A market that wanders by up to 10 bps."""
        self._quote_at(self.price * (1 + (chance - 0.5) / 500), 0.05 if chance < 0.2 else 500.0)
        if chance > 0.5:
            self.world.depth(self.world.instrument.id, ((self.price, 500.0),), ((self.price + 1, 500.0),))

    def jump(self, chance: float) -> None:
        self._quote_at(self.price * (1 + (chance - 0.5) / 25), 500.0)

    def _quote_at(self, price: float, size: float) -> None:
        self.price = min(PRICE_HIGH, max(PRICE_LOW, price))
        if self.world.instrument.venue not in self.down:
            instrument = self.world.instrument
            bid = instrument.round_price(self.price, Rounding.NEAREST)
            self.world.quote(instrument.id, float(bid), float(bid + instrument.tick_size), size)

    def one_side(self, _chance: float) -> None:
        if self.world.instrument.venue not in self.down:
            self.world.quote(self.world.instrument.id, 0.0, self.price, 1.0)

    def lead(self, chance: float) -> None:
        if self.world.settings.lead_instrument:
            self.world.quote(LEAD_ID, self.price * (1 + chance / 100), self.price * (1 + chance / 100) + 1)

    def thin(self, chance: float) -> None:
        self.world.depth(self.world.instrument.id, ((self.price, chance),), ((self.price + 1, chance),))

    def prints(self, chance: float) -> None:
        self.world.print_trade(self.price * (1 + chance / 1_000), chance, Side.BUY if chance < 0.5 else Side.SELL)

    def sweep(self, chance: float) -> None:
        for step in range(6):
            self.world.print_trade(self.price * (1 + step / 5_000), 1 + chance, Side.BUY)

    def refuse_post_only(self, chance: float) -> None:
        name = self._pick(chance)
        order = self.world.orders.get(name)
        if order is None or not order.post_only or name in self.accepted or self._filled(name):
            return
        self.ended.add(name)
        self.world.refuse_post_only(name)

    def accept_all(self, _chance: float) -> None:
        for name in self._open():
            if name not in self.silent and name not in self.accepted and self._venue(name) not in self.down:
                self.accepted.add(name)
                self.world.accept(name)

    def stray(self, chance: float) -> None:
        """A position appears; on spot nobody can take what is not there."""
        instrument = self.world.instrument
        quantity = instrument.round_quantity(self.world.settings.inventory_max * D(repr(round(chance * 3 % 2, 2))))
        side = Side.BUY if chance < 0.5 or instrument.is_spot else Side.SELL
        if quantity and self.world.quotes[instrument.id][0]:
            self.strayed += quantity
            self.world.stray_fill(instrument.id, side, str(quantity))

    # --- the end ------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Drain, and let the venue answer everything that was asked of it."""
        if not self.world.strategy.is_flattening:
            self.world.drain()
        self.recovery(0.0)
        for number in range(SETTLING_ROUNDS_MAX):
            while self.late:
                self.late_fill(0.0)
            if self.is_at_rest():
                return
            for name in self._open():
                self.silent.discard(name)
                if not self.world.orders[name].post_only:
                    self._fill(name, D(1))
                    self._end(name)
                elif number % 2:
                    self._end(name)
                elif name not in self.accepted:
                    self.accept_again(name)
            self.world.wait(200)
            self._quote_at(self.price, 500.0)
            self.world.depth(self.world.instrument.id, ((self.price, 500.0),), ((self.price + 1, 500.0),))
        raise AssertionError(f"not settled: {self.world.state}, {self.world.position}, {self._open()}")

    # --- what must hold -----------------------------------------------------------------------------------------

    def check(self) -> None:
        """At every moment: our books are the venue's; the position and everything that works, filled, are within the
        limits (and what came without our orders); one order a level, whole steps, and none that takes or meets ours.
        """
        world, strategy = self.world, self.world.strategy
        position = world.position
        assert position == strategy.ledger.position(world.instrument.id)
        buys, sells = (self._working(side) for side in Side)
        assert position + buys <= world.settings.inventory_max + self.strayed
        assert position - sells >= self._lowest() - self.strayed
        self._note_levels()
        ladder = [self.levels[name] for name in self._open() if name in self.levels and name not in self.hung]
        assert len(ladder) == len(set(ladder))
        for side in Side:
            names = [name for name in self._open() if world.orders[name].side is side]
            most = world.settings.levels * (2 if world.settings.hanging_orders else 1)
            assert len([name for name in names if world.orders[name].post_only]) <= most
            assert len([name for name in names if not world.orders[name].post_only]) <= 1

        self._check_own_spread()
        if world.state not in QUOTING_STATES:
            self._check_cancels()

    def _lowest(self) -> D:
        settings = self.world.settings
        most = settings.inventory_max
        return -min(most, settings.opening_inventory) if self.world.instrument.is_spot else -most

    def _check_cancels(self) -> None:
        """Where nothing is quoted, every quote that may still fill has been asked to be cancelled."""
        asked = {output.client_order_id for output in self.world.outputs if isinstance(output, CancelOrder)}
        for order in self.world.strategy.own_orders.working:
            assert order.request.client_order_id in asked or not order.request.post_only

    def _check_own_spread(self) -> None:
        """No bid of ours is at or above an ask of ours, whatever is being cancelled."""
        orders = [self.world.orders[name] for name in self._open() if self.world.orders[name].post_only]
        bids = [order.price for order in orders if order.side is Side.BUY and order.price is not None]
        asks = [order.price for order in orders if order.side is Side.SELL and order.price is not None]
        assert not bids or not asks or max(bids) < min(asks)

    def _working(self, side: Side) -> D:
        """What the venue may still fill of a side."""
        orders, remaining = self.world.orders, self.world.remaining
        return sum((remaining[name] for name in self._open() if orders[name].side is side), D(0))

    def _note_levels(self) -> None:
        quotes = self.world.strategy.quotes
        self.hung |= {slot.order.request.client_order_id for slot in quotes.hanging if slot.order is not None}
        for slots in quotes.slots.values():
            for slot in slots:
                if slot.order is not None:
                    self.levels[slot.order.request.client_order_id] = (slot.side, slot.level)
        new = list(self.world.orders.values())[self.checked :]
        self.checked += len(new)
        for order in new:
            self._check_order(order)

    def _check_order(self, order: SubmitOrder) -> None:
        instrument = self.world.instrument
        assert order.quantity > 0
        assert order.quantity == instrument.round_quantity(order.quantity)
        assert order.price is not None
        assert order.price % instrument.tick_size == 0
        bid, ask = self.world.quotes[instrument.id]
        if order.post_only:
            assert order.price < D(repr(ask)) if order.side is Side.BUY else order.price > D(repr(bid))
        else:
            assert order.side.sign * (self.world.position - order.side.sign * self._filled(order.client_order_id)) < 0

    def check_end(self) -> None:
        """Nothing works; the inventory is held, within its limits, or the strategy HALTED and said so."""
        world = self.world
        assert world.strategy.is_settled
        assert not self._open()
        assert world.strategy.is_flat or world.state == "HALTED" or not world.strategy.is_flattening
        assert world.state in {"IDLE", "HALTED"}
        assert self._lowest() - self.strayed <= world.position <= world.settings.inventory_max + self.strayed
        if world.state == "HALTED":
            assert any("HALTED" in alert for alert in world.alerts)

    def check_replay(self) -> None:
        """A new strategy that is told the same says the same."""
        again = MarketMaking("maker", self.world.instruments, self.world.settings)
        assert self.world.outputs == [output for message in self.world.inputs for output in again.on_message(message)]


EVENTS: tuple[str, ...] = (
    *("quotes",) * 10, *("trade",) * 4, *("fill",) * 6, *("accept_all",) * 6, *("cancel",) * 8, *("wait",) * 3,
    "end", "accept", "end_before_its_fill", "late_fill", "refuse", "refuse_post_only", "refuse_post_only",
    "forget", "remember", "remember", "repeat", "sleep", "gap", "outage", "recovery", "recovery", "restart",
    "halt", "drain", "resume", "resume", "flatten", "change",
    "jump", "one_side", "lead", "lead", "thin", "prints", "prints", "sweep", "stray",
)  # fmt: skip


def walk(setting: int, events: Sequence[Event], *, is_flattened: bool = False) -> MakerWalk:
    """Take a walk to its end, checking at every step."""
    taken = MakerWalk(SETTINGS[setting]())
    for number in range(WATCHED_S):
        taken.world.now_ns += S
        taken.step("quotes", 0.45 + number % 2 / 10)
    for event, chance in events:
        taken.world.now_ns += MS
        taken.step(event, chance)
    if is_flattened:
        taken.world.flatten()
    taken.settle()
    taken.check()
    taken.check_end()
    taken.check_replay()
    return taken
