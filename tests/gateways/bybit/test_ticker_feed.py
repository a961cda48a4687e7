import pytest

from gateways.bybit.bodies import MalformedBody
from gateways.bybit.streams import Channel
from gateways.exchange.sources.source import SourceCounts
from messages.market import Gap, MarkPrice, Quote
from tests.gateways.bybit.public_frames import ID, TICKER, market_data, ticker_frame

MS = 1_000_000
EVENT_NS = 1673272861686 * MS


def test_a_snapshot_is_a_mark_price_with_funding():
    data = market_data(Channel.TICKER, Channel.BOOK)

    (mark,) = data.on_frame(ticker_frame("snapshot", **TICKER), 5)

    assert MarkPrice(ID, 17217.33, 17227.36, -0.000212, 1673280000000 * MS, EVENT_NS, 5) == mark


def test_what_a_delta_does_not_speak_of_has_not_changed():
    data = market_data(Channel.TICKER, Channel.BOOK)
    data.on_frame(ticker_frame("snapshot", **TICKER), 5)

    (mark,) = data.on_frame(ticker_frame("delta", 1673272861786, markPrice="17218", fundingRate="0.0001"), 6)

    assert MarkPrice(ID, 17218.0, 17227.36, 0.0001, 1673280000000 * MS, EVENT_NS + 100 * MS, 6) == mark


def test_a_delta_of_other_fields_tells_nothing():
    data = market_data(Channel.TICKER, Channel.BOOK)
    data.on_frame(ticker_frame("snapshot", **TICKER), 5)

    assert () == data.on_frame(ticker_frame("delta", lastPrice="17300", volume24h="1"), 6)


def test_a_new_snapshot_forgets_what_was_before():
    data = market_data(Channel.TICKER, Channel.BOOK)
    data.on_frame(ticker_frame("snapshot", **TICKER), 5)

    assert () == data.on_frame(ticker_frame("snapshot", markPrice="17218"), 6)


def test_a_delta_without_a_snapshot_is_dropped():
    data = market_data(Channel.TICKER)

    assert () == data.on_frame(ticker_frame("delta", **TICKER), 5)
    assert SourceCounts() == data.counts(ID)


def test_after_a_lost_connection_deltas_wait_for_a_snapshot():
    data = market_data(Channel.TICKER)
    data.on_frame(ticker_frame("snapshot", **TICKER), 5)

    assert (Gap(ID, "connection lost", 6),) == data.on_disconnect(6)
    assert () == data.on_frame(ticker_frame("delta", markPrice="1"), 7)


def test_a_future_pays_no_funding():
    data = market_data(Channel.TICKER, Channel.BOOK)

    (mark,) = data.on_frame(ticker_frame("snapshot", **TICKER | {"fundingRate": "", "nextFundingTime": ""}), 5)

    assert (0.0, 0) == (mark.funding_rate, mark.next_funding_ns)


def test_where_no_book_is_wanted_the_ticker_tells_quotes():
    data = market_data(Channel.TICKER)

    mark, quote = data.on_frame(ticker_frame("snapshot", **TICKER), 5)
    (second,) = data.on_frame(ticker_frame("delta", bid1Size="1"), 6)

    assert isinstance(mark, MarkPrice)
    assert Quote(ID, 17215.5, 84.489, 17216.0, 83.02, EVENT_NS, 5) == quote
    assert Quote(ID, 17215.5, 1.0, 17216.0, 83.02, EVENT_NS, 6) == second
    assert SourceCounts(quotes=2) == data.counts(ID)


def test_an_emptied_side_is_told_once_as_a_gap():
    data = market_data(Channel.TICKER)
    data.on_frame(ticker_frame("snapshot", **TICKER), 5)

    assert (Gap(ID, "one side of the book is empty", 6),) == data.on_frame(ticker_frame("delta", bid1Price=""), 6)
    assert () == data.on_frame(ticker_frame("delta", bid1Size="0"), 7)


def test_a_mark_price_is_stale_when_the_connection_is_lost():
    data = market_data(Channel.TICKER, Channel.BOOK)
    data.on_frame(ticker_frame("snapshot", **TICKER), 5)

    assert (Gap(ID, "connection lost", 6),) == data.on_disconnect(6)
    assert () == data.on_disconnect(7)


def test_a_malformed_number_changes_nothing():
    data = market_data(Channel.TICKER, Channel.BOOK)
    data.on_frame(ticker_frame("snapshot", **TICKER), 5)

    for bad in ("nan", "x", "-1", "1e99"):
        with pytest.raises(MalformedBody, match="frame of"):
            data.on_frame(ticker_frame("delta", indexPrice="1", markPrice=bad), 6)

    (mark,) = data.on_frame(ticker_frame("delta", fundingRate="0"), 7)
    assert (17217.33, 17227.36) == (mark.mark, mark.index)
