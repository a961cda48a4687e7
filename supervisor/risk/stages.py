"""How far the trading of one strategy, or of the whole cluster, has been tightened. Pure.

By themselves things only ever get tighter; a warning alone goes away again. Only the operator loosens.
"""

from enum import Enum
from typing import Final, NamedTuple

from actors.machine import Machine, Reaction, on
from messages.risk import TradingState


class Stage(Enum):
    NORMAL = "normal"
    WARNED = "warned"
    REDUCING = "reducing"
    HALTED = "halted"
    FLATTENED = "flattened"
    """Positions are closed, and nothing new is opened."""

    @property
    def rank(self) -> int:
        """The stricter, the higher."""
        return _RANKS[self]

    @property
    def trading_state(self) -> TradingState:
        """What gateways are told. Whoever closes positions needs orders that reduce."""
        return _STATES[self]


_RANKS: Final = {stage: rank for rank, stage in enumerate(Stage)}
_STATES: Final = {
    Stage.NORMAL: TradingState.ACTIVE,
    Stage.WARNED: TradingState.ACTIVE,
    Stage.REDUCING: TradingState.REDUCING,
    Stage.HALTED: TradingState.HALTED,
    Stage.FLATTENED: TradingState.REDUCING,
}


class Tighten(NamedTuple):
    """A rule demands at least this stage.

    :param why: in words, with the figures.
    """

    to: Stage
    why: str


class Eased(NamedTuple):
    """What led to a warning is over."""


class Resumed(NamedTuple):
    """The operator lets it trade on."""


class Changed(NamedTuple):
    """The stage has changed to this one."""

    stage: Stage
    why: str


class Strictness(Machine[Stage]):
    """:ivar why: what led to the present stage; empty for NORMAL."""

    initial = Stage.NORMAL

    def __init__(self, stage: Stage = Stage.NORMAL, why: str = "") -> None:
        super().__init__()
        self.why = why
        self._enter(stage)

    # --- handlers -----------------------------------------------------------------------------------------------

    def tighten(self, demand: Tighten) -> Reaction[Stage]:
        if demand.to.rank <= self.state.rank:
            return self.state, ()
        self.why = demand.why
        return demand.to, (Changed(demand.to, demand.why),)

    def ease(self, _eased: Eased) -> Reaction[Stage]:
        self.why = ""
        return Stage.NORMAL, (Changed(Stage.NORMAL, "what it was warned of is over"),)

    def resume(self, _resumed: Resumed) -> Reaction[Stage]:
        self.why = ""
        return Stage.NORMAL, (Changed(Stage.NORMAL, "the operator lets it trade on"),)

    def stay(self, _message: object) -> Reaction[Stage]:
        return self.state, ()

    transitions = {
        Stage.NORMAL: {
            Tighten: on(tighten, Stage.WARNED, Stage.REDUCING, Stage.HALTED, Stage.FLATTENED),
            Resumed: on(stay),
        },
        Stage.WARNED: {
            Tighten: on(tighten, Stage.REDUCING, Stage.HALTED, Stage.FLATTENED),
            Eased: on(ease, Stage.NORMAL),
            Resumed: on(resume, Stage.NORMAL),
        },
        Stage.REDUCING: {Tighten: on(tighten, Stage.HALTED, Stage.FLATTENED), Resumed: on(resume, Stage.NORMAL)},
        Stage.HALTED: {Tighten: on(tighten, Stage.FLATTENED), Resumed: on(resume, Stage.NORMAL)},
        Stage.FLATTENED: {Tighten: on(stay), Resumed: on(resume, Stage.NORMAL)},
    }
