from decimal import Decimal
from typing import Any

import pytest

from messages.health import Pnl
from supervisor.backtest import record as record_module
from supervisor.backtest.record import SAMPLE_INTERVAL_NS, StrategyRecord, Thinned
from tests.supervisor.backtest.world import World, on_quote_number, quote, silent

D = Decimal


def test_a_list_that_grows_past_its_bound_keeps_every_second_entry_and_half_of_the_new_ones() -> None:
    thinned: Thinned[int] = Thinned(4)
    for number in range(11):
        thinned.add(number)
    # 0 1 2 3 4 → 0 2 4, every second: 6, 8 → 0 2 4 6 8 → 0 4 8, every fourth
    assert ([0, 4, 8], 4, 11) == (thinned.items, thinned.stride, thinned.count)


class Standing:
    """A strategy as far as a record looks at it."""

    def __init__(self, *totals: int) -> None:
        self._totals = list(totals)
        self.instruments: dict[str, Any] = {}
        self.views: dict[str, Any] = {}
        self.state = World({"a": silent}).strategies["a"].state

    def pnl(self) -> Pnl:
        return Pnl(D(self._totals.pop(0)), D(0), D(0), D(0), "USDT")


def sampled(*totals: int) -> StrategyRecord:
    record, strategy = StrategyRecord(), Standing(*totals)
    for number in range(len(totals)):
        record.sample(strategy, number)  # type: ignore[arg-type]
    return record


@pytest.mark.parametrize(
    ("totals", "drawdown"),
    [
        ((1, 5, 2, 4, -1, 7, 3), 6),  # from 5 to -1
        ((-3, -2), 3),  # the run begins at nothing
        ((0, 1, 2), 0),
    ],
)
def test_the_drawdown_is_the_largest_fall_from_an_earlier_high(totals: tuple[int, ...], drawdown: int) -> None:
    assert D(drawdown) == sampled(*totals).drawdown


def test_too_many_samples_are_thinned_and_then_taken_half_as_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_module, "SAMPLES_MAX", 4)
    record = sampled(0, 1, 2, 3, 4)
    assert [0, 2, 4] == [sample.ts_ns for sample in record.samples]
    assert 2 * SAMPLE_INTERVAL_NS == record.interval_ns


def test_samples_in_a_run_follow_the_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_module, "SAMPLES_MAX", 3)
    world = World({"a": on_quote_number(99, lambda _: ())})
    world.run(*(quote(seconds * 1_000) for seconds in range(9)))
    # 0 1 2 3 → 0 2, from 3 every second: 5, 7 → 0 2 5 7 → 0 5; and the end
    assert [0, 5, 8] == [round((sample.ts_ns / 1e6 - 1_000) / 1_000) for sample in world.desks["a"].record.samples]


def test_the_first_alerts_are_kept_and_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_module, "ALERTS_MAX", 2)
    record = StrategyRecord()
    for number in range(5):
        record.alert(f"alert {number}", number)
    assert ([(0, "alert 0"), (1, "alert 1")], 5) == (record.alerts, record.alerts_total)
