"""Sockets with the options that every link of the cluster has.

Orders are never queued: a link that is not connected or full refuses at once (IMMEDIATE, small HWM, NOBLOCK), and the
caller says so. Frames above the codec's limit are refused before they are read. A peer that does not answer ZMTP
heartbeats is disconnected.
"""

from typing import Final
from uuid import uuid4

import zmq

from messages.codec import FRAME_BYTES_MAX

ORDERS_HWM: Final = 1_024
MARKET_DATA_HWM: Final = 20_000
COMMANDS_HWM: Final = 1_000
HANDSHAKE_MS: Final = 2_000
RECONNECT_MS: Final = 50
RECONNECT_MS_MAX: Final = 2_000
HEARTBEAT_MS: Final = 1_000
HEARTBEAT_TIMEOUT_MS: Final = 5_000

Socket = zmq.Socket[bytes]
Context = zmq.Context[Socket]


def router(context: Context, endpoint: str, *, hwm: int = COMMANDS_HWM) -> Socket:
    """Bind a ROUTER that reports unreachable peers and lets a restarted peer take over its routing id.

    What the peer had sent before it died and nobody has read yet may then come under a random id.
    """
    socket = _socket(context, zmq.ROUTER, hwm)
    socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
    socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
    socket.bind(endpoint)
    return socket


def dealer(context: Context, endpoint: str, identity: str, *, hwm: int = COMMANDS_HWM) -> Socket:
    """Connect a DEALER under a routing id; what is sent while it is not connected is refused, not queued."""
    socket = _dealer(context, identity, hwm)
    socket.connect(endpoint)
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
    socket.connect(endpoint)
    return socket, monitor


def publisher(context: Context, endpoint: str) -> Socket:
    """Bind an XPUB that tells of every subscription, repeated ones too, so that each can be sent the last value."""
    socket = _socket(context, zmq.XPUB, MARKET_DATA_HWM)
    socket.setsockopt(zmq.XPUB_VERBOSE, 1)
    socket.bind(endpoint)
    return socket


def subscriber(context: Context, *endpoints: str) -> Socket:
    """Connect a SUB to any number of publishers; it hears nothing before it subscribes."""
    socket = _socket(context, zmq.SUB, MARKET_DATA_HWM)
    for endpoint in endpoints:
        socket.connect(endpoint)
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


def _dealer(context: Context, identity: str, hwm: int) -> Socket:
    socket = _socket(context, zmq.DEALER, hwm)
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
