"""A strategy and the world around it, small enough to read: a clock, timers, and venues that do as they are told."""

from decimal import Decimal as D
from typing import Any

import msgspec

from actors.strategies.parameters import change_faults
from actors.strategies.spot_futures.parameters import SpotFuturesParameters
from actors.strategies.spot_futures.strategy import SpotFutures
from messages.gateway_link import VenueDown, VenueUp
from messages.instruments import Instrument, InstrumentType, Rounding
from messages.market import Depth, Gap, MarkPrice, Quote
from messages.orders import (
    CancelOrder,
    CancelRejected,
    CloseReason,
    DenyReason,
    Fill,
    Liquidity,
    OrderAccepted,
    OrderClosed,
    OrderDenied,
    OrderRejected,
    OrderUnknown,
    RejectReason,
    Side,
    SubmitOrder,
)
from messages.strategy_host import (
    Alert,
    CancelTimer,
    DrainStrategy,
    FlattenStrategy,
    HaltStrategy,
    ParametersChanged,
    RecoveryCompleted,
    ResumeStrategy,
    SetTimer,
    StrategyStarted,
    TimerFired,
)

MS = 1_000_000
S = 1_000_000_000
START_NS = 1_700_000_000 * S

SPOT = Instrument(
    symbol="BTCUSDT", venue="spot", type=InstrumentType.SPOT, base="BTC", quote="USDT", settle="USDT",
    tick_size=D("0.01"), lot_size=D("0.00001"), min_notional=D(5), taker_fee_bps=D(10),
)  # fmt: skip
PERPETUAL = Instrument(
    symbol="BTCUSDT", venue="usdm", type=InstrumentType.PERPETUAL, base="BTC", quote="USDT", settle="USDT",
    tick_size=D("0.1"), lot_size=D("0.001"), min_notional=D(100), taker_fee_bps=D(5), funding_interval_hours=8,
)  # fmt: skip
INVERSE = Instrument(
    symbol="BTCUSD_PERP", venue="coinm", type=InstrumentType.PERPETUAL, base="BTC", quote="USD", settle="BTC",
    tick_size=D("0.1"), lot_size=D(1), inverse=True, multiplier=D(100), taker_fee_bps=D(5), funding_interval_hours=8,
)  # fmt: skip
SPOT_ID, PERPETUAL_ID, INVERSE_ID = SPOT.id, PERPETUAL.id, INVERSE.id


def parameters(**changes: Any) -> SpotFuturesParameters:
    """A pair that enters on any edge at once and rests a second between cycles, unless told otherwise."""
    settings: dict[str, Any] = {
        "spot": SPOT_ID,
        "futures": PERPETUAL_ID,
        "notional": D(10_000),
        "min_edge_bps": 2.0,
        "confirm_ms": 0,
        "cooldown_s": 1.0,
        "holding_hours_max": 24.0,
    }
    return SpotFuturesParameters(**{**settings, **changes})


