"""What is on the wire: it cannot be read, and said again it is worth nothing."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from messages.base import PROTOCOL_VERSION
from messages.codec import FROM_GATEWAY
from messages.gateway_link import Hello, Welcome
from messages.orders import SubmitOrder
from tests.security.secured_floor import CARRY, SecuredFloor, short_directory
from tests.support.actor_thread import actor_threads
from tests.support.gateway_floor import VENUE
from tests.support.orders import submit
from tests.support.played_ends import ConnectedEnd

CHUNK = 65_536


@pytest.fixture
def floor() -> Iterator[SecuredFloor]:
    with short_directory() as directory:
        with actor_threads() as threads:
            floor = SecuredFloor(Path(directory), threads)
            floor.open()
            yield floor
        floor.close()


class Tap:
    """Passes one connection on, byte by byte, and keeps a copy of what the connecting end says."""

    def __init__(self, path: str, target: str) -> None:
        self.copy = b""
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(1)
        self._target = target

    def serve(self) -> None:
        near, _ = self._listener.accept()
        far = socket.socket(socket.AF_UNIX)
        far.connect(self._target)
        back = threading.Thread(target=self._pass_on, args=(far, near, False), daemon=True)
        back.start()
        self._pass_on(near, far, True)

    def _pass_on(self, source: socket.socket, sink: socket.socket, is_kept: bool) -> None:
        try:
            while data := source.recv(CHUNK):
                if is_kept:
                    self.copy += data
                sink.sendall(data)
        except OSError:
            return


@contextmanager
def tapped(floor: SecuredFloor) -> Iterator[Tap]:
    path = f"{floor.directory}/tap"
    floor.servers[f"ipc://{path}"] = VENUE
    tap = Tap(path, floor.endpoints["orders"].removeprefix("ipc://"))
    threading.Thread(target=tap.serve, daemon=True).start()
    yield tap


def test_a_recorded_connection_shows_nothing_and_cannot_be_said_again(floor: SecuredFloor) -> None:
    order = submit(1)
    with tapped(floor) as tap:
        strategy = ConnectedEnd(floor.context_of(CARRY), f"ipc://{floor.directory}/tap", CARRY, FROM_GATEWAY)
        strategy.says(Hello(CARRY, 1, 1, False, PROTOCOL_VERSION))
        strategy.hears_a(Welcome)
        strategy.says(order)
        assert floor.venue.hears_a(SubmitOrder) == order
    assert len(tap.copy) > 300, "nothing was recorded"
    for secret in (order.client_order_id.encode(), CARRY.encode(), order.instrument.encode(), b"BUY"):
        assert secret not in tap.copy
    again = socket.socket(socket.AF_UNIX)
    again.settimeout(10)
    again.connect(floor.endpoints["orders"].removeprefix("ipc://"))
    again.sendall(tap.copy)
    while again.recv(CHUNK):
        """The gateway's greeting and its own welcome for a newcomer; then it closes: the vouch is of another time."""
    fresh = floor.strategy(CARRY, next_seq=1)
    fresh.says(submit(2))
    assert floor.venue.hears_a(SubmitOrder) == submit(2)
    assert floor.venue.heard.count(order) == 1
