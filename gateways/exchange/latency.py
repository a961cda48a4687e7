"""How long a request travels to a simulated venue: a fixed time plus an exponential addition, in order of sending."""

from collections import deque
from random import Random
from typing import NamedTuple

from gateways.venue import VenueRequest
from messages.base import NS_MAX

NS_PER_MS = 1_000_000

REQUESTS_QUEUED_MAX = 100_000
"""Past it the venue refuses new orders and amendments; cancels and queries still travel."""


class LatencyModel:
    """One-way latency in nanoseconds, deterministic for a seed.

    :param fixed_ms: the least that a request takes.
    :param jitter_ms: mean of the exponential addition; 0 for none.
    """

    def __init__(self, fixed_ms: float, jitter_ms: float, seed: int) -> None:
        self._fixed_ns = round(fixed_ms * NS_PER_MS)
        self._jitter_ns = jitter_ms * NS_PER_MS
        self._random = Random(seed)  # noqa: S311  a model of a network, not a secret

    def sample_ns(self) -> int:
        """Draw the latency of the next request."""
        if not self._jitter_ns:
            return self._fixed_ns
        return self._fixed_ns + round(self._random.expovariate(1.0) * self._jitter_ns)


class QueuedRequest(NamedTuple):
    due_ns: int
    request: VenueRequest


class LatencyQueue:
    """Requests on their way to the venue. None overtakes another, as on one connection: a request takes effect at
    its own arrival or together with the one before it, whichever is later.
    """

    def __init__(self, model: LatencyModel) -> None:
        self._model = model
        self._requests: deque[QueuedRequest] = deque()
        self._due_last_ns = 0

    def __len__(self) -> int:
        return len(self._requests)

    @property
    def is_full(self) -> bool:
        return len(self._requests) >= REQUESTS_QUEUED_MAX

    @property
    def due_ns(self) -> int:
        """When the first request takes effect; NS_MAX where there is none."""
        return self._requests[0].due_ns if self._requests else NS_MAX

    def push(self, request: VenueRequest, now_ns: int) -> int:
        """Send a request at `now_ns` and return when it takes effect."""
        self._due_last_ns = max(self._due_last_ns, now_ns + self._model.sample_ns())
        self._requests.append(QueuedRequest(self._due_last_ns, request))
        return self._due_last_ns

    def pop(self) -> QueuedRequest:
        """Take the first request out.

        :raises IndexError: there is none.
        """
        return self._requests.popleft()
