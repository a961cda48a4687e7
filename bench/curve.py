"""What keys cost: a bare echo over ipc with and without CURVE, and reading at a ROUTER who has sent a frame.

The echo runs in a process of its own; the round trips alternate between the two links, so that a change of the
machine's pace meets both. The receiving is measured on frames that are at hand already.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter, perf_counter_ns
from typing import Any

import zmq

from actors.runtime.keys import Role
from actors.runtime.links import Socket, dealer, router
from bench.link_keys import LinkKeys, context_of
from bench.measure import options, percentiles, rounded, show

FRAME = b"x" * 200
ROUND_TRIPS, QUICK_ROUND_TRIPS = 20_000, 500
BLOCK = 100
WARM_UP = 200
WAITING = 500
"""Frames at hand when receiving is measured; fewer than a link holds."""
ROUNDS, QUICK_ROUNDS = 40, 3
ANSWER_MS = 10_000
ROLES = {"server": Role.GATEWAY, "client": Role.STRATEGY}


def echo(endpoint: str, keys_file: str) -> None:
    """Send everything back, until told to end."""
    context = context_of("server", keys_file)
    socket = router(context, endpoint, admits=(Role.STRATEGY,))
    while True:
        peer, frame = socket.recv_multipart()
        socket.send_multipart((peer, frame))
        if frame == b"end":
            socket.close(1_000)
            context.term()
            return


def round_trips(count: int) -> dict[str, list[float]]:
    """Microseconds of each round trip, by link."""
    with tempfile.TemporaryDirectory(prefix="oc") as name:
        ends, processes, contexts = {}, [], []
        for link, roles in (("plain", None), ("curve", ROLES)):
            directory = Path(name) / link
            directory.mkdir()
            endpoint = f"ipc://{directory}/echo"
            keys = LinkKeys(directory, {endpoint: "server"}, roles)
            command = [sys.executable, "-m", "bench.curve", "echo", endpoint, keys.file("server")]
            processes.append(subprocess.Popen(command))
            contexts.append(keys.context("client"))
            ends[link] = dealer(contexts[-1], endpoint, "client")
            assert ends[link].poll(ANSWER_MS, zmq.POLLOUT), "the echo does not answer"
            _times(ends[link], WARM_UP)
        samples: dict[str, list[float]] = {link: [] for link in ends}
        for _ in range(count // BLOCK):
            for link, socket in ends.items():
                samples[link] += _times(socket, BLOCK)
        for socket in ends.values():
            socket.send(b"end")
        for process in processes:
            process.wait(10)
        for context in contexts:
            context.destroy(0)
        return samples


def _times(socket: Socket, count: int) -> list[float]:
    times = []
    for _ in range(count):
        start_ns = perf_counter_ns()
        socket.send(FRAME)
        socket.recv()
        times.append((perf_counter_ns() - start_ns) / 1_000)
    return times


def receiving_us(rounds: int) -> dict[str, float]:
    """Microseconds to receive one frame that is at hand at a ROUTER, the median of the rounds, by way of receiving."""
    with tempfile.TemporaryDirectory(prefix="oc") as name:
        directory, figures = Path(name), {}
        endpoint = f"ipc://{directory}/r"
        keys = LinkKeys(directory, {endpoint: "server"}, ROLES)
        contexts = keys.context("server"), keys.context("client")
        receiver = router(contexts[0], endpoint, admits=(Role.STRATEGY,))
        sender = dealer(contexts[1], endpoint, "client")
        for way, take in _WAYS.items():
            figures[way] = median(_receive(sender, receiver, take) for _ in range(rounds))
        for context in contexts:
            context.destroy(0)
        return figures


def _receive(sender: Socket, receiver: Socket, take: Callable[[Socket], object]) -> float:
    assert sender.poll(ANSWER_MS, zmq.POLLOUT)
    for _ in range(WAITING):
        sender.send(FRAME)
    sender.send(b"")  # once this one is there, so are the others; they are of one connection
    taken, busy = 0, 0.0
    while taken <= WAITING:
        assert receiver.poll(ANSWER_MS)
        start = perf_counter()
        try:
            while taken <= WAITING:
                take(receiver)
                taken += 1
        except zmq.Again:
            pass
        busy += perf_counter() - start
    return busy / (WAITING + 1) * 1e6


def _two_parts(socket: Socket) -> tuple[bytes, bytes]:
    sender = socket.recv(zmq.NOBLOCK)
    return sender, socket.recv(zmq.NOBLOCK, copy=False).bytes


def _with_user(socket: Socket) -> tuple[bytes, bytes, object]:
    sender = socket.recv(zmq.NOBLOCK)
    frame = socket.recv(zmq.NOBLOCK, copy=False)
    return sender, frame.bytes, frame.get("User-Id")


_WAYS: dict[str, Callable[[Socket], object]] = {
    "recv_multipart": lambda socket: socket.recv_multipart(zmq.NOBLOCK),
    "frame": _two_parts,
    "frame and User-Id": _with_user,
}


def run(*, is_quick: bool) -> dict[str, Any]:
    trips = round_trips(QUICK_ROUND_TRIPS if is_quick else ROUND_TRIPS)
    by_link = {link: {at: rounded(us) for at, us in percentiles(samples).items()} for link, samples in trips.items()}
    return {
        "bench": "curve",
        "frame_bytes": len(FRAME),
        "n": len(trips["plain"]),
        "round_trip_us": by_link,
        "curve_adds_us_one_way": rounded((by_link["curve"]["p50"] - by_link["plain"]["p50"]) / 2),
        "receive_us": {way: rounded(us) for way, us in receiving_us(QUICK_ROUNDS if is_quick else ROUNDS).items()},
    }


def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["echo"]:
        echo(*arguments[1:])
        return 0
    asked = options("curve", "A bare echo with and without CURVE, and what it costs to know the sender.", arguments)
    result = run(is_quick=asked.is_quick)
    rows = [("us", "p50", "p99", "p99.9")]
    rows += [
        (f"round trip, {link}", *(f"{us:.1f}" for us in at.values())) for link, at in result["round_trip_us"].items()
    ]
    rows.append(("CURVE adds, one way", f"{result['curve_adds_us_one_way']:.1f}", "", ""))
    rows += [(f"receive: {way}", f"{us:.2f}", "", "") for way, us in result["receive_us"].items()]
    show(result, rows, f"{result['n']} round trips of {len(FRAME)} bytes over ipc", is_json=asked.is_json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
