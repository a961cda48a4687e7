"""Exact accounts: worked examples, and the identity of cash and profit over random trades."""

from decimal import Decimal as D

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.analytics import pnl as pnl_module
from actors.analytics.pnl import LOTS_MAX, InstrumentBook, Ledger, exact_mid, settle_currency
from messages.instruments import Instrument, InstrumentType
from messages.orders import Fill, FundingPaid, Liquidity, Side

SPOT = Instrument(
    symbol="BTCUSDT", venue="spot", type=InstrumentType.SPOT, base="BTC", quote="USDT", settle="USDT",
    tick_size=D("0.01"), lot_size=D("0.00001"), taker_fee_bps=D(10),
)  # fmt: skip
LINEAR = Instrument(
    symbol="ETHUSDT", venue="usdm", type=InstrumentType.PERPETUAL, base="ETH", quote="USDT", settle="USDT",
    tick_size=D("0.1"), lot_size=D(1), multiplier=D("0.1"),
)  # fmt: skip
INVERSE = Instrument(
    symbol="BTCUSD_PERP", venue="coinm", type=InstrumentType.PERPETUAL, base="BTC", quote="USD", settle="BTC",
    tick_size=D("0.1"), lot_size=D(1), multiplier=D(100), inverse=True,
)  # fmt: skip


def fill(instrument: Instrument, signed: str | D, price: str | D, fee: str | D = "0", currency: str = "") -> Fill:
    quantity = D(signed)
    return Fill(
        client_order_id="x", strategy="s", instrument=instrument.id, side=Side.BUY if quantity > 0 else Side.SELL,
        price=D(price), quantity=abs(quantity), fee=D(fee), fee_currency=currency or settle_currency(instrument),
        liquidity=Liquidity.TAKER, trade_id="t", ts_event=1,
    )  # fmt: skip


def test_a_round_trip_in_spot_realises_the_difference_and_counts_its_fees():
    ledger = Ledger([SPOT])
    ledger.apply_fill(fill(SPOT, "0.5", "60000", "30"))  # 0.1 % of 30,000
    ledger.apply_fill(fill(SPOT, "-0.5", "60100", "30.05"))  # 0.1 % of 30,050
    (pnl,) = ledger.pnls({})
    # 0.5 × 100 = 50; 50 − 60.05 = −10.05
    assert (D(50), D(0), D("60.05"), D("-10.05")) == (pnl.realised, pnl.unrealised, pnl.fees, pnl.total)


def test_lots_are_closed_first_in_first_out():
    book = InstrumentBook(SPOT)
    book.change(D(1), D(100))
    book.change(D(1), D(110))
    book.change(D("-1.5"), D(120))
    # 1 × (120 − 100) + 0.5 × (120 − 110) = 25, and half a lot at 110 is left
    assert (D(25), D("0.5"), D(110)) == (book.realised, book.position, book.average_price())


def test_a_trade_through_zero_closes_everything_and_opens_the_rest():
    book = InstrumentBook(SPOT)
    book.change(D(1), D(100))
    book.change(D(-3), D(90))
    assert (D(-10), D(-2), D(90)) == (book.realised, book.position, book.average_price())


def test_a_contract_multiplier_scales_linear_profit():
    book = InstrumentBook(LINEAR)
    book.change(D(-20), D(3_000))
    book.change(D(20), D(2_950))
    # short 20 contracts of 0.1: −1 × (2,950 − 3,000) × 20 × 0.1 = 100
    assert D(100) == book.realised


def test_an_inverse_short_earns_coin_when_the_price_falls():
    book = InstrumentBook(INVERSE)
    book.change(D(-100), D(60_000))
    book.change(D(100), D(50_000))
    # 100 × 100 / 60,000 = 0.16666667; / 50,000 = 0.2: sign −1 × (0.16666667 − 0.2) = 0.03333333
    assert D("0.03333333") == book.realised


def test_a_base_fee_leaves_the_position_and_is_valued_at_the_trade_price():
    ledger = Ledger([SPOT])
    ledger.apply_fill(fill(SPOT, "1", "60000", "0.001", "BTC"))
    (pnl,) = ledger.pnls({SPOT.id: D(60_000)})
    assert D("0.999") == ledger.position(SPOT.id)
    assert (D(60), D(0)) == (pnl.fees, pnl.unrealised)


