"""Rubbish on every kind of socket, under a key and without one: refused, counted, and the others are served.

`OUTCRY_FUZZ=1000000 pytest tests/security/test_fuzz.py --timeout 3600` is the long run.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from messages.base import PROTOCOL_VERSION
from messages.codec import encode
from messages.from_child import CommandDone, Heartbeat, Ready, Register
from messages.from_child import ProcessKind as Kind
from messages.gateway_link import ExecutionsApplied, Hello, StillAlive
from messages.operator import StopRequest
from messages.orders import OrderAccepted, SubmitOrder
from messages.to_child import Halt
from supervisor.keys import OPERATOR
from tests.security.rubbish import FRAMES, raw_connections, rubbish, send_all
from tests.security.secured_floor import CARRY, ROGUE, SecuredFloor, short_directory
from tests.support.actor_thread import actor_threads
from tests.support.gateway_floor import PlayedStrategy
from tests.support.orders import accepted, cancel, submit

SEED = 20_261
CONNECTIONS = max(20, FRAMES // 1_000)
TO_GATEWAY = tuple(
    encode(message)
    for message in (
        submit(1, strategy=ROGUE), cancel(submit(1, strategy=ROGUE)), Hello(ROGUE, 1, 1, False, PROTOCOL_VERSION),
        ExecutionsApplied(ROGUE, 5, 1), StillAlive(ROGUE, 1), submit(1), Halt("halt-1", "no"),
    )
)  # fmt: skip
FROM_CHILD = tuple(
    encode(message)
    for message in (
        Register("exchange", Kind.EXCHANGE, 1, 0, PROTOCOL_VERSION), Ready("spot"), Heartbeat("spot", 1, 1, False),
        CommandDone("c1", "spot", False, "no"), StopRequest("s1", is_forced=True),
    )
)  # fmt: skip


@pytest.fixture
def floor() -> Iterator[SecuredFloor]:
    with short_directory() as directory:
        with actor_threads() as threads:
            floor = SecuredFloor(Path(directory), threads)
            floor.open()
            yield floor
        floor.close()


def is_served(floor: SecuredFloor, strategy: PlayedStrategy) -> None:
    order = submit(1)
    strategy.says(order)
    while floor.venue.hears_a(SubmitOrder) != order:
        """One of the rogue's own may have been an order, after all."""
    floor.venue.tells(accepted(order))
    assert strategy.hears_a(OrderAccepted).client_order_id == order.client_order_id


def test_rubbish_at_the_orders_of_a_gateway(floor: SecuredFloor) -> None:
    carry, rogue = floor.strategy(CARRY), floor.orders_link(floor.context_of(ROGUE))
    rogue.says(StillAlive(ROGUE, 1))  # so it is connected
    sent = send_all(rogue._socket, rubbish(SEED, TO_GATEWAY))
    assert sent == FRAMES
    floor.refused(int(0.8 * FRAMES))
    is_served(floor, carry)


def test_rubbish_at_the_kill_switch_of_a_gateway_does_not_halt_it(floor: SecuredFloor) -> None:
    carry, operator = floor.strategy(CARRY), floor.control_link(floor.context_of(OPERATOR))
    samples = tuple(frame for frame in TO_GATEWAY if frame != encode(Halt("halt-1", "no")))
    assert send_all(operator._socket, rubbish(SEED, samples)) == FRAMES
    assert floor.refused(FRAMES) == FRAMES
    is_served(floor, carry)


def test_rubbish_from_a_reader_of_market_data(floor: SecuredFloor) -> None:
    carry, context = floor.strategy(CARRY), floor.context_of(ROGUE)
    keyring = context.keyring
    reader = context.socket(zmq.XSUB)  # unlike a SUB, it can say anything
    for option, value in (
        (zmq.LINGER, 0), (zmq.CURVE_SERVERKEY, keyring.server_key(floor.endpoints["market"])),
        (zmq.CURVE_PUBLICKEY, keyring.public), (zmq.CURVE_SECRETKEY, keyring.secret),
    ):  # fmt: skip
        reader.setsockopt(option, value)
    reader.connect(floor.endpoints["market"])
    assert send_all(reader, rubbish(SEED, TO_GATEWAY)) == FRAMES
    floor.refused(1)
    is_served(floor, carry)


@pytest.mark.parametrize("link", ["orders", "control", "market"])
def test_rubbish_without_a_key(floor: SecuredFloor, link: str) -> None:
    carry = floor.strategy(CARRY)
    raw_connections(floor.endpoints[link], SEED, CONNECTIONS)
    stranger = floor.strangers_context()
    sockets = [stranger.socket(zmq.DEALER) for _ in range(5)]
    for socket in sockets:
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.CURVE_SERVERKEY, stranger.keyring.server_key(floor.endpoints[link]))
        socket.setsockopt(zmq.CURVE_PUBLICKEY, stranger.keyring.public)
        socket.setsockopt(zmq.CURVE_SECRETKEY, stranger.keyring.secret)
        socket.connect(floor.endpoints[link])
        for frame in TO_GATEWAY:
            socket.send(frame)
    floor.refused(5)
    is_served(floor, carry)
