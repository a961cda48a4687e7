"""The event loop of a backtest: market events, the venues' effects and the strategies' timers, in the order of time.

Things of one instant come in this order: effects at the venues (funding, expiry, requests that arrive; venues in the
order of the config), timers (one of each strategy in turn, in the order of the config; its own by due time and name),
market events (as the sources are merged). What a strategy answers is done before the next thing: an order reaches the
gate at the instant of the message that it answers, and the venue after its latency.

It knows neither a clock nor chance: the same events and strategies give the same orders again.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from actors.machine import Outputs
from actors.runtime.input_journal import InputChannel
from gateways.exchange.matching import NOTHING, Execution
from gateways.exchange.sources.source import BookChange, BookReset, SourceEvent
from messages.base import NS_MAX, Message
from messages.health import Lifecycle
from messages.market import Depth, Gap, MarkPrice, Quote, Trade
from messages.orders import AmendOrder, CancelOrder, ExecutionReport, SubmitOrder
from messages.strategy_host import Alert, CancelTimer, DrainStrategy, RecoveryCompleted, SetTimer, StrategyStarted
from messages.topics import Channel
from supervisor.backtest.period import iso
from supervisor.backtest.strategy_desk import StrategyDesk
from supervisor.backtest.venue_floor import VenueFloor

EPOCH: Final = 1
"""Of every strategy: a backtest has one incarnation of each."""

STEPS_AT_ONE_INSTANT_MAX: Final = 100_000
PROGRESS_EVERY: Final = 4_096
"""Market events between two words of progress."""

_CHANNELS: Final[Mapping[type, Channel]] = {
    Quote: Channel.QUOTE,
    Trade: Channel.TRADE,
    Depth: Channel.DEPTH,
    MarkPrice: Channel.MARK,
    Gap: Channel.GAP,
}


class TimeStandsStill(Exception):
    """A strategy and a venue without latency answer each other without end."""


class BadAnswer(Exception):
    """A strategy answered with what no host can do; it is its fault."""


class Topic:
    """One channel of one instrument: who listens, and the number of the last message.

    :ivar listeners: in the order of the config.
    """

    __slots__ = ("listeners", "seq")

    def __init__(self) -> None:
        self.listeners: list[StrategyDesk] = []
        self.seq = 0


class Route(NamedTuple):
    """The way of the frequent events of one instrument: quotes, say.

    :ivar take: gives one to its market.
    :ivar image: what is published in its place; None where it is published itself.
    """

    floor: VenueFloor
    take: Callable[[Any], Iterable[Execution]]
    topic: Topic
    image: Callable[[Any], Depth] | None


class Engine:
    """See the module.

    :param floors: by venue id, in the order of the config.
    :param desks: in the order of the config.
    :ivar now_ns: market time.
    :ivar events: market events told so far; those before the first to be told are not counted.
    """

    def __init__(self, floors: Mapping[str, VenueFloor], desks: Sequence[StrategyDesk]) -> None:
        self.floors = floors
        self.desks = desks
        self.now_ns = 0
        self.events = 0
        self._desk_of = {desk.id: desk for desk in desks}
        self._due_ns = NS_MAX
        self._sample_ns = NS_MAX
        self._end_ns = NS_MAX
        self._look_ns = NS_MAX
        self._untold: deque[ExecutionReport] = deque()
        instruments = [id for floor in floors.values() for id in floor.venue.markets]
        self._topics = {kind: {id: Topic() for id in instruments} for kind in _CHANNELS}
        self._routes = self._routed()
        self._doings: dict[type, Callable[[StrategyDesk, Any], None]] = {
            SubmitOrder: self._submit,
            CancelOrder: self._cancel,
            AmendOrder: self._amend,
            SetTimer: self._set_timer,
            CancelTimer: self._cancel_timer,
            Alert: self._alert,
        }

    # --- the run ------------------------------------------------------------------------------------------------

    def prepare(self, named: tuple[str, SourceEvent]) -> None:
        """Take an event from before the start: it builds the book and is not told."""
        venue, event = named
        self.floors[venue].venue.on_market(event)

    def start(self, now_ns: int, end_ns: int = NS_MAX) -> None:
        """Start every strategy, for a run up to a time at which nothing happens any more."""
        self.now_ns = now_ns
        self._end_ns = end_ns
        self._sample_ns = now_ns
        for desk in self.desks:
            desk.lifecycle = Lifecycle.RECOVERING
            started = StrategyStarted(desk.id, EPOCH, desk.order_prefix, now_ns)
            self._tell(desk, InputChannel.CONTROL, started)
            desk.lifecycle = Lifecycle.RUNNING if desk.fault is None else Lifecycle.FAULTED
            self._tell(desk, InputChannel.CONTROL, RecoveryCompleted({}, (), now_ns))
            self._subscribe(desk)
        self._note_due()

    @property
    def is_abandoned(self) -> bool:
        """Whether every strategy has failed."""
        return bool(self.desks) and all(desk.fault is not None for desk in self.desks)

    def play(self, events: Iterable[tuple[str, SourceEvent]], go_on: Callable[[], bool]) -> None:
        """Play market events to their end, or until every strategy has failed.

        :param go_on: asked every PROGRESS_EVERY events; False ends the play.
        """
        for floor in self.floors.values():
            floor.venue.open()
        left, routes = PROGRESS_EVERY, self._routes
        for name, event in events:
            ts_ns = event.ts_received
            if self._look_ns <= ts_ns and not self._catch_up(ts_ns):
                break
            self.now_ns = ts_ns
            route = routes.get((type(event), event.instrument))
            if route is None:
                self._on_rare(self.floors[name], event)
            else:
                floor, take, topic, image = route
                executions = take(event)
                if topic.listeners:
                    self._publish(topic, event if image is None else image(event))
                if executions is not NOTHING:
                    self._report(floor.book(executions, ts_ns))
            left -= 1
            if not left:
                self.events += PROGRESS_EVERY
                left = PROGRESS_EVERY
                if self.is_abandoned or not go_on():
                    return
        self.events += PROGRESS_EVERY - left

    def pass_time(self, until_ns: int) -> None:
        """Let everything happen that is due up to and at this time."""
        steps, instant_ns = 0, -1
        while self._due_ns <= until_ns:
            now_ns = self.now_ns = max(self.now_ns, self._due_ns)
            steps = steps + 1 if now_ns == instant_ns else 0
            instant_ns = now_ns
            if steps > STEPS_AT_ONE_INSTANT_MAX:
                raise TimeStandsStill(f"more than {STEPS_AT_ONE_INSTANT_MAX} orders and timers at {iso(now_ns)}")
            self._step(now_ns)
            self._note_due()

    def drain(self, until_ns: int) -> None:
        """End the run: strategies cancel and settle, for which market time goes on without a market."""
        self._sample_ns = NS_MAX
        for desk in self.desks:
            if desk.fault is None:
                desk.lifecycle = Lifecycle.DRAINING
            self._tell(desk, InputChannel.CONTROL, DrainStrategy("shutdown", self.now_ns))
        self._note_due()
        while self._due_ns <= until_ns and not all(desk.is_done for desk in self.desks):
            self.pass_time(self._due_ns)
        for desk in self.desks:
            desk.record.sample(desk.strategy, self.now_ns)
            if desk.fault is None:
                desk.lifecycle = Lifecycle.STOPPED

    # --- time ---------------------------------------------------------------------------------------------------

    def _catch_up(self, ts_ns: int) -> bool:
        """Do what comes before the market event of this time; False where the run ends before it."""
        is_over = ts_ns >= self._end_ns
        self.pass_time(self._end_ns - 1 if is_over else ts_ns)
        if is_over:
            self.now_ns = self._end_ns
        elif self._sample_ns <= ts_ns:
            self._sample(ts_ns)
        self._look_ns = min(self._due_ns, self._sample_ns, self._end_ns)
        return not is_over

    def _step(self, now_ns: int) -> None:
        for floor in self.floors.values():
            due_ns = floor.due_ns
            if due_ns is not None and due_ns <= now_ns:
                self._report(floor.advance(now_ns))
        for desk in self.desks:
            fired = desk.timers.pop_due(now_ns)
            if fired is not None:
                self._tell(desk, InputChannel.CONTROL, fired)

    def _sample(self, now_ns: int) -> None:
        """Note how every strategy stands just before the market event of this time."""
        self._sample_ns = NS_MAX
        for desk in self.desks:
            desk.record.sample(desk.strategy, now_ns)
            self._sample_ns = min(self._sample_ns, now_ns + desk.record.interval_ns)

    def _note_due(self) -> None:
        due_ns = NS_MAX
        for floor in self.floors.values():
            due_ns = min(due_ns, NS_MAX if floor.due_ns is None else floor.due_ns)
        for desk in self.desks:
            next_ns = desk.timers.next_ns
            due_ns = min(due_ns, NS_MAX if next_ns is None else next_ns)
        self._due_ns = due_ns
        self._look_ns = min(due_ns, self._sample_ns, self._end_ns)

    # --- telling ------------------------------------------------------------------------------------------------

    def _routed(self) -> dict[tuple[type, str], Route]:
        """The routes of the frequent events, by type and instrument."""
        routes: dict[tuple[type, str], Route] = {}
        for floor in self.floors.values():
            for id, market in floor.venue.markets.items():
                quotes, trades, depths = (self._topics[kind][id] for kind in (Quote, Trade, Depth))
                routes[Quote, id] = Route(floor, market.on_quote, quotes, None)
                routes[Trade, id] = Route(floor, market.on_trade, trades, None)
                routes[BookChange, id] = Route(floor, market.on_change, depths, floor.venue.image)
                routes[BookReset, id] = Route(floor, market.on_reset, depths, floor.venue.image)
        return routes

    def _subscribe(self, desk: StrategyDesk) -> None:
        """As its host would: what it asks for, and the gaps of all its instruments."""
        kinds = {channel: kind for kind, channel in _CHANNELS.items()}
        wanted = [*desk.strategy.subscriptions(), *((Channel.GAP, id) for id in desk.strategy.instruments)]
        for channel, instrument in dict.fromkeys(wanted):
            self._topics[kinds[channel]][instrument].listeners.append(desk)

    def _on_rare(self, floor: VenueFloor, event: SourceEvent) -> None:
        """A mark, a gap: they may make something due, and what the venue says to them comes before they are told."""
        for output in floor.venue.on_market(event):
            if isinstance(output, MarkPrice | Gap):
                self._publish(self._topics[type(output)][output.instrument], output)
            else:
                self._report(floor.take((output,), self.now_ns))  # type: ignore[arg-type]  # the rest are reports
        self._hasten(floor.due_ns)

    def _publish(self, topic: Topic, message: Any) -> None:
        """Tell a market message to everyone who listens, with its number in its topic, as a gateway publishes it."""
        topic.seq += 1
        numbered = replace(message, seq=topic.seq)
        for desk in topic.listeners:
            outputs = desk.hear_market(numbered)
            if outputs or desk.fault is not None:
                self._answer(desk, numbered, outputs)
                self._tell_untold()

    def _report(self, reports: Iterable[ExecutionReport]) -> None:
        for report in reports:
            self._tell(self._desk_of[report.strategy], InputChannel.EXECUTION, report)

    def _tell(self, desk: StrategyDesk, channel: InputChannel, message: Message) -> None:
        """Tell a strategy, do what it answers, and then tell what came of that at once: a denial, say."""
        self._answer(desk, message, desk.hear(channel, message))
        self._tell_untold()

    def _tell_untold(self) -> None:
        while self._untold:
            report = self._untold.popleft()
            desk = self._desk_of[report.strategy]
            self._answer(desk, report, desk.hear(InputChannel.EXECUTION, report))

    def _answer(self, desk: StrategyDesk, message: Message, outputs: Outputs) -> None:
        """Do what a strategy answered; where it has failed, cancel what it left working."""
        try:
            for output in outputs:
                self._do(desk, output)
        except BadAnswer as error:
            desk.fail(error, message)
        if desk.fault is not None and not desk.is_fenced:
            self._fence(desk)

    def _fence(self, desk: StrategyDesk) -> None:
        """Cancel what a strategy that has failed left working; the others go on."""
        desk.is_fenced = True
        for floor in self.floors.values():
            self._untold.extend(floor.fence(desk.id, EPOCH + 1, self.now_ns))
            self._hasten(floor.due_ns)

    # --- doing --------------------------------------------------------------------------------------------------

    def _do(self, desk: StrategyDesk, output: Any) -> None:
        doing = self._doings.get(type(output))
        if doing is None:
            raise BadAnswer(f"{desk.id} answered with a {type(output).__name__}, which no host can do")
        doing(desk, output)

    def _submit(self, desk: StrategyDesk, order: SubmitOrder) -> None:
        floor = self._floor(desk, order.instrument)
        self._untold.extend(floor.submit(order, self.now_ns))
        self._hasten(floor.due_ns)

    def _cancel(self, desk: StrategyDesk, request: CancelOrder) -> None:
        floor = self._floor(desk, request.instrument)
        self._untold.extend(floor.cancel(request, self.now_ns))
        self._hasten(floor.due_ns)

    def _amend(self, desk: StrategyDesk, request: AmendOrder) -> None:
        floor = self._floor(desk, request.instrument)
        self._untold.extend(floor.amend(request, self.now_ns))
        self._hasten(floor.due_ns)

    def _set_timer(self, desk: StrategyDesk, request: SetTimer) -> None:
        desk.timers.set(request.name, request.at_ns)
        self._hasten(request.at_ns)

    def _cancel_timer(self, desk: StrategyDesk, request: CancelTimer) -> None:
        desk.timers.cancel(request.name)

    def _alert(self, desk: StrategyDesk, alert: Alert) -> None:
        desk.record.alert(alert.text, alert.ts)

    def _floor(self, desk: StrategyDesk, instrument: str) -> VenueFloor:
        venue = desk.venue_of.get(instrument)
        if venue is None:
            raise BadAnswer(f"{desk.id} answered with an order for {instrument}, which is none of its instruments")
        return self.floors[venue]

    def _hasten(self, due_ns: int | None) -> None:
        """Something new is due; what was due later or is not due any more is found when time has passed."""
        if due_ns is not None and due_ns < self._due_ns:
            self._due_ns = due_ns
            self._look_ns = min(due_ns, self._look_ns)
