"""Timers: named moments of market time that come back once, the earliest first."""

from hypothesis import given
from hypothesis import strategies as st

from actors.runtime.timers import Timers
from messages.strategy_host import TimerFired

names = st.sampled_from("abcde")
steps = st.one_of(
    st.tuples(st.just("set"), names, st.integers(0, 100)),
    st.tuples(st.just("cancel"), names, st.just(0)),
    st.tuples(st.just("pass"), names, st.integers(0, 100)),
)


def test_a_timer_fires_when_its_time_has_come_and_not_before() -> None:
    timers = Timers()
    timers.set("leg", 100)
    assert timers.next_ns == 100
    assert timers.pop_due(99) is None
    assert timers.pop_due(120) == TimerFired("leg", 100, 120)
    assert timers.pop_due(120) is None
    assert timers.next_ns is None


def test_a_second_timer_of_a_name_replaces_the_first() -> None:
    timers = Timers()
    timers.set("leg", 100)
    timers.set("leg", 50)
    assert timers.pop_due(200) == TimerFired("leg", 50, 200)
    assert timers.pop_due(200) is None


def test_timers_of_one_moment_fire_in_the_order_of_their_names_so_that_a_replay_is_the_same() -> None:
    timers = Timers()
    for name in ("b", "c", "a"):
        timers.set(name, 7)
    timers.set("z", 6)
    assert [fired.name for fired in iter(lambda: timers.pop_due(7), None)] == ["z", "a", "b", "c"]


def test_a_cancelled_timer_is_gone_and_an_unknown_one_is_no_matter() -> None:
    timers = Timers()
    timers.set("leg", 1)
    timers.set("cooldown", 2)
    timers.cancel("leg")
    timers.cancel("leg")
    assert timers.next_ns == 2
    assert timers.pop_due(9) == TimerFired("cooldown", 2, 9)


@given(st.lists(steps, max_size=40))
def test_timers_do_what_a_plain_table_would(plan: list[tuple[str, str, int]]) -> None:
    timers, due, now_ns = Timers(), dict[str, int](), 0
    for act, name, number in plan:
        if act == "set":
            timers.set(name, now_ns + number)
            due[name] = now_ns + number
        elif act == "cancel":
            timers.cancel(name)
            due.pop(name, None)
        else:
            now_ns += number
            while ready := sorted((at, name) for name, at in due.items() if at <= now_ns):
                at, first = ready[0]
                assert timers.pop_due(now_ns) == TimerFired(first, at, now_ns)
                del due[first]
            assert timers.pop_due(now_ns) is None
        assert timers.next_ns == min(due.values(), default=None)
