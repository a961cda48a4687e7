"""Market data: signals in bounds, and one topic for each kind of message."""

import pytest

from messages.codec import MARKET_DATA, FrameError, encode
from messages.market import DEPTH_LEVELS_MAX, ClockTick, Depth, MarkPrice, Quote


def depth(levels: int) -> Depth:
    bids = tuple((100.0 - number, 1.0) for number in range(levels))
    return Depth("BTCUSDT.spot", bids, (), 1, 2, 3)


def test_a_book_image_has_at_most_fifty_levels_a_side() -> None:
    assert MARKET_DATA.decode(encode(depth(DEPTH_LEVELS_MAX))) == depth(50)
    with pytest.raises(FrameError):
        MARKET_DATA.decode(encode(depth(51)))


def test_an_empty_side_of_a_quote_is_zero_and_a_negative_one_is_refused() -> None:
    empty = Quote("BTCUSDT.spot", 0.0, 0.0, 0.0, 0.0, 1, 2)
    assert MARKET_DATA.decode(encode(empty)) == empty
    with pytest.raises(FrameError):
        MARKET_DATA.decode(encode(Quote("BTCUSDT.spot", -0.1, 0.0, 0.0, 0.0, 1, 2)))


def test_funding_may_be_negative() -> None:
    mark = MarkPrice("BTCUSDT.usdm", 50_000.0, 50_010.0, -0.0001, 3, 1, 2)
    assert MARKET_DATA.decode(encode(mark)) == mark


@pytest.mark.parametrize("speed", [-1.0, 1e6 + 1, float("inf")])
def test_market_time_runs_neither_backwards_nor_infinitely_fast(speed: float) -> None:
    with pytest.raises(FrameError):
        MARKET_DATA.decode(encode(ClockTick("sim", 1, 2, speed)))


@pytest.mark.parametrize("ts", [-1, 2**63, 1.5, "1"])
def test_a_time_is_a_whole_number_of_nanoseconds_since_the_epoch(ts: object) -> None:
    with pytest.raises(FrameError):
        MARKET_DATA.decode(encode(ClockTick("sim", ts, 2, 1.0)))  # type: ignore[arg-type]
