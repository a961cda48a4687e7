import pytest

from gateways.bybit.bodies import MalformedBody
from gateways.bybit.streams import Channel
from gateways.exchange.sources.source import BookChange, BookReset, SourceCounts
from gateways.native.wire import SnapshotNeeded
from messages.market import Gap, Quote
from tests.gateways.bybit.public_frames import ID, book_frame, market_data

S = 1_000_000_000
EVENT_NS = 990_000_000
"""The frames' `cts`, 990 ms."""


def snapshot(update_id: int, **fields) -> bytes:
    return book_frame("snapshot", update_id, bids=[["100.5", "2"]], asks=[["101", "3"]], **fields)


def delta(update_id: int, **fields) -> bytes:
    return book_frame("delta", update_id, bids=[["100.5", "0"], ["100", "1.5"]], **fields)


def test_a_snapshot_is_a_whole_book():
    data = market_data(Channel.BOOK)

    (event,) = data.on_frame(snapshot(7), 5)

    assert BookReset(ID, [(100.5, 2.0)], [(101.0, 3.0)], 7, EVENT_NS, 5) == event
    assert 7 == data.update_id(ID)


def test_a_delta_in_sequence_changes_levels():
    data = market_data(Channel.BOOK)
    data.on_frame(snapshot(7), 5)

    (event,) = data.on_frame(delta(8), 6)

    assert BookChange(ID, [(100.5, 0.0), (100.0, 1.5)], [], 8, EVENT_NS, 6) == event


def test_without_the_engines_time_the_systems_is_taken():
    data = market_data(Channel.BOOK)

    (event,) = data.on_frame(snapshot(7).replace(b',"cts":990', b""), 5)

    assert 1_000_000_000 == event.ts_event


def test_a_gap_is_told_once_and_a_snapshot_asked_for():
    data = market_data(Channel.BOOK)
    data.on_frame(snapshot(7), 0)

    assert (Gap(ID, "missing book update", 1), SnapshotNeeded(ID)) == data.on_frame(delta(9), 1)
    assert () == data.on_frame(delta(10), 2)
    assert SourceCounts(gaps=1) == data.counts(ID)


def test_a_snapshot_that_does_not_come_is_asked_for_again_after_five_seconds():
    data = market_data(Channel.BOOK)
    data.on_frame(snapshot(7), 0)
    data.on_frame(delta(9), 1 * S)

    assert () == data.on_frame(delta(10), 6 * S - 1)
    assert (SnapshotNeeded(ID),) == data.on_frame(delta(11), 6 * S)
    assert () == data.on_frame(delta(12), 7 * S)


def test_a_stream_that_begins_with_a_delta_asks_for_a_snapshot():
    data = market_data(Channel.BOOK)

    assert (SnapshotNeeded(ID),) == data.on_frame(delta(9), 1)
    assert () == data.on_frame(delta(10), 2)


def test_a_snapshot_ends_the_gap():
    data = market_data(Channel.BOOK)
    data.on_frame(snapshot(7), 0)
    data.on_frame(delta(9), 1)

    data.on_frame(snapshot(20), 2)

    assert isinstance(data.on_frame(delta(21), 3)[0], BookChange)


def test_a_restart_of_the_service_overwrites_the_book():
    data = market_data(Channel.BOOK)
    data.on_frame(snapshot(7), 0)

    (event,) = data.on_frame(book_frame("delta", 1, asks=[["90", "1"]], seq=5), 1)

    assert BookReset(ID, [], [(90.0, 1.0)], 1, EVENT_NS, 1) == event


def test_a_repeated_delta_is_counted_and_not_told():
    data = market_data(Channel.BOOK)
    data.on_frame(snapshot(7), 0)
    data.on_frame(delta(8), 1)

    assert () == data.on_frame(delta(8), 2)
    assert SourceCounts(book_updates=1, book_updates_discarded=1) == data.counts(ID)


def test_a_lost_connection_is_a_gap_of_the_book_once():
    data = market_data(Channel.BOOK)
    data.on_frame(snapshot(7), 0)

    assert (Gap(ID, "connection lost", 1),) == data.on_disconnect(1)
    assert () == data.on_disconnect(2)


