"""The outbox: a gateway that is slow for a moment loses no report, one that is away is told nothing."""

from collections.abc import Iterator

import pytest
import zmq

from actors.runtime.links import Context, Socket, dealer, router
from gateways.exchange.outbox import PENDING_MAX, Outbox, OutboxFull
from tests.support.sockets import receive

HWM = 8


@pytest.fixture
def context() -> Iterator[Context]:
    context: Context = zmq.Context()
    yield context
    context.destroy(0)


@pytest.fixture
def listener(context: Context) -> Socket:
    return router(context, "inproc://venue", hwm=HWM)


def gateway(context: Context, listener: Socket) -> Socket:
    """A gateway that is connected."""
    socket = dealer(context, "inproc://venue", "sim", hwm=HWM)
    socket.send(b"login")
    receive(listener, "the login")
    return socket


def test_reports_that_find_the_link_full_are_kept_and_sent_in_order(context: Context, listener: Socket) -> None:
    reader, outbox = gateway(context, listener), Outbox(listener, "sim")
    for number in range(100):
        outbox.send(b"%d" % number)
    heard = []
    while len(heard) < 100:
        while reader.poll(0):
            heard.append(int(reader.recv()))
        outbox.flush()
    assert heard == list(range(100))


def test_what_is_kept_goes_before_what_comes_later(context: Context, listener: Socket) -> None:
    reader, outbox = gateway(context, listener), Outbox(listener, "sim")
    for number in range(3 * HWM):
        outbox.send(b"%d" % number)
    heard = [int(receive(reader, "a report")[0]) for _ in range(2 * HWM)]
    outbox.send(b"%d" % (3 * HWM))
    while len(heard) < 3 * HWM + 1:
        while reader.poll(0):
            heard.append(int(reader.recv()))
        outbox.flush()
    assert heard == list(range(3 * HWM + 1))


def test_a_gateway_that_is_away_is_told_nothing_and_nothing_is_kept_for_it(context: Context, listener: Socket) -> None:
    outbox = Outbox(listener, "sim")
    outbox.send(b"while it was away")
    reader = gateway(context, listener)
    outbox.flush()
    outbox.send(b"now")
    assert receive(reader, "the report") == [b"now"]


def test_a_gateway_that_reads_nothing_for_far_too_long_is_an_error(context: Context, listener: Socket) -> None:
    reader, outbox = gateway(context, listener), Outbox(listener, "sim")
    sent = 0
    with pytest.raises(OutboxFull, match=f"{PENDING_MAX} reports wait for gateway sim, which reads none; restart it"):
        while sent < 2 * PENDING_MAX:
            outbox.send(b"x")
            sent += 1
    assert sent == PENDING_MAX + 2 * HWM
    assert receive(reader, "the first of them") == [b"x"]


def test_an_error_of_our_own_is_not_taken_for_a_gateway_that_is_away(listener: Socket) -> None:
    outbox = Outbox(listener, "sim")
    listener.close(0)
    with pytest.raises(zmq.ZMQError):
        outbox.send(b"x")
