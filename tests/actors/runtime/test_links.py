"""Links: an order is sent now or not at all, and a peer that is gone is known to be gone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from actors.runtime.links import (
    Context,
    Socket,
    dealer,
    monitored_dealer,
    publisher,
    router,
    subscriber,
    try_send,
    try_send_to,
)
from messages.codec import FRAME_BYTES_MAX
from tests.support.sockets import receive, until


@pytest.fixture
def context() -> Iterator[Context]:
    context: Context = zmq.Context()
    yield context
    context.destroy(0)


@pytest.fixture
def endpoint(tmp_path: Path) -> str:
    return f"ipc://{tmp_path}/link"


def fill(socket: Socket, peer: bytes | None = None) -> int:
    """Send until the link is full; how many frames it took."""
    for count in range(100_000):
        is_sent = try_send(socket, b"x") if peer is None else try_send_to(socket, peer, b"x")
        if not is_sent:
            return count
    raise AssertionError("a link that is never full is a queue without a bound")


def test_a_dealer_that_is_not_connected_refuses_instead_of_queueing(context: Context, endpoint: str) -> None:
    sender = dealer(context, endpoint, "carry")
    assert not try_send(sender, b"early")
    listener = router(context, endpoint)
    until(lambda: try_send(sender, b"now"), sender, "the connection")
    assert receive(listener, "the order") == [b"carry", b"now"], "and not the early one"


def test_a_link_that_is_full_refuses(context: Context) -> None:
    listener = router(context, "inproc://full", hwm=8)
    assert fill(dealer(context, "inproc://full", "carry", hwm=8)) == 16  # 8 at either end
    assert receive(listener, "the first of them") == [b"carry", b"x"]


def test_a_peer_that_is_not_there_is_not_written_to(context: Context) -> None:
    listener = router(context, "inproc://nobody")
    assert not try_send_to(listener, b"carry", b"report")


def test_a_peer_that_does_not_read_is_refused_and_the_others_are_not(context: Context) -> None:
    listener = router(context, "inproc://slow", hwm=8)
    slow = dealer(context, "inproc://slow", "slow", hwm=8)
    quick = dealer(context, "inproc://slow", "quick", hwm=8)
    for socket in (slow, quick):
        socket.send(b"hello")
        receive(listener, "the greeting")
    assert fill(listener, b"slow") == 16
    assert try_send_to(listener, b"quick", b"report")
    assert receive(quick, "the report") == [b"report"]


def test_a_peer_that_has_gone_is_known_to_be_gone(context: Context, endpoint: str) -> None:
    listener = router(context, endpoint)
    sender = dealer(context, endpoint, "carry")
    until(lambda: try_send(sender, b"hello"), sender, "the connection")
    receive(listener, "the greeting")
    assert try_send_to(listener, b"carry", b"report")
    sender.close(0)
    until(lambda: not try_send_to(listener, b"carry", b"report"), listener, "the loss of the peer")


def test_an_error_of_our_own_is_not_taken_for_a_peer_that_is_away(context: Context) -> None:
    listener = router(context, "inproc://closed")
    listener.close(0)
    with pytest.raises(zmq.ZMQError):
        try_send_to(listener, b"carry", b"report")


def test_a_restarted_peer_takes_over_its_routing_id(context: Context, endpoint: str) -> None:
    listener = router(context, endpoint)
    first = dealer(context, endpoint, "carry")
    until(lambda: try_send(first, b"first"), first, "the connection")
    receive(listener, "the first greeting")
    second = dealer(context, endpoint, "carry")
    until(lambda: try_send(second, b"second"), second, "the second connection")
    assert receive(listener, "the second greeting") == [b"carry", b"second"]
    assert try_send_to(listener, b"carry", b"report")
    assert receive(second, "the report") == [b"report"]
    assert not first.poll(0)


def test_a_monitor_tells_of_a_connection_made_and_lost(context: Context, endpoint: str) -> None:
    sender, monitor = monitored_dealer(context, endpoint, "carry")
    assert not monitor.poll(0)
    listener = router(context, endpoint)
    made, lost = (zmq.EVENT_HANDSHAKE_SUCCEEDED.to_bytes(2, "little"), zmq.EVENT_DISCONNECTED.to_bytes(2, "little"))
    assert receive(monitor, "the connection")[0].startswith(made)
    assert try_send(sender, b"hello")
    listener.close(0)
    assert receive(monitor, "its loss")[0].startswith(lost)
    until(lambda: not try_send(sender, b"late"), sender, "the refusal")


def test_a_monitor_misses_no_connection_however_soon_it_is_made(context: Context, endpoint: str) -> None:
    listener = router(context, endpoint)
    for number in range(20):
        sender, monitor = monitored_dealer(context, endpoint, f"peer-{number}")
        receive(monitor, f"connection {number}")
        sender.close(0)
    assert not listener.poll(0)


def test_a_frame_longer_than_any_message_is_refused_before_it_is_read(context: Context, endpoint: str) -> None:
    listener = router(context, endpoint)
    intruder, monitor = monitored_dealer(context, endpoint, "intruder")
    receive(monitor, "the connection")
    intruder.send(bytes(FRAME_BYTES_MAX + 1))
    receive(monitor, "the disconnection")
    assert not listener.poll(0)
    until(lambda: try_send(intruder, b"short") and bool(listener.poll(20)), intruder, "the connection again")
    assert receive(listener, "the short frame") == [b"intruder", b"short"]


def test_a_subscriber_hears_of_several_publishers_what_it_subscribed_to(context: Context) -> None:
    feeds = [publisher(context, f"inproc://feed-{number}") for number in range(2)]
    reader = subscriber(context, "inproc://feed-0", "inproc://feed-1")
    reader.subscribe(b"quote:")
    for number, feed in enumerate(feeds):
        assert receive(feed, "the subscription") == [b"\x01quote:"]
        feed.send(b"trade:%d" % number)
        feed.send(b"quote:%d" % number)
    assert sorted(receive(reader, "a quote")[0] for _ in feeds) == [b"quote:0", b"quote:1"]


def test_a_repeated_subscription_is_told_again_so_that_each_reader_gets_the_last_value(context: Context) -> None:
    feed = publisher(context, "inproc://verbose")
    readers = [subscriber(context, "inproc://verbose") for _ in range(2)]
    for reader in readers:
        reader.subscribe(b"quote:A\x00")
        assert receive(feed, "the subscription") == [b"\x01quote:A\x00"]
