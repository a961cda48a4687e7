"""What a venue lets one account send: a token bucket for each of its rules. Pure.

Venues count differently (orders in ten seconds, request weight in a minute), and a request counts against every rule
that names it. A part of each bucket is kept for cancels, so that whatever was sent before, the way out stays open.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Final

import msgspec

from messages.health import RateBudget

NS_PER_MS: Final = 1_000_000
RULES_MAX: Final = 16
ROUNDING: Final = 1e-9
"""Of a token: what float arithmetic may be short of a whole one."""
RETRY_AFTER_MS_MAX: Final = 3_600_000
"""The longest ban of a venue that is believed; it would come again if it were longer."""

Cost = Annotated[float, msgspec.Meta(ge=0.0, le=1e6)]


class RequestKind(StrEnum):
    SUBMIT = "submit"
    CANCEL = "cancel"
    AMEND = "amend"
    QUERY = "query"
    ACCOUNT = "account"
    LOGIN = "login"


WAY_OUT: Final = frozenset({RequestKind.CANCEL, RequestKind.LOGIN})
"""What may use the part that is kept for cancels: they, and the login, without which nobody answers them."""

QUESTIONS: Final = frozenset({RequestKind.QUERY, RequestKind.ACCOUNT})


class RateRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[gateways.rate_limits]]`: one rule of the venue, as its documentation gives it.

    :param capacity: what may be sent at once; it is refilled evenly over `per_ms`.
    :param per_ms: the venue's window, in milliseconds.
    :param cancel_reserve: the ratio of the capacity that only cancels may use.
    :param submit: what a request of this kind takes; 0 = the rule does not count it.
    :param account: what a question about the account takes; None = what `query` does. `login` likewise.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    capacity: Annotated[float, msgspec.Meta(gt=0.0, le=1e9)]
    per_ms: Annotated[int, msgspec.Meta(ge=1, le=86_400_000)]
    cancel_reserve: Annotated[float, msgspec.Meta(ge=0.0, lt=1.0)] = 0.1
    submit: Cost = 1.0
    cancel: Cost = 1.0
    amend: Cost = 1.0
    query: Cost = 1.0
    account: Cost | None = None
    login: Cost | None = None

    def cost(self, kind: RequestKind) -> float:
        """What one request of this kind takes."""
        told: float | None = getattr(self, kind.value)
        return self.query if told is None else told

    def __post_init__(self) -> None:
        ordinary = self.capacity * (1.0 - self.cancel_reserve)
        for kind in RequestKind:
            available = self.capacity if kind in WAY_OUT else ordinary
            if self.cost(kind) > available:
                raise ValueError(
                    f"rate limit {self.name}: one {kind.value} takes {self.cost(kind):g} and at most "
                    f"{available:g} is there for it; raise capacity or lower cancel_reserve"
                )


class TokenBucket:
    """The tokens of one rule; starts full.

    :param now_ns: of the clock that all later times are read from, too.
    """

    __slots__ = ("_capacity", "_costs", "_level", "_ns", "_per_ns", "_reserve", "rule")

    def __init__(self, rule: RateRule, now_ns: int) -> None:
        self.rule = rule
        self._capacity = rule.capacity
        self._per_ns = rule.capacity / (rule.per_ms * NS_PER_MS)
        self._reserve = rule.capacity * rule.cancel_reserve
        self._costs = {kind: rule.cost(kind) for kind in RequestKind}
        self._level = rule.capacity
        self._ns = now_ns

    def level(self, now_ns: int) -> float:
        """Tokens that are there now; a clock that steps back refills nothing."""
        if now_ns > self._ns:
            self._level = min(self._capacity, self._level + (now_ns - self._ns) * self._per_ns)
            self._ns = now_ns
        return self._level

    def admits(self, kind: RequestKind, now_ns: int, *, from_reserve: bool = False) -> bool:
        cost = self._costs[kind]
        kept = 0.0 if from_reserve else self._kept_from(kind)
        return not cost or self.level(now_ns) + ROUNDING >= cost + kept

    def counts(self, kind: RequestKind) -> bool:
        return self._costs[kind] > 0

    def take(self, kind: RequestKind, now_ns: int) -> None:
        """Spend the tokens of one request; what leaves against the rule (a venue was asked elsewhere) makes a debt."""
        self._level = self.level(now_ns) - self._costs[kind]

    def wait_ns(self, kind: RequestKind, now_ns: int) -> int:
        """How long from now until a request of this kind is admitted, if nothing else leaves."""
        cost = self._costs[kind]
        lacking = cost + self._kept_from(kind) - self.level(now_ns) if cost else 0.0
        return 0 if lacking <= 0 else int(lacking / self._per_ns) + 1

    def correct(self, used: float, now_ns: int) -> None:
        """The venue has said how much of the window is used; its word counts where it leaves less."""
        self._level = min(self.level(now_ns), self._capacity - used)

    def _kept_from(self, kind: RequestKind) -> float:
        return 0.0 if kind in WAY_OUT else self._reserve


class VenueBudget:
    """All rules of one venue account. Without rules, everything is admitted at once."""

    def __init__(self, rules: Sequence[RateRule], now_ns: int) -> None:
        self._buckets = [TokenBucket(rule, now_ns) for rule in rules]
        self._banned_until_ns = 0

    @property
    def is_bounded(self) -> bool:
        return bool(self._buckets)

    def is_banned(self, now_ns: int) -> bool:
        """Whether the venue has said that it hears nothing from us for a while."""
        return now_ns < self._banned_until_ns

    def admits(self, kind: RequestKind, now_ns: int, *, from_reserve: bool = False) -> bool:
        """Whether a request of this kind may leave now.

        :param from_reserve: it may take what is kept for cancels, too.
        """
        if self.is_banned(now_ns):
            return False
        return all(bucket.admits(kind, now_ns, from_reserve=from_reserve) for bucket in self._buckets)

    def may_overtake(self, kind: RequestKind, head: RequestKind, now_ns: int) -> bool:
        """Whether a request may leave before one that waits for its tokens: it takes none of those, or it is a cancel,
        for which a reserve is kept.
        """
        if not self.admits(kind, now_ns):
            return False
        if kind is RequestKind.CANCEL:
            return True
        return not any(bucket.counts(kind) and not bucket.admits(head, now_ns) for bucket in self._buckets)

    def spend(self, kind: RequestKind, now_ns: int) -> None:
        for bucket in self._buckets:
            bucket.take(kind, now_ns)

    def wait_ns(self, kind: RequestKind, now_ns: int) -> int:
        """How long from now until a request of this kind may leave, if nothing else does."""
        waits = [bucket.wait_ns(kind, now_ns) for bucket in self._buckets]
        return max(self._banned_until_ns - now_ns, 0, *waits)

    def correct(self, name: str, used: float, now_ns: int) -> None:
        """The venue's own count of a rule, from the headers of an answer."""
        for bucket in self._buckets:
            if bucket.rule.name == name:
                bucket.correct(used, now_ns)

    def ban(self, retry_after_ms: int, now_ns: int) -> None:
        """The venue has refused for too many requests: nothing leaves before it will listen again, cancels neither."""
        until_ns = now_ns + min(retry_after_ms, RETRY_AFTER_MS_MAX) * NS_PER_MS
        self._banned_until_ns = max(self._banned_until_ns, until_ns)

    def status(self, now_ns: int) -> list[RateBudget]:
        """How every rule stands, without what waits."""
        return [
            RateBudget(bucket.rule.name, bucket.rule.capacity, max(0.0, bucket.level(now_ns)))
            for bucket in self._buckets
        ]
