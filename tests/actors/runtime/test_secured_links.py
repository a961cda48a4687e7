"""Links with keys, without any actor: who may bind, who comes in, and where a peer is answered."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import zmq
from structlog.testing import capture_logs

from actors.runtime import links
from actors.runtime.address_book import AddressBook
from actors.runtime.keys import AllowedKey, AllowList, Doorlist, Guest, Keyring, Role
from actors.runtime.links import (
    Context,
    UnsafeLink,
    dealer,
    is_secured,
    open_context,
    publisher,
    router,
    subscriber,
    try_send,
)
from actors.runtime.mailbox import Delivery, Mailbox, Priority, Wire
from actors.runtime.zap import ENDPOINT, domain
from tests.support.sockets import PATIENCE_MS, receive, until

ROLES = {"spot": Role.GATEWAY, "carry": Role.STRATEGY, "maker": Role.STRATEGY, "desk": Role.OPERATOR}


class Cluster:
    def __init__(self, directory: Path) -> None:
        self.endpoint = f"ipc://{directory}/spot"
        pairs = {name: zmq.curve_keypair() for name in ROLES}
        keys = {name: AllowedKey(role, pairs[name][0].decode()) for name, role in ROLES.items()}
        self.allow_list = directory / "allowed.json"
        self.allow_list.touch(mode=0o600)
        self.allow_list.write_bytes(msgspec.json.encode(AllowList(keys)))
        self._secrets = {name: secret for name, (_, secret) in pairs.items()}
        self.contexts: list[Context] = []

    def context(self, name: str) -> Context:
        keyring = Keyring(name, self._secrets[name], Doorlist(self.allow_list), {self.endpoint: "spot"})
        self.contexts.append(open_context(keyring))
        return self.contexts[-1]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path)
    yield cluster
    for context in cluster.contexts:
        context.destroy(0)


def deliveries(mailbox: Mailbox, count: int) -> list[Delivery]:
    return [mailbox.get().message for _ in range(count)]


def test_a_frame_comes_with_the_name_that_belongs_to_its_senders_key(cluster: Cluster) -> None:
    mailbox = Mailbox()
    socket = router(cluster.context("spot"), cluster.endpoint, admits=(Role.STRATEGY,))
    mailbox.attach("orders", socket, Priority.EXECUTIONS, Wire.ROUTED)
    carry = dealer(cluster.context("carry"), cluster.endpoint, "maker")  # what it calls itself does not count
    until(lambda: try_send(carry, b"hi"), carry, "the connection")
    (heard,) = deliveries(mailbox, 1)
    assert (heard.frame, heard.user, heard.name) == (b"hi", "carry", "carry")
    assert heard.is_from("carry")
    assert not heard.is_from("maker")
    mailbox.close()


def test_a_peer_is_answered_where_it_introduced_itself_last(cluster: Cluster) -> None:
    mailbox = Mailbox()
    socket = router(cluster.context("spot"), cluster.endpoint, admits=(Role.STRATEGY,))
    book = AddressBook(socket)
    mailbox.attach("orders", socket, Priority.EXECUTIONS, Wire.ROUTED)
    first, second = (dealer(cluster.context("carry"), cluster.endpoint, "carry") for _ in range(2))
    for number, end in enumerate((first, second)):
        until(lambda end=end: try_send(end, b"hello"), end, "the connection")  # type: ignore[misc]
        (heard,) = deliveries(mailbox, 1)
        book.heard(heard)  # an old address that works stays
        assert book.send("carry", b"to the first")
        assert receive(first, "the answer") == [b"to the first"]
        if number:
            book.moved(heard)
    assert book.send("carry", b"to the second")
    assert receive(second, "the answer") == [b"to the second"]
    second.close(0)
    until(lambda: not book.send("carry", b"gone"), socket, "the end of the connection")
    book.heard(Delivery("orders", heard.sender, b"", "carry"))
    assert not book.send("nobody", b"")
    mailbox.close()


def test_nobody_is_admitted_where_no_role_is_named(cluster: Cluster) -> None:
    with capture_logs() as logs:
        socket = router(cluster.context("spot"), cluster.endpoint)
        carry = dealer(cluster.context("carry"), cluster.endpoint, "carry")
        until(lambda: bool(logs), socket, "the refusal")
    assert logs[0]["why"] == "carry is a strategy, this socket admits:"
    assert not try_send(carry, b"hi")


def test_a_publisher_admits_by_role_too(cluster: Cluster) -> None:
    context = cluster.context("spot")
    feed = publisher(context, cluster.endpoint, admits=(Role.STRATEGY,))
    reader, stranger = (subscriber(cluster.context(name), cluster.endpoint) for name in ("carry", "desk"))
    for socket in (stranger, reader):
        socket.subscribe(b"")
    assert feed.poll(PATIENCE_MS)
    feed.recv()
    feed.send(b"quote")
    assert receive(reader, "the quote") == [b"quote"]
    assert not stranger.poll(50)
    assert context.doorkeeper is not None
    assert context.doorkeeper.refusals.total >= 1


def test_without_a_doorkeeper_nobody_comes_in(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should it ever be missing: CURVE alone would admit any key."""
    monkeypatch.setattr(links, "Doorkeeper", lambda *_: None)
    socket = router(cluster.context("spot"), cluster.endpoint, admits=Role)
    carry = dealer(cluster.context("carry"), cluster.endpoint, "carry")
    assert not carry.poll(200, zmq.POLLOUT)
    assert not socket.poll(0)


def test_a_mistake_of_ours_lets_nobody_in_and_the_next_one_is_asked_for_as_before(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = cluster.context("spot")
    socket = router(context, cluster.endpoint, admits=Role)
    assert context.keyring is not None
    guest, asked = context.keyring.doorlist.guest, []

    def fails_once(public: bytes) -> Guest | None:
        asked.append(public)
        if len(asked) == 1:
            raise ZeroDivisionError
        return guest(public)

    monkeypatch.setattr(context.keyring.doorlist, "guest", fails_once)
    with capture_logs() as logs:
        carry = dealer(cluster.context("carry"), cluster.endpoint, "carry")
        until(lambda: bool(logs), socket, "the failure")
    assert logs[0]["event"] == "the doorkeeper failed"
    again = dealer(cluster.context("carry"), cluster.endpoint, "carry")
    until(lambda: try_send(again, b"hi"), again, "the connection")
    carry.close(0)


def test_the_doorkeeper_refuses_what_shows_no_curve_key(cluster: Cluster) -> None:
    context = cluster.context("spot")
    router(context, cluster.endpoint, admits=Role).close(0)
    asker = context.socket(zmq.REQ)
    asker.connect(ENDPOINT)
    head = (b"1.0", b"7", domain((Role.STRATEGY,)), b"somewhere", b"")
    for credentials in ((b"NULL",), (b"PLAIN", b"carry", b"secret"), (b"CURVE", b"short")):
        asker.send_multipart((*head, *credentials))
        assert receive(asker, "the answer") == [b"1.0", b"7", b"400", b"No access", b"", b""]


def test_only_a_link_with_keys_may_leave_this_host() -> None:
    context = open_context()
    for endpoint in ("tcp://0.0.0.0:5555", "tcp://*:5555", "tcp://10.1.2.3:5555", "tcp://desk.example:5555"):
        with pytest.raises(UnsafeLink, match=r"may leave this host, and this link has no keys; set curve = true"):
            router(context, endpoint)
        with pytest.raises(UnsafeLink):
            dealer(context, endpoint, "carry")
    socket = router(context, "tcp://127.0.0.1:*")
    assert not is_secured(socket)
    context.destroy(0)