def test_a_book_that_was_never_sent_is_asked_for_by_the_timer():
    data = market_data(Channel.BOOK, Channel.TOP, Channel.TRADES)

    assert () == data.on_timer(0)  # subscribed to just now: the venue has five seconds
    assert () == data.on_timer(5 * S - 1)
    assert (SnapshotNeeded(ID),) == data.on_timer(5 * S)
    assert () == data.on_timer(6 * S)


def test_a_book_that_stands_is_not_asked_for_by_the_timer():
    data = market_data(Channel.BOOK)
    data.on_frame(snapshot(7), 0)

    assert () == data.on_timer(60 * S)


def test_a_refused_subscription_after_a_gap_is_asked_for_again_by_the_timer():
    data = market_data(Channel.BOOK)
    data.on_frame(snapshot(7), 0)
    data.on_frame(delta(9), 1 * S)

    assert () == data.on_timer(5 * S)
    assert (SnapshotNeeded(ID),) == data.on_timer(6 * S)


def test_after_a_reconnect_the_venue_has_five_seconds_for_its_snapshot():
    data = market_data(Channel.BOOK)
    data.on_frame(snapshot(7), 0)
    data.on_disconnect(10 * S)

    assert () == data.on_frame(delta(8), 11 * S)
    assert (SnapshotNeeded(ID),) == data.on_timer(15 * S)


def test_of_a_lost_connection_one_gap_an_instrument_is_told():
    data = market_data(Channel.BOOK, Channel.TOP)
    data.on_frame(snapshot(7), 0)
    data.on_frame(snapshot(7, depth=1), 0)

    assert 1 == len(data.on_disconnect(1))


def test_the_first_depth_is_told_as_quotes():
    data = market_data(Channel.TOP)

    (quote,) = data.on_frame(snapshot(7, depth=1), 5)

    assert Quote(ID, 100.5, 2.0, 101.0, 3.0, EVENT_NS, 5) == quote
    assert SourceCounts(quotes=1) == data.counts(ID)
    assert 0 == data.update_id(ID)


def test_the_repeated_snapshot_of_a_quiet_market_is_a_quote_again():
    data = market_data(Channel.TOP)
    data.on_frame(snapshot(7, depth=1), 5)

    (quote,) = data.on_frame(snapshot(7, depth=1), 3 * S)

    assert 3 * S == quote.ts_received


def test_deltas_of_the_first_depth_are_merged():
    data = market_data(Channel.TOP)
    data.on_frame(snapshot(7, depth=1), 5)

    (quote,) = data.on_frame(delta(8, depth=1), 6)

    assert (100.0, 1.5, 101.0) == (quote.bid, quote.bid_size, quote.ask)


def test_a_gap_of_the_first_depth_is_told_too():
    data = market_data(Channel.TOP)
    data.on_frame(snapshot(7, depth=1), 5)

    assert (Gap(ID, "missing book update", 6), SnapshotNeeded(ID)) == data.on_frame(delta(9, depth=1), 6)


def test_an_empty_side_is_a_gap_once_and_the_next_whole_top_a_quote():
    data = market_data(Channel.TOP)
    one_sided = book_frame("snapshot", 8, bids=[["100.5", "2"]], depth=1)

    assert (Gap(ID, "one side of the book is empty", 6),) == data.on_frame(one_sided, 6)
    assert () == data.on_frame(one_sided, 7)
    assert isinstance(data.on_frame(snapshot(9, depth=1), 8)[0], Quote)
    assert isinstance(data.on_frame(one_sided, 9)[0], Gap)


@pytest.mark.parametrize(
    "damage",
    [
        (b'"snapshot"', b'"image"'),
        (b'"u":7', b'"u":-7'),
        (b'"100.5"', b'"nan"'),
        (b'"100.5"', b'"-1"'),
        (b'"100.5"', b'"1e300"'),
        (b'"ts":1000', b'"ts":9223372036854775'),
        (b"}}", b"}"),
        (b"BTCUSDT", b"\xff\xfe"),
    ],
)
def test_a_malformed_book_is_refused_with_its_beginning(damage: tuple[bytes, bytes]):
    data = market_data(Channel.BOOK)
    frame = snapshot(7).replace(*damage)

    with pytest.raises(MalformedBody, match=r"frame of .* bytes on public-linear-0"):
        data.on_frame(frame if frame != snapshot(7) else frame[:-1], 5)
    assert 0 == data.update_id(ID)
