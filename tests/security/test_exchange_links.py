"""The links of the exchange with keys: a gateway speaks for its own venue, whatever it says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from actors.runtime.keys import Keyring, Role, load_keyring
from actors.runtime.links import Context, open_context
from gateways.exchange.spec import ExchangeSpec, VenueSpec
from gateways.venue import AccountQuery, AccountState, LoginAccepted, VenueLogin
from messages.base import PROTOCOL_VERSION
from messages.codec import encode
from messages.from_child import Heartbeat
from supervisor.actions import SUPERVISOR
from supervisor.keys import admit, key_files
from supervisor.paths import ClusterPaths
from tests.security.rubbish import FRAMES, raw_connections, rubbish, send_all
from tests.security.secured_floor import handshake_outcomes, short_directory
from tests.support.actor_thread import ActorThreads, actor_threads
from tests.support.exchange_floor import PROCESS, ExchangeFloor, PlayedGateway, synthetic
from tests.support.orders import cancel, submit
from tests.support.played_ends import PlayedSupervisor, next_that
from tests.support.sockets import PATIENCE_MS

ROLES = {
    SUPERVISOR: Role.SUPERVISOR, PROCESS: Role.EXCHANGE, "near": Role.GATEWAY, "far": Role.GATEWAY,
    "carry": Role.STRATEGY,
}  # fmt: skip
SAMPLES = tuple(
    encode(message) for message in (submit(), cancel(submit()), VenueLogin("near", 1), AccountQuery("near", 0, 0))
)
SEED = 20_263


class SecuredExchange(ExchangeFloor):
    def __init__(self, directory: Path, threads: ActorThreads) -> None:
        self._threads = threads
        self._directory = directory
        self.orders_endpoint = f"ipc://{directory}/orders"
        self.data_endpoints = {venue: f"ipc://{directory}/{venue}-data" for venue in ("near", "far")}
        supervisor = f"ipc://{directory}/supervisor"
        owned = dict.fromkeys((self.orders_endpoint, *self.data_endpoints.values()), PROCESS)
        self._servers = owned | {supervisor: SUPERVISOR}
        self._paths = ClusterPaths(directory / "state")
        self._paths.create()
        admit(self._paths, ROLES)
        self._contexts: list[Context] = []
        self.supervisor = PlayedSupervisor(self.context_of(SUPERVISOR), supervisor, PROCESS)

    def keyring(self, name: str) -> Keyring:
        keyring = load_keyring(name, key_files(self._paths, name, self._servers))
        assert keyring is not None
        return keyring

    def context_of(self, name: str) -> Context:
        self._contexts.append(open_context(self.keyring(name)))
        return self._contexts[-1]

    def spec(self, *venues: VenueSpec, **changes: Any) -> ExchangeSpec:
        return super().spec(*venues, **{"keys": key_files(self._paths, PROCESS, self._servers)} | changes)

    def gateway(self, venue: str) -> PlayedGateway:
        gateway = PlayedGateway(self.context_of(venue), self, venue)
        gateway.logs_in()
        return gateway

    def close(self) -> None:
        for context in self._contexts:
            context.destroy(0)


@pytest.fixture
def floor() -> Iterator[SecuredExchange]:
    with short_directory() as directory:
        with actor_threads() as threads:
            floor = SecuredExchange(Path(directory), threads)
            floor.start(synthetic("near"), synthetic("far"))
            yield floor
        floor.close()


def is_served(gateway: PlayedGateway) -> None:
    gateway.says(AccountQuery(gateway.venue, 0, 0))
    assert gateway.hears_a(AccountState).venue == gateway.venue


def test_a_gateway_that_names_another_venue_is_answered_for_its_own(floor: SecuredExchange) -> None:
    near, far = floor.gateway("near"), floor.gateway("far")
    far.says(VenueLogin("near", PROTOCOL_VERSION), AccountQuery("near", 0, 0))
    assert far.hears_a(LoginAccepted).venue == "far"
    assert far.hears_a(AccountState).venue == "far"
    is_served(near)
    assert near.hears_nothing


def test_a_forged_routing_id_gets_nothing_of_another_venues(floor: SecuredExchange) -> None:
    near = floor.gateway("near")
    context = floor.context_of("far")
    forger, monitor = handshake_outcomes(context, zmq.DEALER, floor.orders_endpoint, context.keyring)
    forger.setsockopt(zmq.ROUTING_ID, b"near")
    forger.connect(floor.orders_endpoint)
    assert monitor.poll(PATIENCE_MS)
    is_served(near)
    assert not forger.poll(100)


def test_a_strategy_does_not_get_past_the_gate_to_the_venue(floor: SecuredExchange) -> None:
    context = floor.context_of("carry")
    for endpoint in (floor.orders_endpoint, *floor.data_endpoints.values()):
        socket, monitor = handshake_outcomes(context, zmq.DEALER, endpoint, context.keyring)
        socket.connect(endpoint)
        assert monitor.poll(PATIENCE_MS)
        assert int.from_bytes(monitor.recv_multipart()[0][:2], "little") != zmq.EVENT_HANDSHAKE_SUCCEEDED
    beat = next_that(lambda: floor.supervisor.hears_a(Heartbeat), lambda beat: beat.refused >= 3, "three refusals")
    assert beat.process == PROCESS
    is_served(floor.gateway("near"))


def test_rubbish_at_the_exchange(floor: SecuredExchange) -> None:
    near, far = floor.gateway("near"), floor.gateway("far")
    assert send_all(far._socket, rubbish(SEED, SAMPLES)) == FRAMES
    raw_connections(floor.orders_endpoint, SEED, 20)
    least = FRAMES // 2
    next_that(lambda: floor.supervisor.hears_a(Heartbeat), lambda beat: beat.refused >= least, f"{least} refusals")
    is_served(near)
