"""The gateway process of one venue account: `python -m gateways SPEC`.

It publishes the venue's market data, takes orders through the gate, and passes on what becomes of them. The venue here
is a simulated one, reached over a link as any venue would be; the books are made from reports and, after a loss, from
what the venue says when it is asked.
"""

from collections.abc import Sequence
from pathlib import Path
from time import monotonic_ns
from typing import Final

import structlog

from actors.runtime.child import NS_PER_MS, ChildActor, Outcome, Port, run_child
from actors.runtime.clock import MarketClock
from actors.runtime.group_sync import GroupSync
from actors.runtime.keys import Role
from actors.runtime.links import ORDERS_HWM, publisher, router, subscriber, try_send
from actors.runtime.mailbox import Delivery, Priority, Wire
from actors.runtime.publisher import Publisher
from gateways.alerts import Alerts
from gateways.drop_copy import DropCopyQueue
from gateways.feed_topics import feed_topics
from gateways.gate.lease_book import LeaseBook
from gateways.gate.order_gate import OrderGate
from gateways.gate.rate_limits import VenueBudget
from gateways.gate.send_queue import SendQueue
from gateways.gateway_status import Around, gateway_status
from gateways.intent_log import COPIED_CHANNELS, IntentLog
from gateways.intent_reader import IntentReader
from gateways.order_desk import OrderDesk
from gateways.readers import Readers
from gateways.safety.control_link import ControlLink
from gateways.safety.guard import Guard, Ties
from gateways.safety.reconciler import Reconciler, Tellers
from gateways.senders import NO_PREFIXES, check_sender
from gateways.snapshots import Snapshots
from gateways.spec import GatewaySpec
from gateways.strategy_links import StrategyLinks
from gateways.venue import FROM_VENUE, AccountState, FundingBooked, LoginAccepted, OrderStatus
from gateways.venue_session import VenueSession
from messages.codec import MARKET_DATA, TO_GATEWAY, encode
from messages.from_child import GatewayUpdate, ProcessKind
from messages.gateway_link import CheckpointReached, ExecutionsApplied, Hello, StillAlive
from messages.health import GatewayStatus
from messages.market import Checkpoint, ClockTick, EndOfData, Gap
from messages.orders import AmendOrder, CancelOrder, QueryOrder, SubmitOrder
from messages.risk import LeaseGrant, SetTradingState
from messages.to_child import (
    ChildCommand,
    ChildNews,
    DropCopyApplied,
    FenceStrategy,
    FlattenPosition,
    Halt,
    StartTrading,
    Unhalt,
)

CONTROL: Final = "control"
ORDERS: Final = "orders"
SUBSCRIPTIONS: Final = "subscriptions"
VENUE: Final = "venue"
VENUE_DATA: Final = "venue-data"
STATUS_EVERY_PULSES: Final = 5
TELL_AGAIN_EVERY_PULSES: Final = 10
"""A strategy acknowledges at each heartbeat of its own; a report that waits this long did not get through."""
REQUESTS_BETWEEN_LOOKS: Final = 256
"""Of strategies, before the clock is looked at: a storm of orders goes before timers, and must not silence them."""
WATCH_NS: Final = 20 * NS_PER_MS
"""Between two looks at the halt file, and at whether leases are to be asked for."""
SEND_AGAIN_NS: Final = 2 * NS_PER_MS
"""A cancel that the venue's link did not take is tried again so soon."""

log = structlog.get_logger()


