"""An exchange with everything that it is linked to: the supervisor and the gateways, played by the test."""

import gzip
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import zmq

from actors.runtime.links import Context
from gateways.exchange.exchange import ExchangeActor
from gateways.exchange.spec import ExchangeSpec, RecordedSourceSpec, SourceSpec, SyntheticSourceSpec, VenueSpec
from gateways.venue import FROM_VENUE, FromVenue, LoginAccepted, VenueLogin
from messages.base import PROTOCOL_VERSION
from messages.from_child import CommandDone, Ready
from messages.instruments import Instrument
from messages.market import ClockTick
from messages.to_child import StartTrading
from tests.support.actor_thread import ActorThread, ActorThreads
from tests.support.orders import MS, SPOT
from tests.support.played_ends import ConnectedEnd, MarketReader, PlayedSupervisor

PROCESS = "exchange"
BEAT_MS = 10
FIRST_NS = 1_700_000_000_000 * MS
"""When the first line of a recording that a test makes was received; a line follows each millisecond."""

QUOTE_LINE = (
    b'{"stream":"btcusdt@bookTicker","data":{"u":%d,"s":"BTCUSDT","b":"50000.0","B":"1","a":"50000.1","A":"1"}}'
)
OTHER_LINE = b'{"stream":"ethusdt@bookTicker","data":{"u":%d,"s":"ETHUSDT","b":"2000.0","B":"1","a":"2000.1","A":"1"}}'


def spot(venue: str) -> Instrument:
    return msgspec.structs.replace(SPOT, venue=venue)


def synthetic(venue: str, **changes: Any) -> VenueSpec:
    return _venue(venue, SyntheticSourceSpec(seed=7, events_per_second=200.0), changes)


def recorded(venue: str, file: Path, *, speed: float = 0.0, **changes: Any) -> VenueSpec:
    return _venue(venue, RecordedSourceSpec("binance-stream", "spot", (str(file),), speed), changes)


def record(file: Path, lines: int, line: bytes = QUOTE_LINE) -> Path:
    """Write a recording of so many lines."""
    text = b"".join(b"%d %s\n" % (FIRST_NS + number * MS, line % number) for number in range(lines))
    file.write_bytes(gzip.compress(text))
    return file


class PlayedGateway(ConnectedEnd[FromVenue]):
    """The gateway of one venue: its order link, and what it reads of the market."""

    def __init__(self, context: Context, floor: "ExchangeFloor", venue: str) -> None:
        self.venue = venue
        self.market = MarketReader(context, floor.data_endpoints[venue])
        self.market.subscribe_to_all()
        super().__init__(context, floor.orders_endpoint, venue, FROM_VENUE)

    def logs_in(self) -> LoginAccepted:
        self.says(VenueLogin(self.venue, PROTOCOL_VERSION))
        login: LoginAccepted = self.hears_a(LoginAccepted)
        return login


class ExchangeFloor:
    def __init__(self, directory: Path, threads: ActorThreads) -> None:
        self._threads = threads
        self._directory = directory
        self.context: Context = zmq.Context()
        self.orders_endpoint = f"ipc://{directory}/orders"
        self.data_endpoints: dict[str, str] = {}
        self.supervisor = PlayedSupervisor(self.context, f"ipc://{directory}/supervisor", PROCESS)

    def spec(self, *venues: VenueSpec, **changes: Any) -> ExchangeSpec:
        self.data_endpoints = {venue.id: f"ipc://{self._directory}/{venue.id}-data" for venue in venues}
        fields: dict[str, Any] = {
            "process": PROCESS, "cluster": "desk", "supervisor_endpoint": self.supervisor.endpoint,
            "heartbeat_interval_ms": BEAT_MS, "venues": venues, "orders_endpoint": self.orders_endpoint,
            "data_endpoints": self.data_endpoints,
        }  # fmt: skip
        return ExchangeSpec(**fields | changes)

    def start(self, *venues: VenueSpec, **changes: Any) -> ActorThread:
        actor = self._threads.start(ExchangeActor, self.spec(*venues, **changes))
        self.supervisor.hears_a(Ready)
        return actor

    def gateway(self, venue: str) -> PlayedGateway:
        """A gateway that is logged in. Its subscription is through by then, as in a cluster that starts."""
        gateway = PlayedGateway(self.context, self, venue)
        gateway.logs_in()
        gateway.logs_in()
        return gateway

    def open_markets(self, command_id: str = "open") -> CommandDone:
        return self.supervisor.asks(StartTrading(command_id))

    def close(self) -> None:
        self.context.destroy(0)


def first_clock(gateway: PlayedGateway) -> ClockTick:
    """The first that a gateway hears of the market."""
    tick = gateway.market.hears()
    assert isinstance(tick, ClockTick), f"{tick} came before the clock"
    return tick


def _venue(venue: str, source: SourceSpec, changes: dict[str, Any]) -> VenueSpec:
    fields: dict[str, Any] = {
        "id": venue, "instruments": (spot(venue),), "balances": {"USDT": Decimal(100_000)}, "source": source,
    }  # fmt: skip
    return VenueSpec(**fields | changes)
