import msgspec

from gateways.exchange.ledger import Ledger
from gateways.exchange.margin import LEVERAGE, can_afford, exposure_of, free_balance
from gateways.exchange.venue_order import VenueOrder
from messages.orders import Fill, Liquidity
from tests.gateways.exchange.trading_floor import BUY, INVERSE, LINEAR, SELL, SPOT, D, order


def resting(side, quantity, price=None, **fields):
    request = order("a", side, quantity, price, **fields)
    return VenueOrder(request=request, quantity=request.quantity, price=request.price)


def bought(ledger, instrument, side, quantity, price):
    ledger.apply(
        Fill(
            client_order_id="a",
            strategy="carry",
            instrument=instrument.id,
            side=side,
            price=D(price),
            quantity=D(quantity),
            fee=D(0),
            fee_currency=instrument.settle,
            liquidity=Liquidity.TAKER,
            trade_id="T1",
            ts_event=1,
        )
    )


def test_open_orders_reserve_quote_with_fees_for_buys_and_base_for_sells():
    half_filled = resting(BUY, "2", "100")
    half_filled.filled = D(1)
    exposure = exposure_of(SPOT, [half_filled, resting(BUY, "1"), resting(SELL, "3", "110")], D(120))
    # buys: 1 left at 100 and a market order of 1 at 120, with the taker fee of 10 bps: 220 × 1.001
    assert (D(2), D(3), D("220.22")) == (exposure.buys, exposure.sells, exposure.buy_cost)
    ledger = Ledger([SPOT], {"USDT": D(1000), "BTC": D(5)})
    assert D("779.78") == free_balance("USDT", [exposure], ledger)
    assert D(2) == free_balance("BTC", [exposure], ledger)
    assert D(0) == free_balance("DOGE", [exposure], ledger)


def test_a_fee_in_base_reserves_no_quote():
    instrument = msgspec.structs.replace(SPOT, fee_currency="BTC")
    assert D(100) == exposure_of(instrument, [resting(BUY, "1", "100")], D(120)).buy_cost


def test_a_spot_order_is_afforded_to_the_last_unit_and_no_further():
    flat = exposure_of(SPOT, [], D(100))
    ledger = Ledger([SPOT], {"USDT": D("100.1"), "BTC": D(1)})
    assert can_afford(resting(BUY, "1", "100"), flat, [], ledger)  # 100 + 0.1 of fee
    assert not can_afford(resting(BUY, "1", "100.1"), flat, [], ledger)
    assert can_afford(resting(SELL, "1", "100"), flat, [], ledger)
    assert not can_afford(resting(SELL, "1.001", "100"), flat, [], ledger)


def test_a_derivative_needs_the_margin_of_its_worst_case_position():
    assert D(20) == LEVERAGE
    ledger = Ledger([LINEAR], {"USDT": D(10)})  # carries a position worth 200
    flat = exposure_of(LINEAR, [], D(100))
    assert can_afford(resting(BUY, "2", "100"), flat, [], ledger)
    assert not can_afford(resting(BUY, "2.001", "100"), flat, [], ledger)
    one_buy = exposure_of(LINEAR, [resting(BUY, "2", "100")], D(100))
    assert can_afford(resting(SELL, "2", "100"), one_buy, [], ledger)  # worst case: 2 long or 2 short
    assert not can_afford(resting(SELL, "2.001", "100"), one_buy, [], ledger)


def test_unrealised_loss_takes_margin_away_and_profit_gives_it():
    ledger = Ledger([LINEAR], {"USDT": D(20)})
    bought(ledger, LINEAR, BUY, "1", "100")
    held = exposure_of(LINEAR, [], D(90))  # -10: 10 left, of which 4.5 are margin already
    assert D("5.5") == free_balance("USDT", [held], ledger)
    assert can_afford(resting(BUY, "1.222", "90"), held, [], ledger)  # 2.222 × 90 / 20 = 9.999
    assert not can_afford(resting(BUY, "1.223", "90"), held, [], ledger)  # 10.0035
    risen = exposure_of(LINEAR, [], D(200))  # +100 carries (20 + 100) × 20 = 2400, that is 12 at 200
    assert D(20) == free_balance("USDT", [risen], ledger)  # profit buys nothing on spot


def test_an_order_that_lowers_the_risk_passes_however_short_the_account_is():
    ledger = Ledger([LINEAR], {"USDT": D(5)})
    bought(ledger, LINEAR, BUY, "1", "100")
    ruined = exposure_of(LINEAR, [], D(50))
    assert can_afford(resting(SELL, "2", "50"), ruined, [], ledger)  # at worst 1 short instead of 1 long
    assert not can_afford(resting(SELL, "2.001", "50"), ruined, [], ledger)
    assert not can_afford(resting(BUY, "0.001", "50"), ruined, [], ledger)


def test_reduce_only_orders_of_derivatives_are_no_exposure():
    exposure = exposure_of(LINEAR, [resting(SELL, "1", "100", reduce_only=True)], D(100))
    assert D(0) == exposure.sells
    assert D(1) == exposure_of(SPOT, [resting(SELL, "1", "100", reduce_only=True)], D(100)).sells


def test_instruments_of_one_settle_currency_share_its_balance():
    ledger = Ledger([SPOT, LINEAR], {"USDT": D(210)})
    spot = exposure_of(SPOT, [resting(BUY, "2", "100")], D(100))  # reserves 200.2
    flat = exposure_of(LINEAR, [], D(100))
    assert can_afford(resting(BUY, "1.96", "100"), flat, [spot], ledger)  # 9.8 of the 9.8 left
    assert not can_afford(resting(BUY, "1.961", "100"), flat, [spot], ledger)


def test_inverse_contracts_need_margin_in_coin():
    ledger = Ledger([INVERSE], {"BTC": D("0.01")})  # carries 0.2 BTC, that is 20 contracts of 100 at 10,000
    flat = exposure_of(INVERSE, [], D(10_000))
    assert can_afford(resting(SELL, "20", "10000"), flat, [], ledger)
    assert not can_afford(resting(SELL, "21", "10000"), flat, [], ledger)