class GatewayActor(ChildActor):
    """One venue account: its link, its gate, its books."""

    kind = ProcessKind.GATEWAY

    def __init__(self, spec: GatewaySpec, outcome: Outcome) -> None:
        super().__init__(spec, outcome)
        self.spec = spec
        self._instruments = {instrument.id: instrument for instrument in spec.instruments}
        self._clock = MarketClock(monotonic_ns)
        self._leases = LeaseBook() if spec.is_leased else LeaseBook.unlimited()
        self._gate = OrderGate(self._instruments, spec.checks, self._leases)
        self._readers = Readers()
        self._pulses = self._requests = 0
        self._alerts = Alerts(spec.process, self.tell_supervisor, self._clock.now_ns)

    def on_open(self) -> None:
        spec = self.spec
        self._log = IntentLog(Path(spec.journal_dir))
        self._group_sync = GroupSync(self._log.sync)
        self._group_sync.start()
        self._desk = OrderDesk(
            gate=self._gate,
            intent_log=self._log,
            records=self._log.restore(self._instruments, self._gate),
            to_venue=self._to_venue,
            to_strategy=self._tell,
            now_ns=self._clock.now_ns,
            queue=SendQueue(VenueBudget(spec.rate_limits, self._clock.now_ns())),
        )
        for problem in self._log.problems:
            self._alerts.add(problem)
        self._drop_copy = self._begin_drop_copy()
        ties = Ties(self._alerts.add, self._answer, self._clock.now_ns, self._leases.is_running, self._log.last_flatten)
        self._guard = Guard(spec, self._desk, ties)
        records, flattener = self._desk.records, self._guard.flattener
        journal = Path(spec.journal_dir)
        self._snapshots = Snapshots(journal, self._log, records, self._gate, lambda: flattener.last_number)
        tellers = Tellers(self._alerts.add, self.tell_supervisor)
        self._reconciler = Reconciler(spec, self._desk, self._log.bases, tellers)
        if spec.control_endpoint:
            control = router(self.context, spec.control_endpoint, admits=(Role.OPERATOR,))
            link = ControlLink(control, spec.process, self._halt_past_supervisor)
            self.attach(Port(CONTROL, Priority.COMMANDS, Wire.ROUTED), control, link.on_frame)
        self._orders = router(self.context, spec.orders_endpoint, admits=(Role.STRATEGY,), hwm=ORDERS_HWM)
        self._links = StrategyLinks(spec.venue, self._orders, self._desk, self._on_welcome)
        self.attach(Port(ORDERS, Priority.EXECUTIONS, Wire.ROUTED), self._orders, self._on_strategy)
        self._session = VenueSession(spec.venue, self._desk, self._reconciler, self._links.tell_all, self._clock.now_ns)
        market = publisher(self.context, spec.market_data_endpoint, admits=(Role.STRATEGY,))
        self.attach(Port(SUBSCRIPTIONS, Priority.EXECUTIONS), market, self._on_subscription)
        self._publisher = Publisher(market)
        venue = Port(VENUE, Priority.EXECUTIONS, hwm=ORDERS_HWM)
        self._venue = self.connect(venue, spec.venue_orders_endpoint, spec.venue, self._on_venue)
        data = subscriber(self.context, spec.venue_data_endpoint)
        for name in feed_topics(spec.venue, self._instruments):
            data.subscribe(name)
        self.attach(Port(VENUE_DATA, Priority.MARKET_DATA, Wire.PUBLISHED), data, self._on_market_data)
        self._set_watch(monotonic_ns())
        self.mailbox.is_lossless = True  # what to leave out is for the readers to say, each for itself

    # --- hearing ------------------------------------------------------------------------------------------------

    def _on_market_data(self, delivery: Delivery) -> None:
        message = MARKET_DATA.decode(delivery.frame)
        if isinstance(message, ClockTick):
            self._clock.on_tick(message)
        elif isinstance(message, Checkpoint):
            self._publisher.publish(message)
            if self._readers.passed(message.number):
                self._checkpoint_reached(message.number)
            return
        else:
            self._clock.observe(message.ts_received)
            self._gate.on_market(message)
            if type(message) is Gap:
                self._session.on_gap(monotonic_ns())
            self.is_drained = isinstance(message, EndOfData)
        self._publisher.publish(message)

    def _on_strategy(self, delivery: Delivery) -> None:
        self._requests += 1
        if self._requests % REQUESTS_BETWEEN_LOOKS == 0:
            self._on_due()
        message = TO_GATEWAY.decode(delivery.frame)
        prefixes = self.keyring.doorlist.order_prefixes if self.keyring is not None else NO_PREFIXES
        check_sender(message, delivery.user, self._desk.records.orders, prefixes)
        if isinstance(message, SubmitOrder):
            self._desk.submit(message, delivery.frame)
        elif isinstance(message, CancelOrder):
            self._desk.cancel(message)
        elif isinstance(message, AmendOrder):
            self._desk.amend(message)
        elif isinstance(message, CheckpointReached):
            if self._readers.reached(message.reader, message.number):
                self._checkpoint_reached(message.number)
        elif isinstance(message, ExecutionsApplied | StillAlive) and self._links.dismiss(delivery, message):
            return
        elif isinstance(message, ExecutionsApplied):
            seq = self._desk.records.acknowledge(message.strategy, message.seq)
            self._log.note_acknowledged(message.strategy, seq)
        elif isinstance(message, StillAlive):
            self._links.addresses.heard(delivery)
            self._guard.heard(message.strategy, monotonic_ns())
        elif isinstance(message, Hello):
            self._on_hello(delivery, message)
        elif isinstance(message, QueryOrder):
            self._desk.query(message)

    def _on_subscription(self, delivery: Delivery) -> None:
        self._publisher.on_subscription(delivery.frame)

    def _on_venue(self, delivery: Delivery) -> None:
        message = FROM_VENUE.decode(delivery.frame)
        if isinstance(message, LoginAccepted):
            self._session.on_login(monotonic_ns())
        elif isinstance(message, OrderStatus):
            self._desk.on_order_status(message)
        elif isinstance(message, AccountState):
            self._session.on_account(message, monotonic_ns())
            if not self.is_ready:
                self.set_ready()
        elif isinstance(message, FundingBooked):
            self._desk.on_funding(message)
        else:
            self._desk.report(message)
        if self._guard.flattener.tasks:
            self._guard.advance(monotonic_ns())

    # --- strategies ---------------------------------------------------------------------------------------------

    def _on_hello(self, delivery: Delivery, hello: Hello) -> None:
        if self._links.greet(delivery, hello) and hello.lossless:
            for number in self._readers.join(hello.strategy):
                self._checkpoint_reached(number)

    def _on_welcome(self, hello: Hello) -> None:
        self._guard.heard(hello.strategy, monotonic_ns())

    def _tell(self, strategy: str, frame: bytes) -> None:
        self._links.tell(strategy, frame)

    def _checkpoint_reached(self, number: int) -> None:
        self._to_venue(encode(CheckpointReached(self.spec.venue, number)))

    # --- the venue's link ---------------------------------------------------------------------------------------

    def on_connection(self, name: str, *, is_up: bool) -> None:
        assert name == VENUE
        self._session.on_connection(monotonic_ns(), is_up=is_up)

    def _to_venue(self, frame: bytes) -> bool:
        return try_send(self._venue, frame)

    # --- the drop copy ------------------------------------------------------------------------------------------

    def _begin_drop_copy(self) -> DropCopyQueue:
        """From here on whatever is journaled goes to the ledger too."""
        reader = IntentReader(Path(self.spec.journal_dir), COPIED_CHANNELS, self._log.segment_starts)
        drop_copy = DropCopyQueue(self.child.process, self._log.recorded, reader.read)
        self._log.on_recorded = drop_copy.record
        return drop_copy

    def _on_drop_copy_applied(self, applied: DropCopyApplied) -> None:
        was_ahead = self._drop_copy.is_ahead
        self._drop_copy.applied(applied.number)
        if self._drop_copy.is_ahead and not was_ahead:
            ours = self._drop_copy.recorded
            self._alerts.add(
                f"the ledger has {applied.number} records of {self.child.process}, its journal {ours}: it has lost its "
                "end; what is journaled until it has as many is missing in the ledger"
            )

    def on_registered(self) -> None:
        self._drop_copy.unheard()
        self._alerts.tell_again()

    def on_news(self, news: ChildNews) -> None:
        if isinstance(news, DropCopyApplied):
            self._on_drop_copy_applied(news)
        elif isinstance(news, LeaseGrant) and self._leases.apply(news):
            self._guard.note_policies(news.leases)
        else:
            log.warning("lease grant refused", serial=news.serial, applied=self._leases.serial)

    def _ask_leases(self, mono_ns: int) -> None:
        if self._leases.is_request_due(mono_ns):
            prices = self._gate.fresh_prices(self._clock.now_ns())
            held, recorded = self._desk.records.exposures(), self._drop_copy.recorded
            request = self._leases.request(self.child.process, mono_ns, held, prices, recorded=recorded)
            self.tell_supervisor(request)

    # --- commands and pulses ------------------------------------------------------------------------------------

    def on_command(self, command: ChildCommand) -> None:
        if isinstance(command, Halt):
            self._halt(command)
            self.finish(command.command_id)
        elif isinstance(command, Unhalt):
            self._answer(command.command_id, problem := self._guard.unhalt(), not problem)
        elif isinstance(command, FlattenPosition):
            self._guard.flatten(command, monotonic_ns())
        elif isinstance(command, SetTradingState):
            self._answer(command.command_id, problem := self._guard.set_trading_state(command), not problem)
        elif isinstance(command, FenceStrategy):
            self._fence(command)
            self.finish(command.command_id)
        elif isinstance(command, StartTrading):
            self.finish(command.command_id)
        else:
            self.finish(command.command_id, f"{type(command).__name__} is not for a gateway", is_ok=False)

    def _answer(self, command_id: str, text: str, is_ok: bool) -> None:
        self.finish(command_id, text, is_ok=is_ok)

    def _halt(self, command: Halt) -> None:
        self._guard.halt(command.reason, is_flattening=command.is_flattening, by=command.command_id)
        self._set_watch(monotonic_ns())

    def _halt_past_supervisor(self, command: Halt) -> None:
        by = f"the control socket ({command.command_id})"
        self._guard.halt_unasked(command.reason, is_flattening=command.is_flattening, by=by)
        self._set_watch(monotonic_ns())

    def _fence(self, fence: FenceStrategy) -> None:
        self._desk.fence(fence)
        self._guard.fenced(fence.strategy)
        if fence.is_final:
            for number in self._readers.leave(fence.strategy):
                self._checkpoint_reached(number)

    def on_alarm(self) -> None:
        """What cannot wait for the next pulse."""
        now_ns = monotonic_ns()
        self._ask_leases(now_ns)
        self._guard.look_at_latch()
        self._desk.send_waiting_cancels()
        self._desk.pump()
        self._set_watch(now_ns)

    def _set_watch(self, now_ns: int) -> None:
        self.set_alarm(now_ns + (SEND_AGAIN_NS if self._desk.has_waiting else WATCH_NS))

    def on_pulse(self, mono_ns: int) -> None:
        self._guard.on_pulse(mono_ns)
        self._alerts.flush()
        self._desk.catch_up()
        for copy in self._drop_copy.due():
            self.tell_supervisor(copy)
        self._pulses += 1
        if self._pulses % TELL_AGAIN_EVERY_PULSES == 0:
            self._links.tell_again()
        self._session.on_pulse(mono_ns)
        if self._pulses % STATUS_EVERY_PULSES == 0:
            self.tell_supervisor(GatewayUpdate(self.child.process, self._status()))
        self._snapshots.on_pulse(mono_ns)

    def on_idle(self) -> None:
        self._snapshots.on_idle(monotonic_ns())

    def _status(self) -> GatewayStatus:
        around = Around(
            balances=account.balances if (account := self._session.account) is not None else {},
            published=self._publisher.published,
            lease_left_ns=self._leases.left_ns(monotonic_ns()),
            mismatches=self._reconciler.mismatches.sentences(),
        )
        return gateway_status(self.spec.venue, self._desk, self._guard.states, around)

    def on_close(self) -> None:
        for copy in self._drop_copy.last():
            self.tell_supervisor(copy)
        self._group_sync.stop()
        self._snapshots.stop()
        self._log.close()


def main(arguments: Sequence[str]) -> int:
    """Run a gateway until it ends."""
    return run_child(GatewayActor, GatewaySpec, arguments)
