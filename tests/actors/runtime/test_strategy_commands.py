"""What the supervisor asks of a strategy, and when it is answered: a host without sockets, time as an argument."""

from decimal import Decimal as D
from typing import Any

import pytest

from actors.runtime.strategy_commands import WAITING_MAX, StrategyCommands
from messages.health import Lifecycle
from messages.strategy_host import DrainStrategy, FlattenStrategy, HaltStrategy, ParametersChanged, ResumeStrategy
from messages.to_child import ChangeParameters, Drain, Flatten, Halt, Pause, Resume
from tests.actors.strategies.test_live_parameters import as_json
from tests.actors.strategies.trading_world import SPOT_ID, World, parameters

MS = 1_000_000


class Desk:
    """A host: a strategy in its world, and what was answered to the supervisor."""

    def __init__(self) -> None:
        self.world = World(parameters())
        self.strategy: Any = self.world.strategy
        self.answers: list[tuple[str, bool, str]] = []
        self.commands = StrategyCommands(self)
        self.commands.is_recovered = True

    def tell_strategy(self, message: Any) -> None:
        self.world.send(message)

    def finish(self, command_id: str, text: str = "", *, is_ok: bool = True) -> None:
        self.answers.append((command_id, is_ok, text))

    def now_ns(self) -> int:
        return self.world.now_ns

    def takes(self, *commands: Any, at_ms: int = 0) -> list[tuple[str, bool, str]]:
        """Give it commands, let it look; returns what is answered then."""
        before = len(self.answers)
        for command in commands:
            self.commands.take(command, at_ms * MS)
        self.commands.look(at_ms * MS)
        return self.answers[before:]

    def told(self, kind: type) -> list[Any]:
        return [message for message in self.world.inputs if isinstance(message, kind)]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_pause_is_done_at_once_where_nothing_goes_on_and_a_resumption_ends_it(desk: Desk) -> None:
    assert [("p", True, "")] == desk.takes(Pause("p"))
    assert (Lifecycle.PAUSED, "IDLE") == (desk.commands.lifecycle, desk.world.state)
    desk.world.market(60_000.0, 60_300.0)
    assert not desk.world.orders
    assert [("r", True, "")] == desk.takes(Resume("r"))
    assert (Lifecycle.RUNNING, "ANALYZING_MARKET") == (desk.commands.lifecycle, desk.world.state)
    desk.world.market(60_000.0, 60_300.0)
    assert len(desk.world.orders) == 1, "it trades on, in the same process"
    assert (1, 1) == (len(desk.told(DrainStrategy)), len(desk.told(ResumeStrategy)))


def test_everyone_who_waits_is_answered_when_the_pair_in_hand_is_settled(desk: Desk) -> None:
    desk.world.market(60_000.0, 60_300.0)
    assert [] == desk.takes(Pause("p1"), Pause("p2"), Drain("d1", 1_000), Drain("d2", 1_000), Pause("p1"))
    assert Lifecycle.DRAINING is desk.commands.lifecycle
    desk.world.trade_none()
    assert ["p1", "p2", "d1", "d2"] == [id for id, is_ok, _ in desk.takes() if is_ok]
    assert [] == desk.takes()
    assert 1 == len(desk.told(DrainStrategy))


def test_a_flattening_is_done_when_nothing_is_held(desk: Desk) -> None:
    desk.world.open_pair()
    assert [] == desk.takes(Flatten("f", 5_000))
    desk.world.trade_all()
    assert [("f", True, "")] == desk.takes()
    assert (D(0), D(0)) == desk.world.held
    assert Lifecycle.PAUSED is desk.commands.lifecycle
    assert 1 == len(desk.told(FlattenStrategy))


