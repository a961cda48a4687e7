"""A gateway with everything that it is linked to: the supervisor, a venue and strategies, played by the test."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import zmq

from actors.runtime.journal import Record, read_journal, segment_files
from actors.runtime.links import Context
from gateways.gateway import GatewayActor
from gateways.intent_log import IntentChannel
from gateways.spec import LEASE_TTL_MS_MAX, GatewaySpec
from gateways.venue import TO_VENUE, AccountQuery, AccountState, LoginAccepted, ToVenue, VenueLogin
from messages.base import PROTOCOL_VERSION, Message
from messages.codec import FROM_GATEWAY
from messages.from_child import GatewayUpdate, Ready
from messages.gateway_link import CheckpointReached, ExecutionsApplied, FromGateway, Hello, Welcome
from messages.health import GatewayStatus
from messages.market import Checkpoint, ClockTick
from messages.orders import AmendOrder, CancelOrder, SubmitOrder
from messages.topics import Channel, topic
from tests.support.actor_thread import ActorThread, ActorThreads
from tests.support.orders import NOW_NS, OPEN_LIMITS, PERPETUAL, QUOTES, SPOT
from tests.support.played_ends import BoundEnd, ConnectedEnd, MarketReader, PlayedMarket, PlayedSupervisor, next_that

VENUE = SPOT.venue
HeardT = TypeVar("HeardT")
BEAT_MS = 5
LAST_TOPIC = topic(Channel.END, VENUE)
"""Once a gateway has subscribed to it, it has to all others."""


class PlayedVenue(BoundEnd[ToVenue]):
    """The venue. It holds the gateway to its word: what would trade is in its journal on disk."""

    def __init__(self, context: Context, directory: Path, journal_dir: Callable[[], Path]) -> None:
        self._journal_dir = journal_dir
        self.market = PlayedMarket(context, f"ipc://{directory}/v-data")
        super().__init__(context, f"ipc://{directory}/v-orders", TO_VENUE)

    def tells(self, *messages: Message | bytes) -> None:
        self.tell(VENUE, *messages)

    def lets_in(self) -> None:
        """Wait for the login, and take it."""
        assert self.hears_a(VenueLogin) == VenueLogin(VENUE, PROTOCOL_VERSION)
        self.tells(LoginAccepted(VENUE, NOW_NS))

    def tells_account_until(self, kind: type[HeardT], **changes: Any) -> HeardT:
        """Tell the account whenever it is asked for, until something else is.

        It may have been asked for before that which the test is about.
        """
        while not isinstance(message := self.hears(), kind):
            if isinstance(message, AccountQuery):
                self._tell_account(changes)
        return message

    def tells_account(self, **changes: Any) -> AccountQuery:
        """Wait until the account is asked for, and tell it; returns what was asked."""
        query: AccountQuery = self.hears_a(AccountQuery)
        self._tell_account(changes)
        return query

    def _tell_account(self, changes: dict[str, Any]) -> None:
        fields: dict[str, Any] = {
            "venue": VENUE, "positions": {}, "balances": {}, "open_orders": (), "fundings": (), "ts_event": NOW_NS,
        }  # fmt: skip
        self.tells(AccountState(**fields | changes))

    def check(self, message: ToVenue, frame: bytes) -> None:
        if isinstance(message, SubmitOrder | AmendOrder | CancelOrder):
            on_disk = list(read_journal(self._journal_dir()))
            assert Record(IntentChannel.INTENT, frame) in on_disk, f"{message} left before it was journaled"


class PlayedStrategy(ConnectedEnd[FromGateway]):
    """The host of one strategy: its order link, and what it subscribes to.

    :ivar is_acknowledging: acknowledge every report, and drop repeated ones, as a host does.
    """

    def __init__(self, context: Context, floor: "GatewayFloor", name: str) -> None:
        self.name = name
        self.is_acknowledging = True
        self.epoch = 1
        self._last_seq = 0
        self.market = MarketReader(context, floor.endpoints["market"])
        super().__init__(context, floor.endpoints["orders"], name, FROM_GATEWAY)

    def greets(self, **changes: Any) -> None:
        fields: dict[str, Any] = {
            "strategy": self.name, "epoch": 1, "next_seq": 1, "lossless": False, "protocol_version": PROTOCOL_VERSION,
        }  # fmt: skip
        hello = Hello(**fields | changes)
        self.epoch = hello.epoch
        self._last_seq = hello.next_seq - 1
        self.says(hello)

    def joins(self, **changes: Any) -> Welcome:
        """Greet, and wait for the welcome."""
        self.greets(**changes)
        welcome: Welcome = self.hears_a(Welcome)
        return welcome

    def hears(self) -> FromGateway:
        message = super().hears()
        seq = getattr(message, "seq", 0)
        if not seq or not self.is_acknowledging:
            return message
        if seq <= self._last_seq:
            self.heard.pop()
            return self.hears()
        assert seq == self._last_seq + 1, f"report {seq} came after {self._last_seq}"
        self._last_seq = seq
        self.says(ExecutionsApplied(self.name, seq, self.epoch))
        return message

    def reaches_checkpoint(self) -> None:
        """Wait for the next checkpoint, and say that all before it is handled."""
        self.says(CheckpointReached(self.name, self.market.hears_a(Checkpoint).number))


class QuotedGateway(GatewayActor):
    """Knows prices from its start, without any that it would have to publish."""

    def on_open(self) -> None:
        super().on_open()
        for quote in QUOTES:
            self._gate.on_market(quote)


class GatewayFloor:
    def __init__(self, directory: Path, threads: ActorThreads) -> None:
        self._threads = threads
        self.context: Context = zmq.Context()
        self.journal_dir = directory / "journal"
        self.endpoints = {name: f"ipc://{directory}/{name}" for name in ("orders", "market", "supervisor")}
        self.supervisor = PlayedSupervisor(self.context, self.endpoints["supervisor"], VENUE)
        self.venue = PlayedVenue(self.context, directory, lambda: self.journal_dir)

    def spec(self, **changes: Any) -> GatewaySpec:
        fields: dict[str, Any] = {
            "process": VENUE, "cluster": "desk", "supervisor_endpoint": self.supervisor.endpoint,
            "heartbeat_interval_ms": BEAT_MS, "venue": VENUE, "instruments": (SPOT, PERPETUAL),
            "orders_endpoint": self.endpoints["orders"], "market_data_endpoint": self.endpoints["market"],
            "venue_orders_endpoint": self.venue.endpoint, "venue_data_endpoint": self.venue.market.endpoint,
            "journal_dir": str(self.journal_dir), "lease_ttl_ms": LEASE_TTL_MS_MAX, "checks": OPEN_LIMITS,
        }  # fmt: skip
        return GatewaySpec(**fields | changes)

    def start(self, **changes: Any) -> ActorThread:
        self.actor = self._threads.start(QuotedGateway, self.spec(**changes))
        return self.actor

    def open(self, **changes: Any) -> ActorThread:
        """Start a gateway, let it in at the venue, and start its clock at NOW_NS."""
        actor = self.start(**changes)
        self.venue.lets_in()
        self.venue.tells_account()
        self.supervisor.hears_a(Ready)
        self.venue.market.is_subscribed(LAST_TOPIC)
        self.venue.market.publish(ClockTick(VENUE, NOW_NS, 1, 0.0))
        self.status(lambda status: status.published == 1)
        return actor

    def strategy(self, name: str = "carry", **changes: Any) -> PlayedStrategy:
        """A strategy that has been welcomed."""
        strategy = PlayedStrategy(self.context, self, name)
        strategy.joins(**changes)
        return strategy

    def lossless_strategy(self, name: str = "carry", **changes: Any) -> PlayedStrategy:
        """A strategy that has been welcomed as a lossless reader, and hears the checkpoints."""
        strategy = PlayedStrategy(self.context, self, name)
        for channel in (Channel.CHECKPOINT, Channel.CLOCK):
            strategy.market.subscribe(channel, VENUE)
        self.venue.market.publish(ClockTick(VENUE, NOW_NS, 1, 0.0))
        strategy.market.hears_a(ClockTick)  # so both subscriptions have got through
        strategy.joins(lossless=True, **changes)
        return strategy

    def status(self, condition: Callable[[GatewayStatus], bool] = lambda _: True) -> GatewayStatus:
        """The next of which something is so; one that was sent before now says nothing of now."""
        self.supervisor.hears_beats(1)
        status: GatewayStatus = next_that(lambda: self.supervisor.hears_a(GatewayUpdate).status, condition, "status")
        return status

    def restart_as_killed(self, directory: Path, **changes: Any) -> None:
        """Start the next gateway on the journal that it would find if this one were killed now."""
        journal_at_death = directory / "journal-at-death"
        journal_at_death.mkdir()
        for segment in segment_files(self.journal_dir):
            (journal_at_death / segment.name).write_bytes(segment.read_bytes())
        self.actor.stop()
        self.journal_dir = journal_at_death
        for heard in (self.venue.heard, self.supervisor.heard):
            heard.clear()
        self.venue.market.forget_subscriptions()
        self.start(**changes)

    def close(self) -> None:
        self.context.destroy(0)
