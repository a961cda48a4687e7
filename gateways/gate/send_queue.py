"""What waits for the venue's rate limit, and who goes first. Pure.

Cancels go before risk-reducing requests, those before all others; within a class the strategy with the higher priority
goes first, and of one strategy the oldest. Nobody starves: one release in every `AGE_EVERY` goes to whatever has waited
longest, or, as long as there are cancels, to the oldest question: what is not known counts fully until it is answered.
An order that has waited past its time never leaves; cancels and questions do not age.

What waits has not passed the gate: it does so when it leaves, as the world is then.
"""

from collections.abc import Iterator
from enum import IntEnum
from heapq import heappop, heappush
from typing import Any, Final, NamedTuple

from gateways.gate.rate_limits import QUESTIONS, RequestKind, VenueBudget
from messages.health import RateBudget
from messages.orders import FLATTEN_PREFIX

WAITING_MAX: Final = 1_024
"""Orders and amendments that may wait; one more is refused. Cancels and questions always may, there being no more of
each than open orders; so may the orders by which a gateway flattens, one for each position.
"""
AGE_EVERY: Final = 8
STALE_ENTRIES_MAX: Final = 64
PRIORITY_DEFAULT: Final = 5
PRIORITY_MAX: Final = 10
NS_PER_MS: Final = 1_000_000


class Urgency(IntEnum):
    """The classes in their order."""

    CANCEL = 0
    REDUCING = 1
    OTHER = 2


class Waiting(NamedTuple):
    """One request in the queue.

    :param key: names the request among those of its kind: its client order id.
    :param expires_ns: it must not leave after this.
    :param what: handed back as it came.
    """

    kind: RequestKind
    key: str
    urgency: Urgency
    priority: int
    added_ns: int
    expires_ns: int
    what: Any  # Any: the queue does not look into it


