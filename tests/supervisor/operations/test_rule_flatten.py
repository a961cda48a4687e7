"""What the last tier of losses has closed is closed again for as long as something is held."""

from decimal import Decimal

import msgspec
import pytest

from messages.from_child import GatewayUpdate
from messages.health import GatewayStatus, OrderCounts
from messages.operator import (
    CommandFinished,
    ConfirmationNeeded,
    SetLimitRequest,
    StrategyAction,
    StrategyActionRequest,
)
from messages.to_child import Flatten, FlattenPosition, Pause
from supervisor.occurrences import Begun
from supervisor.operations.flatten_jobs import FLATTEN_MS
from supervisor.operations.rule_flatten import AGAIN_NS
from supervisor.pending_commands import Dispatch
from supervisor.risk.stages import Stage
from tests.supervisor.core_driver import CARRY, EXCHANGE, OTHER, PERP, SPOT
from tests.supervisor.risk.risk_floor import BTC_SPOT, LOSSES, RiskFloor, trading

AGAIN_S = AGAIN_NS // 1_000_000_000
PAUSE, STOP, REMOVE, RESUME = (
    StrategyAction.PAUSE, StrategyAction.STOP, StrategyAction.REMOVE, StrategyAction.RESUME,
)  # fmt: skip


def holds(floor: RiskFloor, size: str) -> None:
    """The books of a gateway."""
    status = GatewayStatus(
        id=SPOT, is_venue_up=True, is_halted=False, open_orders=0, orders=OrderCounts(), positions={}, balances={},
        published=0, tick_to_order={}, holdings={CARRY: {BTC_SPOT.id: Decimal(size)}},
    )  # fmt: skip
    floor.says(SPOT, GatewayUpdate(SPOT, status))


def flattening(size: str = "2") -> RiskFloor:
    """A rule has the strategy close what it holds."""
    floor = trading()
    holds(floor, size)
    for profit in ("0", "-100"):
        floor.earns(CARRY, profit)
        floor.look()
    assert floor.core.risk.stage(CARRY) is Stage.FLATTENED
    return floor


def answer(floor: RiskFloor, kind: type = Flatten, *, is_ok: bool = True, text: str = "") -> None:
    for dispatch in floor.of(Dispatch):
        if isinstance(dispatch.command, kind):
            floor.done(dispatch, is_ok=is_ok, text=text)
    floor.actions.clear()


def act(floor: RiskFloor, action: StrategyAction) -> object:
    request = StrategyActionRequest("a1", CARRY, action)
    reply = floor.operator(request)
    if isinstance(reply, ConfirmationNeeded):
        reply = floor.operator(msgspec.structs.replace(request, command_id="a2", token=reply.token))
    return reply


def asked(floor: RiskFloor) -> list[str]:
    """Who is told to flatten while the next 30 s pass, second by second."""
    floor.actions.clear()
    floor.look(AGAIN_S + 1)
    return [name for name, _ in [*floor.commands(Flatten), *floor.commands(FlattenPosition)]]


def test_what_is_held_still_after_the_strategy_has_flattened_is_closed_again_and_that_is_told() -> None:
    floor = flattening()
    answer(floor)
    floor.look(AGAIN_S - 1)
    assert floor.commands(Flatten) == []
    assert asked(floor) == [CARRY]
    assert "carry is to be flat and holds 2 BTCUSDT.spot: closed again" in floor.alerts


@pytest.mark.parametrize("size", ["0", "0.0000001"])
def test_what_is_flat_or_too_little_to_trade_is_left_alone(size: str) -> None:
    floor = flattening()
    answer(floor)
    holds(floor, size)
    assert asked(floor) == []


def test_what_only_the_drop_copies_tell_is_closed_too() -> None:
    floor = flattening("0")
    answer(floor)
    floor.opens()
    floor.fills(SPOT, CARRY, BTC_SPOT, "2", "100")
    assert asked(floor) == [CARRY]


def test_a_flatten_that_is_under_way_is_not_begun_twice() -> None:
    floor = flattening()
    assert asked(floor) == []


def test_a_flatten_that_was_refused_is_begun_when_it_can_be() -> None:
    floor = trading()
    holds(floor, "2")
    floor.earns(CARRY, "0")
    floor.look()
    act(floor, STOP)
    floor.earns(CARRY, "-100")
    floor.look()
    assert floor.alerts[-1].startswith("not flattened: carry: stop is under way")
    floor.pass_time(1)
    floor.ends(CARRY, 0)
    assert set(asked(floor)) == {SPOT, PERP}, "there is no process that could"


def test_a_flatten_that_was_overtaken_is_told_and_begun_again() -> None:
    floor = flattening()
    act(floor, STOP)
    assert "carry is not flattened, as a risk rule demands: overtaken by stop" in floor.alerts
    floor.ends(CARRY, 0)
    assert set(asked(floor)) == {SPOT, PERP}


def test_the_failure_of_a_flatten_that_a_rule_has_asked_for_is_told() -> None:
    floor = flattening()
    answer(floor, is_ok=False, text="no market")
    floor.pass_time(FLATTEN_MS / 1_000)
    assert any(
        alert.startswith("carry is not flattened, as a risk rule demands: carry: no answer from")
        for alert in floor.alerts
    )


def test_a_flatten_that_died_with_its_supervisor_is_begun_by_the_next() -> None:
    floor = flattening()
    registry = msgspec.structs.replace(floor.saved(), jobs=())
    back = RiskFloor(LOSSES, registry=registry, first_pid=500)
    back.now_ns = floor.now_ns
    back.tell(Begun(frozenset({EXCHANGE, SPOT, PERP, CARRY, OTHER})))
    back.ready(SPOT, PERP, CARRY)
    back.look()
    assert back.commands(Flatten) == [], "nobody has told yet what is held"
    holds(back, "2")
    back.look()
    assert [name for name, _ in back.commands(Flatten)] == [CARRY]


def test_a_pause_does_not_end_the_flatten_of_a_rule() -> None:
    floor = flattening()
    reply = act(floor, PAUSE)
    assert isinstance(reply, CommandFinished)
    assert reply.text == "carry is being flattened by a risk rule, and stays paused after that"
    assert floor.commands(Pause) == []
    answer(floor, is_ok=False, text="no market")
    assert "carry could not: no market; the gateways flatten it" in floor.alerts


def test_whom_the_operator_has_resumed_is_not_flattened_any_more() -> None:
    floor = flattening()
    act(floor, RESUME)
    answer(floor)
    assert asked(floor) == []


def test_a_removed_strategy_that_comes_to_the_last_tier_is_told_of_and_keeps_nobody_from_being_judged() -> None:
    floor = trading()
    for name in (CARRY, OTHER):
        floor.earns(name, "0")
    floor.look()
    floor.earns(CARRY, "-19")
    floor.look()
    act(floor, REMOVE)
    floor.ends(CARRY, 0)
    assert CARRY not in floor.core.floor.children
    for number, tier in enumerate(("warn", "reducing", "halted", "flatten")):
        assert floor.operator(SetLimitRequest(f"l{number}", f"strategies.{CARRY}.daily_loss.{tier}", Decimal(10))).is_ok
    floor.earns(OTHER, "-281")
    floor.look()
    assert floor.core.risk.stage("") is Stage.HALTED, "19 and 281 lost"
    assert [alert for alert in floor.alerts if "carry is no strategy of this cluster any more" in alert]
    assert not [alert for alert in floor.alerts if "cannot be judged" in alert]
