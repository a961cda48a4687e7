"""Which orders have ended, oldest first: bounded in number, encoded once each for the snapshots of the books. Pure.

A hundred thousand of them are too many to be encoded between two orders. They hardly ever change, so they are encoded a
chunk at a time, when nothing waits, and the chunks are kept. What changes late (a fill that comes after the end) is
told beside them.
"""

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final, NamedTuple

import msgspec

from messages.codec import encode
from messages.order_lifecycle import Order

CLOSED_ORDERS_KEPT_MAX: Final = 100_000
"""Closed orders remembered, so that a repeated id or a late fill is recognised."""

CHUNK_ORDERS: Final = 256
"""Encoded at a time: some 0.3 ms."""

LATE_MAX: Final = 1_000
"""Closed orders that have changed since they were encoded; with more of them, all are encoded anew."""


class Chunk(NamedTuple):
    """Closed orders one after another, as they were when they were encoded."""

    size: int
    data: bytes


class ClosedState(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a snapshot holds beside the chunks.

    :param kept: of all closed orders, in the chunks and behind them, the newest that are remembered.
    :param sizes: how many orders each chunk holds.
    :param rest: those behind the chunks. :param late: those that have changed since they were encoded.
    """

    kept: int
    sizes: list[int]
    rest: list[Order]
    late: list[Order]


_decode: Final = msgspec.msgpack.Decoder(list[Order]).decode


class ClosedOrders:
    """:param orders: all that are on record, the open ones too, by id; those that are forgotten go from it."""

    def __init__(self, orders: dict[str, Order]) -> None:
        self._orders = orders
        self._ids: deque[str] = deque()
        self._chunks: deque[Chunk] = deque()
        self._chunked = self._unchunked = 0
        self._late: dict[str, None] = {}

    @property
    def ids(self) -> Sequence[str]:
        """Of those that are remembered, oldest first."""
        return self._ids

    def add(self, client_order_id: str) -> None:
        """An order has ended; the oldest is forgotten where there are too many."""
        self._ids.append(client_order_id)
        self._unchunked += 1
        if len(self._ids) > CLOSED_ORDERS_KEPT_MAX:
            oldest = self._ids.popleft()
            del self._orders[oldest]
            self._late.pop(oldest, None)
            self._forget()

    def _forget(self) -> None:
        kept = len(self._ids)
        self._unchunked = min(self._unchunked, kept)
        while self._chunks and self._chunked + self._unchunked - self._chunks[0].size >= kept:
            self._chunked -= self._chunks.popleft().size

    def changed(self, client_order_id: str) -> None:
        """Something was told of an order after its end."""
        self._late[client_order_id] = None
        if len(self._late) > LATE_MAX:
            self._chunks.clear()
            self._late.clear()
            self._chunked, self._unchunked = 0, len(self._ids)

    # --- snapshots ----------------------------------------------------------------------------------------------

    @property
    def is_chunk_due(self) -> bool:
        return self._unchunked >= CHUNK_ORDERS

    def encode_chunk(self) -> None:
        """Encode the oldest that are not yet; takes a bounded time."""
        ids = self._newest(self._unchunked)[:CHUNK_ORDERS]
        self._chunks.append(Chunk(len(ids), encode([self._orders[name] for name in ids])))
        self._chunked += len(ids)
        self._unchunked -= len(ids)

    @property
    def chunks(self) -> list[bytes]:
        return [chunk.data for chunk in self._chunks]

    def state(self) -> ClosedState:
        orders = self._orders
        return ClosedState(
            kept=len(self._ids),
            sizes=[chunk.size for chunk in self._chunks],
            rest=[orders[name] for name in self._newest(self._unchunked)],
            late=[orders[name] for name in self._late],
        )

    def load(self, state: ClosedState, chunks: Sequence[bytes]) -> None:
        """Take over what an earlier process has told.

        :raises ValueError: the parts of the snapshot do not fit each other. :raises msgspec.MsgspecError: likewise.
        """
        found = [order for data in chunks for order in _decode(data)]
        self._chunks.extend(map(Chunk, state.sizes, chunks))
        self._chunked, self._unchunked = sum(state.sizes), len(state.rest)
        found += state.rest
        if len(state.sizes) != len(chunks) or len(found) != self._chunked + self._unchunked or len(found) < state.kept:
            raise ValueError(f"{len(found)} closed orders in {len(chunks)} chunks, and not {state.kept}")
        for order in found[len(found) - state.kept :]:
            name = order.request.client_order_id
            self._ids.append(name)
            self._orders[name] = order
        for order in state.late:
            name = order.request.client_order_id
            self._orders[name] = order
            self._late[name] = None

    def _newest(self, count: int) -> list[str]:
        newest = list(islice(reversed(self._ids), count))
        newest.reverse()
        return newest
