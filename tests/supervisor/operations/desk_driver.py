"""Drives the operator's commands on a core without a shell."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from actors.runtime.spec import HostSpec
from messages.from_child import GatewayUpdate, StrategyUpdate
from messages.health import Lifecycle
from messages.instruments import Instrument, InstrumentType
from messages.operator import (
    CommandAccepted,
    CommandFinished,
    ConfirmationNeeded,
    FromOperator,
    StrategyAction,
    StrategyActionRequest,
)
from messages.to_child import ChildCommand
from supervisor.actions import Action, SaveRegistry
from supervisor.child_spec import ChildPlan, ClusterPlan
from supervisor.occurrences import Begun, Latch
from supervisor.operations.planner import FixedPlanner, Unfit
from supervisor.pending_commands import Dispatch
from supervisor.registry import Registry, Standing
from tests.supervisor.core_driver import CARRY, PERP, SPOT, Drive, desk
from tests.supervisor.samples import PERP as PERP_STATUS
from tests.supervisor.samples import SPOT as SPOT_STATUS
from tests.supervisor.samples import STRATEGY

BTC, BTC_PERP = "BTCUSDT.spot", "BTCUSDT.perp"


def instrument(id: str, **changes: Any) -> Instrument:
    symbol, _, venue = id.rpartition(".")
    kind = InstrumentType.SPOT if venue == SPOT else InstrumentType.PERPETUAL
    common = {"symbol": symbol, "venue": venue, "type": kind, "base": "BTC", "quote": "USDT", "settle": "USDT"}
    steps = {"tick_size": Decimal("0.1"), "lot_size": Decimal("0.001")}
    return Instrument(**{**common, **steps, **changes})


def traded(plan: ClusterPlan, **changes: Any) -> ClusterPlan:
    """The same plan, whose strategies trade the two legs."""
    children = tuple(
        msgspec.structs.replace(
            child,
            spec=msgspec.structs.replace(child.spec, instruments=(instrument(BTC), instrument(BTC_PERP))),
            **changes,
        )
        if isinstance(child.spec, HostSpec)
        else child
        for child in plan.children
    )
    return msgspec.structs.replace(plan, children=children)


class NotedPlanner(FixedPlanner):
    """Puts changes into the parameters as they are, and refuses what is called `bad`; a table is a name."""

    def strategies(self, standing: Mapping[str, Standing], added: Collection[str] = ()) -> dict[str, ChildPlan]:
        plans = {}
        added = {name: desk(name).children[3] for name, wish in standing.items() if wish.table}
        for name, plan in {**self._plans, **added}.items():
            wish = standing.get(name, Standing())
            if any("bad" in item for item in wish.changes.items()):
                raise Unfit(f"{name}.parameters.bad: unknown key")
            assert isinstance(plan.spec, HostSpec)
            spec = msgspec.structs.replace(plan.spec, parameters=dict(wish.changes))
            if not wish.is_removed:
                plans[name] = msgspec.structs.replace(plan, spec=spec, priority=wish.priority or plan.priority)
        return plans

    def names_in(self, table: str) -> tuple[str, ...]:
        if table == "bad":
            raise Unfit("not TOML")
        return tuple(table.split())


class DeskDrive(Drive):
    """A cluster that trades, and its operator."""

    def __init__(self, plan: ClusterPlan | None = None, **options: Any) -> None:
        plan = traded(plan or desk())
        options.setdefault("planner", NotedPlanner(plan))
        super().__init__(plan, **options)

    def holds(self, spot: str = "0", perp: str = "0", strategy: str = CARRY) -> list[Action]:
        """The gateways' books."""
        asked: list[Action] = []
        for gateway, status, size in ((SPOT, SPOT_STATUS, spot), (PERP, PERP_STATUS, perp)):
            held = {strategy: {f"BTCUSDT.{gateway}": Decimal(size)}} if Decimal(size) else {}
            asked += self.says(gateway, GatewayUpdate(gateway, msgspec.structs.replace(status, holdings=held)))
        return asked

    def works(self, open_orders: int = 2, strategy: str = CARRY) -> None:
        """The strategy's own word."""
        status = msgspec.structs.replace(
            STRATEGY, id=strategy, open_orders=open_orders, lifecycle=Lifecycle.RUNNING, epoch=self.epoch(strategy)
        )
        self.says(strategy, StrategyUpdate(strategy, status))

    def epoch(self, strategy: str = CARRY) -> int:
        return self.core.floor.children[strategy].epoch

    def act(self, action: StrategyAction, strategy: str = CARRY, id: str = "c1") -> Any:
        """Ask for an action, and confirm it where that is needed."""
        request = StrategyActionRequest(id, strategy, action)
        reply = self.operator(request)
        if isinstance(reply, ConfirmationNeeded):
            reply = self.operator(msgspec.structs.replace(request, token=reply.token))
        return reply

    def ended(self, request: FromOperator) -> CommandFinished:
        """How a command has ended that was asked for before."""
        reply = self.operator(request)
        assert isinstance(reply, CommandFinished), reply
        return reply

    def outcome(self, action: StrategyAction, strategy: str = CARRY, id: str = "c1") -> CommandFinished:
        return self.ended(StrategyActionRequest(id, strategy, action))

    def is_under_way(self, action: StrategyAction, strategy: str = CARRY, id: str = "c1") -> bool:
        return isinstance(self.operator(StrategyActionRequest(id, strategy, action)), CommandAccepted)

    def answer(self, kind: type[ChildCommand], *, is_ok: bool = True, text: str = "") -> list[Action]:
        """Everybody who was asked this says that it is done."""
        asked: list[Action] = []
        for dispatch in list(self.of(Dispatch)):
            if isinstance(dispatch.command, kind):
                asked += self.done(dispatch, is_ok=is_ok, text=text)
        self.actions = [
            item for item in self.actions if not (isinstance(item, Dispatch) and isinstance(item.command, kind))
        ]
        return asked

    def saved(self) -> Registry:
        return self.of(SaveRegistry)[-1].registry


def back(before: Drive, living: set[str], plan: ClusterPlan | None = None, *, latch: Latch | None = None) -> DeskDrive:
    """The next supervisor, which takes over what the one before had on the disk."""
    registry = before.of(SaveRegistry)[-1].registry
    drive = DeskDrive(plan, registry=registry, now_ns=before.now_ns, first_pid=301)
    drive.tell(Begun(frozenset(living), "", latch))
    return drive
