"""A market maker and the world around it: the trading world, with one instrument and perhaps one that leads."""

from decimal import Decimal as D
from typing import Any

from actors.strategies.market_making.parameters import MarketMakingParameters
from actors.strategies.market_making.strategy import MarketMaking
from messages.instruments import Instrument, InstrumentType
from messages.market import Trade
from messages.orders import CancelOrder, CloseReason, Fill, Liquidity, RejectReason, Side, SubmitOrder
from tests.actors.strategies.trading_world import INVERSE, MS, World

PERPETUAL = Instrument(
    symbol="BTCUSDT", venue="usdm", type=InstrumentType.PERPETUAL, base="BTC", quote="USDT", settle="USDT",
    tick_size=D("0.1"), lot_size=D("0.001"), min_notional=D(10), maker_fee_bps=D(1), taker_fee_bps=D(5),
)  # fmt: skip
SPOT = Instrument(
    symbol="BTCUSDT", venue="spot", type=InstrumentType.SPOT, base="BTC", quote="USDT", settle="USDT",
    tick_size=D("0.01"), lot_size=D("0.00001"), min_notional=D(5), maker_fee_bps=D(1), taker_fee_bps=D(5),
    fee_currency="BTC",
)  # fmt: skip
LEAD = SPOT
PERPETUAL_ID, LEAD_ID = PERPETUAL.id, LEAD.id
MID = 60_000.0


def maker_parameters(instrument: Instrument = PERPETUAL, **changes: Any) -> MarketMakingParameters:
    """One level of 0.1 (60 contracts of an inverse one) on each side, 10 bps apart, up to four of them, unless told
    otherwise.
    """
    size = D(60) if instrument is INVERSE else D("0.1")
    settings: dict[str, Any] = {
        "instrument": instrument.id,
        "order_size": size,
        "inventory_max": size * 4,
        "levels": 1,
        "volatility_multiplier": 0.0,
        "filled_order_delay_ms": 0,
    }
    return MarketMakingParameters(**{**settings, **changes})


class MakerWorld(World):
    """`quote`, `trade` and so on mean the instrument that is quoted, where none is named."""

    strategy: MarketMaking  # type: ignore[assignment]
    settings: MarketMakingParameters  # type: ignore[assignment]

    def __init__(self, instrument: Instrument = PERPETUAL, *, is_started: bool = True, **changes: Any) -> None:
        self.instrument = instrument
        settings = maker_parameters(instrument, **changes)
        other = LEAD if settings.lead_instrument else instrument
        super().__init__(settings, spot=instrument, futures=other, is_started=is_started)  # type: ignore[arg-type]

    def make_strategy(self) -> MarketMaking:
        return MarketMaking("maker", self.instruments, self.settings)

    # --- market data --------------------------------------------------------------------------------------------

    def market_at(self, mid: float = MID, spread: float = 1.0, after_ms: float = 0) -> list[Any]:
        """Quote the instrument around a mid, a moment later; returns what is answered."""
        self.now_ns += int(after_ms * MS)
        before = len(self.outputs)
        self.quote(self.instrument.id, mid - spread / 2, mid + spread / 2, 10.0)
        return self.outputs[before:]

    def print_trade(self, price: float, size: float = 1.0, aggressor: Side = Side.BUY) -> list[Any]:
        self._seq += 1
        return self.send(
            Trade(self.instrument.id, price, size, aggressor, f"p{self._seq}", self.now_ns, self.now_ns, self._seq)
        )

    # --- the venue ----------------------------------------------------------------------------------------------

    def accept_all(self) -> None:
        """Acknowledge every order that has not been."""
        for order in self.strategy.open_orders:
            if not order.venue_order_id:
                self.accept(order.request.client_order_id)

    def cancel_all(self) -> None:
        """Carry out every cancel that was asked for, and acknowledge what takes their place."""
        while self.cancels:
            name = self.cancels.pop(0)
            if name in self.open_ids:
                self.close(name, CloseReason.CANCELLED)
        self.accept_all()

    def execute(self, name: str, quantity: D | str | None = None) -> None:
        """Fill an order; its end follows where nothing is left of it."""
        self.fill(name, quantity)
        if not self.remaining[name]:
            self.close(name)

    def fill(self, name: str, quantity: D | str | None = None, price: D | str | None = None) -> Fill:
        """Fill at the order's price: as a maker where it is post-only."""
        order = self.orders[name]
        amount = self.remaining[name] if quantity is None else D(quantity)
        at = order.price if price is None else D(price)
        assert at is not None
        instrument = self.instruments[order.instrument]
        fee, currency = instrument.fee(amount, at, is_maker=order.post_only), instrument.settle
        change = amount
        if instrument.fee_currency == instrument.base and order.side is Side.BUY:
            fee, currency = amount * instrument.maker_fee_bps / 10_000, instrument.base
            change = amount - fee
        self._trades += 1
        fill = Fill(
            client_order_id=name, strategy="maker", instrument=order.instrument, side=order.side, price=at,
            quantity=amount, fee=fee, fee_currency=currency,
            liquidity=Liquidity.MAKER if order.post_only else Liquidity.TAKER,
            trade_id=f"t{self._trades}", ts_event=self.now_ns,
        )  # fmt: skip
        self.remaining[name] -= amount
        self.positions[order.instrument] += order.side.sign * change
        self.send(fill)
        return fill

    def refuse_post_only(self, name: str) -> None:
        self.reject(name, RejectReason.POST_ONLY_WOULD_TAKE)

    # --- what is seen -------------------------------------------------------------------------------------------

    def working(self, side: Side) -> list[SubmitOrder]:
        """Orders of a side that may fill, in the order in which they were sent."""
        return [order.request for order in self.strategy.own_orders.working if order.request.side is side]

    @property
    def bid(self) -> SubmitOrder:
        return self.working(Side.BUY)[-1]

    @property
    def ask(self) -> SubmitOrder:
        return self.working(Side.SELL)[-1]

    @property
    def position(self) -> D:
        return self.positions[self.instrument.id]

    def quoting(self, mid: float = MID) -> "MakerWorld":
        """Quotes stand around a mid."""
        self.market_at(mid)
        self.accept_all()
        return self


def prices(outputs: list[Any]) -> list[str]:
    """`buy 59970.0` for each order, `cancel` for each cancel."""
    said = [f"{output.side.value} {output.price}" for output in outputs if isinstance(output, SubmitOrder)]
    return [*said, *("cancel" for output in outputs if isinstance(output, CancelOrder))]
