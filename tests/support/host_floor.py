"""The host of a strategy with everything that it is linked to: the supervisor and two gateways, played by the test."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import zmq

from actors.runtime.host import StrategyActor
from actors.runtime.input_journal import InputChannel
from actors.runtime.journal import Record, read_journal, segment_files
from actors.runtime.links import Context
from actors.runtime.spec import GatewayEndpoints, HostSpec
from actors.strategies.own_orders import cause_of
from messages.base import Message
from messages.codec import FROM_GATEWAY, MARKET_DATA, STRATEGY_INPUT, TO_GATEWAY
from messages.from_child import Ready, StrategyReported
from messages.gateway_link import ExecutionsApplied, Hello, StillAlive, ToGateway, Welcome
from messages.health import StrategyReport
from messages.market import Trade
from messages.orders import AmendOrder, Side, SubmitOrder
from messages.to_child import ReportRequest
from messages.topics import Channel, topic
from tests.support.actor_thread import ActorThread, ActorThreads
from tests.support.orders import NOW_NS, SPOT
from tests.support.played_ends import BoundEnd, PlayedMarket, PlayedSupervisor, next_of
from tests.support.sockets import until

STRATEGY = "carry"
NEAR, FAR = SPOT, msgspec.structs.replace(SPOT, venue="far")
BEAT_MS = 10
_DECODE: dict[int, Any] = {
    InputChannel.MARKET_DATA: MARKET_DATA.decode,
    InputChannel.EXECUTION: FROM_GATEWAY.decode,
    InputChannel.CONTROL: STRATEGY_INPUT.decode,
}


class PlayedGateway(BoundEnd[ToGateway]):
    """One gateway. It holds the host to its word: what had an effect on it is in the strategy's journal on disk.

    :ivar last_alive: the last sign of life that was passed over on the way to something else.
    """

    def __init__(self, context: Context, directory: Path, venue: str, journal_dir: Callable[[], Path]) -> None:
        self.venue, self._journal_dir = venue, journal_dir
        self.endpoints = GatewayEndpoints(f"ipc://{directory}/{venue}-o", f"ipc://{directory}/{venue}-m")
        self.market = PlayedMarket(context, self.endpoints.market_data)
        self._last_seq = 0
        self.last_alive: StillAlive | None = None
        super().__init__(context, self.endpoints.orders, TO_GATEWAY)

    def tells(self, *messages: Message | bytes) -> None:
        self.tell(STRATEGY, *messages)

    def reports(self, *reports: Any) -> None:
        """Tell execution reports, with the next numbers of the strategy's sequence."""
        for report in reports:
            self._last_seq += 1
            self.tells(msgspec.structs.replace(report, seq=self._last_seq))

    def welcomes(self, **changes: Any) -> Hello:
        """Wait for the greeting, and answer it; returns it."""
        hello: Hello = self.hears_a(Hello)
        self.answers(hello, **changes)
        return hello

    def answers(self, hello: Hello, **changes: Any) -> None:
        """Welcome whoever greeted so; `last_seq` is that of the last report told here."""
        fields: dict[str, Any] = {
            "venue": self.venue, "strategy": STRATEGY, "epoch": hello.epoch, "last_seq": self._last_seq,
            "positions": {}, "open_orders": (), "is_venue_up": True,
        }  # fmt: skip
        self.tells(Welcome(**fields | changes))

    def hears(self) -> ToGateway:
        """The next message that is more than a sign of life."""
        while isinstance(message := super().hears(), StillAlive):
            self.last_alive = message
            self.heard.pop()
        return message

    @property
    def hears_nothing(self) -> bool:
        """Nothing but signs of life."""
        while self._socket.poll(0):
            if not isinstance(TO_GATEWAY.decode(self._socket.recv_multipart()[1]), StillAlive):
                return False
        return True

    def hears_alive(self) -> StillAlive:
        """The next sign of life, whatever comes before it."""
        alive: StillAlive = next_of(StillAlive, super().hears)
        return alive

    def check(self, message: ToGateway, frame: bytes) -> None:
        on_disk = list(read_journal(self._journal_dir()))
        if isinstance(message, SubmitOrder | AmendOrder):
            causes = [record for record in on_disk if _causes(record, message.caused_by)]
            assert causes, f"{message} left before what it answers was journaled"
        elif isinstance(message, ExecutionsApplied):
            seqs = [_seq(record) for record in on_disk if record.channel == InputChannel.EXECUTION]
            assert message.seq in seqs, f"report {message.seq} was acknowledged before it was journaled"


