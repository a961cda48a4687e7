"""Who goes first when the venue's rate limit is scarce, who never leaves, and that nobody starves."""

from hypothesis import given
from hypothesis import strategies as st

from gateways.gate.rate_limits import RateRule, RequestKind, VenueBudget
from gateways.gate.send_queue import AGE_EVERY, WAITING_MAX, SendQueue, Urgency, Waiting

MS = 1_000_000
S = 1_000 * MS
FAR_NS = 10**18
SUBMIT, CANCEL, AMEND, QUERY, ACCOUNT, LOGIN = RequestKind


def queue(capacity: float = 1.0, reserve: float = 0.0) -> SendQueue:
    """One request a second, the first one having left."""
    rule = RateRule(name="orders", capacity=capacity, per_ms=int(1_000 * capacity), cancel_reserve=reserve)
    waiting = SendQueue(VenueBudget([rule], 0))
    while waiting.budget.admits(CANCEL, 0):
        waiting.budget.spend(CANCEL, 0)
    return waiting


def request(
    key: str,
    kind: RequestKind = SUBMIT,
    urgency: Urgency = Urgency.OTHER,
    *,
    priority: int = 5,
    added_ns: int = 0,
    expires_ns: int = FAR_NS,
) -> Waiting:
    return Waiting(kind, key, urgency, priority, added_ns, expires_ns, key)


def cancel(key: str) -> Waiting:
    return request(key, CANCEL, Urgency.CANCEL)


def leaving(waiting: SendQueue, seconds: int) -> list[str]:
    """What leaves in so many seconds, one a second."""
    return [entry.what for second in range(1, seconds + 1) for entry in released(waiting, second * S)]


def released(waiting: SendQueue, now_ns: int) -> list[Waiting]:
    """What leaves at one moment, all of it for good."""
    left = []
    for entry in waiting.release(now_ns):
        waiting.budget.spend(entry.kind, now_ns)
        left.append(entry)
    return left


def test_cancels_go_first_then_what_reduces_then_by_priority_and_then_the_oldest() -> None:
    waiting = queue()
    for entry in (
        request("old"),
        request("young"),
        request("first-priority", priority=9),
        request("reducing", urgency=Urgency.REDUCING, priority=1),
        cancel("cancel"),
    ):
        assert waiting.add(entry)
    assert leaving(waiting, 5) == ["cancel", "reducing", "first-priority", "old", "young"]


def test_in_a_storm_of_cancels_a_question_leaves_in_its_turn_though_only_the_reserve_is_left() -> None:
    waiting = queue(capacity=10.0, reserve=0.1)  # a token a second; one of the ten is kept for cancels
    for number in range(200):
        waiting.add(cancel(f"cancel-{number}"))
    waiting.add(request("question", QUERY, Urgency.REDUCING))
    left = leaving(waiting, 200)
    assert left.index("question") == AGE_EVERY - 1
    assert len(left) == 200, "one a second, and none of them for nothing"


def test_without_a_storm_the_reserve_is_for_cancels_alone() -> None:
    waiting = queue(capacity=10.0, reserve=0.1)
    waiting.add(request("question", QUERY, Urgency.REDUCING))
    assert [leaving(waiting, seconds) for seconds in (1, 2)] == [[], ["question"]], "one token is kept"


def test_a_request_that_is_taken_and_then_denied_costs_nothing() -> None:
    waiting = queue()
    waiting.add(request("denied"))
    waiting.add(request("next"))
    assert [entry.what for entry in waiting.release(S)] == ["denied", "next"]
    assert waiting.budget.admits(SUBMIT, S)


def test_nothing_leaves_without_a_token() -> None:
    waiting = queue()
    waiting.add(request("a"))
    assert released(waiting, S - 1_000) == []
    wait_ns = waiting.wait_ns(S - 1_000)
    assert wait_ns in (1_000, 1_001)  # the rest of the second, rounded up so as not to wake up too early
    assert [entry.what for entry in released(waiting, S - 1_000 + wait_ns)] == ["a"]


def test_an_order_that_has_waited_past_its_time_never_leaves() -> None:
    waiting = queue()
    waiting.add(request("late", expires_ns=900 * MS))
    waiting.add(request("in-time", expires_ns=1_100 * MS))
    assert waiting.wait_ns(0) == 900 * MS + 1
    assert [entry.what for entry in waiting.expire(S)] == ["late"]
    assert leaving(waiting, 1) == ["in-time"]
    assert (waiting.expired, waiting.waited_ms_max) == (1, 1_000.0)


def test_an_order_that_is_cancelled_while_it_waits_is_withdrawn() -> None:
    waiting = queue()
    waiting.add(request("a"))
    found = waiting.withdraw(SUBMIT, "a")
    assert found is not None
    assert found.what == "a"
    assert waiting.withdraw(SUBMIT, "a") is None
    assert leaving(waiting, 2) == []
    assert waiting.wait_ns(0) is None


