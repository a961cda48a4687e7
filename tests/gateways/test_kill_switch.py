"""The kill switch of a gateway process: by the supervisor, by its control socket, by the file; and how it ends."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateways.safety import halt_latch
from gateways.safety.halt_latch import HaltNote
from messages.codec import FROM_CONTROL
from messages.from_child import CommandDone, StrategyAlerted
from messages.operator import StatusRequest
from messages.orders import (
    CancelOrder,
    CancelRejected,
    DenyReason,
    OrderAccepted,
    OrderClosed,
    OrderDenied,
    QueryOrder,
    RejectReason,
    SubmitOrder,
)
from messages.risk import SetTradingState, TradingState
from messages.to_child import Halt, Unhalt
from tests.support.actor_thread import actor_threads
from tests.support.gateway_floor import GatewayFloor, PlayedStrategy
from tests.support.orders import NOW_NS, accepted, cancel, closed, head, status, submit
from tests.support.played_ends import ConnectedEnd, next_that

HALT = Halt("halt-1", "drill")


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[GatewayFloor]:
    with actor_threads() as threads:
        floor = GatewayFloor(tmp_path, threads)
        yield floor
    floor.close()


def switches(tmp_path: Path) -> dict[str, Any]:
    return {"control_endpoint": f"ipc://{tmp_path}/control", "halt_file": str(tmp_path / "halt.json")}


def operator(floor: GatewayFloor, tmp_path: Path) -> ConnectedEnd[CommandDone]:
    return ConnectedEnd(floor.context, f"ipc://{tmp_path}/control", "operator", FROM_CONTROL)


def works(floor: GatewayFloor, strategy: PlayedStrategy, order: SubmitOrder) -> None:
    strategy.says(order)
    floor.venue.hears_a(SubmitOrder)
    floor.venue.tells(accepted(order))
    strategy.hears_a(OrderAccepted)


def is_denied(strategy: PlayedStrategy, order: SubmitOrder) -> None:
    strategy.says(order)
    denied: OrderDenied = strategy.hears_a(OrderDenied)
    assert (denied.client_order_id, denied.reason) == (order.client_order_id, DenyReason.HALTED)


def cancelled(floor: GatewayFloor) -> str:
    request: CancelOrder = floor.venue.hears_a(CancelOrder)
    return request.client_order_id


def cancel_rejected(order: SubmitOrder) -> CancelRejected:
    return CancelRejected(*head(order), RejectReason.OTHER, "too many requests", NOW_NS)


# --- three ways to halt ----------------------------------------------------------------------------------------------


def test_the_control_socket_halts_with_no_supervisor_there(floor: GatewayFloor, tmp_path: Path) -> None:
    floor.open(**switches(tmp_path))
    carry = floor.strategy()
    works(floor, carry, submit())
    floor.supervisor.close()
    hand = operator(floor, tmp_path)
    hand.says(HALT)
    assert cancelled(floor) == submit().client_order_id
    assert hand.hears_a(CommandDone) == CommandDone("halt-1", "sim", is_ok=True, text="halted")
    is_denied(carry, submit(2))
    hand.says(HALT)
    assert hand.hears_a(CommandDone).is_ok, "a repeated command is answered again"
    floor.supervisor.bind()
    alert: StrategyAlerted = floor.supervisor.hears_a(StrategyAlerted)
    assert alert.text == "sim was halted past the supervisor, by the control socket (halt-1): drill"
    hand.close()


def test_so_many_answers_are_remembered_and_a_forgotten_command_only_halts_again(
    floor: GatewayFloor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateways.safety.control_link.ANSWERS_KEPT_MAX", 1)
    floor.open(**switches(tmp_path))
    hand = operator(floor, tmp_path)
    for command_id in ("halt-1", "halt-2", "halt-1"):
        hand.says(Halt(command_id, "drill"))
        assert hand.hears_a(CommandDone) == CommandDone(command_id, "sim", is_ok=True, text="halted")
    hand.close()


def test_only_a_halt_is_heard_on_the_control_socket(floor: GatewayFloor, tmp_path: Path) -> None:
    floor.open(**switches(tmp_path))
    carry = floor.strategy()
    hand = operator(floor, tmp_path)
    for loosening in (
        Unhalt("u", "please"),
        SetTradingState("s", "", TradingState.ACTIVE, "please"),
        StatusRequest("q"),
        b"\x93junk",
    ):
        hand.says(loosening)
    hand.says(HALT)
    assert hand.hears() == CommandDone("halt-1", "sim", is_ok=True, text="halted"), "and nothing else was answered"
    is_denied(carry, submit())
    hand.close()


def test_the_file_halts_a_running_gateway(floor: GatewayFloor, tmp_path: Path) -> None:
    floor.open(**switches(tmp_path))
    carry = floor.strategy()
    works(floor, carry, submit())
    halt_latch.set_halt(tmp_path / "halt.json", HaltNote(reason="by hand", at_ns=1, by="operator"))
    assert cancelled(floor) == submit().client_order_id
    is_denied(carry, submit(2))
    told = floor.status(lambda status: status.is_halted)
    assert told.trading_state is TradingState.HALTED


def test_a_halt_sets_the_file_for_those_who_come_later(floor: GatewayFloor, tmp_path: Path) -> None:
    floor.open(**switches(tmp_path))
    assert floor.supervisor.asks(HALT).is_ok
    note = halt_latch.read(tmp_path / "halt.json")
    assert note is not None
    assert (note.reason, note.by) == ("drill", "halt-1")
    assert (tmp_path / "halt.json").stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_written_is_alerted_and_the_gateway_is_halted_all_the_same(
    floor: GatewayFloor, tmp_path: Path
) -> None:
    floor.open(**switches(tmp_path) | {"halt_file": str(tmp_path / "missing" / "halt.json")})
    carry = floor.strategy()
    floor.supervisor.tell("sim", HALT)
    alerted: StrategyAlerted = floor.supervisor.hears_a(StrategyAlerted)
    assert "cannot be written" in alerted.text
    is_denied(carry, submit())


# --- it lasts --------------------------------------------------------------------------------------------------------


def test_a_restarted_gateway_is_still_halted_and_cancels_what_it_finds_working(
    floor: GatewayFloor, tmp_path: Path
) -> None:
    floor.open(**switches(tmp_path))
    carry = floor.strategy()
    order = submit()
    works(floor, carry, order)
    halt_latch.set_halt(tmp_path / "halt.json", HaltNote(reason="by hand", at_ns=1, by="operator"))
    assert cancelled(floor) == order.client_order_id
    floor.restart_as_killed(tmp_path, **switches(tmp_path))
    next_that(
        lambda: floor.supervisor.hears_a(StrategyAlerted).text,
        "sim starts halted, by operator: by hand".__eq__,
        "alert",
    )
    floor.venue.lets_in()
    assert floor.venue.hears_a(QueryOrder).client_order_id == order.client_order_id
    floor.venue.tells(status(order))
    assert cancelled(floor) == order.client_order_id
    floor.venue.tells(closed(order))
    again = PlayedStrategy(floor.context, floor, "carry2")
    again.joins()
    is_denied(again, submit(3, strategy="carry2"))


def test_a_file_that_is_gone_does_not_let_a_running_gateway_trade_on(floor: GatewayFloor, tmp_path: Path) -> None:
    floor.open(**switches(tmp_path))
    carry = floor.strategy()
    assert floor.supervisor.asks(HALT).is_ok
    halt_latch.clear_halt(tmp_path / "halt.json")
    floor.supervisor.hears_beats(3)
    is_denied(carry, submit())
    assert floor.supervisor.asks(Unhalt("u-1", "drill over")).is_ok
    carry.says(submit(2))
    assert floor.venue.hears_a(SubmitOrder).client_order_id == submit(2).client_order_id


def test_an_unhalt_is_refused_while_the_file_is_there(floor: GatewayFloor, tmp_path: Path) -> None:
    floor.open(**switches(tmp_path))
    carry = floor.strategy()
    assert floor.supervisor.asks(HALT).is_ok
    done = floor.supervisor.asks(Unhalt("u-1", "too early"))
    assert not done.is_ok
    assert "stays halted" in done.text
    is_denied(carry, submit())


def test_after_an_unhalt_the_file_halts_again(floor: GatewayFloor, tmp_path: Path) -> None:
    floor.open(**switches(tmp_path))
    carry = floor.strategy()
    path = tmp_path / "halt.json"
    for number in (1, 2):
        halt_latch.set_halt(path, HaltNote(reason="by hand", at_ns=number, by="operator"))
        floor.status(lambda status: status.is_halted)
        is_denied(carry, submit(number))
        halt_latch.clear_halt(path)
        assert floor.supervisor.asks(Unhalt(f"u-{number}", "over")).is_ok


def test_a_cancel_that_the_venue_refuses_is_sent_again_while_the_order_works(
    floor: GatewayFloor, tmp_path: Path
) -> None:
    floor.open(**switches(tmp_path))
    carry = floor.strategy()
    order = submit()
    works(floor, carry, order)
    floor.supervisor.tell("sim", HALT)
    assert cancelled(floor) == order.client_order_id
    floor.venue.tells(cancel_rejected(order))
    assert cancelled(floor) == order.client_order_id
    floor.venue.tells(closed(order))
    carry.hears_a(OrderClosed)


# --- trading states --------------------------------------------------------------------------------------------------


def test_a_strategy_set_to_halted_is_cancelled_and_others_are_not(floor: GatewayFloor) -> None:
    floor.open()
    carry, other = floor.strategy(), floor.strategy("other")
    mine, theirs = submit(1), submit(2, strategy="other")
    works(floor, carry, mine)
    works(floor, other, theirs)
    assert floor.supervisor.asks(SetTradingState("s-1", "carry", TradingState.HALTED, "loss")).is_ok
    assert cancelled(floor) == mine.client_order_id
    floor.venue.tells(closed(mine))
    told = floor.status(lambda status: bool(status.strategy_states))
    assert told.strategy_states == {"carry": TradingState.HALTED}
    other.says(cancel(theirs))
    assert cancelled(floor) == theirs.client_order_id, "the first cancel of it is its own"


def test_a_trading_state_outlives_the_gateway(floor: GatewayFloor, tmp_path: Path) -> None:
    floor.open()
    assert floor.supervisor.asks(SetTradingState("s-1", "carry", TradingState.REDUCING, "loss")).is_ok
    assert floor.supervisor.asks(SetTradingState("s-2", "", TradingState.REDUCING, "drawdown")).is_ok
    floor.restart_as_killed(tmp_path)
    floor.venue.lets_in()
    floor.venue.tells_account()
    told = floor.status()
    assert (told.trading_state, told.strategy_states) == (TradingState.REDUCING, {"carry": TradingState.REDUCING})