def test_a_fee_in_a_third_token_has_an_account_of_its_own():
    ledger = Ledger([SPOT])
    ledger.apply_fill(fill(SPOT, "1", "60000", "0.1", "BNB"))
    assert ["BNB", "USDT"] == [pnl.currency for pnl in ledger.pnls({})]
    assert D("0.1") == ledger.pnls({})[0].fees


def test_a_rebate_is_a_negative_fee():
    ledger = Ledger([LINEAR])
    ledger.apply_fill(fill(LINEAR, "-10", "3000", "-0.3"))
    (pnl,) = ledger.pnls({})
    assert D("0.3") == pnl.total


def test_funding_is_counted_in_its_currency():
    ledger = Ledger([INVERSE])
    ledger.apply_funding(FundingPaid("s", INVERSE.id, D("0.0001"), "BTC", 0.0001, D(-100), "f1", 1))
    ledger.apply_funding(FundingPaid("s", INVERSE.id, D("-0.0003"), "BTC", -0.0003, D(-100), "f2", 2))
    (pnl,) = ledger.pnls({})
    assert (D("-0.0002"), "BTC") == (pnl.funding, pnl.currency)


def test_an_adopted_position_gets_its_price_from_the_first_mid():
    ledger = Ledger([SPOT])
    ledger.adopt(SPOT.id, D(2))
    assert (D(2), {SPOT.id}) == (ledger.position(SPOT.id), ledger.unpriced)
    assert D(0) == ledger.pnls({SPOT.id: D(100)})[0].unrealised
    assert ledger.books[SPOT.id].average_price() is None
    ledger.price_adopted(SPOT.id, D(100))
    assert (D(20), set()) == (ledger.pnls({SPOT.id: D(110)})[0].unrealised, ledger.unpriced)


def test_an_unpriced_lot_that_is_closed_realises_nothing():
    book = InstrumentBook(SPOT)
    book.adopt(D(1))
    book.change(D(-1), D(100))
    assert (D(0), D(0)) == (book.position, book.realised)


def test_adopting_less_takes_the_oldest_lots_away_without_profit():
    book = InstrumentBook(SPOT)
    book.change(D(1), D(100))
    book.change(D(1), D(110))
    book.adopt(D("0.5"))
    assert (D("0.5"), D(110), D(0)) == (book.position, book.average_price(), book.realised)


def test_adopting_the_other_sign_leaves_a_lot_of_that_sign():
    book = InstrumentBook(LINEAR)
    book.change(D(2), D(100))
    book.adopt(D(-1))
    assert [D(-1)] == [lot.quantity for lot in book.lots]


def test_a_mid_is_exact_although_its_quotes_are_floats():
    # 0.1 + 0.2 is 0.30000000000000004 in floats
    assert D("59999.905") == exact_mid(SPOT, 59_999.90, 59_999.91)
    assert D("0.3") * 200_000 == exact_mid(SPOT, 60_000.0, 60_000.000000000004)


quantities = st.integers(-200, 200).filter(bool)
ticks = st.integers(1, 100_000)
trades = st.lists(st.tuples(quantities, ticks, st.integers(-50, 500), st.booleans()), min_size=1, max_size=30)


@settings(max_examples=200, deadline=None)
@given(trades, st.integers(1, 100_000))
@pytest.mark.parametrize("instrument", [SPOT, LINEAR], ids=["spot", "linear"])
def test_cash_and_value_equal_profit_to_the_last_digit(instrument, sequence, last_tick):
    """cash flows + position value = realised + unrealised − fees + funding."""
    ledger, cash, position = Ledger([instrument]), D(0), D(0)
    for steps, tick, fee_units, is_fee_in_base in sequence:
        signed, price, fee = steps * instrument.lot_size, tick * instrument.tick_size, fee_units * D("1e-8")
        if instrument.is_spot and is_fee_in_base:
            ledger.apply_fill(fill(instrument, signed, price, fee, "BTC"))
            position -= fee
        else:
            ledger.apply_fill(fill(instrument, signed, price, fee))
            cash -= fee
        cash -= signed * price * instrument.multiplier
        position += signed
    ledger.apply_funding(FundingPaid("s", instrument.id, D("1.23"), "USDT", 0.0, D(0), "f", 1))
    cash += D("1.23")
    mid = last_tick * instrument.tick_size
    (pnl,) = ledger.pnls({instrument.id: mid})
    assert cash + position * mid * instrument.multiplier == pnl.total
    assert position == ledger.position(instrument.id)


