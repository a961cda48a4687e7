"""The simulated network: connections between sockets, over all of their reconnections.

What the links of the cluster rely on is modelled: a connection is first in, first out; several are not ordered among
each other; what is in flight when a connection is cut is lost; a DEALER that is not connected, and a ROUTER whose peer
is unknown or full, refuse at once; a returning peer takes its routing id over, and what its predecessor sent and nobody
has read yet comes under another id; a SUB subscribes again whenever it is connected.
"""

from typing import TYPE_CHECKING, Any, Final

import zmq

from tests.simulation.world import NS_PER_MS, World, WouldBlock

if TYPE_CHECKING:
    from tests.simulation.sockets import SimulatedSocket

LATENCY_NS: Final = (15_000, 120_000)
HANDSHAKE_NS: Final = (200_000, 1_500_000)
RECONNECT_NS: Final = 50 * NS_PER_MS
RECONNECT_NS_MAX: Final = 2_000 * NS_PER_MS
HWM_DEFAULT: Final = 1_000
ZMTP_TIMEOUT_NS: Final = 5_500 * NS_PER_MS
"""A peer that does not answer ZMTP heartbeats for so long is disconnected."""


class Parcel:
    """One message in a socket, and the connection that brought it."""

    __slots__ = ("connection", "frames", "sender")

    def __init__(self, frames: tuple[bytes, ...], connection: "Connection | None", sender: bytes) -> None:
        self.frames, self.connection, self.sender = frames, connection, sender


class Connection:
    """One connecting socket's way to one endpoint, over all of its reconnections.

    :ivar life: counts the times that it was up; what was sent in an earlier life never arrives.
    """

    def __init__(self, network: "Network", client: "SimulatedSocket", endpoint: str) -> None:
        self.network, self.client, self.endpoint = network, client, endpoint
        self.server: SimulatedSocket | None = None
        self.life = 0
        self.is_wanted = True
        self.stalled_until_ns = 0
        self.blocked_until_ns = 0
        self._backoff_ns = RECONNECT_NS
        self._arrival_ns = {True: 0, False: 0}
        self._random_id = b""
        self.queued = {True: 0, False: 0}

    @property
    def is_up(self) -> bool:
        return self.server is not None

    @property
    def identity(self) -> bytes:
        """The routing id: the client's own, or a random one for each time that it is up."""
        return self.client.identity or self._random_id

    def try_connect(self) -> None:
        """Connect, or try again later, as libzmq does."""
        if not self.is_wanted or self.is_up:
            return
        network = self.network
        world, server = network.world, network.bound.get(self.endpoint)
        is_open = world.now_ns >= self.blocked_until_ns and not self.client.owner.is_frozen
        if server is None or server.owner.is_frozen or not is_open:
            world.after(self._backoff_ns + world.between_ns(0, RECONNECT_NS), self.try_connect)
            self._backoff_ns = min(2 * self._backoff_ns, RECONNECT_NS_MAX)
            return
        world.after(world.between_ns(*HANDSHAKE_NS), self._shake_hands, server)

    def _shake_hands(self, server: "SimulatedSocket") -> None:
        if not self.is_wanted or self.is_up:
            return
        if server.is_closed or self.network.world.now_ns < self.blocked_until_ns:
            self.try_connect()
            return
        self._backoff_ns = RECONNECT_NS
        self.life += 1
        self._random_id = b"\x00" + self.network.world.random.randbytes(4)
        self.server = server
        self.queued = {True: 0, False: 0}
        server.accept(self)
        self.client.connected(self)

    def send(self, frames: tuple[bytes, ...], *, is_upstream: bool) -> bool:
        """Put a message on its way; False where the queues of both ends are full."""
        sender, receiver = (self.client, self.server) if is_upstream else (self.server, self.client)
        assert sender is not None and receiver is not None
        if self.queued[is_upstream] >= sender.hwm(zmq.SNDHWM) + receiver.hwm(zmq.RCVHWM):
            return False
        world = self.network.world
        self.queued[is_upstream] += 1
        arrival_ns = max(world.now_ns + world.between_ns(*LATENCY_NS), self._arrival_ns[is_upstream])
        arrival_ns = max(arrival_ns, self.stalled_until_ns)
        self._arrival_ns[is_upstream] = arrival_ns
        world.at(arrival_ns, self._arrive, frames, is_upstream, self.life)
        return True

    def _arrive(self, frames: tuple[bytes, ...], is_upstream: bool, life: int) -> None:
        if life != self.life or self.server is None:
            return
        receiver = self.server if is_upstream else self.client
        receiver.receive(Parcel(frames, self, self.identity if is_upstream else b""))

    def taken(self, receiver: "SimulatedSocket") -> None:
        """The receiver's application has read a message."""
        self.queued[receiver is not self.client] -= 1

    def stall(self, until_ns: int) -> None:
        """Whatever is sent from now on arrives after this; past the heartbeats of ZMTP the connection is given up."""
        self.stalled_until_ns = max(self.stalled_until_ns, until_ns)
        if until_ns - self.network.world.now_ns > ZMTP_TIMEOUT_NS:
            self.blocked_until_ns = until_ns
            self.network.world.after(ZMTP_TIMEOUT_NS, self.cut_life, self.life)

    def cut_life(self, life: int) -> None:
        if self.life == life:
            self.cut()

    def cut(self) -> None:
        """The connection breaks: what is in flight is lost, and both ends are told."""
        server = self.server
        if server is None:
            return
        self.server = None
        self.life += 1
        server.lost(self)
        self.client.disconnected(self)
        if self.is_wanted:
            self.network.world.after(self._backoff_ns, self.try_connect)

    def end(self, at_ns: int) -> None:
        """One end closes: what is in flight until then still arrives."""
        self.network.world.at(at_ns, self.cut_life, self.life)

    @property
    def last_arrival_ns(self) -> int:
        return max(self._arrival_ns.values())


class Network:
    """All sockets of one run.

    :ivar ready_fds: descriptors that a poll finds readable: those of processes that have ended.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.bound: dict[str, SimulatedSocket] = {}
        self.connections: list[Connection] = []
        self.ready_fds: set[int] = set()

    def between(self, one: str, other: str) -> list[Connection]:
        """The living connections of two processes, by their names."""
        return [
            connection
            for connection in self.connections
            if connection.server is not None
            and {connection.client.owner.name, connection.server.owner.name} == {one, other}
        ]

    def forget_closed(self) -> None:
        """Drop the connections that will never be up again."""
        self.connections = [item for item in self.connections if item.is_wanted or item.is_up]

    def poll(self, pollables: list[tuple[Any, int]], timeout_ms: int) -> list[tuple[Any, int]]:
        ready = [
            item for item in pollables if (item[0] in self.ready_fds if type(item[0]) is int else bool(item[0].inbox))
        ]
        if ready or timeout_ms == 0:
            return ready
        raise WouldBlock(timeout_ms)
