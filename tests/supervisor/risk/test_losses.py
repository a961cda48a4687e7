"""Losses of a day and from the highest profit."""

from decimal import Decimal

import pytest

from supervisor.config.risk import LossLimits, LossTiers
from supervisor.risk.losses import booked_alone, is_eased, joined, measured, restarted, verdict
from supervisor.risk.records import LossRecord
from supervisor.risk.stages import Stage

D = Decimal
LIMITS = LossLimits(
    daily_loss=LossTiers(warn=D(50), reducing=D(100), halted=D(200), flatten=D(300)),
    drawdown=LossTiers(halted=D(250)),
)


def record(*profits: str, days: tuple[int, ...] = ()) -> LossRecord:
    found: LossRecord | None = None
    for index, profit in enumerate(profits):
        found = measured(found, D(profit), days[index] if days else 1)
    assert found is not None
    return found


def test_the_first_word_is_what_everything_is_measured_from() -> None:
    assert record("-400") == LossRecord(day=1, day_start=D(-400), peak=D(-400), last=D(-400))


def test_a_day_begins_with_the_last_profit_of_the_day_before() -> None:
    found = record("10", "30", "-20", days=(1, 1, 2))
    assert (found.day, found.day_start, found.peak, found.last) == (2, D(30), D(30), D(-20))


def test_a_clock_that_goes_back_begins_no_day() -> None:
    assert record("10", "30", days=(2, 1)).day_start == D(10)


@pytest.mark.parametrize(
    ("loss", "stage"),
    [
        ("49.99", Stage.NORMAL),
        ("50", Stage.WARNED),
        ("100", Stage.REDUCING),
        ("199", Stage.REDUCING),
        ("200", Stage.HALTED),
        ("300", Stage.FLATTENED),
    ],
)
def test_a_loss_of_the_day_demands_its_tier(loss: str, stage: Stage) -> None:
    assert verdict(LIMITS, record("0", f"-{loss}"), "USDT").stage is stage


def test_the_stricter_of_both_ladders_counts_and_says_why() -> None:
    found = verdict(LIMITS, record("0", "200", "-60"), "USDT")
    # 60 lost today: warned; 260 from the highest profit: halted
    assert found.stage is Stage.HALTED
    assert found.why == "260.00 USDT lost from the highest profit, of 250 for halted"


def test_a_gain_demands_nothing() -> None:
    assert verdict(LIMITS, record("0", "500"), "USDT") == (Stage.NORMAL, "")


def test_a_warning_is_over_with_some_distance() -> None:
    assert not is_eased(LIMITS, record("0", "-41"))
    assert is_eased(LIMITS, record("0", "-40")), "80 % of 50"


def test_after_the_operators_word_losses_are_measured_from_there() -> None:
    found = restarted(record("0", "500", "-300"))
    assert verdict(LIMITS, found, "USDT").stage is Stage.NORMAL
    assert verdict(LIMITS, measured(found, D(-400), 1), "USDT").stage is Stage.REDUCING


def test_a_strategy_that_joins_brings_neither_gain_nor_loss() -> None:
    found = joined(record("10", "40", "20"), D(-1_000))
    assert (found.day_start, found.peak, found.last) == (D(-990), D(-960), D(-980))


def test_what_was_measured_by_a_word_goes_on_by_the_drop_copies_without_a_gain_or_a_loss() -> None:
    found, moved = booked_alone(record("0", "40"), D(100))  # 40 told, and 100 by the copies
    assert (found.day_start, found.last, found.offset, moved) == (D(60), D(100), D(60), D(60))
    again, moved = booked_alone(found, D(30))
    assert (again, moved) == (found, D(0))
