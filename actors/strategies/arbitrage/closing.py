"""Bringing every instrument back to what was held of it at the start, when the operator asks for it.

To the strategy it is one more route: it executes alone, its orders are its own, and what it moves is recorded as a
cycle. Every order is an IOC limit at a wide price, then at one three times as wide, then at the market.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from actors.strategies.arbitrage.flows import Flows
from actors.strategies.arbitrage.parameters import ArbitrageParameters
from actors.strategies.arbitrage.routes import ArbitrageRoute, Desk, Outcome, Plan
from actors.strategies.arbitrage.state import State
from actors.strategies.own_orders import Ticket
from actors.strategies.pair.patience import RETRY_MS
from actors.strategies.pair.sizing import slipped
from messages.health import CycleResult
from messages.orders import Fill, Side
from messages.strategy_host import (
    FlattenStrategy,
    HaltStrategy,
    RecoveryCompleted,
    ResumeStrategy,
    SetTimer,
    StrategyStarted,
    TimerFired,
)

NS_PER_MS = 1_000_000
CLOSE_TIMER = "inventory-close"
FLATTEN_WIDER = 3.0
ROUNDS_MAX = 20
"""Rounds in a row that fill nothing, before the strategy halts."""
TIMEOUTS_MAX = 300
"""Cancels of an order that does not end, before the strategy halts."""


class InventoryClosing(ArbitrageRoute):
    """What has begun is brought to its end, over a restart and after a resumption, too: half of it done is a risk.

    :param routes: the others. What they carry or are late to hear of while this goes on is closed here, not by them.

    :param closables: what is held beside the start and could be closed, signed, by instrument id.
    """

    is_judged: ClassVar[bool] = False

    def __init__(
        self,
        desk: Desk,
        parameters: ArbitrageParameters,
        routes: Sequence[ArbitrageRoute],
        closables: Callable[[], Mapping[str, Decimal]],
    ) -> None:
        super().__init__("the inventory", {name: view.instrument for name, view in desk.views.items()}, ())
        self._views, self._own_orders = desk.views, desk.own_orders
        self._routes, self._closables = routes, closables
        self._parameters = parameters
        self._flows = Flows()
        self._is_wanted = self._is_recovering = self._has_halted = self._has_filled = False
        self._rounds = self._timeouts = 0

    def plan(self, direction: Any) -> Plan | str:
        raise NotImplementedError("the inventory is closed on the operator's word, not on a signal")

    def begin(self, plan: Plan) -> list[Any]:
        raise NotImplementedError("the inventory is closed on the operator's word, not on a signal")

    def book(self, fill: Fill) -> None:
        self.fills += 1
        self._has_filled = True
        self._flows.add(fill, self.instruments[fill.instrument])

    def adopt(self, instrument: str, difference: Decimal) -> None:
        """The strategy's own ledger has it already, and is all that counts here."""

    def hear(self, message: Any) -> list[Any]:
        if isinstance(message, FlattenStrategy):
            return self._start()
        if isinstance(message, ResumeStrategy) and self._has_halted:
            return self._start()
        if not self._is_wanted:
            return []
        if isinstance(message, StrategyStarted | RecoveryCompleted):
            self._is_recovering = isinstance(message, StrategyStarted)
            return [] if self._is_recovering else self._go_on()
        if self._is_recovering:
            return []
        if isinstance(message, HaltStrategy):
            return self._halt(message.reason)
        if isinstance(message, TimerFired):
            return self._look_again() if message.name == CLOSE_TIMER else []
        return self._finish() if not self._own_orders.working and not self._closables() else []

    def _start(self) -> list[Any]:
        if self._is_wanted:
            return []
        self._is_wanted, self._has_halted, self._has_filled = True, False, False
        self._rounds = self._timeouts = self.fills = 0
        self._flows.clear()
        self._take_residuals()
        return self._go_on()

    def _take_residuals(self) -> None:
        for route in self._routes:
            route.let_go()

    def _look_again(self) -> list[Any]:
        """The last orders have had their time."""
        if not self._own_orders.working:
            return self._go_on()
        self._timeouts += 1
        if self._timeouts > TIMEOUTS_MAX:
            return self._halt("an order does not end")
        return [*self._cancels(), self._wait(self._parameters.execution_timeout_ms)]

    def _go_on(self) -> list[Any]:
        if self._own_orders.working:
            return [self._wait(RETRY_MS)]
        held = self._closables()
        if not held:
            return self._finish()
        usable = [name for name in held if self._views[name].is_up]
        if not usable:
            return [self._wait(RETRY_MS)]
        self._rounds = 1 if self._has_filled else self._rounds + 1
        if self._rounds > ROUNDS_MAX:
            return self._halt(f"not closed in {ROUNDS_MAX} rounds")
        self._has_filled, self._timeouts = False, 0
        self.note(self.state)
        orders = [self._own_orders.submit(self._ticket(name, held[name])) for name in usable]
        return [*(order.request for order in orders), self._wait(RETRY_MS)]

    def _ticket(self, name: str, held: Decimal) -> Ticket:
        view, side = self._views[name], Side.SELL if held > 0 else Side.BUY
        touch, most = view.touch(side), view.instrument.max_quantity
        slippage_bps = self._parameters.flatten_slippage_bps * (1.0 if self._rounds == 1 else FLATTEN_WIDER)
        is_limited = bool(touch) and self._rounds <= 2
        return Ticket(
            instrument=name,
            side=side,
            quantity=abs(held) if most is None else min(abs(held), most),
            price=slipped(view.instrument, side, touch, slippage_bps) if is_limited else None,
            valid_for_ms=self._parameters.execution_timeout_ms,
        )

    def _finish(self) -> list[Any]:
        self._take_residuals()
        self._is_wanted = False
        if self.fills:
            reason = "every position is back where it was at the start"
            self.outcome = Outcome(CycleResult.FLATTENED, reason, dict(self._flows.amounts))
        self.fills = 0
        return list(self._own_orders.cancel_timer(CLOSE_TIMER))

    def _halt(self, why: str) -> list[Any]:
        held = ", ".join(f"{quantity} {name}" for name, quantity in self._closables().items())
        self._own_orders.problems.append(f"HALTED: {why}; holding {held or 'nothing'}; a person must acknowledge")
        self._take_residuals()
        self._is_wanted, self._has_halted = False, True
        return [*self._own_orders.cancel_timer(CLOSE_TIMER), *self._cancels()]

    def _cancels(self) -> list[Any]:
        orders = self._own_orders.working
        return [self._own_orders.cancel(order) for order in orders if self._views[order.request.instrument].is_up]

    def _wait(self, after_ms: int) -> SetTimer:
        return self._own_orders.set_timer(CLOSE_TIMER, after_ms * NS_PER_MS)

    @property
    def state(self) -> State:
        if self._has_halted:
            return State.HALTED
        if not self._is_wanted:
            return State.SCANNING_OPPORTUNITIES
        return State.IDLE if self._is_recovering else State.REPAIRING

    @property
    def is_open(self) -> bool:
        """Whether it has begun and not come to its end."""
        return self._is_wanted or self._has_halted

    @property
    def is_busy(self) -> bool:
        return self._is_wanted

    @property
    def is_settled(self) -> bool:
        return not self._is_wanted

    @property
    def residual_text(self) -> str:
        return ""
