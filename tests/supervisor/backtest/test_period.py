import pytest

from messages.base import NS_MAX
from supervisor.backtest.period import SYNTHETIC_START_NS, Period, PeriodError, iso, parse_period

S = 1_000_000_000
MIDNIGHT_NS = 1_723_161_600 * S  # 2024-08-09T00:00:00Z


def test_a_date_is_its_midnight_in_utc() -> None:
    assert Period(MIDNIGHT_NS, None, None) == parse_period("2024-08-09", None, None)


@pytest.mark.parametrize("text", ["2024-08-09T01:00:00.25", "2024-08-09T01:00:00.25Z", "2024-08-09T03:00:00.25+02:00"])
def test_a_time_without_an_offset_is_utc(text: str) -> None:
    assert MIDNIGHT_NS + 3_600 * S + S // 4 == parse_period(None, text, None).to_ns


def test_the_end_may_be_so_many_seconds_after_the_beginning() -> None:
    period = parse_period(None, None, 1.5)
    assert 10 * S + 1_500_000_000 == period.end_ns(10 * S)
    assert not period.is_open


def test_without_an_end_the_data_end_it() -> None:
    period = parse_period(None, None, None)
    assert period.is_open
    assert NS_MAX == period.end_ns(5)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("yesterday", None, None), "--from 'yesterday' is not a time; expected 2024-08-08 or 2024-08-08T23:55:00Z"),
        ((None, "2024-13-01", None), "--to '2024-13-01' is not a time"),
        (("1969-12-31", None, None), "out of range; expected a time from 1970 to 2262"),
        ((None, "9999-01-01", None), "out of range"),
        (("2024-08-09", "2024-08-09", None), "--to 2024-08-09 is not after --from 2024-08-09"),
        ((None, "2024-08-09", 5.0), "stated twice, by --to and by --for"),
    ],
)
def test_what_cannot_be_a_period_is_refused_with_what_to_do(words: tuple, told: str) -> None:
    with pytest.raises(PeriodError) as refused:
        parse_period(*words)
    assert told in str(refused.value)


def test_a_moment_is_written_to_the_nanosecond() -> None:
    assert "2024-08-09T00:00:00.000000001Z" == iso(MIDNIGHT_NS + 1)
    assert "2026-01-01T00:00:00.000000000Z" == iso(SYNTHETIC_START_NS)
