"""The simulated network keeps the rules that the links of the cluster rely on."""

from typing import Any

import pytest
import zmq

from actors.runtime.links import try_send, try_send_to
from tests.simulation.disk import Disk
from tests.simulation.network import ZMTP_TIMEOUT_NS, Network
from tests.simulation.processes import ProcessTable, SimulatedProcess
from tests.simulation.sockets import SimulatedContext, SimulatedSocket
from tests.simulation.world import NS_PER_MS, NS_PER_S, Killed, World, WouldBlock

ENDPOINT = "ipc:///somewhere"


class Wire:
    """A ROUTER and whoever connects to it, each in a process of its own."""

    def __init__(self) -> None:
        self.world = World(1)
        self.network = Network(self.world)
        self.table = ProcessTable(self.world, self.network, Disk(self.world))
        self.context = SimulatedContext(self.network)
        self.server, self.router = self.socket("server", zmq.ROUTER)
        self.router.bind(ENDPOINT)

    def socket(self, name: str, kind: int, **options: Any) -> tuple[SimulatedProcess, SimulatedSocket]:
        process = self.table.add(name)
        self.world.current = process
        socket = self.context.socket(kind)
        self.world.current = None
        for option, value in options.items():
            socket.setsockopt(getattr(zmq, option), value)
        return process, socket

    def dealer(self, name: str, **options: Any) -> tuple[SimulatedProcess, SimulatedSocket]:
        process, socket = self.socket(name, zmq.DEALER, ROUTING_ID=name.encode(), **options)
        socket.get_monitor_socket()
        socket.connect(ENDPOINT)
        return process, socket

    def passes(self, ms: float = 5_000.0) -> None:
        self.world.run_until(self.world.now_ns + int(ms * NS_PER_MS))

    def heard(self) -> list[list[bytes]]:
        messages = []
        while self.router.inbox:
            messages.append(self.router.recv_multipart())
        return messages


@pytest.fixture
def wire() -> Wire:
    return Wire()


def events(socket: SimulatedSocket) -> list[int]:
    assert socket.monitor is not None
    told = []
    while socket.monitor.poll():
        told.append(int.from_bytes(socket.monitor.recv_multipart()[0][:2], "little"))
    return told


def test_what_is_sent_before_the_connection_is_up_is_refused(wire: Wire) -> None:
    _, dealer = wire.dealer("a")
    assert not try_send(dealer, b"early")
    wire.passes()
    assert events(dealer) == [zmq.EVENT_HANDSHAKE_SUCCEEDED]
    assert try_send(dealer, b"now")
    wire.passes()
    assert wire.heard() == [[b"a", b"now"]]


def test_one_connection_is_first_in_first_out(wire: Wire) -> None:
    _, dealer = wire.dealer("a")
    wire.passes()
    sent = [str(number).encode() for number in range(100)]
    for frame in sent:
        assert try_send(dealer, frame)
    wire.passes()
    assert [frame for _, frame in wire.heard()] == sent


def test_a_full_link_refuses_and_takes_more_once_it_was_read(wire: Wire) -> None:
    wire.router.setsockopt(zmq.RCVHWM, 2)
    _, dealer = wire.dealer("a", SNDHWM=1)
    wire.passes()
    assert [try_send(dealer, b"x") for _ in range(4)] == [True, True, True, False]
    wire.passes()
    assert len(wire.heard()) == 2 + 1
    assert try_send(dealer, b"x")


def test_a_peer_that_is_not_there_cannot_be_sent_to(wire: Wire) -> None:
    assert not try_send_to(wire.router, b"a", b"x")
    _, dealer = wire.dealer("a")
    wire.passes()
    assert try_send_to(wire.router, b"a", b"x")
    wire.passes()
    assert dealer.recv() == b"x"


def test_what_is_in_flight_is_lost_with_its_connection_and_both_ends_are_told(wire: Wire) -> None:
    _, dealer = wire.dealer("a")
    wire.passes()
    events(dealer)
    assert try_send(dealer, b"lost")
    dealer.connections[0].cut()
    assert not try_send(dealer, b"refused")
    assert not try_send_to(wire.router, b"a", b"refused")
    wire.passes()
    assert events(dealer) == [zmq.EVENT_DISCONNECTED, zmq.EVENT_HANDSHAKE_SUCCEEDED]
    assert wire.heard() == []


