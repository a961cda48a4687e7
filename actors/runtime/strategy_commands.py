"""What the supervisor asks of a strategy: pause, resume, flatten, drain, halt, other parameters; and when it is done.

Pure: time is an argument. Every command is answered once; several that wait for the same are all answered.
"""

from typing import Any, Final, NamedTuple, Protocol

from actors.strategies.parameters import change_faults
from actors.strategies.strategy import Strategy
from messages.base import TEXT_LENGTH_MAX, Message
from messages.health import Lifecycle
from messages.strategy_host import DrainStrategy, FlattenStrategy, HaltStrategy, ParametersChanged, ResumeStrategy
from messages.to_child import ChangeParameters, Drain, Flatten, Halt, Pause, Resume

NS_PER_MS: Final = 1_000_000
WAITING_MAX: Final = 100
"""Commands that wait to be done; more are refused."""

StrategyCommand = Halt | Drain | Pause | Resume | Flatten | ChangeParameters


class CommandDesk(Protocol):
    """The host, as far as commands need it."""

    strategy: Strategy[Any]

    def tell_strategy(self, message: Message) -> None:
        """Journal a message, hand it to the strategy, send what it answers."""

    def finish(self, command_id: str, text: str = "", *, is_ok: bool = True) -> None: ...

    def now_ns(self) -> int:
        """Market time."""


class _Waiting(NamedTuple):
    """:param deadline_ns: monotonic, of a flattening; 0: as long as it takes."""

    command: Drain | Pause | Flatten
    deadline_ns: int


class StrategyCommands:
    """:ivar lifecycle: what the strategy is by the commands that it was given, once it is recovered.

    :ivar is_recovered: the strategy has the gateways' word.
    """

    def __init__(self, desk: CommandDesk) -> None:
        self.lifecycle = Lifecycle.RUNNING
        self.is_recovered = False
        self._desk = desk
        self._waiting: list[_Waiting] = []

    def begin(self, *, is_paused: bool) -> None:
        """The strategy is about to have the gateways' word.

        :param is_paused: it was paused before its process was started; no command waits for that.
        """
        self.is_recovered = True
        if is_paused and self.lifecycle is Lifecycle.RUNNING:
            self.lifecycle = Lifecycle.PAUSED
        if is_paused and not self._desk.strategy.is_draining:
            self._desk.tell_strategy(DrainStrategy("paused", self._desk.now_ns()))

    def take(self, command: StrategyCommand, mono_ns: int) -> None:
        """Do a command, or refuse it, or let it wait until it is done."""
        fault = self._fault(command)
        if fault:
            self._desk.finish(command.command_id, fault[:TEXT_LENGTH_MAX], is_ok=False)
        elif isinstance(command, Halt):
            self._desk.tell_strategy(HaltStrategy(command.reason, self._desk.now_ns()))
            self._desk.finish(command.command_id)
        elif isinstance(command, Resume):
            self._resume(command)
        elif isinstance(command, ChangeParameters):
            self._desk.tell_strategy(ParametersChanged(command.parameters, self._desk.now_ns()))
            self._desk.finish(command.command_id)
        elif isinstance(command, Flatten):
            self._flatten(command, mono_ns)
        else:
            self._drain(command)

    def _fault(self, command: StrategyCommand) -> str:
        """Why a command cannot be done; empty where it can."""
        strategy = self._desk.strategy
        if isinstance(command, Drain | Pause | Flatten):
            is_known = any(waiting.command.command_id == command.command_id for waiting in self._waiting)
            return f"{WAITING_MAX} commands wait already" if len(self._waiting) >= WAITING_MAX and not is_known else ""
        if isinstance(command, Halt):
            return ""
        if not self.is_recovered:
            return f"{strategy.strategy_id} is still recovering; say it again in a moment"
        if isinstance(command, ChangeParameters):
            return "; ".join(change_faults(strategy, command.parameters))
        if self.lifecycle is Lifecycle.DRAINING:
            return f"{strategy.strategy_id} is being drained, because its process is to end; it cannot be resumed"
        return ""

    def _drain(self, command: Drain | Pause) -> None:
        is_ending = isinstance(command, Drain)
        if is_ending or self.lifecycle is not Lifecycle.DRAINING:
            self.lifecycle = Lifecycle.DRAINING if is_ending else Lifecycle.PAUSED
        self._wait(command, 0)
        if not self._desk.strategy.is_draining:
            self._desk.tell_strategy(DrainStrategy("shutdown" if is_ending else "paused", self._desk.now_ns()))

    def _resume(self, command: Resume) -> None:
        """Those who wait for a pause or a flattening are told that it has come to nothing."""
        waiting, self._waiting = self._waiting, []
        for earlier in waiting:
            self._desk.finish(earlier.command.command_id, "resumed before it was done", is_ok=False)
        self.lifecycle = Lifecycle.RUNNING
        self._desk.tell_strategy(ResumeStrategy("resumed", self._desk.now_ns()))
        self._desk.finish(command.command_id)

    def _flatten(self, command: Flatten, mono_ns: int) -> None:
        if self.lifecycle is not Lifecycle.DRAINING:
            self.lifecycle = Lifecycle.PAUSED
        self._wait(command, mono_ns + command.deadline_ms * NS_PER_MS)
        self._desk.tell_strategy(FlattenStrategy("flattened", self._desk.now_ns()))

    def _wait(self, command: Drain | Pause | Flatten, deadline_ns: int) -> None:
        if all(waiting.command.command_id != command.command_id for waiting in self._waiting):
            self._waiting.append(_Waiting(command, deadline_ns))

    def look(self, mono_ns: int) -> None:
        """Answer the commands that are done, or whose time is over."""
        still: list[_Waiting] = []
        strategy, waiting = self._desk.strategy, self._waiting
        for one in waiting:
            is_flattening = isinstance(one.command, Flatten)
            if strategy.is_flat if is_flattening else strategy.is_settled:
                self._desk.finish(one.command.command_id)
            elif is_flattening and mono_ns >= one.deadline_ns:
                self._desk.finish(one.command.command_id, self._left(), is_ok=False)
            else:
                still.append(one)
        self._waiting = still

    def _left(self) -> str:
        """What a flattening has not brought to its end yet, for a person; it goes on."""
        strategy = self._desk.strategy
        held = ", ".join(f"{quantity} {name}" for name, quantity in strategy.closables().items()) or "nothing"
        works = len(strategy.own_orders.working)
        note = f"; {strategy.note}" if strategy.note else ""
        return f"not flat in time: it holds {held}, {works} orders work, state {strategy.state.name}{note}"[
            :TEXT_LENGTH_MAX
        ]
