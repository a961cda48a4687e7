"""Frames that are no messages, or the wrong ones: random, truncated, flipped, of another link, too deep, too many."""

import os
import random
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import zmq

from actors.runtime.links import Socket
from tests.support.sockets import PATIENCE_MS

FRAMES = int(os.environ.get("OUTCRY_FUZZ", "2000"))
"""Frames sent to each kind of socket; 1,000,000 in the long run."""
BYTES_MAX = 400
FRAMES_IN_ONE_MAX = 4

_BOMBS = (
    b"",
    b"\xdd\xff\xff\xff\xff",  # an array of four billion elements, none of which is there
    b"\xdf\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff" + b"x" * 64,
    b"\x91" * 20_000,  # arrays within arrays
    b"\x93\xa6submit\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00",  # NaN and infinity
)


def rubbish(seed: int, samples: Sequence[bytes], count: int = FRAMES) -> Iterator[list[bytes]]:
    """Messages of one frame or more. :param samples: real frames to be spoiled."""
    chance = random.Random(seed)
    for _ in range(count):
        parts = chance.randrange(2, FRAMES_IN_ONE_MAX + 1) if chance.random() < 0.1 else 1
        yield [_frame(chance, samples) for _ in range(parts)]


def _frame(chance: random.Random, samples: Sequence[bytes]) -> bytes:
    kind = chance.random()
    if kind < 0.3:
        return chance.randbytes(chance.randrange(BYTES_MAX))
    if kind < 0.35:
        return chance.choice(_BOMBS)
    frame = bytearray(chance.choice(samples))
    if kind < 0.6:
        return bytes(frame[: chance.randrange(len(frame))])
    for _ in range(chance.randrange(1, 6)):
        frame[chance.randrange(len(frame))] = chance.randrange(256)
    return bytes(frame)


def send_all(target: Socket, messages: Iterator[list[bytes]]) -> int:
    """Send as fast as the other end reads; returns how many messages left."""
    sent = 0
    for parts in messages:
        assert target.poll(PATIENCE_MS, zmq.POLLOUT), f"after {sent} messages the other end reads no more"
        target.send_multipart(parts)
        sent += 1
        while target.poll(0, zmq.POLLIN):
            target.recv_multipart()
    return sent


def raw_connections(endpoint: str, seed: int, count: int) -> None:
    """Bytes that are no ZMTP, each on a connection of its own; and a few connections that say nothing."""
    chance = random.Random(seed)
    path = endpoint.removeprefix("ipc://")
    assert Path(path).is_socket()
    silent = []
    for number in range(count):
        raw = socket.socket(socket.AF_UNIX)
        raw.connect(path)
        if number % 10 == 0:
            silent.append(raw)
            continue
        with raw:
            greeting = b"\xff" + bytes(8) + b"\x7f\x03\x01CURVE" if chance.random() < 0.5 else b""
            try:
                raw.sendall(greeting + chance.randbytes(chance.randrange(BYTES_MAX)))
            except OSError:
                continue  # it has been shown the door
    for raw in silent:
        raw.close()
