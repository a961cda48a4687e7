"""Sockets with the options that every link of the cluster has.

Orders are never queued: a link that is not connected or full refuses at once (IMMEDIATE, small HWM, NOBLOCK), and the
caller says so. Frames above the codec's limit are refused before they are read. A peer that does not answer ZMTP
heartbeats is disconnected.

In a context with a keyring every link is encrypted (CURVE): a binding socket admits the roles that it names and nobody
else, and a connecting one talks only to whoever proves to have the key that belongs to the endpoint. Routing ids are
then random, since they prove nothing: a sender is known by its key, and is answered where it last spoke from.
"""

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit
from uuid import uuid4

import zmq

from actors.runtime.keys import Keyring, Role
from actors.runtime.zap import Doorkeeper, domain
from messages.codec import FRAME_BYTES_MAX

ORDERS_HWM: Final = 1_024
MARKET_DATA_HWM: Final = 20_000
COMMANDS_HWM: Final = 1_000
HANDSHAKE_MS: Final = 2_000
RECONNECT_MS: Final = 50
RECONNECT_MS_MAX: Final = 2_000
HEARTBEAT_MS: Final = 1_000
HEARTBEAT_TIMEOUT_MS: Final = 5_000

LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")

Socket = zmq.Socket[bytes]


class UnsafeLink(Exception):
    """A link would leave this host unencrypted."""


class Context(zmq.Context[Socket]):
    """:ivar keyring: of the process; None: its links are neither encrypted nor authenticated.
    :ivar doorkeeper: says who may connect to the sockets that are bound here; None before one is.
    """

    keyring: Keyring | None = None
    doorkeeper: Doorkeeper | None = None


def open_context(keyring: Keyring | None = None) -> Context:
    """A context for the links of one process; with a keyring, all of them are secured."""
    context = Context()
    context.keyring = keyring
    return context


def is_secured(socket: Socket) -> bool:
    """Whether its peers are authenticated, so that each of their frames has a `User-Id`."""
    return _keyring(socket.context) is not None


def router(context: Context, endpoint: str, *, admits: Iterable[Role] = (), hwm: int = COMMANDS_HWM) -> Socket:
    """Bind a ROUTER that reports unreachable peers.

    Without keys, a restarted peer takes over its routing id; what it had sent before it died and nobody has read yet
    may then come under a random id. With keys, nobody takes over anything.

    :param admits: where the context has keys: the roles that may connect; by default nobody may.
    """
    socket = _socket(context, zmq.ROUTER, hwm)
    socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
    socket.setsockopt(zmq.ROUTER_HANDOVER, not is_secured(socket))
    _bind(context, socket, endpoint, admits)
    return socket


def dealer(context: Context, endpoint: str, identity: str, *, hwm: int = COMMANDS_HWM) -> Socket:
    """Connect a DEALER under a routing id; what is sent while it is not connected is refused, not queued.

    :raises UnsafeKey: the context has keys, and knows none of whoever binds the endpoint.
    """
    socket = _dealer(context, identity, hwm)
    _connect(context, socket, endpoint)
    return socket


def monitored_dealer(
    context: Context, endpoint: str, identity: str, *, hwm: int = COMMANDS_HWM
) -> tuple[Socket, Socket]:
    """As `dealer`, with a PAIR that tells when its connection is made (handshake done) and lost."""
    socket = _dealer(context, identity, hwm)
    # Before it connects: a connection made sooner than the monitor would never be told of. The address is our own,
    # since pyzmq names it by the descriptor, which is used again before the old monitor is gone.
    address = f"inproc://monitor-{uuid4().hex}"
    monitor: Socket = socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED, address)
    _connect(context, socket, endpoint)
    return socket, monitor


def publisher(context: Context, endpoint: str, *, admits: Iterable[Role] = ()) -> Socket:
    """Bind an XPUB that tells of every subscription, repeated ones too, so that each can be sent the last value.

    :param admits: as of a ROUTER.
    """
    socket = _socket(context, zmq.XPUB, MARKET_DATA_HWM)
    socket.setsockopt(zmq.XPUB_VERBOSE, 1)
    _bind(context, socket, endpoint, admits)
    return socket