class World:
    """The strategy under test, everything it said, and the venues' own idea of its orders and positions."""

    def __init__(
        self,
        settings: SpotFuturesParameters | None = None,
        *,
        spot: Instrument = SPOT,
        futures: Instrument = PERPETUAL,
        is_started: bool = True,
    ) -> None:
        self.instruments = {spot.id: spot, futures.id: futures}
        self.settings = settings or parameters(spot=spot.id, futures=futures.id)
        self.spot, self.futures = spot, futures
        self.strategy = self.make_strategy()
        self.now_ns = START_NS
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self.orders: dict[str, SubmitOrder] = {}
        self.remaining: dict[str, D] = {}
        self.cancels: list[str] = []
        self.positions: dict[str, D] = dict.fromkeys(self.instruments, D(0))
        self.timers: dict[str, int] = {}
        self.quotes: dict[str, tuple[float, float]] = {}
        self._seq = self._trades = 0
        if is_started:
            self.start()
            self.recover()

    def make_strategy(self) -> Any:
        return SpotFutures("carry", self.instruments, self.settings)

    # --- the clock ----------------------------------------------------------------------------------------------

    def send(self, message: Any) -> list[Any]:
        """Deliver one message and take in what the strategy answers."""
        self.inputs.append(message)
        return self.take(list(self.strategy.on_message(message)))

    def take(self, said: list[Any]) -> list[Any]:
        """Note the orders, cancels and timers that were asked for."""
        for output in said:
            if isinstance(output, SubmitOrder):
                assert output.client_order_id not in self.orders
                self.orders[output.client_order_id] = output
                self.remaining[output.client_order_id] = output.quantity
            elif isinstance(output, CancelOrder):
                self.cancels.append(output.client_order_id)
            elif isinstance(output, SetTimer):
                self.timers[output.name] = output.at_ns
            elif isinstance(output, CancelTimer):
                self.timers.pop(output.name, None)
        self.outputs += said
        return said

    def wait(self, ms: float) -> None:
        """Let time pass; timers fire in order."""
        until_ns = self.now_ns + int(ms * MS)
        while self.timers:
            name, due_ns = min(self.timers.items(), key=lambda item: (item[1], item[0]))
            if due_ns > until_ns:
                break
            del self.timers[name]
            self.now_ns = max(self.now_ns, due_ns)
            self.send(TimerFired(name, due_ns, self.now_ns))
        self.now_ns = until_ns

    # --- the host -----------------------------------------------------------------------------------------------

    def start(self, epoch: int = 1) -> None:
        self.timers.clear()
        self.send(StrategyStarted("carry", epoch, "x-carry", self.now_ns))

    def recover(self, positions: dict[str, D] | None = None, open_orders: tuple[str, ...] = ()) -> None:
        known = dict(self.positions if positions is None else positions)
        self.send(RecoveryCompleted(known, open_orders, self.now_ns))

    def halt(self) -> None:
        self.send(HaltStrategy("operator", self.now_ns))

    def drain(self) -> None:
        self.send(DrainStrategy("shutdown", self.now_ns))

    def resume(self) -> None:
        self.send(ResumeStrategy("operator", self.now_ns))

    def flatten(self) -> None:
        self.send(FlattenStrategy("operator", self.now_ns))

    def change(self, **changes: Any) -> None:
        """The operator changes parameters; the host has found nothing wrong with them."""
        text = msgspec.json.encode(msgspec.structs.replace(self.strategy.parameters, **changes)).decode()
        assert change_faults(self.strategy, text) == []
        self.send(ParametersChanged(text, self.now_ns))

    def venue_down(self, venue: str) -> None:
        self.send(VenueDown(venue, "link lost", self.now_ns))

    def venue_up(self, venue: str) -> None:
        self.send(VenueUp(venue, self.now_ns))

    # --- market data --------------------------------------------------------------------------------------------

    def quote(self, instrument: str, bid: float, ask: float, size: float = 1_000.0) -> None:
        self._seq += 1
        self.quotes[instrument] = (bid, ask)
        self.send(Quote(instrument, bid, size, ask, size, self.now_ns, self.now_ns, self._seq, 77))

    def market(self, spot: float, futures: float, spread: float = 1.0) -> None:
        """Quote both instruments around a price."""
        self.quote(self.spot.id, spot, spot + spread)
        self.quote(self.futures.id, futures, futures + spread)

    def refresh(self) -> None:
        """The same prices again, at the present time."""
        for instrument, (bid, ask) in list(self.quotes.items()):
            self.quote(instrument, bid, ask)

    def depth(self, instrument: str, bids: tuple[Any, ...], asks: tuple[Any, ...]) -> None:
        self.send(Depth(instrument, bids, asks, 1, self.now_ns, self.now_ns))

    def mark(self, price: float, rate: float, next_funding_ns: int) -> None:
        self.send(MarkPrice(self.futures.id, price, price, rate, next_funding_ns, self.now_ns, self.now_ns))

    def gap(self, instrument: str) -> None:
        self.send(Gap(instrument, "sequence", self.now_ns))

    # --- the venues ---------------------------------------------------------------------------------------------

    @property
    def open_ids(self) -> list[str]:
        """Orders that the strategy still waits for."""
        return [order.request.client_order_id for order in self.strategy.open_orders]

    @property
    def last(self) -> SubmitOrder:
        return list(self.orders.values())[-1]

    def accept(self, name: str) -> None:
        order = self.orders[name]
        self.send(OrderAccepted(name, "carry", order.instrument, f"v-{name}", self.now_ns))

    def fill(self, name: str, quantity: D | str | None = None, price: D | str | None = None) -> Fill:
        """Fill at the limit, or the touch for market orders, unless a price is given."""
        order = self.orders[name]
        amount = self.remaining[name] if quantity is None else D(quantity)
        at = D(price) if price is not None else order.price or self._touch(order)
        instrument = self.instruments[order.instrument]
        fee, currency = instrument.fee(amount, at, is_maker=False), instrument.settle
        change = amount
        if instrument.fee_currency == instrument.base and order.side is Side.BUY:
            fee, currency = amount * instrument.taker_fee_bps / 10_000, instrument.base
            change = amount - fee
        self._trades += 1
        fill = Fill(
            client_order_id=name, strategy="carry", instrument=order.instrument, side=order.side, price=at,
            quantity=amount, fee=fee, fee_currency=currency, liquidity=Liquidity.TAKER,
            trade_id=f"t{self._trades}", ts_event=self.now_ns,
        )  # fmt: skip
        self.remaining[name] -= amount
        self.positions[order.instrument] += order.side.sign * change
        self.send(fill)
        return fill

    def _touch(self, order: SubmitOrder) -> D:
        bid, ask = self.quotes[order.instrument]
        instrument = self.instruments[order.instrument]
        return instrument.round_price(ask if order.side is Side.BUY else bid, Rounding.NEAREST)

    def close(self, name: str, reason: CloseReason = CloseReason.EXPIRED) -> None:
        order = self.orders[name]
        filled = order.quantity - self.remaining[name]
        if filled == order.quantity:
            reason = CloseReason.FILLED
        self.send(OrderClosed(name, "carry", order.instrument, reason, filled, self.now_ns))

    def reject(self, name: str, reason: RejectReason = RejectReason.INSUFFICIENT_BALANCE) -> None:
        self.send(OrderRejected(name, "carry", self.orders[name].instrument, reason, "no", self.now_ns))

    def deny(self, name: str) -> None:
        self.send(OrderDenied(name, "carry", self.orders[name].instrument, DenyReason.LINK_DOWN, "", self.now_ns))

    def unknown(self, name: str) -> None:
        self.send(OrderUnknown(name, "carry", self.orders[name].instrument, "venue gone", self.now_ns))

    def reject_cancel(self, name: str) -> None:
        self.send(
            CancelRejected(
                name, "carry", self.orders[name].instrument, RejectReason.UNKNOWN_ORDER, "too late", self.now_ns
            )
        )

    def trade(self, name: str, quantity: D | str | None = None, price: D | str | None = None) -> None:
        """Accept, fill (wholly unless a quantity is given) and close an order, 5 ms later."""
        self.now_ns += 5 * MS
        self.accept(name)
        if quantity is None or D(quantity):
            self.fill(name, quantity, price)
        self.close(name)

    def trade_all(self, rounds: int = 20) -> None:
        """Fill whatever works until nothing does."""
        for _ in range(rounds):
            if not self.open_ids:
                return
            for name in self.open_ids:
                self.trade(name)

    def trade_none(self) -> None:
        """Let everything that works expire without a fill."""
        for name in self.open_ids:
            self.close(name)

    def stray_fill(self, instrument: str, side: Side, quantity: str | D, order: str = "venue-1") -> None:
        """A fill that no order of ours asked for: by hand, or one from before a crash."""
        self._trades += 1
        self.positions[instrument] += side.sign * D(quantity)
        self.send(
            Fill(
                client_order_id=order, strategy="carry", instrument=instrument, side=side, quantity=D(quantity),
                price=self._price(instrument), fee=D(0), fee_currency="USDT", liquidity=Liquidity.TAKER,
                trade_id=f"t{self._trades}", ts_event=self.now_ns,
            )
        )  # fmt: skip

    def liquidate(self, instrument: str, quantity: str | D | None = None) -> None:
        """The venue closes a part of our position (all of it unless a quantity is given)."""
        held = self.positions[instrument]
        side = Side.SELL if held > 0 else Side.BUY
        self.stray_fill(instrument, side, abs(held) if quantity is None else quantity, f"autoclose-{self._trades}")

    def _price(self, instrument: str) -> D:
        return D(repr(self.quotes[instrument][0]))

    def open_pair(self) -> None:
        """From rich futures to a balanced pair."""
        self.market(60_000.0, 60_300.0)
        self.trade_all()

    # --- what is seen -------------------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        return self.strategy.state.name

    @property
    def alerts(self) -> list[str]:
        return [output.text for output in self.outputs if isinstance(output, Alert)]

    @property
    def held(self) -> tuple[D, D]:
        """What the venues say is held: spot, futures."""
        return self.positions[self.spot.id], self.positions[self.futures.id]
