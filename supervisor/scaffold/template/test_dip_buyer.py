"""The strategy, message by message: what it is told, and what it answers. No process, no socket, no clock."""

from decimal import Decimal as D
from typing import Any

import msgspec

from actors.strategies.strategy import INPUTS
from messages.instruments import Instrument, InstrumentType
from messages.market import Quote
from messages.orders import CancelOrder, CloseReason, Fill, Liquidity, OrderClosed, Side, SubmitOrder
from messages.strategy_host import (
    DrainStrategy,
    FlattenStrategy,
    HaltStrategy,
    ParametersChanged,
    RecoveryCompleted,
    ResumeStrategy,
    StrategyStarted,
)
from supervisor.scaffold.template.dip_buyer import DipBuyer, DipBuyerParameters

S = 1_000_000_000
BTC = Instrument(
    symbol="BTCUSDT", venue="spot", type=InstrumentType.SPOT, base="BTC", quote="USDT", settle="USDT",
    tick_size=D("0.01"), lot_size=D("0.00001"), min_notional=D(5), taker_fee_bps=D(1),
)  # fmt: skip
PARAMETERS = DipBuyerParameters(
    instrument=BTC.id, notional=D(1_000), dip_bps=10.0, gain_bps=10.0, loss_bps=50.0, average_s=10.0, pause_s=1.0
)


class Desk:
    """A strategy that has started and recovered, and what it has answered."""

    def __init__(self, held: D = D(0)) -> None:
        self.strategy = DipBuyer("mine", {BTC.id: BTC}, PARAMETERS)
        self.now_ns = 1_000 * S
        self.tell(StrategyStarted("mine", 1, "desk-mine", self.now_ns))
        self.tell(RecoveryCompleted({BTC.id: held}, (), self.now_ns))

    @property
    def state(self) -> str:
        return self.strategy.state.name

    def tell(self, message: Any) -> list[Any]:
        return list(self.strategy.on_message(message))

    def quote(self, bid: float, ask: float, after_s: float = 1.0) -> list[Any]:
        self.now_ns += round(after_s * S)
        return self.tell(Quote(BTC.id, bid, 10.0, ask, 10.0, self.now_ns, self.now_ns))

    def warm_up(self) -> None:
        """An average of 50,000 that is old enough to be traded on."""
        for _ in range(12):
            self.quote(49_999.0, 50_001.0)

    def trade(self, order: SubmitOrder, quantity: D) -> None:
        """Fill a part of the order, or all of it; the rest expires."""
        assert order.price is not None
        fee = BTC.fee(quantity, order.price, is_maker=False)
        head = (order.client_order_id, order.strategy, order.instrument)
        self.tell(
            Fill(
                client_order_id=order.client_order_id, strategy=order.strategy, instrument=order.instrument,
                side=order.side, price=order.price, quantity=quantity, fee=fee, fee_currency="USDT",
                liquidity=Liquidity.TAKER, trade_id=f"t-{order.client_order_id}", ts_event=self.now_ns,
            )
        )  # fmt: skip
        reason = CloseReason.FILLED if quantity == order.quantity else CloseReason.EXPIRED
        self.tell(OrderClosed(*head, reason, quantity, self.now_ns))

    def buy(self) -> SubmitOrder:
        """Into a dip of 20 bps, wholly filled."""
        self.warm_up()
        order: SubmitOrder
        (order,) = self.quote(49_899.0, 49_900.0)
        self.trade(order, order.quantity)
        return order


def test_a_dip_is_bought_with_one_order() -> None:
    desk = Desk()
    desk.warm_up()
    # The average moves 1 - exp(-1/10) = 9.5 % of the way to the new mid of 49,949.5, to 49,995; less 10 bps: 49,945.
    assert [] == desk.quote(49_949.0, 49_950.0)
    (order,) = desk.quote(49_899.0, 49_900.0)
    assert (Side.BUY, D(49_900)) == (order.side, order.price)
    assert D("0.02004") == order.quantity  # 1,000 / 49,900 = 0.020040..., down to the lot of 0.00001
    assert "WORKING" == desk.state
    assert [] == desk.quote(49_800.0, 49_801.0)  # one order at a time


def test_nothing_is_bought_before_the_average_is_warm() -> None:
    desk = Desk()
    desk.quote(49_999.0, 50_001.0)
    assert [] == desk.quote(48_999.0, 49_000.0)
    assert "FLAT" == desk.state


def test_the_recovery_is_sold_after_the_pause() -> None:
    desk = Desk()
    bought = desk.buy()
    assert "HOLDING" == desk.state
    # 49,900 + 10 bps = 49,949.90; the pause is 1 s.
    assert [] == desk.quote(49_950.0, 49_951.0, after_s=0.5)
    assert [] == desk.quote(49_949.0, 49_950.0, after_s=0.5)
    (order,) = desk.quote(49_950.0, 49_951.0)
    assert (Side.SELL, bought.quantity, D(49_950)) == (order.side, order.quantity, order.price)
    desk.trade(order, order.quantity)
    assert "FLAT" == desk.state
    # 0.02004 × (49,950 − 49,900) = 1.002; fees 1 bp of 0.02004 × 99,850 = 0.20009940.
    (cycle,) = desk.strategy.cycles
    assert ("completed", 2) == (cycle.result, cycle.fills)
    assert (D("1.002"), D("0.2000994")) == (cycle.pnl.realised, cycle.pnl.fees)


def test_a_loss_is_cut() -> None:
    desk = Desk()
    desk.buy()
    assert [] == desk.quote(49_651.0, 49_652.0)  # 49,900 − 50 bps = 49,650.50
    (order,) = desk.quote(49_650.0, 49_651.0)
    assert order.side is Side.SELL


