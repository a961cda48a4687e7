"""Random commands, deaths, answers and supervisors: every command comes to an end, and no halt is lost."""

from random import Random

import pytest

from messages.from_child import StrategyFault
from messages.health import ProcessState
from messages.operator import (
    CommandAccepted,
    CommandFinished,
    CommandRefused,
    ConfirmationNeeded,
    FromOperator,
    HaltRequest,
    SetParameterRequest,
    SetPriorityRequest,
    StrategyAction,
    StrategyActionRequest,
    UnhaltRequest,
)
from messages.to_child import Halt, Unhalt
from supervisor.actions import SaveRegistry
from supervisor.pending_commands import Dispatch
from tests.supervisor.core_driver import CARRY, EXCHANGE, OTHER, PERP, SPOT, desk
from tests.supervisor.operations.desk_driver import DeskDrive, back, traded

STEPS = 60
SEEDS = range(30)
SETTLE_S = 150.0


class Walk:
    """:ivar asked: every command that was asked for, as it was said last."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.plan = traded(desk(CARRY, OTHER), on_death=self.random.choice(("hold", "flatten", "complete")))
        self.drive = DeskDrive(self.plan)
        self.drive.trading()
        self.asked: dict[str, FromOperator] = {}
        self.answered: set[Dispatch] = set()
        self.is_halted = False

    def step(self) -> None:
        step = self.random.choices(
            (self.command, self.answer, self.death, self.birth, self.time, self.books, self.succession, self.fault),
            weights=(6, 8, 3, 6, 4, 4, 1, 1),
        )[0]
        step()

    def command(self) -> None:
        id = f"c{len(self.asked)}"
        name = self.random.choice((CARRY, OTHER))
        request = self.random.choice(
            (
                StrategyActionRequest(id, name, self.random.choice(list(StrategyAction))),
                StrategyActionRequest(id, name, self.random.choice(list(StrategyAction))),
                SetParameterRequest(id, name, {self.random.choice(("a", "b", "bad")): "1"}),
                SetPriorityRequest(id, name, 7),
                HaltRequest(id, "storm"),
                UnhaltRequest(id, "over"),
            )
        )
        reply = self.drive.operator(request)
        if isinstance(reply, ConfirmationNeeded):
            request = type(request)(*(getattr(request, field) for field in request.__struct_fields__[:-1]), reply.token)
            reply = self.drive.operator(request)
        if isinstance(request, HaltRequest):
            self.is_halted = True
        if isinstance(request, UnhaltRequest) and isinstance(reply, CommandAccepted | CommandFinished):
            self.is_halted = False
        self.asked[id] = request

    def answer(self) -> None:
        """A child answers some of what it was told, or refuses."""
        for dispatch in self.drive.of(Dispatch):
            known = self.drive.core.floor.children.get(dispatch.child)
            if known is not None and known.is_registered and self.random.random() < 0.7:
                self.drive.done(dispatch, is_ok=self.random.random() < 0.95, text="no")
        self.drive.actions = [item for item in self.drive.actions if not isinstance(item, Dispatch)]

    def death(self) -> None:
        living = [name for name in (CARRY, OTHER, SPOT, PERP) if self._is_alive(name)]
        if living:
            self.drive.ends(self.random.choice(living), self.random.choice((-9, 3, 0)))

    def birth(self) -> None:
        for name, known in list(self.drive.core.floor.children.items()):
            if known.is_alive and not known.is_ready and name in self.drive.core.floor.children:
                self.drive.ready(name)

    def time(self) -> None:
        self.drive.pass_time(self.random.choice((0.2, 1.0, 6.0)))

    def books(self) -> None:
        self.drive.holds(*self.random.choice((("0", "0"), ("0.5", "-0.3"))))

    def fault(self) -> None:
        if self._is_alive(CARRY):
            self.drive.says(CARRY, StrategyFault(CARRY, CARRY, "IDLE", "Quote", "ValueError: no", 5))

    def succession(self) -> None:
        if not self.drive.of(SaveRegistry):
            return
        living = {name for name, known in self.drive.core.floor.children.items() if known.is_alive}
        living -= {name for name in (CARRY, SPOT) if self.random.random() < 0.2}
        self.drive = back(self.drive, living | {EXCHANGE}, self.plan)
        for name in (EXCHANGE, SPOT, PERP, CARRY, OTHER):
            if self._is_alive(name):
                self.drive.ready(name)

    def settle(self) -> None:
        """From here on all goes well, for long enough that whatever is waited for is over."""
        for _ in range(int(SETTLE_S / 5)):
            self.birth()
            for name, known in list(self.drive.core.floor.children.items()):
                if known.state is ProcessState.STOPPING:
                    self.drive.ends(name, 0)
            self.drive.pass_time(5.0)
            self.drive.holds()

    def _is_alive(self, name: str) -> bool:
        known = self.drive.core.floor.children.get(name)
        return known is not None and known.is_alive


@pytest.mark.parametrize("seed", SEEDS)
def test_every_command_ends_and_a_halt_stands_until_the_operator_ends_it(seed: int) -> None:
    walk = Walk(seed)
    for _ in range(STEPS):
        walk.step()
        floor = walk.drive.core.floor
        assert floor.run.is_halted == walk.is_halted
        said = {type(dispatch.command) for dispatch in floor.pending.waiting}
        assert not (walk.is_halted and Unhalt in said)
        assert not (not walk.is_halted and Halt in said)
    walk.settle()
    for id, request in walk.asked.items():
        reply = walk.drive.operator(request)
        if isinstance(request, HaltRequest):
            assert isinstance(reply, CommandAccepted), id
        else:
            assert isinstance(reply, CommandFinished | CommandRefused | ConfirmationNeeded), (id, request, reply)
    assert list(walk.drive.core.desk.board) == []
    assert walk.drive.saved().jobs == ()
