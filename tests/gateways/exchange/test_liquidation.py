"""An account whose margin is gone: the venue closes its positions at the market, and tells the fills of it."""

from gateways.exchange.ledger import Ledger
from gateways.exchange.margin import MAINTENANCE_RATIO, exposure_of, is_below_maintenance
from gateways.venue import AccountQuery, AccountState
from messages.market import MarkPrice
from messages.orders import Fill, is_venue_made
from tests.gateways.exchange.test_margin import bought
from tests.gateways.exchange.trading_floor import BUY, INVERSE, LINEAR, SELL, SPOT, D, Floor, closed, fill

POOR = {"USDT": D(600)}


def test_an_account_needs_half_a_per_cent_of_what_it_holds():
    assert D("0.005") == MAINTENANCE_RATIO
    ledger = Ledger([LINEAR], {"USDT": D(600)})
    bought(ledger, LINEAR, SELL, "0.2", "50000")
    # short 0.2 from 50,000 at 52,700: 600 − 540 = 60 against 0.5 % of 10,540 = 52.7
    assert not is_below_maintenance("USDT", [exposure_of(LINEAR, [], D(52_700))], ledger)
    # at 52,750: 600 − 550 = 50 against 0.5 % of 10,550 = 52.75
    assert is_below_maintenance("USDT", [exposure_of(LINEAR, [], D(52_750))], ledger)
    assert not is_below_maintenance("BTC", [exposure_of(LINEAR, [], D(52_750))], ledger)


def test_without_a_position_there_is_nothing_to_liquidate():
    assert not is_below_maintenance("USDT", [exposure_of(LINEAR, [], D(50_000))], Ledger([LINEAR], {"USDT": D(-5)}))
    assert not is_below_maintenance("USDT", [exposure_of(SPOT, [], D(50_000))], Ledger([SPOT], {"USDT": D(0)}))


def short(balances=POOR, **fields) -> Floor:
    """Short 0.2 from 50,000."""
    floor = Floor(LINEAR, balances=balances, **fields)
    floor.quote(50_000.0, 1.0, 50_001.0, 1.0)
    floor.submit("a", SELL, "0.2", "50000")
    assert D("-0.2") == floor.ledger.position(LINEAR.id)
    return floor


def test_a_mark_that_leaves_too_little_closes_the_position_at_the_market():
    floor = short()
    assert [] == floor.mark(52_000.0)  # 600 − 5 of fee − 400 = 195 against 52
    assert [fill("autoclose-1", "0.2", "50001")] == floor.mark(52_800.0)  # 595 − 560 = 35 against 52.8
    assert D(0) == floor.ledger.position(LINEAR.id)
    # −0.2 × (50,001 − 50,000) and twice 5 bps of about 10,000
    assert D(600) - D("0.2") - D("5.00000") - D("5.00010") == floor.ledger.balance("USDT")
    assert [] == floor.mark(60_000.0)


def test_what_works_in_the_instrument_ends_first():
    floor = short(balances={"USDT": D(1_200)})
    floor.submit("b", BUY, "0.1", "49000")
    assert [closed("b", "expired", "0"), fill("autoclose-1", "0.2", "50001")] == floor.mark(56_000.0)


def test_what_the_book_does_not_take_is_tried_again_at_the_next_mark():
    floor = short()
    floor.quote(50_000.0, 1.0, 50_001.0, 0.05)
    assert [fill("autoclose-1", "0.05", "50001")] == floor.mark(52_900.0)
    floor.quote(50_000.0, 1.0, 50_002.0, 1.0)
    assert [] == floor.mark(52_900.0)  # 594 − 435 is enough again for the 0.15 that are left
    assert [fill("autoclose-2", "0.15", "50002")] == floor.mark(54_000.0)
    assert D(0) == floor.ledger.position(LINEAR.id)


def test_a_long_position_is_sold():
    floor = Floor(LINEAR, balances=POOR)
    floor.quote(50_000.0, 1.0, 50_001.0, 1.0)
    floor.submit("a", BUY, "0.2", "50001")
    assert [fill("autoclose-1", "0.2", "50000")] == floor.mark(47_200.0)


def test_only_what_settles_in_the_same_currency_is_closed():
    floor = Floor(LINEAR, INVERSE, balances={"USDT": D(600), "BTC": D(1)})
    floor.quote(50_000.0, 1.0, 50_001.0, 1.0)
    floor.quote(50_000.0, 1_000.0, 50_001.0, 1_000.0, INVERSE.id)
    floor.submit("a", SELL, "0.2", "50000")
    floor.submit("b", SELL, "10", "50000", instrument=INVERSE.id)
    assert [fill("autoclose-1", "0.2", "50001")] == floor.mark(52_900.0)
    assert D(-10) == floor.ledger.position(INVERSE.id)


def test_a_liquidation_is_the_venues_own_and_counts_as_no_order_of_ours():
    floor = short()
    event_reports = [output for output in floor.venue.on_market(_mark(floor, 52_900.0)) if isinstance(output, Fill)]
    assert [("venue", True)] == [(report.strategy, is_venue_made(report.client_order_id)) for report in event_reports]
    assert 1 == floor.venue.report({}).orders.filled
    (account,) = floor.ask(AccountQuery("venue", 0))
    assert isinstance(account, AccountState)
    assert ({LINEAR.id: D(0)}, ()) == (account.positions, account.open_orders)


def _mark(floor, price):
    now = floor.tick()
    return MarkPrice(LINEAR.id, price, price, 0.0, 0, now, now)


def test_spot_marks_liquidate_nothing():
    floor = Floor(SPOT, balances={"USDT": D(0), "BTC": D(1)})
    assert [] == floor.mark(50_000.0)
