"""Silence by the gateway's own clock: looked at every 100 ms, a strategy may be silent for 1,000 ms."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateways.safety.liveness import Liveness

MS = 1_000_000


def watch(silence_ms: int = 1_000, look_ms: int = 100) -> Liveness:
    return Liveness(silence_ms, look_ms)


def looks(liveness: Liveness, first_ms: int, last_ms: int, every_ms: int = 100) -> list[str]:
    """Look now and then; everything that became silent."""
    return [name for ms in range(first_ms, last_ms + 1, every_ms) for name in liveness.look(ms * MS)]


def test_nobody_is_expected_who_has_not_spoken() -> None:
    assert looks(watch(), 0, 10_000) == []


def test_a_strategy_that_is_silent_too_long_is_told_of_once() -> None:
    liveness = watch()
    liveness.heard("carry", 0)
    assert looks(liveness, 0, 1_000) == []
    assert looks(liveness, 1_100, 5_000) == ["carry"]
    assert liveness.silent == {"carry"}


def test_one_that_speaks_again_is_silent_no_more() -> None:
    liveness = watch()
    liveness.heard("carry", 0)
    looks(liveness, 0, 2_000)
    assert liveness.heard("carry", 2_050 * MS), "it had been silent"
    assert liveness.silent == frozenset()
    assert not liveness.heard("carry", 2_060 * MS)
    assert looks(liveness, 2_100, 3_000) == []
    assert looks(liveness, 3_100, 3_200) == ["carry"]


def test_the_others_are_not_taken_for_it() -> None:
    liveness = watch()
    liveness.heard("carry", 0)
    for ms in range(0, 3_000, 100):
        liveness.heard("maker", ms * MS)
        liveness.look(ms * MS)
    assert liveness.silent == {"carry"}


def test_nothing_is_expected_of_one_that_is_forgotten() -> None:
    liveness = watch()
    liveness.heard("carry", 0)
    looks(liveness, 0, 2_000)
    liveness.forget("carry")
    liveness.forget("carry")
    assert liveness.silent == frozenset()
    assert looks(liveness, 2_100, 5_000) == []


def test_a_gateway_that_stood_still_blames_nobody() -> None:
    liveness = watch()
    liveness.heard("carry", 0)
    assert looks(liveness, 0, 500) == []
    assert looks(liveness, 30_500, 30_900) == [], "500 ms of listening before, 100 ms for the stall, 400 ms after it"
    assert looks(liveness, 31_000, 31_200) == ["carry"]


def test_after_a_standstill_silence_is_counted_from_the_last_word() -> None:
    liveness = watch()
    liveness.look(0)
    liveness.heard("carry", 30_000 * MS)  # what had waited for us is read before the look
    assert liveness.look(30_000 * MS) == []
    assert looks(liveness, 30_100, 31_000) == []
    assert looks(liveness, 31_100, 31_100) == ["carry"]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 399)), min_size=1, max_size=60),
)
def test_whoever_speaks_in_every_second_of_listening_is_never_silent(steps: list[tuple[bool, int]]) -> None:
    """Looks at most 399 ms apart, so that none is a standstill; the strategy speaks when it must or by chance."""
    liveness, now_ms, spoke_ms = watch(), 0, 0
    liveness.heard("carry", 0)
    for speaks, passed_ms in steps:
        if speaks or now_ms + passed_ms - spoke_ms > 1_000:
            liveness.heard("carry", now_ms * MS)
            spoke_ms = now_ms
        now_ms += passed_ms
        assert liveness.look(now_ms * MS) == []
