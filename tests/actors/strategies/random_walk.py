"""Random sequences of everything that can happen to a pair, against venues that keep their own books.

The model is fair but rude: it answers orders in any order and any part, loses cancels to fills, repeats reports, lets
ends overtake fills, forgets outcomes for a while, goes down, and restarts the strategy. What a venue may not do, it
does not: fill more than was ordered, sell spot that is not held, or turn a reduce-only order into a position.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal as D
from typing import Any

from actors.strategies.pair.commands import PairState
from messages.instruments import Rounding
from messages.orders import CloseReason, OrderUnknown
from tests.actors.strategies.trading_world import INVERSE, INVERSE_ID, MS, SPOT, S, World, parameters

SPOT_FEE_IN_BASE = type(SPOT)(
    **{name: getattr(SPOT, name) for name in SPOT.__struct_fields__ if name not in {"fee_currency", "lot_size"}},
    fee_currency="BTC",
    lot_size=D("0.0003"),
)
SETTINGS: tuple[Callable[[], World], ...] = (
    lambda: World(parameters()),
    lambda: World(parameters(execution="concurrent", cooldown_s=0.0)),
    lambda: World(parameters(futures=INVERSE_ID, notional=D(1_000)), futures=INVERSE),
    lambda: World(parameters(notional=D(500)), spot=SPOT_FEE_IN_BASE),
    lambda: World(parameters(first_leg="futures", hedge_ratio=D("0.98"), notional=D(700), confirm_ms=50)),
    lambda: World(parameters(loss_budget=0.0001, repair_attempts_max=1, execution="concurrent")),
)
PRICE_LOW, PRICE_HIGH = 55_000.0, 65_000.0
SETTLING_ROUNDS_MAX = 400
Event = tuple[str, float]


class Walk:
    """One world, and the venue's view of every order: what it has filled and what it still owes in reports.

    :cvar changes: what the operator may change, one of them at a time.
    """

    changes: tuple[dict[str, Any], ...] = (
        {"exit_confirm": 1}, {"cooldown_s": 0.2}, {"slippage_bps_max": 8.0}, {"quote_age_max_ms": 4_000},
        {"loss_budget": 0.002}, {"repair_attempts_max": 2}, {"leg_timeout_ms": 300}, {"stop_loss": 0.001},
    )  # fmt: skip

    def __init__(self, world: World) -> None:
        self.world = world
        self.price, self.basis = 60_000.0, 0.004
        self.ended: set[str] = set()
        self.silent: set[str] = set()
        self.accepted: set[str] = set()
        self.late: list[tuple[str, D]] = []
        self.down: set[str] = set()
        self.epoch = 1
        self.checked = 0

    # --- events -------------------------------------------------------------------------------------------------

    def step(self, event: str, chance: float) -> None:
        getattr(self, event)(chance)
        self.check()

    def quotes(self, chance: float) -> None:
        self.price = min(PRICE_HIGH, max(PRICE_LOW, self.price * (1 + (chance - 0.5) / 50)))
        self.basis = self.next_basis(chance)
        for instrument, price in ((self.world.spot, self.price), (self.world.futures, self.price * (1 + self.basis))):
            if instrument.venue not in self.down:
                bid = float(instrument.round_price(price, Rounding.NEAREST))
                self.world.quote(instrument.id, bid, bid + float(instrument.tick_size), 0.05 if chance < 0.2 else 500.0)
                if chance > 0.5:
                    self.world.depth(instrument.id, ((bid, 500.0),), ((bid + float(instrument.tick_size), 500.0),))

    def next_basis(self, chance: float) -> float:
        """How far the second instrument is above the first, as a ratio."""
        return (chance * 7.3 % 1 - 0.35) / 50

    def fill(self, chance: float) -> None:
        name = self._pick(chance)
        if name:
            self._fill(name, D(repr(round(0.1 + chance, 3))) if chance < 0.7 else D(1))

    def trade(self, chance: float) -> None:
        """An order as it should be: filled at once."""
        name = self._pick(chance)
        if name:
            self._fill(name, D(1))
            self._end(name)

    def accept(self, chance: float) -> None:
        name = self._pick(chance)
        if name:
            self.accepted.add(name)
            self.world.accept(name)

    def end(self, chance: float) -> None:
        name = self._pick(chance)
        if name:
            self._end(name)

    def end_before_its_fill(self, chance: float) -> None:
        name = self._pick(chance)
        if name and self._amount(name, D("0.5")):
            amount = self._amount(name, D("0.5"))
            self.world.remaining[name] -= amount
            self.ended.add(name)
            self.world.close(name)
            self.world.remaining[name] += amount
            self.late.append((name, amount))

    def late_fill(self, _chance: float) -> None:
        if self.late:
            name, amount = self.late.pop(0)
            self.world.fill(name, amount)

    def refuse(self, chance: float) -> None:
        name = self._pick(chance)
        if name and name not in self.accepted and self.world.remaining[name] == self.world.orders[name].quantity:
            self.ended.add(name)
            if chance < 0.5:
                self.world.reject(name)
            else:
                self.world.deny(name)

    def forget(self, chance: float) -> None:
        name = self._pick(chance)
        if name:
            self.silent.add(name)
            self.world.unknown(name)

    def remember(self, chance: float) -> None:
        for name in sorted(self.silent):
            self.silent.discard(name)
            if chance < 0.3:
                self.accept_again(name)
            elif chance < 0.6:
                self._fill(name, D("0.5"))
                self._end(name)
            else:
                self._end(name)

    def accept_again(self, name: str) -> None:
        self.accepted.add(name)
        self.world.accept(name)

    def cancel(self, chance: float) -> None:
        """The venue gets round to a cancel, or has filled the order meanwhile."""
        if not self.world.cancels:
            return
        name = self.world.cancels.pop(0)
        if name in self.ended or name in self.silent or name not in self.world.orders:
            return
        if chance < 0.3:
            self.world.reject_cancel(name)
            self._fill(name, D(1))
            self._end(name)
        else:
            self._end(name, CloseReason.CANCELLED)

    def liquidate(self, chance: float) -> None:
        """The venue closes a part of a derivative's position, or all of it."""
        instrument = self.derivative(chance)
        untold = [amount for name, amount in self.late if self.world.orders[name].instrument == instrument.id]
        held = max(D(0), abs(self.world.positions[instrument.id]) - sum(untold, D(0)))
        amount = instrument.round_quantity(held * D(repr(round(chance, 3)))) if chance < 0.5 else held
        if amount and instrument.id in self.world.quotes:
            self.world.liquidate(instrument.id, amount)

    def derivative(self, _chance: float) -> Any:
        """What the venue may liquidate."""
        return self.world.futures

    def repeat(self, chance: float) -> None:
        """Deliver an old report once more."""
        old = [message for message in self.world.inputs[-40:] if hasattr(message, "client_order_id")]
        old = [message for message in old if not isinstance(message, OrderUnknown)]
        if old:
            self.world.send(old[int(chance * len(old)) % len(old)])

    def wait(self, chance: float) -> None:
        self.world.wait(chance * 400)

    def sleep(self, chance: float) -> None:
        self.world.wait(chance * 8_000)

    def mark(self, chance: float) -> None:
        self.world.mark(self.price, (chance - 0.3) / 100, self.world.now_ns + int(chance * 20 * 3600) * S)

    def gap(self, chance: float) -> None:
        self.world.gap(self._instrument(chance).id)

    def outage(self, chance: float) -> None:
        venue = self._instrument(chance).venue
        if venue not in self.down:
            self.down.add(venue)
            self.world.venue_down(venue)

    def recovery(self, _chance: float) -> None:
        for venue in sorted(self.down):
            self.world.venue_up(venue)
        self.down.clear()

    def restart(self, _chance: float) -> None:
        """A new incarnation: missed fills are replayed first, then the gateways' word."""
        self.epoch += 1
        self.world.start(self.epoch)
        while self.late:
            self.late_fill(0.0)
        still_open = tuple(name for name in self.world.open_ids if name not in self.ended)
        self.world.recover(open_orders=still_open)

    def halt(self, chance: float) -> None:
        if chance < 0.05:
            self.world.halt()

    def drain(self, chance: float) -> None:
        if chance < 0.3:
            self.world.drain()

    def resume(self, _chance: float) -> None:
        """After a pause, a halt or a flattening, or after nothing at all."""
        self.world.resume()

    def flatten(self, chance: float) -> None:
        if chance < 0.2:
            self.world.flatten()

    def change(self, chance: float) -> None:
        """Another value of a live parameter; none of them bounds a size that is checked here."""
        self.world.change(**self.changes[int(chance * 97) % len(self.changes)])

    # --- the end ------------------------------------------------------------------------------------------------

    def is_at_rest(self) -> bool:
        strategy = self.world.strategy
        if strategy.is_flattening and self.world.state != "HALTED" and not strategy.is_flat:
            return False
        return strategy.is_settled and not self.late and not self._open()

    def settle(self) -> None:
        """Drain, or go on with a flattening, and let every venue be as helpful as it can: it must come to rest."""
        if not self.world.strategy.is_flattening:
            self.world.drain()
        self.recovery(0.0)
        for number in range(SETTLING_ROUNDS_MAX):
            if self.is_at_rest():
                return
            while self.late:
                self.late_fill(0.0)
            for name in self._open():
                self.silent.discard(name)
                if number % 3 == 2:
                    self._end(name)
                else:
                    self._fill(name, D(1))
                    self._end(name)
            self.world.cancels.clear()
            self.world.wait(200)
            self._calm_quotes()
        raise AssertionError(f"not settled: {self.world.state}, {self.world.held}, {self.late}, {self._open()}")

    def _calm_quotes(self) -> None:
        for instrument in (self.world.spot, self.world.futures):
            bid = float(instrument.round_price(self.price, Rounding.NEAREST))
            self.world.quote(instrument.id, bid, bid + float(instrument.tick_size))
            self.world.depth(instrument.id, ((bid, 500.0),), ((bid + 1.0, 500.0),))

    # --- what must hold -----------------------------------------------------------------------------------------

    def check(self) -> None:
        """At every moment: our books are the venues', and exposure is within the notional and a step."""
        world = self.world
        for name, position in world.positions.items():
            assert position == world.strategy.ledger.position(name)
        self.check_exposure()
        self._check_orders()

    def check_exposure(self) -> None:
        world = self.world
        spot, futures = world.held
        most = world.settings.notional / D(repr(PRICE_LOW)) * D("1.02")
        step = D("0.003") + world.spot.lot_size + world.futures.lot_size * world.futures.multiplier / D(55_000)
        assert -step <= spot <= most + step
        short = -world.futures.base_quantity(futures, D(repr(PRICE_HIGH)))
        assert -step <= short <= most + step

    def _check_orders(self) -> None:
        """Every order is in whole steps, and one that opens a pair stays within the notional and a step."""
        world = self.world
        orders = list(world.orders.values())[self.checked :]
        self.checked += len(orders)
        for order in orders:
            instrument = world.instruments[order.instrument]
            assert order.quantity > 0
            assert order.quantity == instrument.round_quantity(order.quantity)
            assert order.price is None or order.price % instrument.tick_size == 0
            if world.strategy.pair.state in {PairState.LEG_ONE_WORKING, PairState.BOTH_WORKING}:
                assert order.price is not None
                left = order.quantity - self._filled(order.client_order_id)
                reached = world.positions[order.instrument] + order.side.sign * left
                value = instrument.notional(reached, order.price)
                step = instrument.notional(D("0.003") if instrument.is_spot else instrument.lot_size, order.price)
                assert value <= world.settings.notional * D("1.002") + step

    def check_end(self) -> None:
        """Flat, or balanced (not if it was told to close everything), or HALTED with the residual said."""
        world, pair = self.world, self.world.strategy.pair
        assert world.strategy.is_settled
        assert world.strategy.is_flat or world.state == "HALTED" or not world.strategy.is_flattening
        assert all(cycle.reason for cycle in world.strategy.cycles)
        if pair.state is PairState.HALTED:
            residual = pair.position.residual_text()
            assert any("HALTED" in alert for alert in world.alerts)
            assert not residual or any("residual" in alert or "match" in alert for alert in world.alerts)
            return
        assert self._residual_value() <= self._residual_max()
        if pair.position.residual_text() and not pair.position.is_holding():
            assert "residual" in world.strategy.note

    def check_replay(self) -> None:
        """A new strategy that is told the same says the same."""
        again = self.world.make_strategy()
        assert self.world.outputs == [output for message in self.world.inputs for output in again.on_message(message)]

    def _residual_value(self) -> D:
        """What is not hedged, in quote currency, from the venues' books alone."""
        world = self.world
        first, second = world.held
        is_inverse = world.spot.inverse or world.futures.inverse
        at = (world.strategy.pair.position.reference if is_inverse else None) or D(repr(self.price))
        hedged = world.spot.base_quantity(first, at) * world.settings.hedge_ratio
        return abs(hedged + world.futures.base_quantity(second, at)) * at

    def _residual_max(self) -> D:
        """The larger minimum of the two venues, and a step of each: less than that cannot be traded away."""
        high, world = D(repr(PRICE_HIGH)), self.world
        steps = [instrument.notional(instrument.lot_size, high) for instrument in (world.spot, world.futures)]
        return max(world.spot.min_notional, world.futures.min_notional) + sum(steps)

    # --- helpers ------------------------------------------------------------------------------------------------

    def _instrument(self, chance: float) -> Any:
        return self.world.spot if chance < 0.5 else self.world.futures

    def _open(self) -> list[str]:
        return [name for name in self.world.orders if name not in self.ended]

    def _pick(self, chance: float) -> str:
        names = [name for name in self._open() if name not in self.silent]
        names = [
            name for name in names if self.world.instruments[self.world.orders[name].instrument].venue not in self.down
        ]
        return names[int(chance * 97) % len(names)] if names else ""

    def _filled(self, name: str) -> D:
        return self.world.orders[name].quantity - self.world.remaining[name]

    def _venue(self, name: str) -> str:
        return self.world.instruments[self.world.orders[name].instrument].venue

    def _amount(self, name: str, part: D) -> D:
        """What the venue can fill of a part of the rest."""
        order = self.world.orders[name]
        instrument = self.world.instruments[order.instrument]
        amount = instrument.round_quantity(self.world.remaining[name] * min(part, D(1))) or self.world.remaining[name]
        position = self.world.positions[order.instrument]
        if order.reduce_only or (instrument.is_spot and order.side.sign < 0):
            reducible = -position * order.side.sign
            amount = min(amount, instrument.round_quantity(max(reducible, D(0))))
        return amount

    def _fill(self, name: str, part: D) -> None:
        amount = self._amount(name, part)
        if amount > 0:
            self.world.fill(name, amount)
        if not self.world.remaining[name]:
            self._end(name)

    def _end(self, name: str, reason: CloseReason = CloseReason.EXPIRED) -> None:
        if name not in self.ended:
            self.ended.add(name)
            self.silent.discard(name)
            self.world.close(name, reason)


EVENTS: tuple[str, ...] = (
    *("quotes",) * 8, *("trade",) * 10, *("fill",) * 3, *("end",) * 3, *("wait",) * 2, "accept", "accept",
    "end_before_its_fill", "late_fill", "refuse", "forget", "remember", "remember", "cancel", "cancel", "repeat",
    "sleep", "mark", "liquidate", "gap", "outage", "recovery", "recovery", "restart", "halt", "drain",
    "resume", "resume", "flatten", "change",
)  # fmt: skip


def walk(setting: int, events: Sequence[Event], *, is_flattened: bool = False) -> Walk:
    """Take a walk to its end, checking at every step."""
    return go(Walk(SETTINGS[setting]()), events, is_flattened=is_flattened)


def go(taken: Walk, events: Sequence[Event], *, is_flattened: bool = False) -> Walk:
    """:param is_flattened: the operator closes everything at the end, instead of a mere drain."""
    taken.quotes(0.95)
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
