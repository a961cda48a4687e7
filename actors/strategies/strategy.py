"""The base of every strategy: it keeps the books, and leaves the decisions to the transition table of the subclass.

A strategy hears market data, execution reports and its host's messages, and answers with orders, cancels, timers and
alerts. Before a message reaches the table, the base has taken note of it: time moves to the newest stamp seen, market
views are updated, a fill is applied once. What tells nothing new (a repeated fill, a timer that was cancelled) goes
no further. Time is known from messages alone, so that a journal replayed gives the same orders again.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, TypeVar

import msgspec

from actors.analytics.account import Account, account_of, rates_at
from actors.analytics.attribution import ExecutionCosts, Movement
from actors.analytics.pnl import ZERO, Ledger
from actors.machine import Machine, Outputs, StateT
from actors.strategies.cycles import CycleLog, Totals
from actors.strategies.intake import Intake
from actors.strategies.market_view import MarketView
from actors.strategies.own_orders import OwnOrders, Recent
from actors.strategies.pair.sizing import is_tradable
from actors.strategies.strategy_error import ParameterError as ParameterError  # noqa: PLC0414  # imported from here
from actors.strategies.strategy_error import StrategyError as StrategyError  # noqa: PLC0414  # imported from here
from messages.base import TEXT_LENGTH_MAX
from messages.gateway_link import VenueDown, VenueUp
from messages.health import Cycle, CycleResult, Lifecycle, Markout, Pnl, StrategyStatus
from messages.instruments import Instrument
from messages.market import Depth, Gap, MarkPrice, Quote, Trade
from messages.order_lifecycle import Order
from messages.orders import (
    AmendOrder,
    AmendRejected,
    CancelRejected,
    Fill,
    FundingPaid,
    OrderAccepted,
    OrderAmended,
    OrderClosed,
    OrderDenied,
    OrderRejected,
    OrderUnknown,
    SubmitOrder,
)
from messages.strategy_host import (
    Alert,
    DrainStrategy,
    FlattenStrategy,
    HaltStrategy,
    ParametersChanged,
    RecoveryCompleted,
    ResumeStrategy,
    StrategyStarted,
    TimerFired,
)
from messages.topics import Channel

FUNDING_IDS_KEPT_MAX = 1_000

ORDER_REPORTS: tuple[type, ...] = (
    OrderAccepted,
    OrderRejected,
    OrderDenied,
    OrderAmended,
    AmendRejected,
    CancelRejected,
    OrderUnknown,
    Fill,
    OrderClosed,
)
ENDINGS: tuple[type, ...] = (Fill, OrderClosed, OrderRejected, OrderDenied)
"""Reports after which an order may not work any more; the others leave it as open as it was."""
HOST_MESSAGES: tuple[type, ...] = (
    StrategyStarted,
    RecoveryCompleted,
    TimerFired,
    HaltStrategy,
    DrainStrategy,
    ResumeStrategy,
    FlattenStrategy,
    ParametersChanged,
    VenueDown,
    VenueUp,
)
MARKET_MESSAGES: tuple[type, ...] = (Quote, Trade, Depth, MarkPrice, Gap)
INPUTS: tuple[type, ...] = (*MARKET_MESSAGES, *ORDER_REPORTS, FundingPaid, *HOST_MESSAGES)
"""Everything that a strategy may be told. Its table has a row for each of them in every state."""

ParametersT = TypeVar("ParametersT", bound=msgspec.Struct)


class Strategy(Intake[StateT]):
    """A pure state machine that trades.

    :cvar kind: its name in the configuration.
    :cvar parameters_type: the struct that its parameters are decoded into.
    :cvar movement: what price movement is called in its attribution.
    :cvar live_parameters: names of those that may change while it runs; the others need a restart.
    :ivar parameters: as given; subclasses annotate their own type.
    :ivar is_draining: it opens nothing new: it was paused or is being flattened, or the cluster shuts down.
    :ivar is_flattening: it was asked to close every position.
    :ivar is_recovered: the gateways have told what is held and open.
    :raises ParameterError: the parameters and instruments do not make a strategy.
    """

    kind: ClassVar[str]
    parameters_type: ClassVar[type[msgspec.Struct]]
    movement: ClassVar[Movement] = Movement.INVENTORY
    live_parameters: ClassVar[frozenset[str]] = frozenset()
    not_in_snapshot: ClassVar[frozenset[str]] = frozenset({"_intake"})

    def __init__(self, strategy_id: str, instruments: Mapping[str, Instrument], parameters: Any) -> None:
        faults = self.check(parameters, instruments)
        if faults:
            raise ParameterError(f"strategy {strategy_id} ({self.kind}): " + "; ".join(faults))
        self.strategy_id = strategy_id
        self.parameters = parameters
        self.instruments = {name: instruments[name] for name in self.instrument_ids(parameters)}
        self.views = {name: MarketView(instrument) for name, instrument in self.instruments.items()}
        self.ledger = Ledger(self.instruments.values())
        self.own_orders = OwnOrders(strategy_id)
        self.costs = ExecutionCosts(self.ledger.books)
        self.cycle_log = CycleLog()
        self.messages_heard = 0
        self.is_draining = self.is_flattening = self.is_recovered = False
        self._funding_ids = Recent(FUNDING_IDS_KEPT_MAX)
        self._alerts: list[Alert] = []
        self._intake: dict[type, Callable[[Any], bool]] = {
            Depth: self._take_depth,
            MarkPrice: self._take_mark,
            Trade: self._take_stamp,
            Gap: self._take_gap,
            FundingPaid: self._take_funding,
            TimerFired: self._take_timer,
            StrategyStarted: self._take_start,
            RecoveryCompleted: self._take_recovery,
            VenueDown: self._take_venue,
            VenueUp: self._take_venue,
            HaltStrategy: self._take_command,
            DrainStrategy: self._take_drain,
            ResumeStrategy: self._take_resume,
            FlattenStrategy: self._take_flatten,
            ParametersChanged: self._take_parameters,
            **dict.fromkeys(ORDER_REPORTS, self._take_report),
        }
        super().__init__()

    # --- what a subclass states ---------------------------------------------------------------------------------

    @classmethod
    def instrument_ids(cls, parameters: Any) -> tuple[str, ...]:
        """Ids of the instruments that it trades or needs."""
        raise NotImplementedError

    @classmethod
    def check(cls, parameters: Any, instruments: Mapping[str, Instrument]) -> list[str]:
        """Every mistake that the types of the single parameters do not exclude, one sentence each."""
        raise NotImplementedError

    @classmethod
    def opening_inventory(cls, _parameters: Any) -> Mapping[str, Decimal]:
        """Base currency of spot instruments that their accounts must hold at the start, by instrument id."""
        return {}

    def subscriptions(self) -> tuple[tuple[Channel, str], ...]:
        """The market data that it wants."""
        raise NotImplementedError

    @property
    def is_settled(self) -> bool:
        """Whether nothing works and what is held is balanced (or the strategy HALTED)."""
        raise NotImplementedError

    def on_parameters_changed(self) -> None:
        """Live parameters have just changed, with all that follows from them; what was decided by the old ones, and is
        to be decided again, is forgotten here.
        """

    @property
    def reporting_currency(self) -> str:
        """The currency that its profit is summed up in."""
        raise NotImplementedError

    @property
    def note(self) -> str:
        """What a person should know about it now, for the status: a residual, the edge seen, why it halted."""
        return ""

    # --- what the host uses -------------------------------------------------------------------------------------

    def on_message(self, message: Any) -> Outputs:
        """Take note of a message, then let the table decide.

        :raises UnexpectedMessage: it is no message for a strategy.
        """
        self.messages_heard += 1
        own_orders = self.own_orders
        own_orders.cause = message
        if type(message) is Quote:
            self.views[message.instrument].on_quote(message)
            if message.ts_received > own_orders.now_ns:  # noqa: PLR1730  # a comparison is a third of a call to max
                own_orders.now_ns = message.ts_received
            if self.ledger.unpriced:
                self._price_adopted(message.instrument)
            outputs = Machine.on_message(self, message)  # as `super()`, at a third of its cost
            if outputs:
                self._note_orders(outputs)
            return [*self._take_alerts(), *outputs] if self._alerts or own_orders.problems else outputs
        intake = self._intake.get(type(message))
        is_news = intake is None or intake(message)
        outputs = Machine.on_message(self, message) if is_news else ()
        if outputs:
            self._note_orders(outputs)
        return [*self._take_alerts(), *outputs] if self._alerts or own_orders.problems else outputs

    @property
    def now_ns(self) -> int:
        """The newest time seen in any message."""
        return self.own_orders.now_ns

    @property
    def open_orders(self) -> list[Order]:
        return self.own_orders.open_orders

    @property
    def cycles(self) -> list[Cycle]:
        return self.cycle_log.finished

    @property
    def markouts(self) -> tuple[Markout, ...]:
        """How the market moved after its fills, where a strategy measures that."""
        return ()

    @property
    def is_flat(self) -> bool:
        """Whether nothing works and nothing is held that an order could close."""
        return not self.own_orders.working and not self.closables()

    def closables(self) -> dict[str, Decimal]:
        """What is held and large enough to be closed, signed, by instrument id; on spot beside the opening inventory.

        A subclass whose positions at one instrument do not tell what it holds says so itself.
        """
        return {name: size for name in self.instruments if (size := self.closable(name, self.ledger.position(name)))}

    def closable(self, instrument: str, held: Decimal) -> Decimal:
        """How much of a signed position whole orders could close, signed; 0 where that is below the minimums."""
        traded = self.instruments[instrument]
        quantity = traded.round_quantity(abs(held))
        is_tradable_now = is_tradable(traded, quantity, self.views[instrument].mid, is_reducing=True)
        return quantity.copy_sign(held) if is_tradable_now else ZERO

    def status(self, lifecycle: Lifecycle) -> StrategyStatus:
        totals = self.totals()
        account, total = totals.account, totals.account.total(totals.rates)
        return StrategyStatus(
            id=self.strategy_id,
            kind=self.kind,
            lifecycle=lifecycle,
            state=self.state.name,
            epoch=self.own_orders.epoch,
            messages=self.messages_heard,
            orders=totals.orders_sent,
            fills=self.own_orders.fills_counted,
            open_orders=len(self.own_orders.open_orders),
            positions={name: self.ledger.position(name) for name in self.instruments},
            pnl=total.pnl,
            pnls=account.pnls,
            cycles=self.cycle_log.count,
            note=self.note[:TEXT_LENGTH_MAX],
            attribution=total.attribution(self.movement),
            attributions=account.attributions,
            markouts=self.markouts,
            cycle_in_hand=self.cycle_log.earned_in_hand(account).earnings,
            outside_cycles=self.earned_outside_cycles().earnings,
        )

    def totals(self) -> Totals:
        """What it has done and earned since its start, at the last mids."""
        mids = self._mids()
        account = account_of(self.ledger.pnls(mids), self.costs, self.movement)
        rates = rates_at(self.reporting_currency, self.instruments.values(), mids)
        return Totals(self.own_orders.now_ns, self.own_orders.orders_sent, account, rates)

    def pnl(self) -> Pnl:
        """The sum of all accounts in the reporting currency: exact, unless coin or a third token had to be converted
        at the last mid (rounded to 1e-8). What cannot be converted is left out; `pnls` has it.
        """
        totals = self.totals()
        return totals.account.total(totals.rates).pnl

    def earned_outside_cycles(self) -> Account:
        """What no cycle accounts for, exact in each currency: what is held or paid between them, late fills.

        All cycles that ended + the one in hand + this = the account since the start.
        """
        account = self.totals().account
        rest = account.since(self.cycle_log.earned_in_hand(account))
        return rest if self.cycle_log.earned is None else rest.since(self.cycle_log.earned)

    # --- for subclasses -----------------------------------------------------------------------------------------

    def alert(self, text: str) -> None:
        """Tell a person; sent before the other outputs of this message."""
        self._alerts.append(Alert(f"{self.strategy_id}: {text}"[:TEXT_LENGTH_MAX], self.own_orders.now_ns))

    def begin_cycle(self, edge_bps: float = 0.0, started_ns: int | None = None) -> None:
        """Begin the record of a cycle; its signal came at `started_ns`, or now."""
        totals = self.totals()
        self.cycle_log.begin(totals, edge_bps, totals.now_ns if started_ns is None else started_ns)

    def end_cycle(self, result: CycleResult, reason: str) -> None:
        """End the record of the cycle in hand; nothing where there is none."""
        if self.cycle_log.is_open:
            self.cycle_log.end(result, reason, self.totals())

    def earned_in_cycle(self) -> Pnl:
        """What the cycle in hand has brought so far, in the reporting currency at the last mids."""
        totals = self.totals()
        return self.cycle_log.earned_in_hand(totals.account).total(totals.rates).pnl

    def _take_alerts(self) -> Sequence[Alert]:
        for problem in self.own_orders.problems:
            self.alert(problem)
        self.own_orders.problems.clear()
        alerts, self._alerts = self._alerts, []
        return alerts

    def _mids(self) -> dict[str, Decimal]:
        return {name: mid for name, view in self.views.items() if (mid := view.mid) is not None}

    # --- taking note --------------------------------------------------------------------------------------------

    def _note_orders(self, outputs: Outputs) -> None:
        """Remember the market that each order is sent into, or amended in."""
        for output in outputs:
            if type(output) is SubmitOrder or type(output) is AmendOrder:
                self.costs.note_order(output.client_order_id, self.views[output.instrument].quote)
