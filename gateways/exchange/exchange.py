"""The exchange process: `python -m gateways.exchange SPEC`. All simulated venues on one common clock.

It pumps the merged events of the sources through the venues at their pace, takes requests from the gateways, and sends
back what the venues answer. A killed gateway finds its orders, fills and positions here when it is back.
"""

from collections.abc import Iterator, Sequence
from time import monotonic_ns, time_ns
from typing import Final

import structlog

from actors.runtime.child import ChildActor, Outcome, Port, run_child
from actors.runtime.keys import Role
from actors.runtime.links import ORDERS_HWM, publisher, router
from actors.runtime.mailbox import Delivery, Priority, Wire
from actors.runtime.publisher import Publisher
from gateways.exchange.outbox import Outbox
from gateways.exchange.simulated_venue import SimulatedVenue
from gateways.exchange.sources.make import make_source
from gateways.exchange.sources.merge import Pacer, merge
from gateways.exchange.sources.source import Source, SourceEvent
from gateways.exchange.spec import ExchangeSpec
from gateways.exchange.stream_window import StreamWindow
from gateways.venue import TO_VENUE, LoginAccepted, VenueLogin
from messages.base import NS_MAX, PROTOCOL_VERSION
from messages.codec import encode
from messages.from_child import ProcessKind, SourcesExhausted, VenuesReported
from messages.gateway_link import CheckpointReached
from messages.market import Checkpoint, ClockTick, Depth, EndOfData, Gap, MarkPrice, Quote, Trade
from messages.to_child import ChildCommand, FenceStrategy, Halt, ReportRequest, StartTrading

ORDERS: Final = "orders"
BATCH: Final = 64
"""Events pumped before the mailbox is looked at again."""
SPEED_AFTER_THE_END: Final = 1.0
"""When the sources have ended, time goes on, so that what is in flight can arrive and timers can end."""

_MARKET_DATA: Final = (Quote, Depth, Trade, MarkPrice, Gap)

log = structlog.get_logger()


