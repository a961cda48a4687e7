"""What is reported: bounded, summed as an accountant would, and finite."""

from decimal import Decimal

import msgspec
import pytest

from messages.health import Attribution, FeedReport, GatewayReport, GatewayStatus, OrderCounts, Pnl

D = Decimal
PNL = Pnl(D("10.5"), D("-2.25"), D("-0.75"), D("1.5"), "USDT")


def test_profit_is_realised_and_unrealised_less_fees_plus_funding() -> None:
    # 10.5 - 2.25 - (-0.75, a rebate) + 1.5
    assert PNL.total == D("10.50")


def test_an_attribution_is_the_sum_of_its_parts_less_fees() -> None:
    # -0.5 - 0.25 + 13.5 + 1 + 0.05 - 1.1
    parts = Attribution(D("-0.5"), D("-0.25"), D("13.5"), D(1), D("0.05"), D("1.1"), "USDT")
    assert parts.total == D("12.70")
    with pytest.raises(ValueError, match="finite"):
        msgspec.structs.replace(parts, spread=D("NaN"))


@pytest.mark.parametrize("bad", [D("NaN"), D("sNaN"), D("Infinity"), D("1e19"), D("1e-19")])
def test_a_balance_a_position_and_a_price_of_a_report_are_finite(bad: Decimal) -> None:
    counts, held = OrderCounts(), {"BTCUSDT.spot": D(1), "ETHUSDT.spot": bad}
    for make in (
        lambda: GatewayReport({}, counts, held, {}),
        lambda: GatewayReport({}, counts, {}, held),
        lambda: GatewayStatus("sim", True, False, 0, counts, held, {}, 0, {}),
        lambda: GatewayStatus("sim", True, False, 0, counts, {}, held, 0, {}),
        lambda: FeedReport(0, 0, 0, 0, 0, 0, D(1), D(1), D(2), bad, 0),
        lambda: Pnl(D(0), D(0), D(0), bad, "USDT"),
    ):
        with pytest.raises(ValueError, match="expected a"):
            make()