class HostFloor:
    """:ivar near: the gateway of the instrument NEAR; `far` that of FAR."""

    def __init__(self, directory: Path, threads: ActorThreads) -> None:
        self._threads = threads
        self.context: Context = zmq.Context()
        self.journal_dir = directory / "journal"
        self.supervisor = PlayedSupervisor(self.context, f"ipc://{directory}/supervisor", STRATEGY)
        self.near = PlayedGateway(self.context, directory, NEAR.venue, lambda: self.journal_dir)
        self.far = PlayedGateway(self.context, directory, FAR.venue, lambda: self.journal_dir)
        self._idle = self.context.socket(zmq.PAIR)
        self._trade_seq = dict.fromkeys((NEAR.id, FAR.id), 0)
        self._asked = 0

    # --- the host -----------------------------------------------------------------------------------------------

    def spec(self, **changes: Any) -> HostSpec:
        fields: dict[str, Any] = {
            "process": STRATEGY, "cluster": "desk", "supervisor_endpoint": self.supervisor.endpoint,
            "heartbeat_interval_ms": BEAT_MS, "strategy": STRATEGY, "kind": "puppet", "epoch": 1,
            "order_prefix": "desk-carry", "parameters": {"instruments": [NEAR.id, FAR.id]},
            "instruments": (NEAR, FAR), "journal_dir": str(self.journal_dir),
            "gateways": {gateway.venue: gateway.endpoints for gateway in (self.near, self.far)},
        }  # fmt: skip
        return HostSpec(**fields | changes)

    def start(self, **changes: Any) -> ActorThread:
        return self._threads.start(StrategyActor, self.spec(**changes))

    def start_trading(self, **changes: Any) -> ActorThread:
        """Start a host, and bring it to where both gateways have welcomed it and it hears the market."""
        actor = self.start(**changes)
        self.near.welcomes()
        self.far.welcomes()
        self.is_subscribed(*self.topics())
        self.supervisor.hears_a(Ready)
        return actor

    def topics(self) -> set[bytes]:
        """What the puppet's host subscribes to where it need not be lossless."""
        names = {topic(channel, id) for channel in (Channel.TRADE, Channel.GAP) for id in (NEAR.id, FAR.id)}
        return names | {topic(channel, id) for channel in (Channel.CLOCK, Channel.END) for id in (NEAR.venue, "far")}

    def is_subscribed(self, *names: bytes) -> None:
        for gateway in (self.near, self.far):
            gateway.market.is_subscribed(*names)

    # --- what it is told ----------------------------------------------------------------------------------------

    def publish(self, message: Any) -> None:
        is_far = getattr(message, "instrument", getattr(message, "venue", "")).endswith("far")
        (self.far if is_far else self.near).market.publish(message)

    def trade(self, word: str, *, instrument: str = NEAR.id, **changes: Any) -> Trade:
        """Publish a trade that tells the puppet what to do."""
        seq = self._trade_seq[instrument] = self._trade_seq[instrument] + 1
        fields: dict[str, Any] = {
            "instrument": instrument, "price": 50_000.0, "size": 0.01, "aggressor": Side.BUY,
            "trade_id": f"{word} {seq}", "ts_event": NOW_NS, "ts_received": NOW_NS, "seq": seq,
        }  # fmt: skip
        trade = Trade(**fields | changes)
        self.publish(trade)
        return trade

    def buys(self, instrument: str = NEAR.id) -> SubmitOrder:
        """Let the puppet buy, and take the order at its gateway."""
        self.trade("buy", instrument=instrument)
        gateway = self.near if instrument == NEAR.id else self.far
        order: SubmitOrder = gateway.hears_a(SubmitOrder)
        return order

    # --- what became of it --------------------------------------------------------------------------------------

    def told(self) -> list[Any]:
        """Everything that the strategy was told, as its journal on disk has it."""
        return [_DECODE[channel](payload) for channel, payload in self.on_disk() if channel in _DECODE]

    def on_disk(self) -> list[Record]:
        return list(read_journal(self.journal_dir))

    def is_told(self, message: Any) -> None:
        """Wait until the strategy has been told this."""
        until(lambda: message in self.told(), self._idle, f"{message} told")

    def is_told_a(self, kind: type[Any], count: int = 1) -> Any:
        """Wait until the strategy has been told so many messages of a kind; returns the last."""

        def found() -> list[Any]:
            return [message for message in self.told() if isinstance(message, kind)]

        until(lambda: len(found()) >= count, self._idle, f"{count} {kind.__name__} told")
        return found()[count - 1]

    def report(self) -> StrategyReport:
        self._asked += 1
        self.supervisor.tell(STRATEGY, ReportRequest(f"report-{self._asked}"))
        reported: StrategyReported = self.supervisor.hears_a(StrategyReported)
        assert reported.command_id == f"report-{self._asked}"
        return reported.report

    def killed_journal(self, directory: Path) -> Path:
        """The journal as it would be found if the host were killed now."""
        copy = directory / "journal-at-death"
        copy.mkdir()
        for segment in segment_files(self.journal_dir):
            (copy / segment.name).write_bytes(segment.read_bytes())
        return copy

    def close(self) -> None:
        self.context.destroy(0)


def _causes(record: Record, caused_by: str) -> bool:
    if record.channel != InputChannel.MARKET_DATA:
        return False
    message: Any = MARKET_DATA.decode(record.payload)
    return isinstance(message, Trade) and caused_by == cause_of(message)


def _seq(record: Record) -> int:
    report: Any = FROM_GATEWAY.decode(record.payload)
    return int(report.seq)
