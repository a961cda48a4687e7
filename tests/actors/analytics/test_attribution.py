"""What trading cost at the moment of each fill: worked examples beside the arithmetic."""

from decimal import Decimal as D

import pytest

from actors.analytics.account import account_of
from actors.analytics.attribution import DECISIONS_KEPT_MAX, ExecutionCosts, Movement, attribute
from actors.analytics.pnl import Ledger
from messages.health import Attribution, Pnl
from messages.instruments import Instrument, InstrumentType
from messages.market import Quote
from messages.orders import Fill, Liquidity, Side

SPOT = Instrument(
    symbol="BTCUSDT", venue="spot", type=InstrumentType.SPOT, base="BTC", quote="USDT", settle="USDT",
    tick_size=D("0.01"), lot_size=D("0.00001"),
)  # fmt: skip
LINEAR = Instrument(
    symbol="ETHUSDT", venue="usdm", type=InstrumentType.PERPETUAL, base="ETH", quote="USDT", settle="USDT",
    tick_size=D("0.1"), lot_size=D(1), multiplier=D("0.1"),
)  # fmt: skip
INVERSE = Instrument(
    symbol="BTCUSD_PERP", venue="coinm", type=InstrumentType.PERPETUAL, base="BTC", quote="USD", settle="BTC",
    tick_size=D("0.1"), lot_size=D(1), multiplier=D(100), inverse=True,
)  # fmt: skip


