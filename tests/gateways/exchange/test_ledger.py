import msgspec
import pytest

from gateways.exchange.ledger import Ledger, Lots, fee_of
from gateways.venue import FUNDINGS_MAX
from messages.market import MarkPrice
from messages.orders import Fill, Liquidity
from tests.gateways.exchange.trading_floor import BUY, FUTURE, INVERSE, LINEAR, SELL, SPOT, D


def a_fill(instrument, side, quantity, price, fee="0", fee_currency=""):
    return Fill(
        client_order_id="a",
        strategy="carry",
        instrument=instrument.id,
        side=side,
        price=D(price),
        quantity=D(quantity),
        fee=D(fee),
        fee_currency=fee_currency or (instrument.quote if instrument.is_spot else instrument.settle),
        liquidity=Liquidity.TAKER,
        trade_id="T1",
        ts_event=1,
    )


def a_mark(instrument, mark, rate, stamp_ns=8):
    return MarkPrice(instrument.id, mark, mark, rate, stamp_ns, 1, 1)


def test_a_spot_purchase_moves_base_quote_and_fee_exactly():
    ledger = Ledger([SPOT], {"USDT": D(1000)})
    ledger.apply(a_fill(SPOT, BUY, "2.001", "100.1", fee="0.2003001"))
    # 2.001 × 100.1 = 200.3001
    assert {"USDT": D("799.4995999"), "BTC": D("2.001")} == ledger.balances  # 1000 - 200.3001 - 0.2003001
    assert D("2.001") == ledger.position(SPOT.id)
    ledger.apply(a_fill(SPOT, SELL, "0.001", "100", fee="-0.01"))
    assert {"USDT": D("799.6095999"), "BTC": D("2")} == ledger.balances  # + 0.1 + 0.01 of rebate
    assert {"USDT": D("0.1903001")} == ledger.fees
    assert {} == ledger.positions()  # spot is a balance


def test_a_fee_in_base_comes_out_of_what_was_bought():
    ledger = Ledger([SPOT], {"USDT": D(1000)})
    ledger.apply(a_fill(SPOT, BUY, "1", "100", fee="0.001", fee_currency="BTC"))
    assert {"USDT": D(900), "BTC": D("0.999")} == ledger.balances
    assert D("0.999") == ledger.position(SPOT.id)


@pytest.mark.parametrize(
    ("instrument", "side", "is_maker", "expected"),
    [
        (SPOT, BUY, False, (D("0.2"), "USDT")),  # 2 × 100 × 10 bps
        (SPOT, BUY, True, (D("0.02"), "USDT")),  # 2 × 100 × 1 bps
        (LINEAR, SELL, True, (D("-0.01"), "USDT")),  # 2 × 100 × -0.5 bps: a rebate
        (LINEAR, BUY, False, (D("0.1"), "USDT")),  # 2 × 100 × 5 bps
        (INVERSE, BUY, False, (D("0.001"), "BTC")),  # 2 × 100 / 100 = 2 BTC, × 5 bps
        (msgspec.structs.replace(SPOT, fee_currency="BTC"), BUY, False, (D("0.002"), "BTC")),  # 2 × 10 bps
        (msgspec.structs.replace(SPOT, fee_currency="BTC"), BUY, True, (D("0.0002"), "BTC")),  # 2 × 1 bps
        (msgspec.structs.replace(SPOT, fee_currency="BTC"), SELL, False, (D("0.2"), "USDT")),
    ],
)
def test_fees_are_charged_in_their_currency(instrument, side, is_maker, expected):
    assert expected == fee_of(instrument, side, D(2), D(100), is_maker=is_maker)


def test_a_linear_position_is_closed_first_in_first_out():
    lots = Lots(LINEAR)
    assert D(0) == lots.apply(D("1"), D("100"))
    assert D(0) == lots.apply(D("2"), D("110"))
    # closes 1 at 100 (+20) and 1 of the 2 at 110 (+10)
    assert D("30") == lots.apply(D("-2"), D("120"))
    assert D(1) == lots.quantity
    assert D("-5") == lots.unrealised(D("105"))  # 1 × (105 - 110)


def test_a_position_that_flips_realises_the_old_side_only():
    lots = Lots(LINEAR)
    lots.apply(D("-3"), D("100"))
    assert D("-30") == lots.apply(D("5"), D("110"))  # short 3 × (100 - 110)
    assert D(2) == lots.quantity
    assert D("20") == lots.unrealised(D("120"))  # long 2 from 110


def test_the_multiplier_scales_linear_profit():
    lots = Lots(msgspec.structs.replace(LINEAR, multiplier=D("0.01")))
    lots.apply(D("5"), D("100"))
    assert D("0.5") == lots.apply(D("-5"), D("110"))  # 5 × 0.01 × 10


