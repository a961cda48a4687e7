"""The host process of one strategy: `python -m actors.runtime.host SPEC`.

The actor here decides nothing. It journals what the strategy is told, hands it over, and sends what the strategy
answers; it keeps the links to the gateways and the timers, and brings a new incarnation to where the last one was.
"""

import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic_ns, time_ns
from typing import Any, Final

import msgspec
import structlog

from actors.runtime.child import EXIT_FAULT, ChildActor, Outcome, Port, run_child
from actors.runtime.clock import Clock, MarketClock, WallClock
from actors.runtime.gateway_link import APPLIED_EVERY, GatewayLink, LinkState
from actors.runtime.group_sync import GroupSync
from actors.runtime.input_journal import InputChannel
from actors.runtime.journal import JournalFailed
from actors.runtime.journal_header import JournalHeader
from actors.runtime.links import ORDERS_HWM, subscriber
from actors.runtime.mailbox import Delivery, Priority, Wire
from actors.runtime.recovery import Recovered
from actors.runtime.spec import HostSpec
from actors.runtime.strategy_commands import StrategyCommand, StrategyCommands
from actors.runtime.strategy_kinds import strategy_class
from actors.runtime.timers import Timers
from messages.base import Message
from messages.codec import FROM_GATEWAY, MARKET_DATA, encode
from messages.from_child import ProcessKind, StrategyAlerted, StrategyFault, StrategyReported, StrategyUpdate
from messages.gateway_link import CheckpointReached, HelloRefused, StillAlive, VenueDown, VenueUp, Welcome
from messages.health import Lifecycle, StrategyReport
from messages.market import Checkpoint, ClockTick, EndOfData, Gap, Trade
from messages.orders import AmendOrder, AmendRejected, CancelOrder, DenyReason, OrderDenied, RejectReason, SubmitOrder
from messages.strategy_host import Alert, CancelTimer, ParametersChanged, RecoveryCompleted, SetTimer, StrategyStarted
from messages.to_child import ChildCommand, ReportRequest, StartTrading
from messages.topics import Channel, topic

MARKET: Final = "market"
STATUS_EVERY_PULSES: Final = 5
TEXT_MAX: Final = 16_000

log = structlog.get_logger()


