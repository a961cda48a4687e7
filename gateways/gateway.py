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

from actors.runtime.child import ChildActor, Outcome, Port, run_child
from actors.runtime.clock import MarketClock
from actors.runtime.group_sync import GroupSync
from actors.runtime.links import ORDERS_HWM, publisher, router, subscriber, try_send, try_send_to
from actors.runtime.mailbox import Delivery, Priority, Wire
from actors.runtime.publisher import Publisher
from gateways.intent_log import IntentLog
from gateways.order_desk import OrderDesk
from gateways.order_gate import OrderGate
from gateways.readers import Readers
from gateways.spec import GatewaySpec
from gateways.venue import (
    FROM_VENUE,
    AccountQuery,
    AccountState,
    FundingBooked,
    LoginAccepted,
    OrderStatus,
    VenueLogin,
)
from messages.base import PROTOCOL_VERSION, Message
from messages.codec import MARKET_DATA, TO_GATEWAY, encode
from messages.control import (
    CheckpointReached,
    ChildCommand,
    ExecutionsApplied,
    FenceStrategy,
    GatewayUpdate,
    Halt,
    Hello,
    HelloRefused,
    ProcessKind,
    StartTrading,
    VenueDown,
    VenueUp,
    Welcome,
)
from messages.health import GatewayStatus
from messages.market import Checkpoint, ClockTick, EndOfData
from messages.orders import (
    AmendOrder,
    CancelOrder,
    QueryOrder,
    SubmitOrder,
)
from messages.topics import Channel, topic

ORDERS: Final = "orders"
SUBSCRIPTIONS: Final = "subscriptions"
VENUE: Final = "venue"
VENUE_DATA: Final = "venue-data"
STATUS_EVERY_PULSES: Final = 5
ACCOUNT_EVERY_PULSES: Final = 20
TELL_AGAIN_EVERY_PULSES: Final = 10
"""A strategy acknowledges at each heartbeat of its own; a report that waits this long did not get through."""
LOGIN_RETRY_NS: Final = 500_000_000

log = structlog.get_logger()