@settings(max_examples=200, deadline=None)
@given(trades)
def test_inverse_lots_add_up_to_the_position_and_realise_only_what_was_closed(sequence):
    """A coin wallet changes by what is realised; a flat book has nothing unrealised."""
    book = InstrumentBook(INVERSE)
    for steps, tick, _, _ in sequence:
        before = book.realised
        closes = book.position * steps < 0
        book.change(D(steps), tick * INVERSE.tick_size)
        assert closes or before == book.realised
        assert book.position == sum(lot.quantity for lot in book.lots)
        assert len({lot.quantity > 0 for lot in book.lots}) <= 1
    book.change(-book.position, D(50_000))
    assert (D(0), D(0)) == (book.position, book.unrealised(D(40_000)))


def test_pricing_what_was_adopted_leaves_priced_lots_alone():
    ledger = Ledger([SPOT])
    ledger.apply_fill(fill(SPOT, "1", "100"))
    ledger.adopt(SPOT.id, D(3))
    ledger.price_adopted(SPOT.id, D(130))
    # (1 × 100 + 2 × 130) / 3 = 120
    assert D(120) == ledger.books[SPOT.id].average_price()


# --- merged lots ------------------------------------------------------------------------------------------------


@pytest.fixture(name="few_lots")
def at_most_three_lots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pnl_module, "LOTS_MAX", 3)


def test_lots_are_bounded_and_the_mean_price_of_all_stays():
    book = InstrumentBook(SPOT)
    for step in range(LOTS_MAX + 500):
        book.change(D("0.1"), D(100 + step % 7))
    # 1,500 buys at 100 + (0 … 6): 214 rounds of 7 cost 721 each, and two more at 100 and 101
    assert (LOTS_MAX, D("150.0")) == (len(book.lots), book.position)
    assert D(214 * 721 + 201) / 1_500 == book.average_price()


@pytest.mark.usefixtures("few_lots")
def test_part_of_a_merged_lot_takes_its_share_of_the_cost():
    book = InstrumentBook(SPOT)
    for price in (100, 101, 103, 110):
        book.change(D(1), D(price))
    book.change(D("-0.5"), D(120))
    # the oldest two are 2 at a cost of 201: half a unit takes 50.25 of it and brings 60 − 50.25
    assert (D("9.75"), 3) == (book.realised, len(book.lots))
    book.change(D("-1.5"), D(120))
    # all that is left of it: 180 − 150.75
    assert (D("39.00"), 2) == (book.realised, len(book.lots))


@pytest.mark.usefixtures("few_lots")
def test_a_share_that_cannot_be_exact_is_made_up_for_by_the_rest():
    book = InstrumentBook(LINEAR)
    for price in (100, 100, 101, 110):
        book.change(D(-1), D(price))
    book.change(D(-1), D(120))  # merges three: 3 short, entered for 301
    book.change(D(1), D(90))
    # a third of 301 is 100.333333333333: (100.333333333333 − 90) × 0.1
    assert D("1.0333333333333") == book.realised
    book.change(D(2), D(90))
    # (301 − 3 × 90) × 0.1 = 3.1
    assert D("3.1") == book.realised


@pytest.mark.usefixtures("few_lots")
def test_a_merged_inverse_lot_keeps_the_coin_that_it_was_entered_for():
    book = InstrumentBook(INVERSE)
    for price in (50_000, 60_000, 70_000, 80_000):
        book.change(D(-100), D(price))
    # 100 × 100 USD: 0.2 + 0.16666667 coin for both of the oldest; 0.14285714 and 0.125 for the others
    # at 65,000: 200 × 100 / 65,000 = 0.30769231, and 0.15384615 for each other
    assert D("0.30769231") - D("0.36666667") + 2 * D("0.15384615") - D("0.14285714") - D("0.125") == book.unrealised(
        D(65_000)
    )
    book.change(D(50), D(100_000))
    # a quarter of 0.36666667 is 0.0916666675, to even 0.09166667; 50 × 100 / 100,000 = 0.05
    assert D("0.05") - D("0.09166667") == book.realised
    book.change(D(150), D(100_000))
    # 0.05 + 0.15 − 0.36666667
    assert D("-0.16666667") == book.realised