class StrategyActor(ChildActor):
    """One strategy, its journal, and its links."""

    kind = ProcessKind.STRATEGY

    def __init__(self, spec: HostSpec, outcome: Outcome) -> None:
        super().__init__(spec, outcome)
        self.spec = spec
        self.epoch = spec.epoch
        self.lifecycle = Lifecycle.STARTING
        kind = strategy_class(spec.kind)
        instruments = {instrument.id: instrument for instrument in spec.instruments}
        parameters = msgspec.convert(spec.parameters, kind.parameters_type)
        self.strategy = kind(spec.strategy, instruments, parameters)
        self._venue_of = {id: instrument.venue for id, instrument in instruments.items()}
        self._clock: Clock = MarketClock(monotonic_ns) if spec.is_simulated else WallClock(time_ns, monotonic_ns)
        self._timers = Timers()
        self._links: dict[str, GatewayLink] = {}
        self._welcomes: dict[str, Welcome] = {}
        self._told: Message | None = None
        self._untold: deque[tuple[InputChannel, Message]] = deque()
        self._own_business: dict[type, Callable[[Any], None]] = {
            ClockTick: self._on_clock_tick,
            Checkpoint: self._on_checkpoint,
            EndOfData: self._on_end_of_data,
        }
        self._doings: dict[type, Callable[[Any, bytes], None]] = {
            **dict.fromkeys((SubmitOrder, CancelOrder, AmendOrder), self._send_order),
            SetTimer: self._set_timer,
            CancelTimer: self._cancel_timer,
            Alert: self._alert,
        }
        self._trade_seq: dict[str, int] = {}
        self._ended: set[str] = set()
        self._wishes = StrategyCommands(self)
        self._pulses = 0
        self._still_alive = StillAlive(spec.strategy, spec.epoch)

    # --- starting -----------------------------------------------------------------------------------------------

    def on_open(self) -> None:
        spec, mailbox = self.spec, self.mailbox
        mailbox.is_lossless = spec.is_lossless
        self._recover()
        for venue, endpoints in spec.gateways.items():
            port = Port(venue, Priority.EXECUTIONS, hwm=ORDERS_HWM)
            self._links[venue].bind(self.connect(port, endpoints.orders, spec.strategy, self._on_gateway))
        market = subscriber(self.context, *(endpoints.market_data for endpoints in spec.gateways.values()))
        self._market = self.attach(Port(MARKET, Priority.MARKET_DATA, Wire.PUBLISHED), market, self._on_market_data)
        self.lifecycle = Lifecycle.RECOVERING
        self._tell(InputChannel.CONTROL, StrategyStarted(spec.strategy, spec.epoch, spec.order_prefix, self.now_ns()))
        if self._recovered.is_changed:  # the operator has set others while there was no process to tell
            self._tell(InputChannel.CONTROL, ParametersChanged(self._recovered.wanted_parameters, self.now_ns()))

    def _recover(self) -> None:
        """Bring the strategy to where its journal ends; what it answered then has left already, or never will."""
        recovered = self._recovered = Recovered(type(self.strategy), self._header(), Path(self.spec.journal_dir))
        self.strategy, self._journal = recovered.strategy, recovered.journal
        self._group_sync = GroupSync(self._journal.sync)
        self._group_sync.start()
        recovered.replay(self.still_starting)
        for venue in self.spec.gateways:
            self._links[venue] = GatewayLink(venue, self.spec.strategy, self.spec.epoch)
            self._links[venue].last_seq = recovered.last_seqs.get(venue, 0)

    def _header(self) -> JournalHeader:
        spec = self.spec
        known: dict[str, Any] = {"strategy": spec.strategy, "kind": spec.kind, "parameters": spec.parameters}
        return JournalHeader(**known, instruments=spec.instruments)

    def _subscribe(self) -> None:
        venues = self.spec.gateways
        names = [topic(channel, instrument) for channel, instrument in self.strategy.subscriptions()]
        names += [topic(Channel.GAP, instrument) for instrument in self._venue_of]
        names += [topic(channel, venue) for venue in venues for channel in (Channel.CLOCK, Channel.END)]
        if self.spec.is_lossless:
            names += [topic(Channel.CHECKPOINT, venue) for venue in venues]
        for name in names:
            self._market.subscribe(name)

    # --- hearing ------------------------------------------------------------------------------------------------

    def _on_market_data(self, delivery: Delivery) -> None:
        message = MARKET_DATA.decode(delivery.frame)
        own = self._own_business.get(type(message))
        if own is not None:
            own(message)
            return
        self._clock.observe(message.ts_received)  # type: ignore[union-attr]  # the others are the host's own business
        if type(message) is Trade:
            self._check_trade_sequence(message)
        self._tell(InputChannel.MARKET_DATA, message, delivery.frame)
        if self._timers.next_ns is not None:
            self._fire_timers()

    def _on_clock_tick(self, tick: ClockTick) -> None:
        self._clock.on_tick(tick)
        self._set_timer_alarm()

    def _on_checkpoint(self, checkpoint: Checkpoint) -> None:
        self._links[checkpoint.venue].tell(CheckpointReached(self.spec.strategy, checkpoint.number))

    def _on_end_of_data(self, end: EndOfData) -> None:
        self._ended.add(end.venue)
        self.is_drained = self._ended >= set(self.spec.gateways)

    def _check_trade_sequence(self, trade: Trade) -> None:
        last = self._trade_seq.get(trade.instrument)
        self._trade_seq[trade.instrument] = trade.seq
        if last is not None and trade.seq > last + 1:
            gap = Gap(trade.instrument, "trades-lost", trade.ts_received)
            self._tell(InputChannel.MARKET_DATA, gap)

    def _on_gateway(self, delivery: Delivery) -> None:
        link, frame = self._links[delivery.port], delivery.frame
        message = FROM_GATEWAY.decode(frame)
        if isinstance(message, Welcome):
            self._on_welcome(link, message)
        elif isinstance(message, HelloRefused):
            log.error("gateway refuses us", process=self.child.process, venue=link.venue, text=message.text)
            self.end(EXIT_FAULT)
        elif isinstance(message, VenueDown | VenueUp):
            self._tell(InputChannel.CONTROL, message)
        elif link.is_next(message):
            self._tell(InputChannel.EXECUTION, message, frame)
            if link.unacknowledged >= APPLIED_EVERY:
                self._acknowledge(link)
        else:
            link.greet(monotonic_ns(), is_lossless=self.spec.is_lossless)

    def _on_welcome(self, link: GatewayLink, welcome: Welcome) -> None:
        if not link.on_welcome(welcome):
            return
        for order in self.strategy.open_orders:
            request = order.request
            if self._venue_of[request.instrument] == link.venue and request.client_order_id not in welcome.open_orders:
                self._deny(request, DenyReason.NOT_RECEIVED, f"venue={link.venue} epoch={self.spec.epoch}")
        self._welcomes[link.venue] = welcome
        if self.lifecycle is Lifecycle.RECOVERING:
            self._complete_recovery()
        else:
            self._tell(InputChannel.CONTROL, VenueUp(link.venue, self.now_ns()))
        if not welcome.is_venue_up:
            self._tell(InputChannel.CONTROL, VenueDown(link.venue, "the gateway has no link to it", self.now_ns()))

    def _complete_recovery(self) -> None:
        if any(link.state is not LinkState.UP for link in self._links.values()):
            return
        positions = {id: size for welcome in self._welcomes.values() for id, size in welcome.positions.items()}
        open_orders = tuple(id for welcome in self._welcomes.values() for id in welcome.open_orders)
        self._wishes.begin(is_paused=self.spec.is_paused)
        self.lifecycle = self._wishes.lifecycle
        self._tell(InputChannel.CONTROL, RecoveryCompleted(positions, open_orders, self.now_ns()))
        self._subscribe()
        self.set_ready()
        self._tell_status()

    def on_connection(self, name: str, *, is_up: bool) -> None:
        link = self._links[name]
        was_up = link.state is LinkState.UP
        link.on_connection(is_up=is_up)
        if was_up:
            self._tell(InputChannel.CONTROL, VenueDown(name, "link to the gateway lost", self.now_ns()))
        link.greet(monotonic_ns(), is_lossless=self.spec.is_lossless)

    # --- telling ------------------------------------------------------------------------------------------------

    def _tell(self, channel: InputChannel, message: Message, frame: bytes = b"") -> None:
        """Journal one message, hand it to the strategy, and send what it answers; then what its own link denied."""
        if self._told is not None:  # a denial of an answer that is just being sent; it waits for its turn
            self._untold.append((channel, message))
            return
        self._hand_over(channel, message, frame)
        while self._untold:
            self._hand_over(*self._untold.popleft(), b"")

    def _hand_over(self, channel: InputChannel, message: Message, frame: bytes) -> None:
        self._told = message
        self._journal.append(channel, frame or encode(message))
        outputs = self.strategy.on_message(message)
        if outputs:
            self._send(outputs)
        self._told = None

    def _send(self, outputs: Sequence[Message]) -> None:
        """Send the answers; the input is written first, so that what has left can be made again from the journal."""
        self._journal.flush()
        for output in outputs:
            frame = encode(output)
            self._doings[type(output)](output, frame)
            self._journal.append(InputChannel.OUTPUT, frame)

    def _send_order(self, request: SubmitOrder | CancelOrder | AmendOrder, frame: bytes) -> None:
        if not self._links[self._venue_of[request.instrument]].send_order(frame):
            self._refuse(request)

    def _set_timer(self, request: SetTimer, _frame: bytes) -> None:
        self._timers.set(request.name, request.at_ns)
        self._set_timer_alarm()

    def _cancel_timer(self, request: CancelTimer, _frame: bytes) -> None:
        self._timers.cancel(request.name)

    def _alert(self, alert: Alert, _frame: bytes) -> None:
        log.warning("strategy alert", process=self.child.process, text=alert.text)
        self.tell_supervisor(StrategyAlerted(self.child.process, alert.text, alert.ts))

    def _refuse(self, request: SubmitOrder | CancelOrder | AmendOrder) -> None:
        """Tell the strategy that its own link did not take the request; what was not sent is never sent later."""
        if isinstance(request, SubmitOrder):
            self._deny(request, DenyReason.LINK_DOWN, f"venue={self._venue_of[request.instrument]}")
        elif isinstance(request, AmendOrder):
            rejected = AmendRejected(
                request.client_order_id, request.strategy, request.instrument,
                RejectReason.OTHER, "link to the gateway is down", self.now_ns(),
            )  # fmt: skip
            self._tell(InputChannel.EXECUTION, rejected)

    def _deny(self, request: SubmitOrder, reason: DenyReason, context: str) -> None:
        denied = OrderDenied(
            request.client_order_id, request.strategy, request.instrument, reason, context, self.now_ns()
        )
        self._tell(InputChannel.EXECUTION, denied)

    # --- time ---------------------------------------------------------------------------------------------------

    def now_ns(self) -> int:
        return self._clock.now_ns()

    def _fire_timers(self) -> None:
        next_ns = self._timers.next_ns
        if next_ns is None or next_ns > self.now_ns():
            return
        while (fired := self._timers.pop_due(self.now_ns())) is not None:
            self._tell(InputChannel.CONTROL, fired)
        self._set_timer_alarm()

    def _set_timer_alarm(self) -> None:
        next_ns = self._timers.next_ns
        self.set_alarm(None if next_ns is None else self._clock.mono_ns_of(next_ns))

    def on_alarm(self) -> None:
        self._fire_timers()
        self._set_timer_alarm()

    def on_pulse(self, mono_ns: int) -> None:
        for link in self._links.values():
            link.greet(mono_ns, is_lossless=self.spec.is_lossless)
            if link.state is LinkState.UP:
                link.tell(self._still_alive)
            if link.unacknowledged:
                self._acknowledge(link)
        self._wishes.look(mono_ns)
        self._save_when_due(is_idle=False)
        self._pulses += 1
        if self._pulses % STATUS_EVERY_PULSES == 0:
            self._tell_status()

    def _tell_status(self) -> None:
        self.tell_supervisor(StrategyUpdate(self.child.process, self.strategy.status(self.lifecycle)))

    def on_idle(self) -> None:
        self._journal.flush()
        self._save_when_due(is_idle=True)

    def _save_when_due(self, *, is_idle: bool) -> None:
        """Write a snapshot now and then: between two inputs, once the gateways' word is in it."""
        mono_ns = monotonic_ns()
        if self._wishes.is_recovered and self._recovered.is_due(mono_ns, is_idle=is_idle):
            self._recovered.save({venue: link.last_seq for venue, link in self._links.items()}, mono_ns)

    def _acknowledge(self, link: GatewayLink) -> None:
        """What the gateway need not keep for us any more must be in our own journal first."""
        self._journal.flush()
        link.acknowledge()

    # --- commands -----------------------------------------------------------------------------------------------

    def on_command(self, command: ChildCommand) -> None:
        if isinstance(command, ReportRequest):
            report = StrategyReport(self.strategy.status(self.lifecycle), tuple(self.strategy.cycles))
            self.tell_supervisor(StrategyReported(command.command_id, self.child.process, report))
            self.finish(command.command_id)
        elif isinstance(command, StrategyCommand):
            self._wishes.take(command, monotonic_ns())
            if self._wishes.is_recovered:
                self.lifecycle = self._wishes.lifecycle
        elif isinstance(command, StartTrading):
            self.finish(command.command_id)
        else:
            self.finish(command.command_id, f"{type(command).__name__} is not for a strategy host", is_ok=False)

    def tell_strategy(self, message: Message) -> None:
        self._tell(InputChannel.CONTROL, message)

    # --- faults and the end -------------------------------------------------------------------------------------

    def on_fault(self, error: Exception, trace: str) -> None:
        """The strategy is FAULTED: say so with books and traceback, cancel its working orders, end the process."""
        log.error("strategy failed", process=self.child.process, error=repr(error), traceback=trace)
        self.lifecycle = Lifecycle.FAULTED
        cause = "host" if self._told is None else type(self._told).__name__
        try:
            if self._told is not None:
                self._journal.mark_fault()
        except JournalFailed as failure:  # the disk is full: the cancels go all the same
            log.error("fault not journaled", process=self.child.process, error=str(failure))
        fault = StrategyFault(
            self.child.process, self.spec.strategy, self.strategy.state.name, cause, trace[-TEXT_MAX:], self.now_ns()
        )
        with suppress(Exception):  # a strategy that cannot even say what it holds keeps its last word; its cancels go
            self._tell_status()
        self.tell_supervisor(fault)
        for order in self.strategy.open_orders:
            request = order.request
            cancel = CancelOrder(
                request.client_order_id, request.strategy, self.spec.epoch, request.instrument, "strategy-fault"
            )
            self._links[self._venue_of[request.instrument]].send_order(encode(cancel))
        self.end(EXIT_FAULT)

    def on_close(self) -> None:
        self._group_sync.stop()
        self._journal.close()


def main(arguments: Sequence[str]) -> int:
    """Run a strategy host until it ends."""
    return run_child(StrategyActor, HostSpec, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