class GatewayActor(ChildActor):
    """One venue account: its link, its gate, its books."""

    kind = ProcessKind.GATEWAY

    def __init__(self, spec: GatewaySpec, outcome: Outcome) -> None:
        super().__init__(spec, outcome)
        self.spec = spec
        self._instruments = {instrument.id: instrument for instrument in spec.instruments}
        self._clock = MarketClock(monotonic_ns)
        self._gate = OrderGate(self._instruments)
        self._readers = Readers()
        self._peers: set[str] = set()
        self._oldest_waiting: dict[str, int] = {}
        self._is_venue_connected = False
        self._is_venue_announced = False
        self._login_ns = 0
        self._account: AccountState | None = None
        self._pulses = 0

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
        )
        self._orders = router(self.context, spec.orders_endpoint, hwm=ORDERS_HWM)
        self.attach(Port(ORDERS, Priority.EXECUTIONS, Wire.ROUTED), self._orders, self._on_strategy)
        market = publisher(self.context, spec.market_data_endpoint)
        self.attach(Port(SUBSCRIPTIONS, Priority.EXECUTIONS), market, self._on_subscription)
        self._publisher = Publisher(market)
        venue = Port(VENUE, Priority.EXECUTIONS, hwm=ORDERS_HWM)
        self._venue = self.connect(venue, spec.venue_orders_endpoint, spec.venue, self._on_venue)
        data = subscriber(self.context, spec.venue_data_endpoint)
        for name in self._topics():
            data.subscribe(name)
        self.attach(Port(VENUE_DATA, Priority.MARKET_DATA, Wire.PUBLISHED), data, self._on_market_data)
        self.mailbox.is_lossless = True  # what to leave out is for the readers to say, each for itself

    def _topics(self) -> list[bytes]:
        """All that the venue publishes, by name: so a gateway that comes late is told the last value of each.

        The clock comes first and the end of the data last, for what is heard after it is news.
        """
        of_instruments = (Channel.QUOTE, Channel.TRADE, Channel.DEPTH, Channel.MARK, Channel.GAP)
        names = [topic(channel, id) for id in self._instruments for channel in of_instruments]
        clock, checkpoint, end = (
            topic(channel, self.spec.venue) for channel in (Channel.CLOCK, Channel.CHECKPOINT, Channel.END)
        )
        return [clock, *names, checkpoint, end]

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
            self.is_drained = isinstance(message, EndOfData)
        self._publisher.publish(message)

    def _on_strategy(self, delivery: Delivery) -> None:
        message = TO_GATEWAY.decode(delivery.frame)
        if isinstance(message, SubmitOrder):
            self._desk.submit(message, delivery.frame)
        elif isinstance(message, CancelOrder):
            self._desk.cancel(message)
        elif isinstance(message, AmendOrder):
            self._desk.amend(message)
        elif isinstance(message, CheckpointReached):
            if self._readers.reached(message.reader, message.number):
                self._checkpoint_reached(message.number)
        elif isinstance(message, ExecutionsApplied):
            self._desk.records.acknowledge(message.strategy, message.seq)
        elif isinstance(message, Hello):
            self._greet(delivery.sender, message)
        elif isinstance(message, QueryOrder):
            self._desk.ask(message)

    def _on_subscription(self, delivery: Delivery) -> None:
        self._publisher.on_subscription(delivery.frame)

    def _on_venue(self, delivery: Delivery) -> None:
        message = FROM_VENUE.decode(delivery.frame)
        if isinstance(message, LoginAccepted):
            self._on_login()
        elif isinstance(message, OrderStatus):
            self._desk.on_order_status(message)
        elif isinstance(message, AccountState):
            self._on_account(message)
        elif isinstance(message, FundingBooked):
            self._desk.on_funding(message)
        else:
            self._desk.report(message)

    # --- strategies ---------------------------------------------------------------------------------------------

    def _greet(self, sender: bytes, hello: Hello) -> None:
        strategy, last_seq = hello.strategy, self._desk.records.last_seq(hello.strategy)
        if hello.protocol_version != PROTOCOL_VERSION:
            text = f"protocol version {hello.protocol_version}, this gateway speaks {PROTOCOL_VERSION}"
        elif self._gate.is_fenced(strategy, hello.epoch):
            text = f"epoch {hello.epoch} of {strategy} is over; epoch {self._gate.epoch(strategy)} is served"
        elif hello.next_seq > last_seq + 1:
            text = f"{strategy} has report {hello.next_seq - 1}, this gateway's journal ends at {last_seq}"
        else:
            self._welcome(strategy, hello)
            return
        try_send_to(self._orders, sender, encode(HelloRefused(self.spec.venue, strategy, text)))

    def _welcome(self, strategy: str, hello: Hello) -> None:
        records = self._desk.records
        self._gate.fence(strategy, hello.epoch)
        self._peers.add(strategy)
        records.acknowledge(strategy, hello.next_seq - 1)
        for report in records.reports_from(strategy, hello.next_seq):
            self._tell(strategy, encode(report))
        welcome = Welcome(
            venue=self.spec.venue,
            strategy=strategy,
            epoch=hello.epoch,
            last_seq=records.last_seq(strategy),
            positions=records.positions(strategy),
            open_orders=tuple(order.request.client_order_id for order in records.open_orders(strategy)),
            is_venue_up=self._desk.is_venue_up,
        )
        self._tell(strategy, encode(welcome))
        if hello.lossless:
            for number in self._readers.join(strategy):
                self._checkpoint_reached(number)

    def _tell_all(self, message: Message) -> None:
        for strategy in list(self._peers):
            self._tell(strategy, encode(message))

    def _tell(self, strategy: str, frame: bytes) -> None:
        """Tell a strategy that has said hello; a numbered report that does not get through is told again later."""
        if strategy in self._peers:
            try_send_to(self._orders, strategy.encode(), frame)

    def _tell_again(self) -> None:
        """Repeat the reports that a strategy has left unacknowledged since the last look; it drops what it has."""
        for strategy in self._peers:
            waiting = self._desk.records.reports_from(strategy, 0)
            oldest = waiting[0].seq if waiting else 0
            if oldest and self._oldest_waiting.get(strategy) == oldest:
                for report in waiting:
                    self._tell(strategy, encode(report))
            self._oldest_waiting[strategy] = oldest

    def _checkpoint_reached(self, number: int) -> None:
        self._to_venue(encode(CheckpointReached(self.spec.venue, number)))

    # --- the venue's link ---------------------------------------------------------------------------------------

    def on_connection(self, name: str, *, is_up: bool) -> None:
        assert name == VENUE
        self._is_venue_connected = is_up
        if is_up:
            self._log_in()
        elif self._desk.is_venue_up:
            self._on_venue_lost()

    def _to_venue(self, frame: bytes) -> bool:
        return try_send(self._venue, frame)

    def _log_in(self) -> None:
        self._login_ns = monotonic_ns()
        self._to_venue(encode(VenueLogin(self.spec.venue, PROTOCOL_VERSION)))

    def _on_login(self) -> None:
        """Ask for whatever may have happened while we were away; requests are answered in order."""
        if self._desk.is_venue_up:
            return
        self._desk.venue_is_back()
        self._ask_account()

    def _on_venue_lost(self) -> None:
        self._desk.venue_is_lost()
        self._is_venue_announced = False
        self._tell_all(VenueDown(self.spec.venue, "link to the venue lost", self._clock.now_ns()))

    def _on_account(self, account: AccountState) -> None:
        self._account = account
        for booked in account.fundings:
            self._desk.on_funding(booked)
        if not self._is_venue_announced:
            self._is_venue_announced = True
            self._tell_all(VenueUp(self.spec.venue, self._clock.now_ns()))
        if not self.is_ready:
            self.set_ready()

    def _ask_account(self) -> None:
        self._to_venue(encode(AccountQuery(self.spec.venue, self._desk.records.fundings)))

    # --- commands and pulses ------------------------------------------------------------------------------------

    def on_command(self, command: ChildCommand) -> None:
        if isinstance(command, Halt):
            self._desk.halt(command.reason)
            self.finish(command.command_id)
        elif isinstance(command, FenceStrategy):
            self._fence(command)
            self.finish(command.command_id)
        elif isinstance(command, StartTrading):
            self.finish(command.command_id)
        else:
            self.finish(command.command_id, f"{type(command).__name__} is not for a gateway", is_ok=False)

    def _fence(self, fence: FenceStrategy) -> None:
        self._desk.fence(fence)
        if fence.is_final:
            for number in self._readers.leave(fence.strategy):
                self._checkpoint_reached(number)

    def on_pulse(self, mono_ns: int) -> None:
        if self._is_venue_connected and not self._desk.is_venue_up and mono_ns - self._login_ns > LOGIN_RETRY_NS:
            self._log_in()
        self._desk.catch_up()
        self._pulses += 1
        if self._pulses % TELL_AGAIN_EVERY_PULSES == 0:
            self._tell_again()
        if self._desk.is_venue_up and self._pulses % ACCOUNT_EVERY_PULSES == 0:
            self._ask_account()
        if self._pulses % STATUS_EVERY_PULSES == 0:
            self.tell_supervisor(GatewayUpdate(self.child.process, self._status()))

    def _status(self) -> GatewayStatus:
        account = self._account
        return GatewayStatus(
            id=self.spec.venue,
            is_venue_up=self._desk.is_venue_up,
            is_halted=self._gate.is_halted,
            open_orders=len(self._desk.records.open_orders()),
            orders=self._desk.counts,
            positions=self._desk.records.positions(),
            balances=account.balances if account is not None else {},
            published=self._publisher.published,
            tick_to_order={strategy: histogram.summary() for strategy, histogram in self._desk.latency.items()},
            holdings=self._desk.records.holdings(),
        )

    def on_close(self) -> None:
        self._group_sync.stop()
        self._log.close()


def main(arguments: Sequence[str]) -> int:
    """Run a gateway until it ends."""
    return run_child(GatewayActor, GatewaySpec, arguments)
