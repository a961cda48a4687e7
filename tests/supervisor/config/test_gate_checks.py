"""The table `[gateways.checks]`: what it is when nothing is said, what it takes, and what it does not."""

from decimal import Decimal as D
from pathlib import Path

import pytest

from gateways.gate.gate_limits import GateLimits
from supervisor.config import load
from supervisor.paths import ClusterPaths
from supervisor.plan import plan_cluster
from tests.supervisor.desk_config import CLUSTER, SPOT, changed, mistakes_in


def with_checks(line: str) -> str:
    return changed("[gateways.source]", f"[gateways.checks]\n{line}\n\n[gateways.source]", CLUSTER + SPOT)


def test_without_the_table_every_bound_has_a_value_but_the_one_on_repetitions() -> None:
    assert load(CLUSTER + SPOT).gateways[0].checks == GateLimits()
    assert GateLimits().repeated_executions_max == 0


def test_bounds_are_told_to_the_gateway(tmp_path: Path) -> None:
    text = with_checks('order_notional_max = 5000\nprice_collar_bps = 12.5\norder_quantity_max = { BTCUSDT = "0.5" }')
    expected = GateLimits(
        order_notional_max=D(5_000), price_collar_bps=D("12.5"), order_quantity_max={"BTCUSDT": D("0.5")}
    )
    config = load(text)
    assert config.gateways[0].checks == expected
    (spec,) = (child.spec for child in plan_cluster(config, ClusterPaths(tmp_path)).children if child.name == "spot")
    assert spec.checks == expected  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("order_notional_max = 0", "order_notional_max: 0 (whole number); expected"),
        ("price_collar_bps = 10001", "price_collar_bps: 10001 (whole number); expected"),
        ("reference_age_max_ms = 0", "reference_age_max_ms: 0 (whole number); expected"),
        ("open_orders_max = -1", "open_orders_max: -1 (whole number); expected"),
        ("order_notional = 5", "order_notional: unknown key"),
        ("order_quantity_max = { BTCUSD = 1 }", "order_quantity_max.BTCUSD: no instrument of this gateway has this"),
    ],
)
def test_what_bounds_nothing_or_everything_is_a_mistake(line: str, told: str) -> None:
    (mistake,) = mistakes_in(with_checks(line))
    assert mistake.startswith(f"gateways[0].checks.{told}")
