"""A pair execution without a strategy around it: the books are kept, and every decision is the test's."""

from decimal import Decimal as D
from typing import Any

from actors.analytics.pnl import Ledger
from actors.strategies.market_view import MarketView
from actors.strategies.own_orders import OwnOrders
from actors.strategies.pair.commands import (
    Arm,
    Command,
    CycleRecorded,
    Execution,
    HeadroomGranted,
    PairParameters,
    PairState,
    Reserve,
)
from actors.strategies.pair.execution import PairExecution
from actors.strategies.pair.sizing import Leg, PairPlan, PlanRequest, plan_pair
from messages.gateway_link import VenueDown, VenueUp
from messages.health import CycleResult
from messages.instruments import Instrument
from messages.market import Depth, Gap, MarkPrice, Quote
from messages.orders import Fill, FundingPaid, Side
from messages.strategy_host import Alert, RecoveryCompleted, StrategyStarted, TimerFired
from tests.actors.strategies.trading_world import PERPETUAL, SPOT, World


def terms(**changes: Any) -> PairParameters:
    """Generous settings: five basis points of slippage, a second for each order, three repairs within 100."""
    settings: dict[str, Any] = {
        "execution": Execution.SEQUENTIAL,
        "hedge_ratio": D(1),
        "slippage_bps_max": 5.0,
        "flatten_slippage_bps": 100.0,
        "leg_timeout_ms": 1_000,
        "repair_attempts_max": 3,
        "loss_budget": 100.0,
        "cooldown_ms": 1_000,
        "quote_age_max_ms": 5_000,
        "exit_basis_bps": 0.0,
    }
    return PairParameters(**{**settings, **changes})


class BarePair:
    """What a strategy does before its table decides, and nothing else: quotes are seen, fills are booked."""

    def __init__(self, instruments: dict[str, Instrument], parameters: PairParameters) -> None:
        self.views = {name: MarketView(instrument) for name, instrument in instruments.items()}
        self.own_orders = OwnOrders("carry")
        self.ledger = Ledger(instruments.values())
        first, second = self.views.values()
        legs = Leg(first.instrument, Side.BUY, first), Leg(second.instrument, Side.SELL, second)
        self.pair = PairExecution(legs, self.own_orders, self.ledger, parameters)

    @property
    def open_orders(self) -> list[Any]:
        return self.own_orders.open_orders

    @property
    def state(self) -> PairState:
        return self.pair.state

    def on_message(self, message: Any) -> list[Any]:
        ts_ns = next(getattr(message, name) for name in ("ts_received", "ts_event", "ts") if hasattr(message, name))
        self.own_orders.now_ns, self.own_orders.cause = max(self.own_orders.now_ns, ts_ns), message
        is_news = self._take(message)
        said = self.pair.on_message(message) if is_news else []
        alerts = [Alert(problem, ts_ns) for problem in self.own_orders.problems]
        self.own_orders.problems.clear()
        return [*alerts, *said]

    def _take(self, message: Any) -> bool:
        """Take note; False where the pair does not hear of it."""
        view = self.views.get(getattr(message, "instrument", ""))
        if isinstance(message, Quote | Depth | MarkPrice):
            assert view is not None
            {Quote: view.on_quote, Depth: view.on_depth, MarkPrice: view.on_mark}[type(message)](message)  # type: ignore[operator]
            return False
        if isinstance(message, Gap):
            assert view is not None
            view.on_gap(message)
        elif isinstance(message, VenueDown | VenueUp):
            for each in self.views.values():
                if each.instrument.venue == message.venue:
                    each.on_venue(is_up=isinstance(message, VenueUp))
        elif isinstance(message, TimerFired):
            return self.own_orders.take_timer(message)
        elif isinstance(message, StrategyStarted):
            self.own_orders.start(message)
        elif isinstance(message, RecoveryCompleted):
            self.own_orders.close_lost(message)
            for name, position in message.positions.items():
                self.ledger.books[name].adopt(position)
        elif hasattr(message, "client_order_id"):
            return self._take_report(message)
        return not isinstance(message, FundingPaid)

    def _take_report(self, report: Any) -> bool:
        is_news = self.own_orders.apply(report)
        if is_news and isinstance(report, Fill):
            self.ledger.apply_fill(report)
        return is_news


class PairWorld(World):
    """A world whose strategy is a bare pair, first leg bought, second leg sold; ended cycles are recorded at once.

    :ivar cycles: (result, reason) of each cycle that has ended.
    """

    def __init__(
        self,
        parameters: PairParameters | None = None,
        *,
        spot: Instrument = SPOT,
        futures: Instrument = PERPETUAL,
        is_started: bool = True,
    ) -> None:
        self.terms = parameters or terms()
        self.cycles: list[tuple[CycleResult, str]] = []
        self.is_recording = True
        self._fills_before = 0
        super().__init__(None, spot=spot, futures=futures, is_started=is_started)

    def make_strategy(self) -> Any:
        return BarePair(self.instruments, self.terms)

    @property
    def pair(self) -> PairExecution:
        return self.strategy.pair

    def tell(self, command: Command) -> list[Any]:
        """Give the pair a command, as its strategy would."""
        return self.take(list(self.pair.on_message(command)))

    def take(self, said: list[Any]) -> list[Any]:
        said = super().take(said)
        if self.pair.state is PairState.FLAT and self.is_recording:
            fills = self.strategy.own_orders.fills_counted
            self.cycles.append((self.pair.result(has_fills=fills > self._fills_before), self.pair.reason))
            self._fills_before = fills
            said += super().take(list(self.pair.on_message(CycleRecorded())))
        return said

    # --- the way to a pair --------------------------------------------------------------------------------------

    def plan(self, notional: D = D(10_000)) -> PairPlan:
        request = PlanRequest(
            notional=notional,
            hedge_ratio=self.terms.hedge_ratio,
            slippage_bps_max=self.terms.slippage_bps_max,
            slack_bps=0.0,
            edge_bps=0.0,
            held=self.pair.position.held,
        )
        plan = plan_pair(self.pair.legs, request)
        assert isinstance(plan, PairPlan), plan
        return plan

    def arm(self) -> None:
        self.market(60_000.0, 60_300.0)
        self.tell(Arm())

    def reserve(self) -> None:
        self.arm()
        self.tell(Reserve(self.plan()))

    def send_first(self) -> None:
        """The order of the first leg works (of both legs where execution is concurrent)."""
        self.reserve()
        self.tell(HeadroomGranted())

    def send_second(self) -> None:
        self.send_first()
        self.trade(self.last.client_order_id)

    def hold(self) -> None:
        """Both legs held and balanced: 0.165 against −0.165."""
        self.send_first()
        self.trade_all()
        assert PairState.OPEN is self.pair.state
