"""The reference price: the middle of what was published last, and what is left of it after a gap."""

from decimal import Decimal as D

import pytest

from gateways.gate.reference_price import NEVER_NS, Reference, References
from messages.market import Depth, Gap, MarketData, Quote, Trade
from messages.orders import Side
from tests.support.orders import INSTRUMENTS, PERPETUAL, SPOT

BTC, ETH = SPOT.id, PERPETUAL.id


def quote(bid: float, ask: float, ts_ns: int) -> Quote:
    return Quote(BTC, bid, 1.0, ask, 1.0, 1, ts_ns)


def depth(bids: tuple[tuple[float, float], ...], asks: tuple[tuple[float, float], ...], ts_ns: int) -> Depth:
    return Depth(BTC, bids, asks, 1, 1, ts_ns)


def after(*messages: MarketData) -> Reference | None:
    references = References(INSTRUMENTS)
    for message in messages:
        references.on_market(message)
    return references.latest(BTC)


def test_there_is_none_before_the_first_quote() -> None:
    assert after() is None
    assert after(Trade(BTC, 100.0, 1.0, Side.BUY, "t", 1, 1)) is None, "a trade says nothing of the other side"
    assert after(Gap(BTC, "lost", 1)) is None
    assert after(Quote("DOGE.sim", 1.0, 1.0, 2.0, 1.0, 1, 1), Gap("DOGE.sim", "lost", 1)) is None


def test_the_newest_of_quotes_and_books_counts() -> None:
    # half way from 99 to 102
    assert after(quote(99.0, 102.0, 5)) == Reference(D("100.5"), 5)
    book = depth(((98.0, 1.0), (97.0, 9.0)), ((100.0, 1.0), (101.0, 9.0)), 6)
    assert after(quote(99.0, 102.0, 5), book) == Reference(D("99.0"), 6)
    assert after(book, quote(99.0, 102.0, 7)) == Reference(D("100.5"), 7)


@pytest.mark.parametrize(
    "one_sided",
    [quote(0.0, 102.0, 6), quote(99.0, 0.0, 6), depth((), ((100.0, 1.0),), 6), depth(((98.0, 1.0),), (), 6)],
)
def test_a_market_of_one_side_has_no_middle(one_sided: MarketData) -> None:
    assert after(quote(99.0, 102.0, 5), one_sided) is None


def test_after_a_gap_the_price_is_kept_and_is_of_no_time_until_the_next_quote() -> None:
    assert after(quote(99.0, 102.0, 5), Gap(BTC, "lost", 6)) == Reference(D("100.5"), NEVER_NS)
    assert after(quote(99.0, 102.0, 5), Gap(BTC, "lost", 6), Gap(BTC, "lost", 7)) == Reference(D("100.5"), NEVER_NS)
    assert after(quote(99.0, 102.0, 5), Gap(BTC, "lost", 6), quote(1.0, 3.0, 8)) == Reference(D("2.0"), 8)


def test_only_fresh_prices_are_told() -> None:
    references = References(INSTRUMENTS)
    references.on_market(quote(99.0, 102.0, 5))
    references.on_market(Quote(ETH, 0.0, 0.0, 1.0, 1.0, 1, 9))
    assert references.fresh_prices(15, 10) == {BTC: 100.5}
    assert references.fresh_prices(16, 10) == {}


def test_the_middle_is_on_the_half_tick() -> None:
    # ticks of 0.1: half way from 99.9 to 100.0 is 99.95, a price like 0.1 + 0.2 is no other than 0.3
    assert after(quote(99.9, 100.0, 5)) == Reference(D("99.95"), 5)
    assert after(quote(0.1 + 0.2, 0.5, 5)) == Reference(D("0.40"), 5)
    # a recording that is finer than the tick: 0.01 is no price of 0
    assert after(quote(0.01, 0.01, 5)) == Reference(D("0.05"), 5)
