"""What an old incarnation of a strategy would send if it came back to life: its key, its name, its epoch of then."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep, time_ns
from typing import Final

from actors.runtime.keys import load_keyring
from actors.runtime.links import Socket, dealer, open_context, try_send
from messages.codec import encode
from messages.orders import SubmitOrder
from supervisor.keys import key_files
from supervisor.paths import ClusterPaths

CONNECT_S: Final = 0.5
BATCH: Final = 50
BATCH_PAUSE_S: Final = 0.05


@contextmanager
def old_link(paths: ClusterPaths, strategy: str, gateway: str) -> Iterator[Socket]:
    """A connection to a gateway's order socket with the strategy's own key."""
    endpoint = paths.endpoint(f"{gateway}.orders")
    secured = paths.allow_list_file.exists()
    keyring = load_keyring(strategy, key_files(paths, strategy, {endpoint: gateway})) if secured else None
    context = open_context(keyring)
    socket = dealer(context, endpoint, strategy)
    try:
        sleep(CONNECT_S)
        yield socket
    finally:
        socket.close(0)
        context.term()


def send_stale_orders(socket: Socket, pattern: SubmitOrder, count: int) -> int:
    """Send orders like this one, each with an id that was never used. :returns: how many left."""
    left = 0
    prefix = pattern.client_order_id.rpartition("-")[0]
    for number in range(count):
        order = _renewed(pattern, f"{prefix}-z{number}")
        left += try_send(socket, encode(order))
        if number % BATCH == BATCH - 1:
            sleep(BATCH_PAUSE_S)
    sleep(BATCH_PAUSE_S)
    return left


def _renewed(order: SubmitOrder, client_order_id: str) -> SubmitOrder:
    """The same order as if it were decided now, so that its age is not what it is refused for."""
    fields = {name: getattr(order, name) for name in order.__struct_fields__}
    return SubmitOrder(**fields | {"client_order_id": client_order_id, "ts_created": time_ns(), "valid_for_ms": 60_000})
