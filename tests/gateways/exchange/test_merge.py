from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.exchange.sources.merge import Pacer, merge
from gateways.exchange.sources.source import SourceCounts
from messages.market import Quote

TIMES = st.lists(st.integers(0, 40), max_size=30).map(sorted)
NS = st.integers(0, 2 * 10**18)
SPEEDS = st.floats(1e-3, 1e6, allow_nan=False)


def quote(instrument: str, ts: int, size: float = 1.0) -> Quote:
    return Quote(instrument, 1.0, size, 2.0, size, ts, ts)


class ListSource:
    """A source that yields what it was given, and counts what was taken from it."""

    def __init__(self, events):
        self._events = events
        self.taken = 0

    def events(self):
        for event in self._events:
            self.taken += 1
            yield event

    def counts(self, instrument):
        return SourceCounts(quotes=self.taken)


def test_events_of_all_sources_come_in_the_order_of_receive_time():
    sources = {
        "spot": ListSource([quote("a", 1), quote("a", 5), quote("a", 6)]),
        "usdm": ListSource([quote("b", 2), quote("b", 7)]),
        "coinm": ListSource([quote("c", 0)]),
    }
    expected = [("coinm", 0), ("spot", 1), ("usdm", 2), ("spot", 5), ("spot", 6), ("usdm", 7)]
    assert expected == [(name, event.ts_received) for name, event in merge(sources)]


def test_events_of_one_time_come_in_the_order_of_the_mapping():
    sources = {name: ListSource([quote(name, 3), quote(name, 3)]) for name in ("z", "a", "m")}
    assert ["z", "z", "a", "a", "m", "m"] == [name for name, _ in merge(sources)]


def test_no_sources_and_empty_sources_yield_nothing():
    assert [] == list(merge({}))
    assert [] == list(merge({"spot": ListSource([])}))


def test_a_source_is_read_no_further_than_one_event_ahead():
    spot = ListSource(quote("a", ts) for ts in range(0, 1_000_000, 2))
    usdm = ListSource(quote("b", ts) for ts in range(1, 1_000_000, 2))
    taken = list(islice(merge({"spot": spot, "usdm": usdm}), 10))
    assert list(range(10)) == [event.ts_received for _, event in taken]
    assert spot.taken <= 6  # 5 yielded and one ahead
    assert usdm.taken <= 6


@given(st.lists(TIMES, max_size=4))
def test_merging_is_a_stable_sort_that_loses_nothing(times):
    events = [
        [quote(f"i{source}", ts, size=float(number)) for number, ts in enumerate(of)] for source, of in enumerate(times)
    ]
    merged = list(merge({f"s{source}": ListSource(of) for source, of in enumerate(events)}))
    expected = [(f"s{source}", event) for source, of in enumerate(events) for event in of]
    expected.sort(key=lambda named: named[1].ts_received)  # list.sort is stable
    assert expected == merged


def test_at_speed_one_market_time_runs_with_the_clock():
    pacer = Pacer(1.0, market_start_ns=1_000, mono_start_ns=50)
    assert 1_000 == pacer.market_now_ns(50)
    assert 1_300 == pacer.market_now_ns(350)
    assert 350 == pacer.due_mono_ns(1_300)
    assert 200 == pacer.wait_ns(1_300, mono_ns=150)


def test_at_speed_ten_market_time_runs_ten_times_as_fast():
    pacer = Pacer(10.0, market_start_ns=1_000, mono_start_ns=50)
    assert 4_000 == pacer.market_now_ns(350)  # 1,000 + 300 x 10
    assert 350 == pacer.due_mono_ns(4_000)
    assert 351 == pacer.due_mono_ns(4_001)  # at 350 it was 4,000 only


def test_at_speed_a_half_market_time_runs_half_as_fast():
    pacer = Pacer(0.5, market_start_ns=1_000, mono_start_ns=0)
    assert 1_100 == pacer.market_now_ns(200)
    assert 200 == pacer.due_mono_ns(1_100)


def test_at_speed_zero_every_event_is_due_and_market_time_stands():
    pacer = Pacer(0.0, market_start_ns=1_000, mono_start_ns=50)
    assert 0 == pacer.wait_ns(10**18, mono_ns=50)
    assert 1_000 == pacer.market_now_ns(10**12)


def test_an_event_that_is_late_is_due_at_once():
    pacer = Pacer(1.0, market_start_ns=1_000, mono_start_ns=50)
    assert 0 == pacer.wait_ns(1_010, mono_ns=500)


def test_a_negative_speed_is_refused():
    with pytest.raises(AssertionError, match="speed -1"):
        Pacer(-1.0, 0, 0)


@given(speed=SPEEDS, market_start=NS, mono_start=NS, after=st.integers(0, 10**15))
def test_market_time_has_reached_an_event_just_when_it_is_due(speed, market_start, mono_start, after):
    pacer = Pacer(speed, market_start, mono_start)
    ts = market_start + after
    due = pacer.due_mono_ns(ts)
    assert pacer.market_now_ns(due) >= ts
    assert after == 0 or pacer.market_now_ns(due - 1) < ts


@given(speed=SPEEDS, start=NS, readings=st.lists(NS, min_size=2, max_size=10).map(sorted))
def test_market_time_never_runs_backwards(speed, start, readings):
    pacer = Pacer(speed, start, mono_start_ns=readings[0])
    times = [pacer.market_now_ns(reading) for reading in readings]
    assert sorted(times) == times
    assert start == times[0]
