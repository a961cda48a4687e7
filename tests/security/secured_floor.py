"""A gateway whose links have keys, with everything that it is linked to, and with peers who are not what they say."""

import tempfile
from pathlib import Path
from typing import Any

import zmq

from actors.runtime.keys import Keyring, Role, load_keyring
from actors.runtime.links import Context, Socket, open_context
from gateways.spec import GatewaySpec
from messages.codec import FROM_CONTROL, FROM_GATEWAY
from messages.from_child import CommandDone, Heartbeat
from messages.gateway_link import FromGateway
from supervisor.actions import SUPERVISOR
from supervisor.child_spec import EXCHANGE
from supervisor.keys import OPERATOR, admit, key_files
from supervisor.paths import ClusterPaths
from tests.support.actor_thread import ActorThreads
from tests.support.gateway_floor import VENUE, GatewayFloor, PlayedStrategy, PlayedVenue
from tests.support.played_ends import ConnectedEnd, PlayedSupervisor, next_that

CARRY, ROGUE = "carry", "rogue"
ROLES = {
    SUPERVISOR: Role.SUPERVISOR,
    OPERATOR: Role.OPERATOR,
    EXCHANGE: Role.EXCHANGE,
    VENUE: Role.GATEWAY,
    CARRY: Role.STRATEGY,
    ROGUE: Role.STRATEGY,
}


class SecuredFloor(GatewayFloor):
    """:ivar directory: of its sockets."""

    def __init__(self, directory: Path, threads: ActorThreads) -> None:
        self._threads = threads
        self.directory = directory
        self.journal_dir = directory / "journal"
        names = ("orders", "market", "control", "supervisor", "v-orders", "v-data")
        self.endpoints = {name: f"ipc://{directory}/{name}" for name in names}
        owners = (VENUE, VENUE, VENUE, SUPERVISOR, EXCHANGE, EXCHANGE)
        self.servers = dict(zip(self.endpoints.values(), owners, strict=True))
        self.paths = ClusterPaths(directory / "state")
        self.paths.create()
        admit(self.paths, ROLES)
        for strategy in (CARRY, ROGUE):
            admit(self.paths, {strategy: Role.STRATEGY}, f"desk-{strategy}")
        self._contexts: list[Context] = []
        self.supervisor = PlayedSupervisor(self.context_of(SUPERVISOR), self.endpoints["supervisor"], VENUE)
        self.venue = PlayedVenue(self.context_of(EXCHANGE), directory, lambda: self.journal_dir)

    def keyring(self, name: str) -> Keyring:
        keyring = load_keyring(name, key_files(self.paths, name, self.servers))
        assert keyring is not None
        return keyring

    def context_of(self, name: str) -> Context:
        """The context of whoever holds this key."""
        return self._kept(open_context(self.keyring(name)))

    def strangers_context(self) -> Context:
        """Of somebody with a key of his own making, who knows all public keys."""
        _, secret = zmq.curve_keypair()
        honest = self.keyring(ROGUE)
        return self._kept(open_context(Keyring("stranger", secret, honest.doorlist, self.servers)))

    def plain_context(self) -> Context:
        """Of somebody without any key."""
        return self._kept(Context())

    def spec(self, **changes: Any) -> GatewaySpec:
        keys = key_files(self.paths, VENUE, self.servers)
        return super().spec(**{"keys": keys, "control_endpoint": self.endpoints["control"]} | changes)

    def strategy(self, name: str = CARRY, **changes: Any) -> PlayedStrategy:
        strategy = PlayedStrategy(self.context_of(name), self, name)
        strategy.joins(**changes)
        return strategy

    def orders_link(self, context: Context, identity: str = ROGUE) -> ConnectedEnd[FromGateway]:
        return ConnectedEnd(context, self.endpoints["orders"], identity, FROM_GATEWAY)

    def control_link(self, context: Context) -> ConnectedEnd[CommandDone]:
        return ConnectedEnd(context, self.endpoints["control"], "operator", FROM_CONTROL)

    def refused(self, at_least: int) -> int:
        """Wait until the gateway says that it has refused so many; how many there are then."""
        beat: Heartbeat = next_that(
            lambda: self.supervisor.hears_a(Heartbeat), lambda beat: beat.refused >= at_least, f"{at_least} refusals"
        )
        return beat.refused

    def close(self) -> None:
        for context in self._contexts:
            context.destroy(0)

    def _kept(self, context: Context) -> Context:
        self._contexts.append(context)
        return context


def short_directory() -> tempfile.TemporaryDirectory[str]:
    """The path of a socket is limited to about a hundred bytes, and those of pytest are long."""
    return tempfile.TemporaryDirectory(prefix="oc")


def handshake_outcomes(context: Context, kind: int, endpoint: str, keyring: Keyring | None) -> tuple[Socket, Socket]:
    """Connect a socket by hand, and the monitor that tells how its handshakes end."""
    socket = context.socket(kind)
    socket.setsockopt(zmq.LINGER, 0)
    if keyring is not None:
        socket.setsockopt(zmq.CURVE_SERVERKEY, keyring.server_key(endpoint))
        socket.setsockopt(zmq.CURVE_PUBLICKEY, keyring.public)
        socket.setsockopt(zmq.CURVE_SECRETKEY, keyring.secret)
    monitor: Socket = socket.get_monitor_socket(
        zmq.EVENT_HANDSHAKE_SUCCEEDED
        | zmq.EVENT_HANDSHAKE_FAILED_AUTH
        | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
        | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
        | zmq.EVENT_DISCONNECTED
    )
    return socket, monitor
