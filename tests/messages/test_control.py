"""Control: bounded deadlines, bounded reports, and positions that are money."""

from decimal import Decimal

import msgspec
import pytest

from messages.base import TEXT_LENGTH_MAX
from messages.codec import FROM_CHILD, FROM_OPERATOR, STRATEGY_INPUT, TO_CHILD, FrameError, encode
from messages.control import Drain, RecoveryCompleted, StopProcess, StrategyFault, StrategyReported, ToChild, Welcome
from messages.health import (
    CYCLES_REPORTED_MAX,
    Attribution,
    Cycle,
    CycleResult,
    FeedReport,
    GatewayReport,
    GatewayStatus,
    Lifecycle,
    OrderCounts,
    Pnl,
    StrategyReport,
    StrategyStatus,
)
from messages.operator import StopRequest

D = Decimal
PNL = Pnl(D("10.5"), D("-2.25"), D("-0.75"), D("1.5"), "USDT")


def status() -> StrategyStatus:
    return StrategyStatus(
        id="carry", kind="spot-futures", lifecycle=Lifecycle.RUNNING, state="FLAT", epoch=1, messages=2, orders=3,
        fills=4, open_orders=0, positions={"BTCUSDT.spot": D("0.10")}, pnl=PNL, pnls=(PNL,), cycles=1, note="",
    )  # fmt: skip


def test_profit_is_realised_and_unrealised_less_fees_plus_funding() -> None:
    # 10.5 - 2.25 - (-0.75, a rebate) + 1.5
    assert PNL.total == D("10.50")


def test_an_attribution_is_the_sum_of_its_parts_less_fees() -> None:
    # -0.5 - 0.25 + 13.5 + 1 + 0.05 - 1.1
    parts = Attribution(D("-0.5"), D("-0.25"), D("13.5"), D(1), D("0.05"), D("1.1"), "USDT")
    assert parts.total == D("12.70")
    with pytest.raises(ValueError, match="finite"):
        msgspec.structs.replace(parts, spread=D("NaN"))


@pytest.mark.parametrize("kind", [Drain, StopProcess])
def test_a_deadline_is_at_most_ten_minutes(kind: type[Drain] | type[StopProcess]) -> None:
    longest: ToChild = kind("c1", 600_000)
    assert TO_CHILD.decode(encode(longest)) == longest
    for deadline_ms in (-1, 600_001):
        with pytest.raises(FrameError):
            TO_CHILD.decode(encode(kind("c1", deadline_ms)))


def test_a_stop_settles_first_unless_it_is_forced() -> None:
    assert not StopRequest("c1").is_forced
    assert FROM_OPERATOR.decode(encode(StopRequest("c1", is_forced=True))) == StopRequest("c1", is_forced=True)


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


@pytest.mark.parametrize("bad", [D("NaN"), D("sNaN"), D("Infinity"), D("1e19"), D("1e-19")])
def test_a_position_a_balance_and_a_price_of_a_report_are_finite(bad: Decimal) -> None:
    counts, held = OrderCounts(), {"BTCUSDT.spot": D(1), "ETHUSDT.spot": bad}
    for make in (
        lambda: Welcome("sim", "carry", 1, 0, held, (), True),
        lambda: RecoveryCompleted(held, (), 1),
        lambda: GatewayReport({}, counts, held, {}),
        lambda: GatewayReport({}, counts, {}, held),
        lambda: GatewayStatus("sim", True, False, 0, counts, held, {}, 0, {}),
        lambda: GatewayStatus("sim", True, False, 0, counts, {}, held, 0, {}),
        lambda: FeedReport(0, 0, 0, 0, 0, 0, D(1), D(1), D(2), bad, 0),
        lambda: Pnl(D(0), D(0), D(0), bad, "USDT"),
    ):
        with pytest.raises(ValueError, match="expected a"):
            make()


def test_what_a_gateway_says_of_positions_is_kept_to_the_last_digit() -> None:
    recovered = RecoveryCompleted({"BTCUSDT.spot": D("0.10")}, ("desk-carry-e1-1",), 1)
    decoded = STRATEGY_INPUT.decode(encode(recovered))
    assert isinstance(decoded, RecoveryCompleted)
    assert str(decoded.positions["BTCUSDT.spot"]) == "0.10"
