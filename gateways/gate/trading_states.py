"""What each strategy may send at this gateway, and why: the strictest of all that applies to it. Pure.

The kill switch, the state that the supervisor has set for the gateway, the one for the strategy, and its silence: a
strategy that is not heard of may only reduce. Tightening adds up; each is ended only by its own end.
"""

from collections.abc import Iterable
from typing import NamedTuple

from messages.risk import SetTradingState, TradingState

ACTIVE = TradingState.ACTIVE


class Ruling(NamedTuple):
    """A state, and in a word or two whose it is."""

    state: TradingState
    why: str


_FREE = Ruling(ACTIVE, "")


class TradingStates:
    """:ivar halt_reason: of the kill switch; None where it is not on.
    :ivar strategies: the states set for single strategies; ACTIVE ones are left out.
    """

    def __init__(self) -> None:
        self.halt_reason: str | None = None
        self.strategies: dict[str, Ruling] = {}
        self._gateway = _FREE
        self._silent: set[str] = set()

    @property
    def gateway(self) -> Ruling:
        """What holds for the whole gateway."""
        if self.halt_reason is not None:
            return Ruling(TradingState.HALTED, f"halt: {self.halt_reason}")
        return self._gateway

    @property
    def is_unrestricted(self) -> bool:
        """Whether nothing restricts anybody: one look for the way of every order."""
        return self.halt_reason is None and self._gateway is _FREE and not self.strategies and not self._silent

    def of(self, strategy: str) -> Ruling:
        """What rules an order of this strategy."""
        rulings = [self.gateway, self.strategies.get(strategy, _FREE)]
        if strategy in self._silent:
            rulings.append(Ruling(TradingState.REDUCING, "the strategy is silent"))
        return max(rulings, key=lambda ruling: ruling.state.strictness)

    def apply(self, command: SetTradingState) -> None:
        """The supervisor's word, newest wins."""
        ruling = _FREE if command.state is ACTIVE else Ruling(command.state, command.reason)
        if not command.strategy:
            self._gateway = ruling
        elif ruling is _FREE:
            self.strategies.pop(command.strategy, None)
        else:
            self.strategies[command.strategy] = ruling

    def loosens(self, command: SetTradingState) -> bool:
        """Whether a command allows more than the one before it."""
        set_before = self.strategies.get(command.strategy, _FREE) if command.strategy else self._gateway
        return command.state.strictness < set_before.state.strictness

    def state(self) -> list[tuple[str, TradingState, str]]:
        """What the supervisor has set, for a snapshot: strategy (empty: the gateway), state and reason."""
        told = {"": self._gateway, **self.strategies}
        return [(strategy, ruling.state, ruling.why) for strategy, ruling in told.items() if ruling is not _FREE]

    def load(self, state: Iterable[tuple[str, TradingState, str]]) -> None:
        """Take over what an earlier process has told."""
        for strategy, set_to, reason in state:
            self.apply(SetTradingState("snapshot", strategy, set_to, reason))

    def silenced(self, strategy: str) -> None:
        self._silent.add(strategy)

    def heard(self, strategy: str) -> None:
        self._silent.discard(strategy)
