"""The way to the venue within its rate limits: what may leave does, what may not waits here and leaves in its turn.

It knows nothing of orders: what is released, or has become too old, goes back to whoever serves its kind.
"""

from collections.abc import Callable
from typing import Any, Final

from gateways.gate.rate_limits import RequestKind
from gateways.gate.send_queue import PRIORITY_DEFAULT, SendQueue, Urgency, Waiting
from messages.base import NS_MAX

NS_PER_MS: Final = 1_000_000

Release = Callable[[Waiting], object]
"""Sends a request whose turn has come."""

GiveUp = Callable[[Waiting, str], None]
"""Told of a request that has become too old, with how long it waited, as `key=value` pairs."""


class VenueLine:
    """:param to_venue: writes a frame to the venue now or not at all; False where it did not.
    :param now_ns: market time.
    :ivar is_up: whether the venue hears us. Where it does not, nothing new waits: it is refused at once.
    """

    def __init__(self, to_venue: Callable[[bytes], bool], now_ns: Callable[[], int], queue: SendQueue) -> None:
        self.is_up = False
        self.queue = queue
        self._to_venue = to_venue
        self._now_ns = now_ns
        self._release: dict[RequestKind, Release] = {}
        self._give_up: dict[RequestKind, GiveUp] = {}

    def serve(self, kind: RequestKind, release: Release, give_up: GiveUp | None = None) -> None:
        """Whom requests of a kind go back to; those that become too old only where they may."""
        self._release[kind] = release
        if give_up is not None:
            self._give_up[kind] = give_up

    def must_wait(self, kind: RequestKind) -> bool:
        """Whether the venue's rate limit, or what waits already, keeps a new request from leaving now."""
        if not self.is_up or not self.queue.budget.is_bounded:  # the clock is not read where there is no limit
            return False
        return not self.queue.may_pass(kind, self._now_ns())

    def log_in(self, frame: bytes) -> bool:
        """Write the first request on a link; False where a ban or the link does not take it: try again.

        It counts against the rate limits and waits for none of them: cancels go on a link that is not logged in, too,
        and would use up whatever the limits let go.
        """
        return not self.queue.budget.is_banned(self._now_ns()) and self.write(RequestKind.LOGIN, frame)

    def wait(self, kind: RequestKind, key: str, urgency: Urgency, what: Any) -> bool:  # Any: handed back as it came
        """Let a request wait for as long as it takes; False where too many wait."""
        return self.queue.add(Waiting(kind, key, urgency, PRIORITY_DEFAULT, self._now_ns(), NS_MAX, what))

    def write(self, kind: RequestKind, frame: bytes) -> bool:
        """Write to the venue now or not at all; what has left counts against its rate limits."""
        if not self._to_venue(frame):
            return False
        if self.queue.budget.is_bounded:
            self.queue.budget.spend(kind, self._now_ns())
        return True

    def pump(self) -> int | None:
        """Send what the rate limit lets go by now, and give up what is too old.

        :returns: nanoseconds of market time until there is more to do; None where nothing waits.
        """
        now_ns = self._now_ns()
        for late in self.queue.expire(now_ns):
            self._give_up[late.kind](late, f"waited_ms={(now_ns - late.added_ns) / NS_PER_MS:.1f} for=rate-limit")
        if self.is_up:
            for request in self.queue.release(now_ns):
                self._release[request.kind](request)
        return self.queue.wait_ns(now_ns)