def test_a_flattening_that_is_not_done_in_time_is_refused_with_what_is_left_and_goes_on(desk: Desk) -> None:
    desk.world.open_pair()
    held = desk.world.held[0]
    assert [] == desk.takes(Flatten("f", 5_000), at_ms=10)
    assert [] == desk.takes(at_ms=5_009)
    ((command, is_ok, text),) = desk.takes(at_ms=5_010)
    assert (command, is_ok) == ("f", False)
    assert f"not flat in time: it holds {held} {SPOT_ID}" in text
    assert "2 orders work, state CLOSING_POSITIONS" in text
    desk.world.trade_all()
    assert desk.strategy.is_flat


def test_a_resumption_tells_those_who_wait_that_it_has_come_to_nothing(desk: Desk) -> None:
    desk.world.market(60_000.0, 60_300.0)
    assert [("p", False, "resumed before it was done"), ("r", True, "")] == desk.takes(Pause("p"), Resume("r"))


def test_a_halt_is_ended_by_a_resumption(desk: Desk) -> None:
    assert [("h", True, "")] == desk.takes(Halt("h", "drill"))
    assert "HALTED" == desk.world.state
    assert ["drill"] == [message.reason for message in desk.told(HaltStrategy)]
    desk.takes(Resume("r"))
    assert "ANALYZING_MARKET" == desk.world.state


def test_a_strategy_that_is_drained_for_the_end_of_its_process_is_not_resumed(desk: Desk) -> None:
    desk.takes(Drain("d", 1_000))
    ((_, is_ok, text),) = desk.takes(Resume("r"))
    assert not is_ok
    assert "carry is being drained, because its process is to end; it cannot be resumed" == text
    desk.takes(Pause("p"))
    desk.takes(Flatten("f", 1))
    assert Lifecycle.DRAINING is desk.commands.lifecycle


def test_before_it_is_recovered_it_is_neither_resumed_nor_changed_but_may_be_paused(desk: Desk) -> None:
    desk.commands.is_recovered = False
    said = desk.takes(Resume("r"), ChangeParameters("c", as_json(desk.strategy.parameters)), Pause("p"))
    assert [("r", False), ("c", False), ("p", True)] == [(id, is_ok) for id, is_ok, _ in said]
    assert "carry is still recovering; say it again in a moment" == said[0][2]


def test_parameters_are_changed_where_the_check_finds_nothing(desk: Desk) -> None:
    settings = as_json(parameters(min_edge_bps=50.0))
    assert [("c", True, "")] == desk.takes(ChangeParameters("c", settings))
    assert 50.0 == desk.strategy.parameters.min_edge_bps
    assert [settings] == [message.parameters for message in desk.told(ParametersChanged)]
    ((_, is_ok, text),) = desk.takes(ChangeParameters("c2", as_json(parameters(hedge_ratio=D(2)))))
    assert not is_ok
    assert text.startswith("hedge_ratio cannot be changed while carry runs")
    assert 1 == len(desk.told(ParametersChanged))


def test_no_more_commands_wait_than_may_wait(desk: Desk) -> None:
    desk.world.market(60_000.0, 60_300.0)
    assert [] == desk.takes(*(Pause(f"p{number}") for number in range(WAITING_MAX)))
    assert [("more", False, f"{WAITING_MAX} commands wait already")] == desk.takes(Pause("more"))


def test_a_strategy_that_begins_paused_opens_nothing_until_it_is_resumed(desk: Desk) -> None:
    desk.commands.begin(is_paused=True)
    desk.world.market(60_000.0, 60_300.0)
    assert Lifecycle.PAUSED is desk.commands.lifecycle
    assert not desk.world.orders
    assert [("r", True, "")] == desk.takes(Resume("r"))
    desk.world.market(60_000.0, 60_300.0)
    assert desk.world.orders


def test_a_strategy_that_begins_paused_is_drained_all_the_same_where_its_process_is_to_end(desk: Desk) -> None:
    desk.takes(Drain("d", 1_000))
    desk.commands.begin(is_paused=True)
    assert Lifecycle.DRAINING is desk.commands.lifecycle
    assert 1 == len(desk.told(DrainStrategy))
