"""What a risk rule has closed: begun again for as long as the rule demands it and something is held. Pure.

A flatten may be refused, overtaken, in vain, or lost with a supervisor; the loss that led to it goes on all the same.
"""

from decimal import Decimal
from typing import Final

from messages.from_child import ProcessKind
from supervisor.children import Child
from supervisor.closing import Closing
from supervisor.floor import Floor
from supervisor.operations.consequences import listed
from supervisor.operations.job import RULE_COMMAND
from supervisor.operations.job_board import JobBoard
from supervisor.operations.residual import is_tradable
from supervisor.registry import JobRecord
from supervisor.risk.risk_desk import RiskDesk
from supervisor.risk.stages import Stage

AGAIN_NS: Final = 30_000_000_000
"""After the end of one attempt, or its refusal, another is made."""
ZERO: Final = Decimal(0)


class RuleFlatten:
    """The strategies of one cluster whose losses have come to the last tier."""

    def __init__(self, floor: Floor, closing: Closing, board: JobBoard, risk: RiskDesk) -> None:
        self._floor = floor
        self._closing = closing
        self._board = board
        self._risk = risk
        self._tried_ns: dict[str, int] = {}

    def begin(self, strategy: str) -> None:
        """Have a strategy close what it holds; what ends its process goes on all the same."""
        child = self._floor.children.get(strategy)
        self._tried_ns[strategy] = self._floor.now_ns
        if child is None:
            self._floor.alert(
                f"not flattened: {strategy} is no strategy of this cluster any more; what it has left at the venues is "
                "to be closed by hand"
            )
            return
        obstacle = self._board.obstacle(child, "flatten")
        if obstacle is not None:
            self._floor.alert(f"not flattened: {obstacle}", process=strategy)
        elif not self._closing.is_begun:
            command_ids = (self._floor.command_id(RULE_COMMAND),)
            self._board.begin(JobRecord(action="flatten", strategy=strategy, command_ids=command_ids))

    def look(self) -> None:
        """A second has passed."""
        floor = self._floor
        for child in [] if self._closing.is_begun else floor.of_kind(ProcessKind.STRATEGY):
            if self._risk.stage(child.name) is not Stage.FLATTENED:
                self._tried_ns.pop(child.name, None)
            elif self._board.is_closing(child.name):
                self._tried_ns[child.name] = floor.now_ns
            elif self._is_due(child.name) and (held := self._held(child)):
                floor.alert(f"{child.name} is to be flat and holds {listed(held)}: closed again", process=child.name)
                self.begin(child.name)

    def _is_due(self, strategy: str) -> bool:
        tried_ns = self._tried_ns.get(strategy)
        return tried_ns is None or self._floor.now_ns - tried_ns >= AGAIN_NS

    def _held(self, child: Child) -> dict[str, Decimal]:
        """By the gateways' books or by the drop copies, whichever is more; without what no order could close."""
        told = self._floor.telemetry.held(child.name)
        book = self._risk.positions.book.of_strategy(child.name)
        booked = {key.instrument: holding.quantity for key, holding in book.items()}
        sizes = {id: max(told.get(id, ZERO), booked.get(id, ZERO), key=abs) for id in {**told, **booked}}
        return {id: size for id, size in sizes.items() if is_tradable(self._risk.instruments.get(id), size)}