def subscriber(context: Context, *endpoints: str) -> Socket:
    """Connect a SUB to any number of publishers; it hears nothing before it subscribes.

    :raises UnsafeKey: as of a DEALER.
    """
    socket = _socket(context, zmq.SUB, MARKET_DATA_HWM)
    for endpoint in endpoints:
        _connect(context, socket, endpoint)
    return socket


def try_send(socket: Socket, frame: bytes) -> bool:
    """Send now or not at all; False where the link is not connected or full."""
    try:
        socket.send(frame, zmq.NOBLOCK)
    except zmq.Again:
        return False
    return True


def try_send_to(socket: Socket, peer: bytes, frame: bytes) -> bool:
    """Send to one peer of a ROUTER now or not at all; False where it is not connected or its link is full."""
    try:
        socket.send_multipart((peer, frame), zmq.NOBLOCK)
    except zmq.Again:
        return False
    except zmq.ZMQError as error:
        if error.errno == zmq.EHOSTUNREACH:
            return False
        raise
    return True


def _keyring(context: object) -> Keyring | None:
    return context.keyring if isinstance(context, Context) else None


def _bind(context: Context, socket: Socket, endpoint: str, admits: Iterable[Role]) -> None:
    keyring = _keyring(context)
    if keyring is None:
        _check_stays_here(endpoint)
    else:
        if context.doorkeeper is None:
            context.doorkeeper = Doorkeeper(context, keyring.name, keyring.doorlist)
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_SECRETKEY, keyring.secret)
        socket.setsockopt(zmq.ZAP_DOMAIN, domain(admits))
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)  # without a doorkeeper nobody comes in
    socket.bind(endpoint)


def _connect(context: Context, socket: Socket, endpoint: str) -> None:
    """The key of the other end is an option of the socket that counts for the connections made after it is set."""
    keyring = _keyring(context)
    if keyring is None:
        _check_stays_here(endpoint)
    else:
        socket.setsockopt(zmq.CURVE_SERVERKEY, keyring.server_key(endpoint))
        socket.setsockopt(zmq.CURVE_PUBLICKEY, keyring.public)
        socket.setsockopt(zmq.CURVE_SECRETKEY, keyring.secret)
    socket.connect(endpoint)


def _check_stays_here(endpoint: str) -> None:
    """:raises UnsafeLink: the endpoint may be reached from, or may be on, another host."""
    if endpoint.startswith("tcp:") and urlsplit(endpoint).hostname not in LOOPBACK:
        raise UnsafeLink(f"{endpoint} may leave this host, and this link has no keys; set curve = true in [cluster]")


def _dealer(context: Context, identity: str, hwm: int) -> Socket:
    socket = _socket(context, zmq.DEALER, hwm)
    if not is_secured(socket):
        socket.setsockopt(zmq.ROUTING_ID, identity.encode())
    socket.setsockopt(zmq.IMMEDIATE, 1)
    return socket


def _socket(context: Context, kind: int, hwm: int) -> Socket:
    socket = context.socket(kind)
    for option, value in (
        (zmq.LINGER, 0),
        (zmq.SNDHWM, hwm),
        (zmq.RCVHWM, hwm),
        (zmq.MAXMSGSIZE, FRAME_BYTES_MAX),
        (zmq.HANDSHAKE_IVL, HANDSHAKE_MS),
        (zmq.RECONNECT_IVL, RECONNECT_MS),
        (zmq.RECONNECT_IVL_MAX, RECONNECT_MS_MAX),
        (zmq.HEARTBEAT_IVL, HEARTBEAT_MS),
        (zmq.HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS),
        (zmq.TCP_KEEPALIVE, 1),
    ):
        socket.setsockopt(option, value)
    return socket
