"""A gateway's end of its links to the strategies: who has said hello, what each has missed, and what is told again."""

from collections.abc import Callable

from actors.runtime.address_book import AddressBook
from actors.runtime.links import Socket, try_send_to
from actors.runtime.mailbox import Delivery
from gateways.gate.order_gate import OrderGate
from gateways.order_desk import OrderDesk
from messages.base import PROTOCOL_VERSION, Message
from messages.codec import encode
from messages.gateway_link import ExecutionsApplied, Hello, HelloRefused, StillAlive, Welcome


class StrategyLinks:
    """:param socket: the ROUTER of the strategies.
    :param on_welcome: called for each strategy that is let in, before it is told anything.
    :ivar addresses: where each strategy last spoke from.
    """

    def __init__(self, venue: str, socket: Socket, desk: OrderDesk, on_welcome: Callable[[Hello], None]) -> None:
        self.addresses = AddressBook(socket)
        self._venue = venue
        self._socket = socket
        self._desk = desk
        self._on_welcome = on_welcome
        self._peers: set[str] = set()
        self._oldest_waiting: dict[str, int] = {}

    def greet(self, delivery: Delivery, hello: Hello) -> bool:
        """Let a strategy in and tell it what it has missed, or say why not; whether it was let in."""
        refusal = self._refusal(hello, self._desk.gate)
        if refusal:
            try_send_to(self._socket, delivery.sender, encode(HelloRefused(self._venue, hello.strategy, refusal)))
            return False
        self.addresses.moved(delivery)
        self._welcome(hello)
        return True

    def dismiss(self, delivery: Delivery, word: ExecutionsApplied | StillAlive) -> bool:
        """Tell an incarnation whose epoch is over so, and it will end; False where it is the one that is served.

        It comes to a process that slept while another took its place; it would not ask by itself.
        """
        gate = self._desk.gate
        if not gate.is_fenced(word.strategy, word.epoch):
            return False
        text = _is_over(word.strategy, word.epoch, gate)
        try_send_to(self._socket, delivery.sender, encode(HelloRefused(self._venue, word.strategy, text)))
        return True

    def _refusal(self, hello: Hello, gate: OrderGate) -> str:
        strategy, last_seq = hello.strategy, self._desk.records.last_seq(hello.strategy)
        if hello.protocol_version != PROTOCOL_VERSION:
            return f"protocol version {hello.protocol_version}, this gateway speaks {PROTOCOL_VERSION}"
        if gate.is_fenced(strategy, hello.epoch):
            return _is_over(strategy, hello.epoch, gate)
        if hello.next_seq > last_seq + 1:
            return f"{strategy} has report {hello.next_seq - 1}, this gateway's journal ends at {last_seq}"
        return ""

    def _welcome(self, hello: Hello) -> None:
        strategy, records = hello.strategy, self._desk.records
        self._desk.gate.fence(strategy, hello.epoch)
        # What waits for the rate limit is no open order yet; the strategy would take it for one that never arrived.
        self._desk.withdraw_waiting("hello", strategy)
        self._on_welcome(hello)
        self._peers.add(strategy)
        records.acknowledge(strategy, hello.next_seq - 1)
        for report in records.reports_from(strategy, hello.next_seq):
            self.tell(strategy, encode(report))
        welcome = Welcome(
            venue=self._venue,
            strategy=strategy,
            epoch=hello.epoch,
            last_seq=records.last_seq(strategy),
            positions=records.positions(strategy),
            open_orders=tuple(order.request.client_order_id for order in records.open_orders(strategy)),
            is_venue_up=self._desk.is_venue_up,
        )
        self.tell(strategy, encode(welcome))

    def tell(self, strategy: str, frame: bytes) -> None:
        """Tell a strategy that has said hello; a numbered report that does not get through is told again later."""
        if strategy in self._peers:
            self.addresses.send(strategy, frame)

    def tell_all(self, message: Message) -> None:
        for strategy in list(self._peers):
            self.tell(strategy, encode(message))

    def tell_again(self) -> None:
        """Repeat the reports that a strategy has left unacknowledged since the last look; it drops what it has."""
        for strategy in self._peers:
            waiting = self._desk.records.reports_from(strategy, 0)
            oldest = waiting[0].seq if waiting else 0
            if oldest and self._oldest_waiting.get(strategy) == oldest:
                for report in waiting:
                    self.tell(strategy, encode(report))
            self._oldest_waiting[strategy] = oldest


def _is_over(strategy: str, epoch: int, gate: OrderGate) -> str:
    return f"epoch {epoch} of {strategy} is over; epoch {gate.epoch(strategy)} is served"