class ExchangeActor(ChildActor):
    """The venues, the clock, and the links to their gateways."""

    kind = ProcessKind.EXCHANGE

    def __init__(self, spec: ExchangeSpec, outcome: Outcome) -> None:
        super().__init__(spec, outcome)
        self.spec = spec
        self._venues = {venue.id: SimulatedVenue(venue) for venue in spec.venues}
        self._windows = {venue.id: StreamWindow() for venue in spec.venues}
        self._sources: dict[str, Source] = {}
        self._events: Iterator[tuple[str, SourceEvent]] = iter(())
        self._next: tuple[str, SourceEvent] | None = None
        self._pacer: Pacer | None = None
        self._market_ns = 0
        self._due_ns = NS_MAX
        self._is_exhausted = False

    def on_open(self) -> None:
        self._orders = router(self.context, self.spec.orders_endpoint, admits=(Role.GATEWAY,), hwm=ORDERS_HWM)
        self.attach(Port(ORDERS, Priority.EXECUTIONS, Wire.ROUTED), self._orders, self._on_gateway)
        self._outboxes = {venue: Outbox(self._orders, venue) for venue in self._venues}
        self._feeds: dict[str, Publisher] = {}
        for venue, endpoint in self.spec.data_endpoints.items():
            socket = publisher(self.context, endpoint, admits=(Role.GATEWAY,))
            self.attach(Port(venue, Priority.EXECUTIONS), socket, self._on_subscription)
            self._feeds[venue] = Publisher(socket, is_stamping=False)
        self.set_ready()

    # --- the market -----------------------------------------------------------------------------------------------

    def _open_markets(self) -> None:
        start_ns = time_ns()
        self._sources = {venue.id: make_source(venue, start_ns) for venue in self.spec.venues}
        self._events = merge(self._sources)
        self._next = next(self._events, None)
        first_ns = self._next[1].ts_received if self._next is not None else start_ns
        self._run_clock(self._speed(), first_ns)
        self.set_alarm(monotonic_ns())

    def _speed(self) -> float:
        return min(venue.source.speed for venue in self.spec.venues)

    def _run_clock(self, speed: float, market_ns: int) -> None:
        mono_ns = monotonic_ns()
        self._market_ns = market_ns
        self._pacer = Pacer(speed, market_ns, mono_ns)
        for venue, feed in self._feeds.items():
            feed.publish(ClockTick(venue, market_ns, mono_ns, speed))

    def _now_ns(self) -> int:
        """Market time: what the clock says, or at speed 0 that of the last event."""
        if self._pacer is not None and self._pacer.speed:
            self._market_ns = max(self._market_ns, self._pacer.market_now_ns(monotonic_ns()))
        return self._market_ns

    def on_alarm(self) -> None:
        """Pump the next batch of events, as far as they are due and the readers keep up."""
        pacer = self._pacer
        assert pacer is not None
        for _ in range(BATCH):
            if self._next is None:
                break
            venue, event = self._next
            if pacer.speed and pacer.wait_ns(event.ts_received, monotonic_ns()) > 0:
                break
            if not pacer.speed and not self._windows[venue].is_open:
                return  # the next CheckpointReached goes on
            if self._due_ns <= event.ts_received:
                self._advance(event.ts_received)
            self._market_ns = max(self._market_ns, event.ts_received)
            self._send(venue, self._venues[venue].on_market(event))
            self._next = next(self._events, None)
        if self._next is None and not self._is_exhausted:
            self._end_markets()
        self._advance(self._now_ns())
        self._set_next_alarm()

    def _end_markets(self) -> None:
        self._is_exhausted = True
        self._run_clock(SPEED_AFTER_THE_END, self._market_ns)
        for venue, feed in self._feeds.items():
            feed.publish(EndOfData(venue, self._market_ns))
        self.tell_supervisor(SourcesExhausted(self.child.process))

    def _set_next_alarm(self) -> None:
        pacer = self._pacer
        if pacer is None:
            return
        if not pacer.speed:
            self.set_alarm(monotonic_ns())
            return
        times = [due for venue in self._venues.values() if (due := venue.due_ns()) is not None]
        if self._next is not None:
            times.append(self._next[1].ts_received)
        self.set_alarm(pacer.due_mono_ns(min(times)) if times else None)

    def _advance(self, market_ns: int) -> None:
        """Let everything happen that is due at any venue up to this time."""
        for name, venue in self._venues.items():
            due_ns = venue.due_ns()
            if due_ns is not None and due_ns <= market_ns:
                self._send(name, venue.advance(market_ns))
        self._note_due()

    def _note_due(self) -> None:
        """When the next thing is due at any venue. A market event may only bring a funding stamp nearer, and that is
        paid with the venue's own next event at the latest.
        """
        self._due_ns = min(
            (due for venue in self._venues.values() if (due := venue.due_ns()) is not None), default=NS_MAX
        )

    def _send(self, venue: str, outputs: Sequence[object]) -> None:
        feed, published = self._feeds[venue], 0
        for message in outputs:
            if isinstance(message, _MARKET_DATA):
                feed.publish(message)
                published += 1
            else:
                self._outboxes[venue].send(encode(message))
        if published and not self._pacer_speed():
            number = self._windows[venue].count(published)
            if number is not None:
                feed.publish(Checkpoint(venue, number))

    def _pacer_speed(self) -> float:
        return self._pacer.speed if self._pacer is not None else 1.0

    # --- the gateways -----------------------------------------------------------------------------------------------

    def _on_subscription(self, delivery: Delivery) -> None:
        self._feeds[delivery.port].on_subscription(delivery.frame)

    def _on_gateway(self, delivery: Delivery) -> None:
        message = TO_VENUE.decode(delivery.frame)
        venue = delivery.name
        if venue not in self._venues:  # what a gateway sent before it was killed may come under another name
            log.warning("request dropped", sender=venue)
        elif isinstance(message, CheckpointReached):
            self._windows[venue].reached(message.number)
            self.set_alarm(monotonic_ns())
        elif isinstance(message, VenueLogin):
            self._outboxes[venue].address = delivery.sender
            self._log_in(venue, message)
        else:
            self._send(venue, self._venues[venue].on_request(message, self._now_ns()))
            self._note_due()
            self._set_next_alarm()

    def _log_in(self, venue: str, login: VenueLogin) -> None:
        if login.protocol_version != PROTOCOL_VERSION:
            log.error("gateway speaks another protocol version", venue=venue, version=login.protocol_version)
            return
        self._windows[venue].restart()
        self._outboxes[venue].send(encode(LoginAccepted(venue, self._now_ns())))
        self._set_next_alarm()

    # --- commands -----------------------------------------------------------------------------------------------

    def on_command(self, command: ChildCommand) -> None:
        if isinstance(command, StartTrading):
            if self._pacer is None:
                self._open_markets()
            self.finish(command.command_id)
        elif isinstance(command, ReportRequest):
            reports = {
                name: venue.report({id: self._sources[name].counts(id) for id in self._instrument_ids(name)})
                for name, venue in self._venues.items()
                if name in self._sources
            }
            self.tell_supervisor(VenuesReported(command.command_id, self.child.process, reports))
            self.finish(command.command_id)
        elif isinstance(command, Halt | FenceStrategy):
            self.finish(command.command_id, "a venue knows no strategies")
        else:
            self.finish(command.command_id, f"{type(command).__name__} is not for the exchange", is_ok=False)

    def _instrument_ids(self, venue: str) -> list[str]:
        (spec,) = (spec for spec in self.spec.venues if spec.id == venue)
        return [instrument.id for instrument in spec.instruments]

    def on_registered(self) -> None:
        if self._is_exhausted:  # the supervisor that was told may be gone
            self.tell_supervisor(SourcesExhausted(self.child.process))

    def on_pulse(self, mono_ns: int) -> None:  # noqa: ARG002  # a hook's signature
        for outbox in self._outboxes.values():
            outbox.flush()


def main(arguments: Sequence[str]) -> int:
    """Run the exchange until it ends."""
    return run_child(ExchangeActor, ExchangeSpec, arguments)