@pytest.mark.usefixtures("few_lots")
@pytest.mark.parametrize("bought_before", [0, 1])
def test_a_lot_that_has_no_price_yet_is_not_merged_and_is_the_newest_by_its_price(bought_before):
    book = InstrumentBook(SPOT)
    prices = [D(100), D(101), D(102)]
    for price in prices[:bought_before]:
        book.change(D(1), price)
    book.adopt(book.position + 2)
    for price in prices[bought_before:]:
        book.change(D(1), price)
    assert [(D(2), D("100.5")), (D(1), D(102)), (D(2), None)] == [(lot.quantity, lot.price) for lot in book.lots]
    book.price_adopted(D(120))
    # (201 + 102 + 2 × 120) / 5
    assert D("108.6") == book.average_price()


def test_what_is_adopted_twice_without_a_price_is_one_lot():
    book = InstrumentBook(SPOT)
    book.adopt(D(2))
    book.change(D(1), D(100))
    book.adopt(D(5))
    # 2 + (5 − 3) without a price, and 1 at 100
    assert ([D(1), D(4)], D(4), D(100)) == ([lot.quantity for lot in book.lots], book.adopted, book.average_price())
    book.adopt(D("0.5"))
    assert (D("0.5"), D("0.5")) == (book.position, book.adopted)


@settings(max_examples=200, deadline=None)
@given(trades, st.integers(1, 100_000))
@pytest.mark.parametrize("instrument", [SPOT, LINEAR], ids=["spot", "linear"])
def test_merged_lots_keep_the_identity_of_cash_and_profit_to_the_last_digit(instrument, sequence, last_tick):
    """cash flows + position value = realised + unrealised; a bound of two lots merges at nearly every trade."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pnl_module, "LOTS_MAX", 2)
        book, cash = InstrumentBook(instrument), D(0)
        for steps, tick, _, _ in sequence:
            signed, price = steps * instrument.lot_size, tick * instrument.tick_size
            book.change(signed, price)
            cash -= signed * price * instrument.multiplier
            assert len(book.lots) <= 2
            assert book.position == sum(lot.quantity for lot in book.lots)
        mid = last_tick * instrument.tick_size
        assert cash + book.position * mid * instrument.multiplier == book.realised + book.unrealised(mid)


@settings(max_examples=200, deadline=None)
@given(trades, st.integers(10_000, 100_000))
def test_merged_inverse_lots_earn_what_single_ones_do_but_for_rounding(sequence, last_tick):
    """The coin of a round trip is fixed by its fills; each lot, closing and merge may round by half of 1e-8."""
    single, merged = InstrumentBook(INVERSE), InstrumentBook(INVERSE)
    mid = last_tick * INVERSE.tick_size
    with pytest.MonkeyPatch.context() as patch:
        for steps, tick, _, _ in sequence:
            price = (10_000 + tick) * INVERSE.tick_size
            patch.setattr(pnl_module, "LOTS_MAX", 1_000)
            single.change(D(steps), price)
            patch.setattr(pnl_module, "LOTS_MAX", 2)
            merged.change(D(steps), price)
    assert single.position == merged.position
    coin = sum((D(steps) * 100 / ((10_000 + tick) * INVERSE.tick_size) for steps, tick, _, _ in sequence), D(0))
    exact = coin - merged.position * 100 / mid
    for book in (single, merged):
        assert abs(exact - book.realised - book.unrealised(mid)) <= D("1e-8") * 3 * len(sequence)


@pytest.mark.usefixtures("few_lots")
def test_the_mean_price_of_inverse_contracts_is_weighted_by_contracts():
    book = InstrumentBook(INVERSE)
    for price in (50_000, 60_000, 70_000, 80_000):
        book.change(D(-100), D(price))
    assert D(65_000) == book.average_price()
