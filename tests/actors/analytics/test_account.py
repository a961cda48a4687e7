"""Spans are differences, currencies are kept apart, and what is converted still adds up."""

from decimal import Decimal as D

from hypothesis import given
from hypothesis import strategies as st

from actors.analytics.account import Account, Earned, Rates, between, rates_at
from actors.analytics.attribution import Movement
from messages.health import Attribution, Pnl
from messages.instruments import Instrument, InstrumentType

ZERO = D(0)


def earned(currency: str, *parts: str) -> Earned:
    """:param parts: realised, unrealised, fees, funding, spread, slippage."""
    realised, unrealised, fees, funding, spread, slippage = map(D, parts)
    return Earned(Pnl(realised, unrealised, fees, funding, currency), spread, slippage)


COIN = earned("BTC", "0.02", "-0.01", "0.0001", "0.0002", "-0.0003", "-0.0004")
USDT = earned("USDT", "10", "5", "1", "0.5", "-2", "-0.25")


def instrument(base: str, quote: str, venue: str = "spot") -> Instrument:
    return Instrument(
        symbol=f"{base}{quote}", venue=venue, type=InstrumentType.SPOT, base=base, quote=quote, settle=quote,
        tick_size=D("0.01"), lot_size=D("0.00001"),
    )  # fmt: skip


def test_a_span_is_the_difference_of_two_accounts_in_each_currency():
    before = Account((earned("USDT", "4", "1", "0.4", "0.5", "-1", "-0.25"),), Movement.BASIS)
    span = Account((COIN, USDT), Movement.BASIS).since(before)
    assert (COIN, earned("USDT", "6", "4", "0.6", "0", "-1", "0")) == span.lines
    assert before.plus(span) == Account((COIN, USDT), Movement.BASIS)


def test_a_currency_that_only_the_earlier_account_has_is_given_back():
    span = Account((), Movement.BASIS).since(Account((USDT,), Movement.BASIS))
    assert -USDT.pnl.total == span.pnls[0].total


def test_a_total_converts_each_part_to_eight_places_and_movement_takes_the_rest():
    account = Account((COIN, USDT), Movement.BASIS)
    total = account.total(Rates("USDT", {"USDT": D(1), "BTC": D("60000.123456789")}))
    # 0.02 × 60,000.123456789 = 1,200.00246914; −0.01 ×: −600.00123457; sum with 10 + 5
    assert (D("1210.00246914"), D("-595.00123457")) == (total.pnl.realised, total.pnl.unrealised)
    attribution = total.attribution(Movement.BASIS)
    # −0.0003 × 60,000.123456789 − 2 = −20.00003704; −0.0004 ×: −24.00004938 − 0.25
    assert (D("-20.00003704"), D("-24.25004938")) == (attribution.spread, attribution.slippage)
    assert total.pnl.total == attribution.total


def test_what_has_no_rate_is_left_out_of_the_total():
    total = Account((COIN, USDT), Movement.BASIS).total(Rates("USDT", {"USDT": D(1)}))
    assert (USDT.pnl.total, USDT.spread) == (total.pnl.total, total.spread)


amounts = st.decimals(min_value=-1_000, max_value=1_000, places=8)
lines = st.tuples(*[amounts] * 6)


@given(lines, lines, st.decimals(min_value=D("0.00001"), max_value=100_000, places=7))
def test_a_converted_attribution_adds_up_to_the_converted_profit_to_the_last_digit(coin, usdt, rate):
    account = Account((earned("BTC", *coin), earned("USDT", *usdt)), Movement.INVENTORY)
    total = account.total(Rates("USDT", {"USDT": D(1), "BTC": rate}))
    assert total.pnl.total == total.attribution(Movement.INVENTORY).total
    assert [pnl.total for pnl in account.pnls] == [item.total for item in account.attributions]


def test_rates_are_the_mids_of_our_own_instruments_in_the_reporting_currency():
    instruments = [instrument("BTC", "USDT"), instrument("BTC", "USDT", "other"), instrument("ETH", "BTC")]
    mids = {"BTCUSDT.spot": D(60_000), "BTCUSDT.other": D(60_010), "ETHBTC.spot": D("0.05")}
    assert {"USDT": D(1), "BTC": D(60_000)} == rates_at("USDT", instruments, mids).worth
    assert {"USDT": D(1), "BTC": D(60_010)} == rates_at("USDT", instruments, {"BTCUSDT.other": D(60_010)}).worth


def test_a_period_is_the_difference_of_two_snapshots():
    morning = (Attribution(D(-1), D("-0.5"), D(10), ZERO, D(2), D(3), "USDT"),)
    evening = (
        Attribution(ZERO, ZERO, ZERO, D("0.001"), ZERO, D("0.0001"), "BTC"),
        Attribution(D("-1.5"), D("-0.75"), D(14), ZERO, D(5), D(4), "USDT"),
    )
    day = between(evening, morning)
    assert (evening[0], Attribution(D("-0.5"), D("-0.25"), D(4), ZERO, D(3), D(1), "USDT")) == day
    # the totals: −1.5 − 0.75 + 14 + 5 − 4 = 12.75, less −1 − 0.5 + 10 + 2 − 3 = 7.5
    assert D("5.25") == day[1].total
    assert (Attribution(ZERO, ZERO, ZERO, D("-0.001"), ZERO, D("-0.0001"), "BTC"), day[1].total) == (
        between(morning, evening)[0], -between(morning, evening)[1].total,
    )  # fmt: skip
