"""Sockets of ZeroMQ's shape on the simulated network, and the `Context` that makes them."""

from collections import deque
from typing import TYPE_CHECKING, Any

import zmq

from tests.simulation.network import HWM_DEFAULT, LATENCY_NS, Connection, Network, Parcel
from tests.simulation.world import NS_PER_MS

if TYPE_CHECKING:
    from tests.simulation.processes import SimulatedProcess


class ReceivedFrame:
    """What `copy=False` yields: the bytes, whether more frames follow, and whose key it came with."""

    __slots__ = ("_user", "bytes", "more")

    def __init__(self, content: bytes, user: str, *, more: bool) -> None:
        self.bytes, self._user, self.more = content, user, more

    def get(self, name: str) -> str:
        if name == "User-Id":
            return self._user
        raise zmq.ZMQError(zmq.EINVAL)


class SimulatedSocket:
    """A socket of one process. Only what the links use is there; anything else is an AttributeError."""

    def __init__(self, context: "SimulatedContext", kind: int, owner: "SimulatedProcess") -> None:
        self.context, self.network, self.kind, self.owner = context, context.network, kind, owner
        self.options: dict[int, Any] = {}
        self.inbox: deque[Parcel] = deque()
        self.is_closed = False
        self.connections: list[Connection] = []
        self.peers: dict[bytes, Connection] = {}
        self.subscribed: list[bytes] = []
        self.subscriptions: dict[Connection, list[bytes]] = {}
        self.monitor: SimulatedSocket | None = None
        self.endpoints: list[str] = []
        self._rest: deque[bytes] = deque()
        self._user = ""
        owner.sockets.append(self)

    # --- setting up ---------------------------------------------------------------------------------------------

    @property
    def identity(self) -> bytes:
        return bytes(self.options.get(zmq.ROUTING_ID, b""))

    @property
    def closed(self) -> bool:
        return self.is_closed

    def hwm(self, option: int) -> int:
        return int(self.options.get(option, HWM_DEFAULT))

    def setsockopt(self, option: int, value: Any) -> None:
        if option == zmq.SUBSCRIBE:
            self.subscribe(value)
        else:
            self.options[option] = value

    set = setsockopt

    def getsockopt(self, option: int) -> Any:
        return self.options[option]

    def bind(self, endpoint: str) -> None:
        if endpoint in self.network.bound:
            raise zmq.ZMQError(zmq.EADDRINUSE)
        self.network.bound[endpoint] = self
        self.endpoints.append(endpoint)

    def connect(self, endpoint: str) -> None:
        connection = Connection(self.network, self, endpoint)
        self.connections.append(connection)
        self.network.connections.append(connection)
        self.network.world.after(self.network.world.between_ns(*LATENCY_NS), connection.try_connect)

    def get_monitor_socket(self, _events: int = 0, _address: str = "") -> "SimulatedSocket":
        self.monitor = SimulatedSocket(self.context, zmq.PAIR, self.owner)
        return self.monitor

    def disable_monitor(self) -> None:
        self.monitor = None

    def subscribe(self, topic: bytes | str) -> None:
        name = topic.encode() if isinstance(topic, str) else bytes(topic)
        self.subscribed.append(name)
        for connection in self.connections:
            if connection.is_up:
                connection.send((b"\x01" + name,), is_upstream=True)

    def close(self, linger: int | None = None) -> None:
        if self.is_closed:
            return
        self._leave()
        now_ns = self.network.world.now_ns
        for connection in self._all_connections():
            connection.is_wanted = connection.client is not self
            connection.end(min(connection.last_arrival_ns, now_ns + NS_PER_MS * (linger or 0)))

    def abandon(self, at_ns: int) -> None:
        """Its process was killed; the peers hear of it at this time."""
        self._leave()
        for connection in self._all_connections():
            connection.is_wanted = connection.client is not self
            connection.end(at_ns)

    def _leave(self) -> None:
        self.is_closed = True
        for endpoint in self.endpoints:
            del self.network.bound[endpoint]
        self.endpoints = []

    def _all_connections(self) -> list[Connection]:
        served = [connection for connection in self.network.connections if connection.server is self]
        return [*self.connections, *served]

    # --- the network's side -------------------------------------------------------------------------------------

    def accept(self, connection: Connection) -> None:
        if self.kind == zmq.ROUTER:
            old = self.peers.get(connection.identity)
            if old is not None:
                assert self.options.get(zmq.ROUTER_HANDOVER), "two peers of one routing id"
                self._disown(old)
                old.cut()
            self.peers[connection.identity] = connection
        elif self.kind == zmq.XPUB:
            self.subscriptions[connection] = []

    def _disown(self, old: Connection) -> None:
        """The routing id goes to another connection; what this one has sent and is unread comes under another id."""
        stranger = b"\x00" + self.network.world.random.randbytes(4)
        for parcel in self.inbox:
            if parcel.connection is old:
                parcel.sender = stranger

    def connected(self, connection: Connection) -> None:
        if self.monitor is not None:
            self.monitor.tell_event(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        for name in self.subscribed:
            connection.send((b"\x01" + name,), is_upstream=True)

    def lost(self, connection: Connection) -> None:
        if self.peers.get(connection.identity) is connection:
            del self.peers[connection.identity]
        self.subscriptions.pop(connection, None)

    def disconnected(self, _connection: Connection) -> None:
        if self.monitor is not None:
            self.monitor.tell_event(zmq.EVENT_DISCONNECTED)

    def tell_event(self, event: int) -> None:
        self.inbox.append(Parcel((event.to_bytes(2, "little") + bytes(4), b""), None, b""))

    def receive(self, parcel: Parcel) -> None:
        if self.is_closed:
            return
        if self.kind == zmq.XPUB and parcel.connection is not None:
            names = self.subscriptions.get(parcel.connection)
            if names is not None:
                names.append(parcel.frames[0][1:])
        self.inbox.append(parcel)
        self.owner.run()

    # --- the application's side ---------------------------------------------------------------------------------

    def poll(self, _timeout: int = 0, _flags: int = 0) -> int:
        return int(bool(self.inbox))

    def recv(self, _flags: int = 0, copy: bool = True) -> Any:
        """The next frame; those of one message one after another."""
        if not self._rest:
            self._take()
        frame = self._rest.popleft()
        return frame if copy else ReceivedFrame(frame, self._user, more=bool(self._rest))

    def recv_multipart(self, flags: int = 0, copy: bool = True) -> list[Any]:
        frames = [self.recv(flags, copy)]
        while self._rest:
            frames.append(self.recv(flags, copy))
        return frames

    def _take(self) -> None:
        if not self.inbox:
            raise zmq.Again
        parcel = self.inbox.popleft()
        connection = parcel.connection
        if connection is not None:
            connection.taken(self)
            self._user = connection.client.owner.user
        if self.kind == zmq.ROUTER:
            self._rest.append(parcel.sender)
        self._rest.extend(parcel.frames)

    def send(self, frame: bytes, flags: int = 0, copy: bool = True) -> None:
        self.send_multipart((frame,), flags)

    def send_multipart(self, frames: Any, flags: int = 0, copy: bool = True) -> None:
        parts = tuple(bytes(frame) for frame in frames)
        self.owner.before_send(self, parts)
        if self.kind == zmq.ROUTER:
            self._send_routed(parts)
        elif self.kind == zmq.XPUB:
            self._publish(parts)
        else:
            self._send_dealt(parts)
        self.owner.after_effect()

    def _send_routed(self, parts: tuple[bytes, ...]) -> None:
        connection = self.peers.get(parts[0])
        if connection is None:
            raise zmq.ZMQError(zmq.EHOSTUNREACH)
        if not connection.send(parts[1:], is_upstream=False):
            raise zmq.Again

    def _send_dealt(self, parts: tuple[bytes, ...]) -> None:
        for connection in self.connections:
            if connection.is_up and connection.send(parts, is_upstream=True):
                return
        raise zmq.Again

    def _publish(self, parts: tuple[bytes, ...]) -> None:
        frame = parts[0]
        for connection, names in self.subscriptions.items():
            if any(frame.startswith(name) for name in names):
                connection.send(parts, is_upstream=False)  # what does not fit is lost, as at any publisher


class SimulatedContext:
    """What `open_context` yields during a run: sockets of the process whose code runs now."""

    keyring = None
    doorkeeper = None

    def __init__(self, network: "Network") -> None:
        self.network = network

    def socket(self, kind: int) -> SimulatedSocket:
        return SimulatedSocket(self, kind, self.network.world.current)

    def term(self) -> None:
        """Sockets were closed one by one."""
