"""Market making: a ladder of post-only orders on both sides of a fair value, moved against the inventory.

It earns the spread from those who have to trade, and loses to those who know more: so the half-spread has a floor of
costs, and everything is withdrawn when the market looks dangerous. What is quoted is in `market_making_quotes.py`,
which order is kept or replaced in `market_making_orders.py`, what is dangerous in `market_making_toxicity.py`.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from actors.machine import Reaction, Rows, on
from actors.strategies.market_making.desk import QUOTING, MakerDesk, State
from actors.strategies.market_making.orders import MakerMarket
from actors.strategies.market_making.parameters import MarketMakingParameters
from actors.strategies.market_making.quotes import QuotingInput
from actors.strategies.pair.trouble import trouble
from actors.strategies.strategy import ENDINGS, INPUTS, ORDER_REPORTS
from messages.gateway_link import VenueDown, VenueUp
from messages.instruments import Instrument
from messages.market import Depth, Gap, Quote, Trade
from messages.order_lifecycle import OrderState
from messages.orders import Fill, OrderAccepted, OrderDenied, OrderRejected, OrderUnknown
from messages.strategy_host import (
    DrainStrategy,
    FlattenStrategy,
    HaltStrategy,
    RecoveryCompleted,
    ResumeStrategy,
    SetTimer,
    StrategyStarted,
    TimerFired,
)

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
WATCH_TIMER, FILL_TIMER = "watch", "fill-delay"


class MarketMaking(MakerDesk):
    """Quotes one instrument."""

    kind: ClassVar[str] = "market-making"
    initial = State.IDLE

    def __init__(self, strategy_id: str, instruments: Mapping[str, Instrument], parameters: MarketMakingParameters):
        super().__init__(strategy_id, instruments, parameters)
        self._watch_ns = min(parameters.order_timeout_ms, parameters.quote_age_max_ms) * NS_PER_MS
        self._quiet_ns = int(parameters.quiet_s * NS_PER_S)
        self._withdrawn_until_ns = 0

    def on_parameters_changed(self) -> None:
        self.signals.watch.forget_band()
        self.quotes.forget_band()

    # --- quoting ------------------------------------------------------------------------------------------------

    def watch_quotes(self, quote: Quote) -> Reaction[State]:
        """Look at every quote; act only where one of ours is off by more than the tolerance."""
        now_ns = self.own_orders.now_ns
        sign = self.signals.on_quote(quote, now_ns)
        if sign:
            return self._withdraw(sign)
        if self.quotes.fair_low <= self.signals.fair(now_ns) <= self.quotes.fair_high:
            return self._state, ()
        return self._quote_again()

    def seek_quotes(self, quote: Quote) -> Reaction[State]:
        """Nothing works: quote as soon as that is possible."""
        sign = self.signals.on_quote(quote, self.own_orders.now_ns)
        return self._withdraw(sign) if sign else self._quote_again()

    def watch_trades(self, trade: Trade) -> Reaction[State]:
        sign = self.signals.on_trade(trade)
        return self._withdraw(sign) if sign else (self._state, ())

    def watch_depth(self, depth: Depth) -> Reaction[State]:
        sign = self.signals.on_depth(depth)
        return self._withdraw(sign) if sign else (self._state, ())

    def watch_time(self, fired: TimerFired) -> Reaction[State]:
        """Now and then, and when the rest after a fill is over: bring the ladder up to date."""
        if fired.name == FILL_TIMER:
            return self._quote_again(checks_sizes=True)
        outputs = [self._watch_timer(), *self.quotes.repeat_cancels(self.own_orders.now_ns)]
        state, more = self._quote_again()
        return state, [*outputs, *more]

    def follow_quotes(self, report: Any) -> Reaction[State]:
        """A report on the ladder."""
        self.take_note(report)
        if isinstance(report, OrderUnknown):
            return self._protect(trouble(report))
        if self.quotes.refusals >= self.parameters.refusals_max:
            return self._rest_from_refusals(report)
        if isinstance(report, OrderAccepted):
            self.quotes.narrow(self.signals.fair(self.own_orders.now_ns))
            return self._stand(), ()
        if isinstance(report, Fill):
            return self._follow_fill()
        return self._quote_again() if isinstance(report, ENDINGS) else (self._stand(), ())

    def _follow_fill(self) -> Reaction[State]:
        """Rest before the other quotes are refreshed, so that one sweep is answered once."""
        delay_ns = self.parameters.filled_order_delay_ms * NS_PER_MS
        if not delay_ns or self._is_beyond_limit():
            return self._quote_again(checks_sizes=True)
        timers = [] if FILL_TIMER in self.own_orders.timers else [self.own_orders.set_timer(FILL_TIMER, delay_ns)]
        return State.ORDER_FILLED, timers

    def _rest_from_refusals(self, report: Any) -> Reaction[State]:
        """The venue or the gate takes none of our orders: a person should know, and asking on helps nobody."""
        self.quotes.refusals = 0
        reason = report.reason.value if isinstance(report, OrderRejected | OrderDenied) else type(report).__name__
        why = f"{self.parameters.refusals_max} orders in a row were refused, the last one for {reason}"
        self.alert(f"{why}; withdrawn for {self.parameters.quiet_s:g} s")
        return self._withdraw(why)

    def _quote_again(self, *, checks_sizes: bool = False) -> Reaction[State]:
        """Bring the ladder to where it should be, unless something forbids it."""
        now_ns, quote = self.own_orders.now_ns, self.signals.view.quote
        if quote is None or not self.signals.is_fresh(now_ns):
            works = bool(self.own_orders.open_orders)
            return self._withdraw("the market has not been heard of for too long") if works else (self._stand(), ())
        if self._is_beyond_limit():
            return self._reduce()
        missing = self.signals.missing()
        if missing or FILL_TIMER in self.own_orders.timers:
            self.reason = missing
            return self._stand(), ()
        position, fair = self.position, self.signals.fair(now_ns)
        ladder = self.ladders.around(
            QuotingInput(
                fair=fair,
                sigma_bps=self.signals.watch.volatility.sigma_bps,
                deviation=self.inventory.deviation(position),
                skew=self.inventory.skew(position),
                lots=self.inventory.lots(position),
                floor_bps=self.signals.floor_bps(),
            )
        )
        self.half_bps, self.reason = ladder.centre.half_bps, ""
        market = MakerMarket(quote, fair, position, now_ns)
        outputs = self.quotes.refresh(ladder, market, checks_sizes=checks_sizes)
        state = self._stand()
        if state is State.CALCULATING_SPREADS:
            self.reason = "nothing to quote: below the venue's minimum, no room within the limits, or resting"
        return state, outputs

    def _stand(self) -> State:
        """Which of the quoting states this is: what has to be waited for comes first."""
        if FILL_TIMER in self.own_orders.timers:
            return State.ORDER_FILLED
        states = [order.state for order in self.own_orders.open_orders]
        if OrderState.CANCELLING in states:
            return State.ADJUSTING_SPREADS
        if OrderState.IN_FLIGHT in states:
            return State.PLACING_ORDERS
        return State.MONITORING_ORDERS if states else State.CALCULATING_SPREADS

    # --- not quoting --------------------------------------------------------------------------------------------

    def _withdraw(self, sign: str) -> Reaction[State]:
        """Everything is cancelled; every further sign of danger makes the rest longer."""
        self._note_danger(sign)
        return State.WITHDRAWN, self._stop_quoting()

    def _note_danger(self, sign: str) -> None:
        self._withdrawn_until_ns = self.own_orders.now_ns + self._quiet_ns
        self.reason = f"withdrawn: {sign}"

    def _protect(self, why: str) -> Reaction[State]:
        self.reason = why
        return State.PROTECTING, self._stop_quoting()

    def _stop_quoting(self) -> list[Any]:
        return [*self.own_orders.cancel_timer(FILL_TIMER), *self.quotes.cancel_all(self.own_orders.now_ns)]

    def lose_market(self, message: VenueDown | Gap) -> Reaction[State]:
        """Our venue or market is gone; losing the lead's only means that it is not looked at."""
        name = message.instrument if isinstance(message, Gap) else message.venue
        is_ours = name in {self.instrument.id, self.instrument.venue}
        return self._protect(trouble(message)) if is_ours else (self._state, ())

    def await_quiet(self, quote: Quote) -> Reaction[State]:
        """Come back when nothing bad has been seen for a while."""
        now_ns = self.own_orders.now_ns
        sign = self.signals.on_quote(quote, now_ns) or self.signals.on_depth(self.signals.view.depth)
        if sign:
            return self._withdraw(sign)
        if now_ns < self._withdrawn_until_ns and self.is_settled and self.inventory.is_within(self.position):
            return self._state, ()
        return self._resume()

    def look_again(self, quote: Quote) -> Reaction[State]:
        """Protecting, or reducing: is the market back, and how is it?"""
        sign = self.signals.on_quote(quote, self.own_orders.now_ns)
        if sign:
            self._note_danger(sign)
        return self._resume()

    def follow_ends(self, report: Any) -> Reaction[State]:
        """A report while nothing is quoted: perhaps it was what had to be waited for."""
        self.take_note(report)
        return self._protect(trouble(report)) if isinstance(report, OrderUnknown) else self._resume()

    def keep_watch(self, _message: TimerFired | VenueUp) -> Reaction[State]:
        """Nothing is quoted: cancel again what still works, and see whether that has to stay so."""
        state, outputs = self._resume()
        return state, [self._watch_timer(), *outputs]

    def _resume(self) -> Reaction[State]:
        """Where to stand now: what asks for most care comes first."""
        now_ns = self.own_orders.now_ns
        self.inventory.is_closing = self.is_flattening
        if self.is_draining and (self.is_flat or not self.is_flattening):
            return State.IDLE, self.quotes.cancel_all(now_ns)
        if self._has_unknown_order() or not self.signals.is_trusted:
            return State.PROTECTING, self.quotes.cancel_all(now_ns)
        is_fresh = self.signals.is_fresh(now_ns)
        if is_fresh and self._is_beyond_limit():
            return self._reduce()
        if now_ns < self._withdrawn_until_ns or not is_fresh:
            return State.WITHDRAWN, self.quotes.cancel_all(now_ns)
        if self.is_flattening:  # what works is being cancelled, and may have filled
            return State.INVENTORY_MANAGEMENT, self.quotes.cancel_all(now_ns)
        self.reduction.reset()
        return self._quote_again()

    def _has_unknown_order(self) -> bool:
        return any(order.state is OrderState.UNKNOWN for order in self.own_orders.open_orders)

    # --- beyond the hard limit ----------------------------------------------------------------------------------

    def _is_beyond_limit(self) -> bool:
        return self.reduction.is_needed(self.position)

    def _reduce(self) -> Reaction[State]:
        """Cancel the quotes; when nothing works any more, take the position back."""
        self.reason = "closing the inventory" if self.is_flattening else "the inventory is beyond its limit"
        if self.reduction.is_under_way:
            return State.INVENTORY_MANAGEMENT, ()
        outputs = self._stop_quoting()
        if self.own_orders.working:
            return State.INVENTORY_MANAGEMENT, outputs
        if self.reduction.is_exhausted:
            state, more = self._halt(f"{self.reason}, and {self.reduction.attempts} orders have not brought it back")
            return state, [*outputs, *more]
        self.note_reduction()
        order = self.reduction.attempt(self.position)
        return State.INVENTORY_MANAGEMENT, [*outputs, order.request]

    # --- start and end ------------------------------------------------------------------------------------------

    def start_again(self, _message: StrategyStarted) -> Reaction[State]:
        """A new incarnation; nothing is done until the gateways have told what is held and open."""
        self.reason = ""
        self.reduction.reset()
        return State.IDLE, ()

    def recover(self, _message: RecoveryCompleted) -> Reaction[State]:
        """What the gateways regard as open is cancelled, and quoting starts anew."""
        self.close_adopted_cycle()
        self.quotes.forget_ended()
        outputs = [self._watch_timer(), *self.quotes.cancel_all(self.own_orders.now_ns)]
        if self.is_draining:
            return State.IDLE, outputs
        return State.PROTECTING if self._has_unknown_order() else State.CALCULATING_SPREADS, outputs

    def drain(self, _message: DrainStrategy) -> Reaction[State]:
        """Quote no more; inventory is held."""
        self.reason = "drained"
        return State.IDLE, self._stop_quoting()

    def resume(self, _message: ResumeStrategy) -> Reaction[State]:
        """Quote again, from what is held and what still works."""
        if not self.is_recovered:
            return State.IDLE, ()
        self.reason = ""
        return self._look_anew()

    def flatten(self, message: FlattenStrategy) -> Reaction[State]:
        """Cancel everything, and bring the position to 0 as one beyond its limit is brought back."""
        self.reason = message.reason
        return self._look_anew() if self.is_recovered else (self._state, ())

    def finish_flattening(self, message: Any) -> Reaction[State]:
        """Idle: nothing is to be done, unless all was to be closed and something has come since."""
        if self.is_flattening and self.is_recovered and not isinstance(message, VenueUp) and not self.is_flat:
            if isinstance(message, ORDER_REPORTS):
                self.take_note(message)
            state, outputs = self._resume()
            return state, [self._watch_timer(), *outputs]
        return self.clean_up(message)

    def _look_anew(self) -> Reaction[State]:
        self.reduction.reset()
        state, outputs = self._resume()
        return state, [self._watch_timer(), *self.own_orders.cancel_timer(FILL_TIMER), *outputs]

    def halt(self, message: HaltStrategy) -> Reaction[State]:
        return self._halt(message.reason)

    def _halt(self, reason: str) -> Reaction[State]:
        self.reason = f"HALTED: {reason}"
        position = self.position
        self.alert(f"{self.reason}; {position} of {self.instrument.id} is held; a person must acknowledge")
        return State.HALTED, self._stop_quoting()

    def clean_up(self, message: Any) -> Reaction[State]:
        """Idle or halted: cancel whatever still works, until nothing does."""
        if isinstance(message, ORDER_REPORTS):
            self.take_note(message)
        outputs = self.quotes.cancel_all(self.own_orders.now_ns)
        if self.own_orders.working and WATCH_TIMER not in self.own_orders.timers:
            outputs = [self._watch_timer(), *outputs]
        return self._state, outputs

    def look_on(self, quote: Quote) -> Reaction[State]:
        self.signals.on_quote(quote, self.own_orders.now_ns)
        return self._state, ()

    def stay(self, _message: Any) -> Reaction[State]:
        return self._state, ()

    def _watch_timer(self) -> SetTimer:
        return self.own_orders.set_timer(WATCH_TIMER, self._watch_ns)

    _RESTING = (State.WITHDRAWN, State.PROTECTING, State.INVENTORY_MANAGEMENT)
    _RESUMED = (*QUOTING, *_RESTING, State.IDLE, State.HALTED)
    """Where it may stand after it has looked at everything anew."""

    _ALWAYS: Rows = {
        **dict.fromkeys(INPUTS, on(stay)),
        Quote: on(look_on),
        **dict.fromkeys((*ORDER_REPORTS, TimerFired, VenueUp), on(clean_up)),
        StrategyStarted: on(start_again, State.IDLE),
        DrainStrategy: on(drain, State.IDLE),
        FlattenStrategy: on(flatten, State.IDLE, *_RESTING),
        HaltStrategy: on(halt, State.HALTED),
    }
    """Rows of every state: what is only taken note of, a restart, a halt."""

    _QUOTES: Rows = {
        **_ALWAYS,
        Quote: on(watch_quotes, *QUOTING, State.WITHDRAWN, State.INVENTORY_MANAGEMENT),
        Trade: on(watch_trades, State.WITHDRAWN),
        Depth: on(watch_depth, State.WITHDRAWN),
        TimerFired: on(watch_time, *QUOTING, State.WITHDRAWN, State.INVENTORY_MANAGEMENT),
        **dict.fromkeys(ORDER_REPORTS, on(follow_quotes, *QUOTING, *_RESTING)),
        **dict.fromkeys((Gap, VenueDown), on(lose_market, State.PROTECTING)),
        VenueUp: on(stay),
    }
    _WAITS: Rows = {
        **_ALWAYS,
        Quote: on(look_again, *_RESUMED),
        **dict.fromkeys(ORDER_REPORTS, on(follow_ends, *_RESUMED)),
        TimerFired: on(keep_watch, *_RESUMED),
        VenueUp: on(keep_watch, *_RESUMED),
        ResumeStrategy: on(resume, *_RESUMED),
        **dict.fromkeys((Gap, VenueDown), on(lose_market, State.PROTECTING)),
    }

    transitions = {
        State.IDLE: {
            **_ALWAYS,
            **dict.fromkeys((*ORDER_REPORTS, TimerFired), on(finish_flattening, *_RESTING)),
            RecoveryCompleted: on(recover, State.CALCULATING_SPREADS, State.PROTECTING),
            ResumeStrategy: on(resume, *_RESUMED),
        },
        **dict.fromkeys(QUOTING, _QUOTES),
        State.CALCULATING_SPREADS: {
            **_QUOTES,
            Quote: on(seek_quotes, *QUOTING, State.WITHDRAWN, State.INVENTORY_MANAGEMENT),
        },
        State.INVENTORY_MANAGEMENT: _WAITS,
        State.WITHDRAWN: {
            **_WAITS,
            Quote: on(await_quiet, *_RESUMED),
            Trade: on(watch_trades),
            Depth: on(watch_depth),
        },
        State.PROTECTING: _WAITS,
        State.HALTED: {
            **_ALWAYS,
            **dict.fromkeys((RecoveryCompleted, HaltStrategy, DrainStrategy), on(clean_up)),
            StrategyStarted: on(stay),
            ResumeStrategy: on(resume, *_RESUMED),
        },
    }