class SendQueue:
    """The queue of one venue account, and its budget.

    :ivar expired: requests that never left, being too old; `waited_ms_max` the longest wait of one that did.
    """

    def __init__(self, budget: VenueBudget) -> None:
        self.budget = budget
        self.expired = 0
        self.waited_ms_max = 0.0
        self._waiting: dict[tuple[RequestKind, str], tuple[int, Waiting]] = {}
        self._urgent: list[tuple[int, int, int, tuple[RequestKind, str]]] = []
        self._numbers = 0
        self._left = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def may_pass(self, kind: RequestKind, now_ns: int) -> bool:
        """Whether a new request may leave at once: nothing waits before it, and the budget admits it."""
        if not self.budget.is_bounded:
            return True
        if not self._waiting:
            return self.budget.admits(kind, now_ns)
        if kind is not RequestKind.CANCEL or self._has_cancel() or self._is_questions_turn():
            return False
        if not self.budget.admits(kind, now_ns):
            return False
        self._left += 1  # it leaves before those that wait, as if it had been released
        return True

    def add(self, request: Waiting) -> bool:
        """Let a request wait; False where too many do. A second one of the same kind and key changes nothing."""
        place = (request.kind, request.key)
        if place in self._waiting:
            return True
        if len(self._waiting) >= WAITING_MAX and not _is_always_let_in(request):
            return False
        self._numbers += 1
        self._waiting[place] = (self._numbers, request)
        heappush(self._urgent, (request.urgency, PRIORITY_MAX - request.priority, self._numbers, place))
        if len(self._urgent) > 2 * len(self._waiting) + STALE_ENTRIES_MAX:
            self._tidy()
        return True

    def withdraw(self, kind: RequestKind, key: str) -> Waiting | None:
        """Take a request out that has not left; None where there is none."""
        found = self._waiting.pop((kind, key), None)
        return None if found is None else found[1]

    def has(self, kind: RequestKind, key: str) -> bool:
        return (kind, key) in self._waiting

    def of_kind(self, kind: RequestKind) -> list[Waiting]:
        """What waits of this kind, oldest first."""
        return [request for _, request in self._waiting.values() if request.kind is kind]

    def release(self, now_ns: int) -> Iterator[Waiting]:
        """Yield what may leave now, in its order. Whoever takes it spends its tokens, if it does leave: the budget is
        asked anew before the next one.
        """
        while (request := self._pick(now_ns)) is not None:
            del self._waiting[request.kind, request.key]
            self._left += 1
            self.waited_ms_max = max(self.waited_ms_max, (now_ns - request.added_ns) / NS_PER_MS)
            yield request

    def expire(self, now_ns: int) -> list[Waiting]:
        """Take out whatever is too old to leave."""
        late = [request for _, request in self._waiting.values() if request.expires_ns < now_ns]
        for request in late:
            del self._waiting[request.kind, request.key]
        self.expired += len(late)
        return late

    def wait_ns(self, now_ns: int) -> int | None:
        """How long until something may leave or is too old; None where nothing waits."""
        if not self._waiting:
            return None
        requests = [request for _, request in self._waiting.values()]
        first_expiry_ns = min(request.expires_ns for request in requests)
        token_ns = min(self.budget.wait_ns(kind, now_ns) for kind in {request.kind for request in requests})
        return max(0, min(token_ns, first_expiry_ns + 1 - now_ns))

    def status(self, now_ns: int) -> tuple[RateBudget, ...]:
        """Every rule with what waits for it."""
        return tuple(
            RateBudget(rule.name, rule.capacity, rule.left, len(self), self.expired, self.waited_ms_max)
            for rule in self.budget.status(now_ns)
        )

    def _pick(self, now_ns: int) -> Waiting | None:
        """Who leaves now: now and then the oldest, else the most urgent, else who needs none of what that one lacks."""
        first = self._first()
        if first is None:
            return None
        aged = self._aged(first)
        if aged is not None:
            # A storm of cancels leaves nothing but the reserve; a question that has its turn takes one of theirs.
            is_storm = first.urgency is Urgency.CANCEL
            if self.budget.admits(aged.kind, now_ns, from_reserve=is_storm):
                return aged
        if self.budget.admits(first.kind, now_ns):
            return first
        kinds = [kind for kind in RequestKind if self.budget.may_overtake(kind, first.kind, now_ns)]
        others = [item for item in self._waiting.values() if item[1].kind in kinds]
        place = min(others, key=lambda item: (item[1].urgency, -item[1].priority, item[0]), default=None)
        return None if place is None else place[1]

    def _first(self) -> Waiting | None:
        """The most urgent."""
        while self._urgent and not self._is_live(self._urgent[0]):
            heappop(self._urgent)
        return self._waiting[self._urgent[0][3]][1] if self._urgent else None

    def _aged(self, first: Waiting) -> Waiting | None:
        """Whose turn it is for having waited; None where it is nobody's."""
        if self._left % AGE_EVERY != AGE_EVERY - 1:
            return None
        is_cancelling = first.urgency is Urgency.CANCEL
        requests = (request for _, request in self._waiting.values())
        return next((request for request in requests if not is_cancelling or request.kind in QUESTIONS), None)

    def _is_questions_turn(self) -> bool:
        is_turn = self._left % AGE_EVERY == AGE_EVERY - 1
        return is_turn and any(kind in QUESTIONS for kind, _ in self._waiting)

    def _tidy(self) -> None:
        """Drop the entries of requests that have left out of their turn."""
        self._urgent = sorted(filter(self._is_live, self._urgent))

    def _is_live(self, entry: tuple[int, int, int, tuple[RequestKind, str]]) -> bool:
        found = self._waiting.get(entry[3])
        return found is not None and found[0] == entry[2]

    def _has_cancel(self) -> bool:
        first = self._first()
        return first is not None and first.urgency is Urgency.CANCEL


def _is_always_let_in(request: Waiting) -> bool:
    if request.kind is RequestKind.CANCEL or request.kind in QUESTIONS:
        return True
    return request.key.startswith(FLATTEN_PREFIX)
