"""The mailbox over real sockets: urgent first, newest quote wins, nothing else is lost."""

import os
from collections.abc import Iterator
from time import monotonic_ns

import pytest
import zmq
from pykka._envelope import Envelope

from actors.runtime.links import Context, dealer, publisher, router, subscriber
from actors.runtime.mailbox import BACKLOG_BETWEEN_POLLS, Delivery, FdReady, Mailbox, Priority, Wake, Wire
from messages.topics import Channel, topic

QUOTE_A, QUOTE_B, TRADE_A = topic(Channel.QUOTE, "A.x"), topic(Channel.QUOTE, "B.x"), topic(Channel.TRADE, "A.x")


@pytest.fixture
def context() -> Iterator[Context]:
    context: Context = zmq.Context()
    yield context
    context.destroy(0)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    mailbox = Mailbox()
    yield mailbox
    mailbox.close()


def publish(context: Context, mailbox: Mailbox, endpoint: str, frames: list[bytes]) -> zmq.Socket[bytes]:
    """Attach a subscriber, publish the frames, and return once all of them wait in the subscriber."""
    sender = publisher(context, endpoint)
    receiver = subscriber(context, endpoint)
    receiver.subscribe(b"")
    mailbox.attach("market", receiver, Priority.MARKET_DATA, Wire.PUBLISHED)
    assert sender.poll(2_000), "the subscription did not arrive"
    sender.recv()
    for frame in frames:
        sender.send(frame)
    assert receiver.poll(2_000), "nothing was received"
    return sender


def take(mailbox: Mailbox, count: int) -> list[Delivery]:
    return [mailbox.get().message for _ in range(count)]


def test_the_newest_quote_of_an_instrument_wins_when_the_actor_is_behind(context: Context, mailbox: Mailbox) -> None:
    frames = [QUOTE_A + b"1", TRADE_A + b"t1", QUOTE_B + b"1", QUOTE_A + b"2", TRADE_A + b"t2", QUOTE_A + b"3"]
    publish(context, mailbox, "inproc://conflated", frames)
    heard = [(delivery.sender, delivery.frame) for delivery in take(mailbox, 4)]
    # Six frames: three quotes of A leave one, in the place of the first; both trades stay.
    assert heard == [(QUOTE_A, b"3"), (TRADE_A, b"t1"), (QUOTE_B, b"1"), (TRADE_A, b"t2")]
    assert mailbox.conflated == 2


def test_a_lossless_mailbox_delivers_every_quote_in_order(context: Context, mailbox: Mailbox) -> None:
    mailbox.is_lossless = True
    publish(context, mailbox, "inproc://lossless", [QUOTE_A + b"%d" % number for number in range(500)])
    assert [delivery.frame for delivery in take(mailbox, 500)] == [b"%d" % number for number in range(500)]
    assert mailbox.conflated == 0


def test_commands_come_before_executions_and_those_before_market_data(context: Context, mailbox: Mailbox) -> None:
    publish(context, mailbox, "inproc://quotes", [QUOTE_A + b"1"])
    for name, priority in (("executions", Priority.EXECUTIONS), ("commands", Priority.COMMANDS)):
        receiver = router(context, f"inproc://{name}")
        mailbox.attach(name, receiver, priority, Wire.ROUTED)
        sender = dealer(context, f"inproc://{name}", "me")
        sender.send(name.encode())
        assert receiver.poll(2_000)
    assert [delivery.port for delivery in take(mailbox, 3)] == ["commands", "executions", "market"]


def test_an_execution_overtakes_the_market_data_that_waits_already(context: Context, mailbox: Mailbox) -> None:
    publish(context, mailbox, "inproc://backlog", [TRADE_A + b"%d" % number for number in range(10)])
    assert take(mailbox, 1)[0].frame == b"0"
    assert mailbox.backlog == 9
    receiver = router(context, "inproc://late")
    mailbox.attach("executions", receiver, Priority.EXECUTIONS, Wire.ROUTED)
    dealer(context, "inproc://late", "me").send(b"fill")
    assert receiver.poll(2_000)
    heard = [delivery.frame for delivery in take(mailbox, 10)]
    assert heard.index(b"fill") <= BACKLOG_BETWEEN_POLLS
    assert [frame for frame in heard if frame != b"fill"] == [b"%d" % number for number in range(1, 10)]


def test_a_routed_frame_names_its_sender_and_a_frame_of_a_wrong_shape_is_refused(
    context: Context, mailbox: Mailbox
) -> None:
    receiver = router(context, "inproc://routed")
    mailbox.attach("orders", receiver, Priority.EXECUTIONS, Wire.ROUTED)
    sender = dealer(context, "inproc://routed", "carry")
    sender.send_multipart([b"too", b"many"])
    sender.send(b"order")
    assert take(mailbox, 1) == [Delivery("orders", b"carry", b"order")]
    assert mailbox.refused == 1


def test_a_local_envelope_is_served_first_and_wakes_a_waiting_mailbox(mailbox: Mailbox) -> None:
    assert mailbox.empty()
    mailbox.put(Envelope("tell"))
    mailbox.put(Envelope("ask"))
    assert not mailbox.empty()
    assert [mailbox.get().message, mailbox.get().message] == ["tell", "ask"]
    mailbox.wake_at(monotonic_ns())
    assert mailbox.get().message is Wake.DUE, "the wake-ups of envelopes that were served are not messages"


def test_a_due_wake_up_is_not_starved_by_a_backlog(context: Context, mailbox: Mailbox) -> None:
    publish(context, mailbox, "inproc://busy", [TRADE_A + b"1", TRADE_A + b"2"])
    take(mailbox, 1)
    mailbox.wake_at(monotonic_ns())
    assert mailbox.get().message is Wake.DUE
    assert take(mailbox, 1)[0].frame == b"2"


def test_a_watched_descriptor_is_reported_until_it_is_let_go(mailbox: Mailbox) -> None:
    reader, writer = os.pipe()
    mailbox.watch(reader)
    os.write(writer, b"x")
    assert mailbox.get().message == FdReady(reader)
    mailbox.unwatch(reader)
    mailbox.wake_at(monotonic_ns())
    assert mailbox.get().message is Wake.DUE
    os.close(reader)
    os.close(writer)


def test_idle_work_is_done_before_waiting_and_not_while_messages_wait(context: Context, mailbox: Mailbox) -> None:
    idles: list[int] = []
    mailbox.on_idle = lambda: idles.append(1)
    publish(context, mailbox, "inproc://idle", [TRADE_A + b"1", TRADE_A + b"2"])
    take(mailbox, 2)
    assert idles == []
    mailbox.wake_at(monotonic_ns() + 1_000_000)
    assert mailbox.get().message is Wake.DUE
    assert idles
