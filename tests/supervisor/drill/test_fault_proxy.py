"""The fault proxy, over plain sockets, and between two ends of ZeroMQ with CURVE that know nothing of it."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zmq

from supervisor.drill.fault_proxy import FaultProxy

TIMEOUT_S = 10.0


class Echo:
    """A server that sends back what it hears, on any number of connections."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.heard: list[bytes] = []
        self._has_heard = threading.Condition()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(65_536):
                with self._has_heard:
                    self.heard.append(data)
                    self._has_heard.notify_all()
                connection.sendall(data)

    def wait_for(self, data: bytes) -> None:
        """Until it has heard all of this, and nothing else."""
        with self._has_heard:
            self._has_heard.wait_for(lambda: b"".join(self.heard) == data, TIMEOUT_S)
            assert b"".join(self.heard) == data


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.listener.close()


@contextmanager
def client_of(proxy: FaultProxy) -> Iterator[socket.socket]:
    host, _, port = proxy.endpoint.removeprefix("tcp://").partition(":")
    with socket.create_connection((host, int(port)), TIMEOUT_S) as client:
        yield client


def answer_after_s(client: socket.socket, data: bytes) -> float:
    """How long until the whole of what was sent is back."""
    started_s = time.monotonic()
    client.sendall(data)
    received = b""
    while len(received) < len(data):
        more = client.recv(65_536)
        assert more, "the connection has ended"
        received += more
    assert received == data
    return time.monotonic() - started_s


def test_what_goes_in_comes_out_unchanged(echo: Echo) -> None:
    with FaultProxy.tcp(echo.port) as proxy, client_of(proxy) as client:
        data = bytes(range(256)) * 1_000
        answer_after_s(client, data)
        assert proxy.wait_for(lambda: proxy.moved_bytes == 2 * len(data), TIMEOUT_S)  # it counts after it has sent


def test_a_delay_holds_for_each_way(echo: Echo) -> None:
    with FaultProxy.tcp(echo.port) as proxy, client_of(proxy) as client:
        proxy.delay(0.05)
        assert answer_after_s(client, b"late") >= 2 * 0.05


def test_a_delay_that_has_been_healed_holds_nothing_back(echo: Echo) -> None:
    with FaultProxy.tcp(echo.port) as proxy, client_of(proxy) as client:
        proxy.delay(10 * TIMEOUT_S)
        proxy.heal()
        answer_after_s(client, b"soon")


def test_a_stall_holds_back_whatever_is_sent_and_then_delivers_it_in_order(echo: Echo) -> None:
    with FaultProxy.tcp(echo.port) as proxy, client_of(proxy) as client:
        proxy.stall(10 * TIMEOUT_S)
        for data, held in ((b"one ", 4), (b"two", 7)):
            client.sendall(data)
            assert proxy.wait_for(lambda held=held: proxy.held_bytes == held, TIMEOUT_S)  # type: ignore[misc]
        assert not echo.heard
        proxy.heal()
        echo.wait_for(b"one two")
        assert client.recv(3) == b"one"


def test_a_stall_ends_by_itself(echo: Echo) -> None:
    with FaultProxy.tcp(echo.port) as proxy, client_of(proxy) as client:
        started_s = time.monotonic()
        proxy.stall(0.2)
        answer_after_s(client, b"late")
        assert time.monotonic() - started_s >= 0.2


def test_a_cut_breaks_what_is_open_and_refuses_what_comes(echo: Echo) -> None:
    with FaultProxy.tcp(echo.port) as proxy, client_of(proxy) as client:
        answer_after_s(client, b"open")
        assert proxy.cut(seconds=TIMEOUT_S) == 1
        assert client.recv(1) == b""
        with client_of(proxy) as refused:
            assert refused.recv(1) == b""
        proxy.heal()
        with client_of(proxy) as again:
            answer_after_s(again, b"back")


def test_what_is_dropped_is_a_hole_in_the_stream(echo: Echo) -> None:
    with FaultProxy.tcp(echo.port) as proxy, client_of(proxy) as client:
        proxy.drop()
        client.sendall(b"lost")
        assert proxy.wait_for(lambda: proxy.dropped_bytes == 4, TIMEOUT_S)
        proxy.drop(is_dropping=False)
        answer_after_s(client, b"kept")
        assert b"".join(echo.heard) == b"kept"


def test_reordered_connections_come_newest_first(echo: Echo) -> None:
    with FaultProxy.tcp(echo.port) as proxy, client_of(proxy) as older, client_of(proxy) as newer:
        assert proxy.wait_for(lambda: proxy.open_connections == 2, TIMEOUT_S)
        proxy.reorder(10 * TIMEOUT_S)
        older.sendall(b"sent first")
        assert proxy.wait_for(lambda: proxy.held_bytes == len(b"sent first"), TIMEOUT_S)
        newer.sendall(b"sent second")
        assert newer.recv(100) == b"sent second"
        assert echo.heard == [b"sent second"]
        proxy.heal()
        assert older.recv(100) == b"sent first"


def test_a_link_with_curve_goes_through_a_proxy_that_took_the_place_of_its_socket(tmp_path: Path) -> None:
    path, context = tmp_path / "link", zmq.Context()
    public, secret = zmq.curve_keypair()
    own_public, own_secret = zmq.curve_keypair()
    server, client = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    try:
        server.setsockopt(zmq.CURVE_SERVER, 1)
        server.setsockopt(zmq.CURVE_SECRETKEY, secret)
        server.bind(f"ipc://{path}")
        with FaultProxy.in_place_of(path) as proxy:
            client.setsockopt(zmq.CURVE_SERVERKEY, public)
            client.setsockopt(zmq.CURVE_PUBLICKEY, own_public)
            client.setsockopt(zmq.CURVE_SECRETKEY, own_secret)
            client.connect(f"ipc://{path}")
            client.send(b"order 4711")
            assert server.poll(TIMEOUT_S * 1_000)
            assert server.recv_multipart()[1] == b"order 4711"
            assert proxy.accepted == 1
            proxy.cut()
            client.send(b"after the cut")
            assert server.poll(TIMEOUT_S * 1_000)
            assert server.recv_multipart()[1] == b"after the cut"
            assert proxy.accepted == 2
    finally:
        context.destroy(linger=0)
    assert path.exists() or not path.with_name("link.behind").exists()