def test_what_filled_of_a_partial_fill_is_held() -> None:
    desk = Desk()
    desk.warm_up()
    (order,) = desk.quote(49_899.0, 49_900.0)
    desk.trade(order, D("0.001"))
    assert "HOLDING" == desk.state
    assert D("0.001") == desk.strategy.ledger.position(BTC.id)


def test_a_rest_that_is_too_small_to_sell_is_not_waited_for() -> None:
    desk = Desk()
    desk.warm_up()
    (order,) = desk.quote(49_899.0, 49_900.0)
    desk.trade(order, D("0.0001"))  # 0.0001 × 49,899.50 = 4.99 USDT; the venue takes 5 and more
    assert "FLAT" == desk.state


def test_an_order_that_fills_nothing_leaves_it_flat_for_a_pause() -> None:
    desk = Desk()
    desk.warm_up()
    (order,) = desk.quote(49_899.0, 49_900.0)
    desk.tell(OrderClosed(order.client_order_id, "mine", BTC.id, CloseReason.EXPIRED, D(0), desk.now_ns))
    assert "FLAT" == desk.state
    assert ["abandoned"] == [cycle.result for cycle in desk.strategy.cycles]
    assert [] == desk.quote(49_799.0, 49_800.0, after_s=0.5)
    assert 1 == len(desk.quote(49_799.0, 49_800.0, after_s=0.5))


def test_a_restart_goes_on_with_what_is_held() -> None:
    desk = Desk(held=D("0.5"))
    assert "HOLDING" == desk.state
    desk.warm_up()  # the first quote, of 50,000, becomes its entry price; it is sold 10 bps above
    (order,) = desk.quote(50_051.0, 50_052.0)
    assert (Side.SELL, D("0.5")) == (order.side, order.quantity)
    assert "average 50004.90" == desk.strategy.note  # 50,000 + 9.5 % of the way to 50,051.5


def test_it_listens_to_the_quotes_of_its_instrument() -> None:
    assert (("quote", "BTCUSDT.spot"),) == Desk().strategy.subscriptions()


def test_a_halt_cancels_and_stays_halted() -> None:
    desk = Desk()
    desk.warm_up()
    (order,) = desk.quote(49_899.0, 49_900.0)
    alert, cancel = desk.tell(HaltStrategy("by the operator", desk.now_ns))
    assert "HALTED: by the operator" in alert.text
    assert isinstance(cancel, CancelOrder)
    assert order.client_order_id == cancel.client_order_id
    desk.tell(StrategyStarted("mine", 2, "desk-mine", desk.now_ns))
    assert "HALTED" == desk.state


def test_a_drain_ends_idle_once_nothing_works() -> None:
    desk = Desk()
    desk.warm_up()
    (order,) = desk.quote(49_899.0, 49_900.0)
    (cancel,) = desk.tell(DrainStrategy("shutdown", desk.now_ns))
    assert isinstance(cancel, CancelOrder)
    assert not desk.strategy.is_settled
    desk.tell(OrderClosed(order.client_order_id, "mine", BTC.id, CloseReason.CANCELLED, D(0), desk.now_ns))
    assert "IDLE" == desk.state
    assert desk.strategy.is_settled


def test_it_trades_on_when_it_is_resumed() -> None:
    desk = Desk()
    desk.warm_up()
    for pause in (DrainStrategy("paused", desk.now_ns), HaltStrategy("by the operator", desk.now_ns)):
        desk.tell(pause)
        assert [] == desk.quote(49_899.0, 49_900.0)
        desk.tell(ResumeStrategy("by the operator", desk.now_ns))
        assert "FLAT" == desk.state
    (order,) = desk.quote(49_799.0, 49_800.0, after_s=5.0)
    assert Side.BUY == order.side


def test_a_flattening_sells_what_is_held_and_ends_idle() -> None:
    desk = Desk(held=D("0.5"))
    desk.warm_up()
    desk.tell(FlattenStrategy("by the operator", desk.now_ns))
    (order,) = desk.quote(50_000.0, 50_001.0)
    assert (Side.SELL, D("0.5")) == (order.side, order.quantity)
    desk.trade(order, D("0.5"))
    assert "IDLE" == desk.state
    assert desk.strategy.is_flat
    assert [] == desk.quote(40_000.0, 40_001.0)


def test_a_parameter_that_is_changed_while_it_runs_counts_from_then_on() -> None:
    desk = Desk()
    desk.warm_up()
    settings = msgspec.structs.replace(PARAMETERS, dip_bps=100.0)
    desk.tell(ParametersChanged(msgspec.json.encode(settings).decode(), desk.now_ns))
    assert [] == desk.quote(49_899.0, 49_900.0), "20 bps below the average are no dip any more"


def test_wrong_parameters_are_told_in_words() -> None:
    perpetual = Instrument(
        symbol="BTCUSDT", venue="perp", type=InstrumentType.PERPETUAL, base="BTC", quote="USDT", settle="USDT",
        tick_size=D("0.1"), lot_size=D("0.001"), min_notional=D(100),
    )  # fmt: skip
    wrong = DipBuyerParameters(instrument=perpetual.id, notional=D(50))
    assert [
        "instrument is BTCUSDT.perp, a perpetual; expected a spot instrument",
        "notional is 50, expected more than 200 for BTCUSDT.perp",
    ] == DipBuyer.check(wrong, {perpetual.id: perpetual})
    assert ["instrument is 'BTCUSDT.perp', which is no instrument here"] == DipBuyer.check(wrong, {})
    assert [] == DipBuyer.check(PARAMETERS, {BTC.id: BTC})


def test_every_state_has_a_row_for_everything_that_may_come() -> None:
    assert all(set(INPUTS) <= set(rows) for rows in DipBuyer.transitions.values())
