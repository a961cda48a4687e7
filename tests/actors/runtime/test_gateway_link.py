"""A strategy's link to a gateway: greet, hear every report once and in order, send orders now or never."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from actors.runtime.gateway_link import GREETING_RETRY_NS, GatewayLink, LinkState
from actors.runtime.links import Context, Socket, dealer, router
from messages.base import PROTOCOL_VERSION, Message
from messages.codec import TO_GATEWAY
from messages.gateway_link import ExecutionsApplied, Hello, Welcome
from messages.orders import CancelRejected, OrderAccepted, RejectReason
from tests.support.sockets import receive, until

EPOCH = 3


def accepted(seq: int) -> OrderAccepted:
    return OrderAccepted("a-1", "carry", "BTCUSDT.sim", "v-1", 1, seq)


def welcome(last_seq: int, epoch: int = EPOCH) -> Welcome:
    return Welcome("sim", "carry", epoch, last_seq, {}, (), True)


class Gateway:
    """The other end: a ROUTER, and what it heard."""

    def __init__(self, context: Context) -> None:
        self.socket = router(context, "inproc://gateway")

    def hears(self) -> Message:
        sender, frame = receive(self.socket, "a message of the strategy")
        assert sender == b"carry"
        message: Message = TO_GATEWAY.decode(frame)
        return message

    def hears_nothing(self) -> bool:
        return not self.socket.poll(0)


@pytest.fixture
def context() -> Iterator[Context]:
    context: Context = zmq.Context()
    yield context
    context.destroy(0)


@pytest.fixture
def gateway(context: Context) -> Gateway:
    return Gateway(context)


@pytest.fixture
def link(context: Context, gateway: Gateway) -> GatewayLink:
    """A link that is connected and has not greeted."""
    link = GatewayLink("sim", "carry", EPOCH)
    socket = dealer(context, "inproc://gateway", "carry")
    link.bind(socket)
    link.on_connection(is_up=True)
    until(lambda: bool(socket.poll(0, zmq.POLLOUT)), socket, "the connection")
    return link


def test_a_link_greets_with_the_number_of_the_report_that_it_lacks(link: GatewayLink, gateway: Gateway) -> None:
    link.last_seq = 41
    link.greet(0, is_lossless=True)
    assert gateway.hears() == Hello("carry", EPOCH, 42, True, PROTOCOL_VERSION)
    assert link.state is LinkState.GREETING


def test_a_greeting_is_repeated_only_where_no_welcome_has_come_for_a_while(link: GatewayLink, gateway: Gateway) -> None:
    link.greet(0, is_lossless=False)
    gateway.hears()
    link.greet(GREETING_RETRY_NS - 1, is_lossless=False)
    assert gateway.hears_nothing()
    link.greet(GREETING_RETRY_NS, is_lossless=False)
    assert gateway.hears() == Hello("carry", EPOCH, 1, False, PROTOCOL_VERSION)
    assert link.on_welcome(welcome(0))
    link.greet(9 * GREETING_RETRY_NS, is_lossless=False)
    assert gateway.hears_nothing(), "a welcomed link greets no more"


def test_a_link_is_up_once_it_is_welcomed_with_every_report_before(link: GatewayLink) -> None:
    assert not link.on_welcome(welcome(1)), "report 1 is missing"
    assert not link.on_welcome(welcome(0, epoch=EPOCH - 1)), "an earlier incarnation was meant"
    assert link.state is LinkState.GREETING
    assert link.is_next(accepted(1))
    assert link.on_welcome(welcome(1))
    assert link.state is LinkState.UP


def test_reports_are_handed_on_once_and_in_order(link: GatewayLink) -> None:
    link.on_welcome(welcome(0))
    heard = [link.is_next(accepted(seq)) for seq in (1, 2, 2, 1, 3)]
    assert heard == [True, True, False, False, True]
    assert (link.last_seq, link.state) == (3, LinkState.UP)


def test_after_a_gap_the_link_greets_again_and_sends_no_order_meanwhile(link: GatewayLink, gateway: Gateway) -> None:
    link.on_welcome(welcome(0))
    assert not link.is_next(accepted(2))
    assert (link.last_seq, link.state) == (0, LinkState.GREETING)
    assert not link.send_order(b"order")
    link.greet(0, is_lossless=False)
    assert gateway.hears() == Hello("carry", EPOCH, 1, False, PROTOCOL_VERSION)
    assert [link.is_next(accepted(1)), link.is_next(accepted(2))] == [True, True]
    assert link.on_welcome(welcome(2))


def test_a_report_without_a_number_is_handed_on_and_leaves_the_sequence_alone(link: GatewayLink) -> None:
    link.on_welcome(welcome(0))
    refusal = CancelRejected("a-1", "carry", "BTCUSDT.sim", RejectReason.UNKNOWN_ORDER, "no such order", 1)
    assert refusal.seq == 0
    assert link.is_next(refusal)
    assert (link.last_seq, link.state) == (0, LinkState.UP)


def test_orders_leave_only_over_a_link_that_is_up(link: GatewayLink, gateway: Gateway) -> None:
    assert not link.send_order(b"order")
    link.on_welcome(welcome(0))
    assert link.send_order(b"order")
    assert receive(gateway.socket, "the order") == [b"carry", b"order"]
    link.on_connection(is_up=False)
    assert link.state is LinkState.DOWN
    assert not link.send_order(b"order")
    assert gateway.hears_nothing()


def test_a_link_that_is_not_connected_does_not_greet(link: GatewayLink, gateway: Gateway) -> None:
    link.on_connection(is_up=False)
    link.greet(10 * GREETING_RETRY_NS, is_lossless=False)
    assert gateway.hears_nothing()
    link.on_connection(is_up=True)
    link.greet(10 * GREETING_RETRY_NS, is_lossless=False)
    assert isinstance(gateway.hears(), Hello), "at once when it is connected again"


def test_reports_are_acknowledged_cumulatively(link: GatewayLink, gateway: Gateway) -> None:
    for seq in range(1, 4):
        link.is_next(accepted(seq))
    assert link.unacknowledged == 3
    link.acknowledge()
    assert gateway.hears() == ExecutionsApplied("carry", 3, EPOCH)
    assert link.unacknowledged == 0
    link.is_next(accepted(4))
    assert link.unacknowledged == 1


def test_a_link_without_a_socket_says_no(context: Context, tmp_path: Path) -> None:
    endpoint = f"ipc://{tmp_path}/late"
    link = GatewayLink("sim", "carry", EPOCH)
    link.on_connection(is_up=True)
    assert not link.tell(welcome(0))
    link.greet(0, is_lossless=False)
    link.on_welcome(welcome(0))
    assert not link.send_order(b"order")
    link.is_next(accepted(1))
    link.acknowledge()
    socket: Socket = dealer(context, endpoint, "carry")
    link.bind(socket)
    assert not link.tell(welcome(0)), "bound, and nobody there"
    link.acknowledge()
    listener = router(context, endpoint)
    until(lambda: bool(socket.poll(0, zmq.POLLOUT)), socket, "the connection")
    link.acknowledge()
    assert TO_GATEWAY.decode(receive(listener, "the acknowledgement")[1]) == ExecutionsApplied("carry", 1, EPOCH)