def test_a_second_cancel_of_an_order_changes_nothing() -> None:
    waiting = queue()
    assert waiting.add(cancel("a"))
    assert waiting.add(cancel("a"))
    assert leaving(waiting, 3) == ["a"]


def test_too_many_waiting_orders_are_refused_and_cancels_never() -> None:
    waiting = queue()
    for number in range(WAITING_MAX):
        assert waiting.add(request(f"order-{number}"))
    assert not waiting.add(request("one-more"))
    assert waiting.add(cancel("order-at-the-venue"))
    assert leaving(waiting, 1) == ["order-at-the-venue"]


def test_a_request_passes_at_once_where_nothing_waits_and_a_token_is_there() -> None:
    waiting = queue(capacity=2.0)
    assert not waiting.may_pass(SUBMIT, 0)
    assert waiting.may_pass(SUBMIT, S)
    waiting.budget.spend(SUBMIT, S)
    assert not waiting.may_pass(SUBMIT, S)
    waiting.add(request("a", added_ns=S))
    assert not waiting.may_pass(SUBMIT, 3 * S), "one that waits has its turn first"
    assert waiting.may_pass(CANCEL, 3 * S)
    waiting.add(cancel("b"))
    assert not waiting.may_pass(CANCEL, 3 * S)


def test_without_rules_nothing_ever_waits() -> None:
    waiting = SendQueue(VenueBudget([], 0))
    assert waiting.may_pass(SUBMIT, 0)
    assert waiting.status(0) == ()


def test_the_status_tells_what_waits_and_what_is_left() -> None:
    waiting = queue()
    waiting.add(request("a"))
    (line,) = waiting.status(500 * MS)
    assert (line.name, line.capacity, line.left, line.waiting) == ("orders", 1.0, 0.5, 1)


def test_a_low_priority_order_leaves_although_higher_ones_never_stop_coming() -> None:
    waiting = queue()
    waiting.add(request("low", priority=1))
    left = []
    for second in range(1, AGE_EVERY + 1):
        waiting.add(request(f"high-{second}", priority=10))
        left += [entry.what for entry in released(waiting, second * S)]
    assert left.index("low") == AGE_EVERY - 1


def test_a_question_leaves_although_cancels_never_stop_coming() -> None:
    waiting = queue()
    waiting.add(request("low", priority=1))
    waiting.add(request("unknown", QUERY, Urgency.REDUCING))
    left = []
    for second in range(1, AGE_EVERY + 1):
        waiting.add(cancel(f"cancel-{second}"))
        left += [entry.what for entry in released(waiting, second * S)]
    assert left.index("unknown") == AGE_EVERY - 1
    assert "low" not in left


def test_cancels_that_pass_those_that_wait_do_not_starve_a_question() -> None:
    waiting = queue()
    waiting.add(request("unknown", QUERY, Urgency.REDUCING))
    left = []
    for second in range(1, AGE_EVERY + 1):
        if waiting.may_pass(CANCEL, second * S):
            waiting.budget.spend(CANCEL, second * S)
            left.append("cancel")
        left += [entry.what for entry in released(waiting, second * S)]
    assert left == ["cancel"] * (AGE_EVERY - 1) + ["unknown"]


def test_the_entries_of_requests_that_left_out_of_turn_do_not_pile_up() -> None:
    waiting = queue()
    for number in range(1_000):
        waiting.add(request(f"a-{number}"))
        waiting.withdraw(SUBMIT, f"a-{number}")
    assert len(waiting._urgent) < 100


urgencies = st.sampled_from([(SUBMIT, Urgency.REDUCING), (SUBMIT, Urgency.OTHER), (CANCEL, Urgency.CANCEL)])


@given(st.lists(st.tuples(urgencies, st.integers(1, 10), st.integers(1, 60)), max_size=60))
def test_each_request_leaves_once_or_expires_and_cancels_are_never_behind(
    asked: list[tuple[tuple[RequestKind, Urgency], int, int]],
) -> None:
    waiting = queue(capacity=3.0, reserve=0.2)
    for number, ((kind, urgency), priority, lives_s) in enumerate(asked):
        expires_ns = FAR_NS if kind is CANCEL else lives_s * S
        waiting.add(request(str(number), kind, urgency, priority=priority, expires_ns=expires_ns))
    seen: list[str] = []
    for second in range(1, 3 * len(asked) + 5):
        seen += [entry.what for entry in waiting.expire(second * S)]
        gone = released(waiting, second * S)
        assert [entry.urgency for entry in gone if entry.urgency is Urgency.CANCEL] == [
            entry.urgency for entry in gone[: sum(entry.urgency is Urgency.CANCEL for entry in gone)]
        ]
        assert all(entry.expires_ns >= second * S for entry in gone)
        seen += [entry.what for entry in gone]
    assert sorted(seen, key=int) == [str(number) for number in range(len(asked))]
    assert len(waiting) == 0