class Desk:
    """A ledger and the costs of its fills, of one instrument."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.ledger = Ledger([instrument])
        self.costs = ExecutionCosts(self.ledger.books)

    def quote(self, bid: float, ask: float) -> Quote:
        return Quote(self.instrument.id, bid, 1.0, ask, 1.0, 1, 1)

    def fill(self, signed: str, price: str, quote: Quote | None, **changes: object) -> None:
        quantity = D(signed)
        terms: dict[str, object] = {
            "client_order_id": "o-1", "liquidity": Liquidity.TAKER, "fee": D(0), "fee_currency": "USDT", **changes,
        }  # fmt: skip
        fill = Fill(
            strategy="s", instrument=self.instrument.id, side=Side.BUY if quantity > 0 else Side.SELL, price=D(price),
            quantity=abs(quantity), trade_id="t", ts_event=1, **terms,
        )  # fmt: skip
        self.costs.book(fill, self.ledger.apply_fill(fill), quote)

    def attribution(self, mid: str, movement: Movement = Movement.INVENTORY) -> Attribution:
        (pnl,) = self.ledger.pnls({self.instrument.id: D(mid)})
        (attribution,) = account_of([pnl], self.costs, movement).attributions
        assert pnl.total == attribution.total
        return attribution


def test_a_taker_pays_half_the_spread_and_slips_from_the_touch_that_it_saw():
    desk = Desk(LINEAR)
    desk.costs.note_order("o-1", desk.quote(2_999.0, 3_001.0))
    desk.fill("10", "3001.5", desk.quote(3_005.0, 3_006.0))
    got = desk.attribution("3010")
    # 10 contracts of 0.1: 3,001.5 → 3,001 loses 0.5 × 1; 3,001 → 3,000 loses 1 × 1; 3,000 → 3,010 gains 10 × 1
    assert (D("-0.5"), D(-1), D(10)) == (got.slippage, got.spread, got.inventory)


def test_a_taker_that_gets_a_better_price_than_it_saw_has_slipped_in_its_favour():
    desk = Desk(LINEAR)
    desk.costs.note_order("o-1", desk.quote(2_999.0, 3_001.0))
    desk.fill("-10", "2999.4", None)
    got = desk.attribution("3000")
    # sold at 2,999.4 where the bid was 2,999: 0.4 × 1; the bid is 1 below the mid
    assert (D("0.4"), D(-1), D(0)) == (got.slippage, got.spread, got.inventory)


def test_a_maker_captures_the_spread_to_the_mid_at_its_fill():
    desk = Desk(LINEAR)
    desk.costs.note_order("o-1", desk.quote(2_000.0, 2_001.0))
    desk.fill("-10", "3001", desk.quote(2_999.0, 3_001.0), liquidity=Liquidity.MAKER)
    got = desk.attribution("2990")
    # sold 1 above the mid of 3,000, which then falls by 10; the market at its order's time plays no part
    assert (D(0), D(1), D(10)) == (got.slippage, got.spread, got.inventory)


def test_an_inverse_contract_is_attributed_in_coin_and_rounded_as_it_settles():
    desk = Desk(INVERSE)
    desk.costs.note_order("o-1", desk.quote(49_999.0, 50_001.0))
    desk.fill("-100", "49990", None, fee_currency="BTC")
    got = desk.attribution("40000", Movement.BASIS)
    # 10,000 USD: 0.20004001 coin at 49,990, 0.20000400 at the bid of 49,999, 0.2 at the mid, 0.25 at 40,000
    assert (D("-0.00003601"), D("-0.00000400"), D("0.05"), D(0)) == (
        got.slippage, got.spread, got.basis, got.inventory,
    )  # fmt: skip


def test_a_fee_taken_in_base_makes_the_quantity_that_moves_smaller():
    desk = Desk(SPOT)
    desk.costs.note_order("o-1", desk.quote(59_999.0, 60_001.0))
    desk.fill("1", "60001", None, fee=D("0.001"), fee_currency="BTC")
    got = desk.attribution("60100")
    # 0.999 BTC: half spread 1 × 0.999, then 100 × 0.999; the fee is 0.001 × 60,001
    assert (D("-0.999"), D("99.9"), D("60.001")) == (got.spread, got.inventory, got.fees)


@pytest.mark.parametrize("liquidity", list(Liquidity))
@pytest.mark.parametrize(("bid", "ask"), [(None, None), (0.0, 3_001.0), (2_999.0, 0.0)])
def test_without_a_two_sided_quote_all_is_movement(liquidity, bid, ask):
    desk = Desk(LINEAR)
    quote = None if bid is None else desk.quote(bid, ask)
    desk.costs.note_order("o-1", quote)
    desk.fill("10", "3000", quote, liquidity=liquidity)
    got = desk.attribution("3010")
    assert (D(0), D(0), D(10)) == (got.slippage, got.spread, got.inventory)


def test_a_fill_of_an_order_that_is_not_known_is_all_movement():
    desk = Desk(LINEAR)
    desk.fill("10", "3000", desk.quote(3_001.0, 3_002.0))
    assert (D(0), D(10)) == (desk.attribution("3010").spread, desk.attribution("3010").inventory)


def test_the_markets_of_the_last_orders_are_remembered_up_to_a_bound():
    desk = Desk(LINEAR)
    for number in range(DECISIONS_KEPT_MAX + 1):
        desk.costs.note_order(f"o-{number}", desk.quote(2_999.0, 3_001.0))
    desk.fill("10", "3001", None, client_order_id="o-0")
    assert D(0) == desk.attribution("3000").spread
    desk.fill("10", "3001", None, client_order_id="o-1")
    assert D(-1) == desk.attribution("3000").spread


def test_an_amended_order_is_measured_from_the_market_that_it_was_amended_in():
    desk = Desk(LINEAR)
    desk.costs.note_order("o-1", desk.quote(2_989.0, 2_991.0))
    desk.costs.note_order("o-1", desk.quote(2_999.0, 3_001.0))
    desk.fill("10", "3001", None)
    assert (D(0), D(-1)) == (desk.attribution("3000").slippage, desk.attribution("3000").spread)


def test_movement_is_named_by_the_strategy():
    pnl = Pnl(D(5), D(2), D(1), D("0.5"), "USDT")
    # 5 + 2 − (−1) − (−0.25) = 8.25
    basis = attribute(pnl, D(-1), D("-0.25"), Movement.BASIS)
    inventory = attribute(pnl, D(-1), D("-0.25"), Movement.INVENTORY)
    assert (D("8.25"), D(0)) == (basis.basis, basis.inventory) == (inventory.inventory, inventory.basis)
    assert pnl.total == basis.total == inventory.total == D("6.5")
