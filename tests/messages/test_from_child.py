"""What the processes tell their supervisor: bounded reports."""

from decimal import Decimal

import pytest

from messages.base import TEXT_LENGTH_MAX
from messages.codec import FROM_CHILD, FrameError, encode
from messages.from_child import StrategyFault, StrategyReported
from messages.health import CYCLES_REPORTED_MAX, Cycle, CycleResult, Lifecycle, Pnl, StrategyReport, StrategyStatus

D = Decimal
PNL = Pnl(D("10.5"), D("-2.25"), D("-0.75"), D("1.5"), "USDT")


def status() -> StrategyStatus:
    return StrategyStatus(
        id="carry", kind="spot-futures", lifecycle=Lifecycle.RUNNING, state="FLAT", epoch=1, messages=2, orders=3,
        fills=4, open_orders=0, positions={"BTCUSDT.spot": D("0.10")}, pnl=PNL, pnls=(PNL,), cycles=1, note="",
    )  # fmt: skip


def test_a_traceback_is_cut_by_its_sender_and_refused_beyond_the_bound() -> None:
    def fault(length: int) -> StrategyFault:
        return StrategyFault("host", "carry", "FLAT", "Quote", "x" * length, 1)

    assert FROM_CHILD.decode(encode(fault(TEXT_LENGTH_MAX))) == fault(TEXT_LENGTH_MAX)
    with pytest.raises(FrameError):
        FROM_CHILD.decode(encode(fault(TEXT_LENGTH_MAX + 1)))


def test_a_report_carries_at_most_the_last_thousand_cycles() -> None:
    cycle = Cycle(CycleResult.COMPLETED, 1, 2, 0.5, ("FLAT", "ENTERING"), 2, 2, PNL, 3.5, "")

    def reported(cycles: int) -> StrategyReported:
        return StrategyReported("c1", "host", StrategyReport(status(), (cycle,) * cycles))

    assert FROM_CHILD.decode(encode(reported(CYCLES_REPORTED_MAX))) == reported(1_000)
    with pytest.raises(FrameError):
        FROM_CHILD.decode(encode(reported(1_001)))
