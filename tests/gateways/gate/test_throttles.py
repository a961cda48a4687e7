"""Rates of messages, and executions that repeat: time is an argument, and may jump."""

from gateways.gate.throttles import NS_PER_S, Bucket, Executions, MessageRates, is_repeated

S = NS_PER_S


def takes(bucket: Bucket, per_s: float, now_ns: int) -> bool:
    """Take one, if there is one."""
    has_one = bucket.has_one(per_s, now_ns)
    if has_one:
        bucket.left -= 1.0
    return has_one


def test_a_second_s_worth_may_come_at_once_and_then_as_fast_as_it_is_refilled() -> None:
    bucket = Bucket(2.0, 10 * S)
    assert [takes(bucket, 2.0, 10 * S) for _ in range(3)] == [True, True, False]
    # 2 a second: one every 500 ms
    assert not takes(bucket, 2.0, 10 * S + S // 2 - 1)
    assert takes(bucket, 2.0, 10 * S + S // 2)
    assert [takes(bucket, 2.0, 100 * S) for _ in range(3)] == [True, True, False], "it holds no more than that"


def test_less_than_one_a_second_holds_one() -> None:
    bucket = Bucket(0.1, S)
    assert [takes(bucket, 0.1, now_ns) for now_ns in (S, 10 * S, 11 * S)] == [True, False, True]


def test_looking_takes_nothing() -> None:
    bucket = Bucket(1.0, S)
    assert bucket.has_one(1.0, S)
    assert bucket.has_one(1.0, S)


def test_a_clock_that_goes_back_an_hour_fills_nothing_and_bars_nobody_for_an_hour() -> None:
    hour = 3_600 * S
    bucket = Bucket(1.0, 2 * hour)
    assert takes(bucket, 1.0, 2 * hour)
    assert not takes(bucket, 1.0, hour)
    assert takes(bucket, 1.0, hour + S)


def test_each_strategy_and_each_lease_has_a_bucket_of_its_own() -> None:
    rates = MessageRates()
    buckets = [
        rates.of_strategy("carry", 1.0, S),
        rates.of_strategy("other", 1.0, S),
        rates.of_lease("carry", "BTC", 1.0, S),
        rates.of_lease("carry", "ETH", 1.0, S),
    ]
    assert [takes(bucket, 1.0, S) for bucket in buckets] == [True] * 4
    assert rates.of_strategy("carry", 1.0, S) is buckets[0]
    assert rates.of_lease("carry", "BTC", 1.0, S) is buckets[2]


def test_what_is_never_refused_uses_up_what_there_is_and_no_more() -> None:
    rates = MessageRates()
    for _ in range(5):
        rates.count("carry", 2.0, S)
    assert rates.of_strategy("carry", 2.0, S).left == 0.0


def test_so_many_within_the_period_are_a_repetition() -> None:
    times = (1 * S, 5 * S, 6 * S)
    assert is_repeated(times, 3, 10 * S, 11 * S - 1)
    assert not is_repeated(times, 3, 10 * S, 11 * S)
    assert is_repeated(times, 2, 10 * S, 11 * S), "the last two are nearer"
    assert not is_repeated(times, 4, 10 * S, 6 * S)


def test_executions_are_kept_apart_and_the_oldest_are_forgotten() -> None:
    executions = Executions(2)
    for ts_ns in (1, 2, 3):
        executions.note("carry", "BTC", True, ts_ns)
    executions.note("carry", "BTC", False, 4)
    assert list(executions.times("carry", "BTC", True)) == [2, 3]
    assert list(executions.times("carry", "BTC", False)) == [4]
    assert list(executions.times("carry", "ETH", True)) == []
