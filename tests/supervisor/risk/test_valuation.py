"""Prices, marks and currencies."""

from decimal import Decimal

import pytest

from messages.instruments import Instrument
from supervisor.risk.valuation import Valuation
from tests.supervisor.risk.race import instrument

D = Decimal
BTC = instrument("BTCUSDT", "spot")
INVERSE = instrument("BTCUSD", "coin", inverse=True)  # 100 USD a contract


def spot(symbol: str, base: str, quote: str) -> Instrument:
    return Instrument(
        symbol=symbol, venue="spot", type=BTC.type, base=base, quote=quote, settle=quote, tick_size=D("0.01"),
        lot_size=D("0.001"),
    )  # fmt: skip


def valuation(
    *more: Instrument, currency: str = "USDT", rates: dict[str, Decimal] | None = None, **marks: Decimal
) -> Valuation:
    instruments = {item.id: item for item in (BTC, INVERSE, *more)}
    found = {name.replace("_", "."): mark for name, mark in marks.items()}
    return Valuation(currency, rates or {}, instruments, guesses={}, marks=found)


def test_a_mark_is_put_two_percent_above_the_price() -> None:
    found = valuation()
    assert found.unit_value(BTC.id) is None
    assert found.note(BTC.id, 60_000.0)
    assert found.unit_value(BTC.id) == D(61_200)
    assert found.quote_notional(BTC.id, D("-0.5")) == D(30_600)


@pytest.mark.parametrize(("price", "moves"), [(61_200.0, False), (61_201.0, True), (58_850.0, False), (58_800.0, True)])
def test_a_mark_moves_when_the_price_is_above_it_or_four_percent_below(price: float, moves: bool) -> None:
    found = valuation()
    found.note(BTC.id, 60_000.0)  # its mark is 61,200, and 61,200 / 1.04 = 58,846
    assert found.note(BTC.id, price) is moves
    assert found.value_now(BTC.id) == D(repr(price)), "what is held is valued at the price"


def test_no_price_tells_nothing() -> None:
    found = valuation(BTCUSDT_spot=D(50_000))
    assert not found.note(BTC.id, 0.0)
    assert not found.note("UNKNOWN.spot", 5.0)
    assert found.unit_value(BTC.id) == found.value_now(BTC.id) == D(50_000), "the mark that was remembered"


def test_a_configured_price_makes_a_mark_until_another_is_remembered_or_told() -> None:
    instruments = {BTC.id: BTC}
    fresh = Valuation("USDT", {}, instruments, guesses={BTC.id: D(100), "GONE.spot": D(1)}, marks={})
    assert fresh.marks == {BTC.id: D(102)}
    assert Valuation("USDT", {}, instruments, guesses={BTC.id: D(100)}, marks={BTC.id: D(7)}).marks == {BTC.id: D(7)}


def test_the_worth_of_an_inverse_contract_does_not_depend_on_the_price() -> None:
    found = valuation(rates={"USD": D("0.99")})
    assert found.unit_value(INVERSE.id) == D(99)
    assert found.quote_notional(INVERSE.id, D(3)) == D(300)


def test_dollars_are_equal_where_nothing_tells_more() -> None:
    assert valuation().rate("USDC") == 1
    assert valuation().rate("EUR") is None
    assert valuation().unit_value(INVERSE.id) == D(100)


def test_a_cross_that_the_cluster_trades_tells_the_rate_and_nothing_else_does() -> None:
    cross = spot("USDCUSDT", "USDC", "USDT")
    found = valuation(cross)
    assert found.rate("USDC") is None, "there is a price to come"
    found.note(cross.id, 0.995)
    assert found.rate("USDC") == D("0.995")


def test_a_cross_the_other_way_round_tells_the_rate_at_its_highest() -> None:
    cross = spot("USDTEUR", "USDT", "EUR")
    found = valuation(cross)
    found.note(cross.id, 0.8)
    # the price may be 4 % below a mark: 1.04 / 0.8 = 1.3 USDT a EUR at most
    assert found.rate("EUR") == D("1.3")


def test_by_a_dollar_that_has_lost_its_peg_nothing_is_granted() -> None:
    cross, pair = spot("USDCUSDT", "USDC", "USDT"), spot("BTCUSDC", "BTC", "USDC")
    found = valuation(cross, pair, BTCUSDC_spot=D(100))
    found.note(cross.id, 0.85)
    assert found.unit_value(pair.id) is None
    believed = valuation(cross, pair, rates={"USDC": D("0.85")}, BTCUSDC_spot=D(100))
    assert believed.unit_value(pair.id) == D(85), "but by the operator's word"


def test_losses_in_a_dollar_that_has_lost_its_peg_are_valued_at_the_last_rate_that_was_believed() -> None:
    cross, pair = spot("USDCUSDT", "USDC", "USDT"), spot("BTCUSDC", "BTC", "USDC")
    found = valuation(cross, pair, BTCUSDC_spot=D(100))
    found.note(cross.id, 0.85)
    assert found.rate("USDC") == D("0.85"), "no other was ever known"
    found.note(cross.id, 0.95)
    assert found.rate("USDC") == D("0.95")
    found.note(cross.id, 0.5)
    assert found.rate("USDC") == D("0.95")
    assert found.value_now(pair.id) == D(95)
