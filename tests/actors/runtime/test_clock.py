"""Clocks: market time, and the monotonic time at which it will have been reached."""

from hypothesis import given
from hypothesis import strategies as st

from actors.runtime.clock import MarketClock, WallClock
from messages.market import ClockTick

SECOND_NS = 1_000_000_000
EPOCH_NS = 1_732_000_000 * SECOND_NS


class Hands:
    """The two clocks of a host, moved by hand."""

    def __init__(self, mono_ns: int = 5 * SECOND_NS, time_ns: int = EPOCH_NS) -> None:
        self.mono_ns, self.time_ns = mono_ns, time_ns

    def monotonic(self) -> int:
        return self.mono_ns

    def time(self) -> int:
        return self.time_ns


def test_market_time_stands_at_what_was_observed_before_the_first_tick() -> None:
    hands = Hands()
    clock = MarketClock(hands.monotonic)
    assert clock.now_ns() == 0
    clock.observe(70)
    clock.observe(60)
    hands.mono_ns += SECOND_NS
    assert clock.now_ns() == 70
    assert clock.mono_ns_of(100) is None


def test_market_time_runs_as_fast_as_the_last_tick_says() -> None:
    hands = Hands()
    clock = MarketClock(hands.monotonic)
    clock.on_tick(ClockTick("sim", EPOCH_NS, hands.mono_ns, 10.0))
    hands.mono_ns += SECOND_NS // 2
    assert clock.now_ns() == EPOCH_NS + 5 * SECOND_NS  # ten times half a second
    assert clock.mono_ns_of(EPOCH_NS + 20 * SECOND_NS) == 7 * SECOND_NS  # 5 s + 20 s / 10
    clock.on_tick(ClockTick("sim", clock.now_ns(), hands.mono_ns, 1.0))
    hands.mono_ns += SECOND_NS
    assert clock.now_ns() == EPOCH_NS + 6 * SECOND_NS


def test_market_time_never_runs_behind_a_message() -> None:
    hands = Hands()
    clock = MarketClock(hands.monotonic)
    clock.on_tick(ClockTick("sim", EPOCH_NS, hands.mono_ns, 1.0))
    clock.observe(EPOCH_NS + 3 * SECOND_NS)
    assert clock.now_ns() == EPOCH_NS + 3 * SECOND_NS
    hands.mono_ns += 4 * SECOND_NS
    assert clock.now_ns() == EPOCH_NS + 4 * SECOND_NS


def test_at_speed_zero_market_time_moves_with_the_messages_only() -> None:
    hands = Hands()
    clock = MarketClock(hands.monotonic)
    clock.on_tick(ClockTick("sim", EPOCH_NS, hands.mono_ns, 0.0))
    hands.mono_ns += SECOND_NS
    assert clock.now_ns() == EPOCH_NS
    clock.observe(EPOCH_NS + 1)
    assert clock.now_ns() == EPOCH_NS + 1
    assert clock.mono_ns_of(EPOCH_NS + 2) is None


@given(
    now_ns=st.integers(0, 4 * 10**18),
    mono_ns=st.integers(0, 10**17),
    speed=st.floats(0.001, 1_000.0) | st.sampled_from([1.0, 10.0, 0.1]),
    ahead_ns=st.integers(0, 86_400 * SECOND_NS),
)
def test_the_moment_of_a_market_time_is_when_it_is_reached(
    now_ns: int, mono_ns: int, speed: float, ahead_ns: int
) -> None:
    hands = Hands(mono_ns)
    clock = MarketClock(hands.monotonic)
    clock.on_tick(ClockTick("sim", now_ns, mono_ns, speed))
    at_ns = clock.mono_ns_of(now_ns + ahead_ns)
    assert at_ns is not None
    # A float keeps 53 bits: a day at a thousandth of the speed is 8.64e16 ns of the host, 57 bits of them.
    rounding_ns = 1 + (ahead_ns >> 51)
    hands.mono_ns = at_ns
    assert clock.now_ns() >= now_ns + ahead_ns - rounding_ns
    hands.mono_ns = at_ns - 1 - (at_ns - mono_ns >> 51)
    assert clock.now_ns() <= now_ns + ahead_ns + rounding_ns


def test_a_timer_at_ten_times_the_speed_is_not_woken_before_its_time() -> None:
    hands = Hands(0)
    clock = MarketClock(hands.monotonic)
    clock.on_tick(ClockTick("sim", 0, 0, 10.0))
    at_ns = clock.mono_ns_of(15)
    assert at_ns == 2  # 15 ns of market time are 1.5 ns of the host: after 1 ns it would be 10
    hands.mono_ns = at_ns
    assert clock.now_ns() == 20


def test_the_wall_clock_is_the_time_of_the_host() -> None:
    hands = Hands()
    clock = WallClock(hands.time, hands.monotonic)
    clock.observe(EPOCH_NS * 2)
    assert clock.now_ns() == EPOCH_NS
    assert clock.mono_ns_of(EPOCH_NS + 3) == 5 * SECOND_NS + 3