def test_an_inverse_position_earns_coin_by_the_difference_of_rounded_coin_values():
    lots = Lots(INVERSE)
    lots.apply(D("3"), D("60000"))
    # 2 × 100 / 60000 = 0.00333333; 2 × 100 / 66000 = 0.00303030; each rounded to 1e-8
    assert D("0.00030303") == lots.apply(D("-2"), D("66000"))
    # short: 1 of them is closed by the next two, the other opens a short at 66000
    assert D("0.00015152") == lots.apply(D("-2"), D("66000"))  # 0.00166667 - 0.00151515
    assert D("-1") == lots.quantity
    assert D("0.00015152") == lots.unrealised(D("60000"))  # short: 0.00166667 - 0.00151515


def test_realised_profit_and_fees_of_derivatives_go_to_the_settle_balance():
    ledger = Ledger([LINEAR, INVERSE], {"USDT": D(1000)})
    ledger.apply(a_fill(LINEAR, BUY, "1", "100", fee="0.05"))
    assert D("999.95") == ledger.balance("USDT")
    ledger.apply(a_fill(LINEAR, SELL, "1", "130", fee="-0.01"))
    assert D("1029.96") == ledger.balance("USDT")  # + 30 + 0.01
    assert {"USDT": D("30")} == ledger.realised
    assert {LINEAR.id: D(0), INVERSE.id: D(0)} == ledger.positions()
    assert D(0) == ledger.balance("BTC")
    assert D(0) == ledger.balance("DOGE")


def test_longs_pay_funding_at_the_mark_and_shorts_are_paid():
    ledger = Ledger([LINEAR], {"USDT": D(1000)})
    assert ledger.fund(a_mark(LINEAR, 100.0, 0.01)) is None  # flat
    ledger.apply(a_fill(LINEAR, BUY, "2", "90"))
    first = ledger.fund(a_mark(LINEAR, 100.5, 0.0001, stamp_ns=8))
    assert first is not None
    # -2 × 100.5 × 0.0001 = -0.0201
    assert (1, D("-0.0201"), "USDT", D(2), 8) == (
        first.number, first.amount, first.currency, first.position, first.ts_event,
    )  # fmt: skip
    ledger.apply(a_fill(LINEAR, SELL, "5", "90"))
    second = ledger.fund(a_mark(LINEAR, 100.0, 0.0001))
    assert second is not None
    assert (2, D("0.03")) == (second.number, second.amount)  # short 3 × 100 × 0.0001
    assert D("1000.0099") == ledger.balance("USDT")
    assert {"USDT": D("0.0099")} == ledger.funding
    assert (second,) == ledger.fundings_after(1)
    assert 2 == ledger.fundings_booked


def test_inverse_funding_is_paid_in_coin_rounded_to_eight_places():
    ledger = Ledger([INVERSE], {"BTC": D(1)})
    ledger.apply(a_fill(INVERSE, SELL, "3", "60000"))
    booked = ledger.fund(a_mark(INVERSE, 60000.0, 0.001))
    assert booked is not None
    # value 3 × 100 / 60000 = 0.005 BTC short, × 0.001 = 0.000005
    assert (D("0.000005"), "BTC", D(-3)) == (booked.amount, booked.currency, booked.position)


def test_funding_of_a_long_decimal_mark_is_rounded_to_eight_places():
    ledger = Ledger([LINEAR], {"USDT": D(1)})
    ledger.apply(a_fill(LINEAR, BUY, "0.001", "60000"))
    booked = ledger.fund(a_mark(LINEAR, 60123.123456789, 0.000123456))
    assert booked is not None
    # 0.001 × 60123.123456789 × 0.000123456 = 0.00742256...
    assert D("-0.00742256") == booked.amount


def test_settlement_closes_the_whole_position_without_a_fee():
    ledger = Ledger([FUTURE], {"USDT": D(1000)})
    ledger.apply(a_fill(FUTURE, SELL, "2", "100"))
    assert D("20") == ledger.settle(FUTURE.id, D("90"))
    assert (D(0), D(1020)) == (ledger.position(FUTURE.id), ledger.balance("USDT"))


def test_a_long_list_of_fundings_is_told_in_parts():
    ledger = Ledger([LINEAR], {"USDT": D(1)})
    ledger.apply(a_fill(LINEAR, BUY, "1", "100"))
    mark = a_mark(LINEAR, 100.0, 0.0)
    for _ in range(FUNDINGS_MAX + 1):
        ledger.fund(mark)
    part = ledger.fundings_after(0)
    assert (1, FUNDINGS_MAX) == (part[0].number, part[-1].number)
    assert [FUNDINGS_MAX + 1] == [booked.number for booked in ledger.fundings_after(FUNDINGS_MAX)]
