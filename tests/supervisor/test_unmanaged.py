"""What dead strategies have left at the venues is told, by the gateways' books."""

from decimal import Decimal as D

import msgspec
import pytest

from messages.health import Lifecycle, StrategyStatus
from supervisor.unmanaged import fate_of_dead, unmanaged_positions
from tests.supervisor.samples import SPOT, STRATEGY

HELD = {"BTCUSDT.spot": D("0.16000")}
BOOKS = (msgspec.structs.replace(SPOT, holdings={"carry-btc": HELD}),)


def strategies(lifecycle: Lifecycle, **changes: D) -> dict[str, StrategyStatus]:
    status = msgspec.structs.replace(STRATEGY, lifecycle=lifecycle, positions={**STRATEGY.positions, **changes})
    return {"carry-btc": status}


@pytest.mark.parametrize("lifecycle", [Lifecycle.RUNNING, Lifecycle.DRAINING, Lifecycle.STOPPED])
def test_what_a_healthy_strategy_holds_is_no_trouble(lifecycle: Lifecycle) -> None:
    assert () == unmanaged_positions(BOOKS, strategies(lifecycle))
    assert "" == fate_of_dead(BOOKS, strategies(lifecycle))


@pytest.mark.parametrize("lifecycle", [Lifecycle.QUARANTINED, Lifecycle.FAULTED])
def test_what_a_dead_strategy_holds_is_told(lifecycle: Lifecycle) -> None:
    (told,) = unmanaged_positions(BOOKS, strategies(lifecycle))
    assert (
        f"BTCUSDT.spot: the venue holds 0.16000 that no running strategy manages (carry-btc is {lifecycle.value})"
        == told
    )


def test_a_last_word_that_is_not_what_the_gateway_knows_is_told_with_it() -> None:
    (told,) = unmanaged_positions(BOOKS, strategies(Lifecycle.QUARANTINED, **{"BTCUSDT.spot": D(0)}))
    assert told.endswith("(carry-btc is quarantined; its own last word was 0)")


def test_a_position_of_a_strategy_that_the_cluster_does_not_know_is_told() -> None:
    (told,) = unmanaged_positions(BOOKS, {})
    assert told.endswith("that no running strategy manages (carry-btc is not of this cluster)")


def test_how_the_dead_ended_is_one_line() -> None:
    both = {**strategies(Lifecycle.QUARANTINED), "other": strategies(Lifecycle.FAULTED)["carry-btc"]}
    expected = "carry-btc ended QUARANTINED, its position stands: 0.16000 BTCUSDT.spot; other ended FAULTED, flat"
    assert expected == fate_of_dead(BOOKS, both)