def test_a_returning_peer_takes_its_routing_id_over(wire: Wire) -> None:
    wire.router.setsockopt(zmq.ROUTER_HANDOVER, 1)
    _, old = wire.dealer("a")
    wire.passes()
    assert try_send(old, b"of the old one")
    wire.passes(1.0)
    old.connections[0].is_wanted = False  # it does not come back
    _, new = wire.dealer("a")
    wire.passes()
    ((sender, frame),) = wire.heard()
    assert frame == b"of the old one"
    assert sender != b"a"
    assert try_send(new, b"of the new one")
    assert not try_send(old, b"from nowhere")
    wire.passes()
    assert wire.heard() == [[b"a", b"of the new one"]]


def test_a_subscriber_subscribes_again_when_its_publisher_is_back(wire: Wire) -> None:
    publisher_process, publisher = wire.socket("p", zmq.XPUB)
    publisher.bind("ipc:///feed")
    _, subscriber = wire.socket("s", zmq.SUB)
    subscriber.subscribe("quote:A")
    subscriber.connect("ipc:///feed")
    wire.passes()
    assert publisher.recv() == b"\x01quote:A"
    publisher.send(b"quote:A\x00one")
    publisher.send(b"quote:B\x00two")
    wire.passes()
    assert [parcel.frames for parcel in subscriber.inbox] == [(b"quote:A\x00one",)]
    publisher_process.die(-9)
    wire.passes()
    _, again = wire.socket("p", zmq.XPUB)
    again.bind("ipc:///feed")
    wire.passes()
    assert again.recv() == b"\x01quote:A"


def test_a_stall_keeps_the_order_and_a_long_one_ends_the_connection(wire: Wire) -> None:
    _, dealer = wire.dealer("a")
    wire.passes()
    connection = dealer.connections[0]
    connection.stall(wire.world.now_ns + 500 * NS_PER_MS)
    assert try_send(dealer, b"one")
    wire.passes(400.0)
    assert try_send(dealer, b"two")
    assert wire.heard() == []
    wire.passes(101.0)
    assert [frame for _, frame in wire.heard()] == [b"one", b"two"]
    connection.stall(wire.world.now_ns + ZMTP_TIMEOUT_NS + NS_PER_S)
    wire.passes(ZMTP_TIMEOUT_NS / NS_PER_MS)
    assert not connection.is_up
    wire.passes()
    assert connection.is_up


def test_two_binds_of_one_endpoint_are_an_error(wire: Wire) -> None:
    _, other = wire.socket("other", zmq.ROUTER)
    with pytest.raises(zmq.ZMQError):
        other.bind(ENDPOINT)


def test_a_poll_says_what_is_ready_or_that_the_process_would_wait(wire: Wire) -> None:
    _, dealer = wire.dealer("a")
    wire.passes()
    polled: list[tuple[Any, int]] = [(wire.router, zmq.POLLIN), (7, zmq.POLLIN)]
    assert wire.network.poll(polled, 0) == []
    with pytest.raises(WouldBlock):
        wire.network.poll(polled, 10)
    assert try_send(dealer, b"x")
    wire.passes()
    wire.network.ready_fds.add(7)
    assert wire.network.poll(polled, 10) == polled


def test_a_doomed_process_dies_at_one_of_its_effects(wire: Wire) -> None:
    process, dealer = wire.dealer("a")
    wire.passes()
    process.doom = 3  # before and after the first send are two
    assert try_send(dealer, b"sent")
    with pytest.raises(Killed):
        try_send(dealer, b"never")


def test_a_dead_process_is_reached_no_more_but_what_it_had_sent_may_arrive(wire: Wire) -> None:
    process, dealer = wire.dealer("a")
    wire.passes()
    assert try_send(dealer, b"last words")
    wire.passes(1.0)
    process.die(-9)
    wire.passes()
    assert wire.heard() == [[b"a", b"last words"]]
    assert not try_send_to(wire.router, b"a", b"too late")
