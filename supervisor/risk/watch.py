"""What the rules are judged by: samples over their windows, and what was found lately. Pure."""

from collections import defaultdict, deque
from collections.abc import Iterable
from decimal import Decimal
from itertools import takewhile
from typing import Final, NamedTuple

from messages.from_child import DropCopy
from messages.orders import OrderDenied, OrderRejected
from messages.risk import LeaseUse
from supervisor.config.risk import Rule
from supervisor.risk.rules import NS_PER_S

SAMPLES_MAX: Final = 4_096
"""Of one figure; the oldest give way. A look each second fills it in an hour."""


class Finding(NamedTuple):
    """A rule has found something.

    :param subject: a strategy; empty for the cluster.
    """

    rule_name: str
    rule: Rule
    subject: str
    text: str


class Window:
    """The samples of one figure, by subject."""

    def __init__(self) -> None:
        self._samples: defaultdict[str, deque[tuple[int, Decimal]]] = defaultdict(lambda: deque(maxlen=SAMPLES_MAX))

    def add(self, subject: str, now_ns: int, value: Decimal) -> None:
        self._samples[subject].append((now_ns, value))

    def of(self, subject: str, now_ns: int, window_s: float) -> list[tuple[int, Decimal]]:
        """The samples of the window that ends now."""
        since_ns = now_ns - int(window_s * NS_PER_S)
        newest_first = takewhile(lambda sample: sample[0] >= since_ns, reversed(self._samples[subject]))
        return list(newest_first)[::-1]

    def forget(self, subject: str) -> None:
        self._samples.pop(subject, None)


class Watch:
    """:ivar rejected: orders refused so far, by strategy, as the gateways' drop copies tell."""

    def __init__(self) -> None:
        self.profits, self.orders, self.rejects = Window(), Window(), Window()
        self.rejected: defaultdict[str, int] = defaultdict(int)
        self._copied: dict[str, int] = {}
        self._stale_since: dict[tuple[str, str], int] = {}
        self._told: dict[tuple[str, str], int] = {}

    def copied(self, copy: DropCopy) -> None:
        """Count what was refused. What came before the first copy that is heard of is nobody's burst."""
        last = copy.first + len(copy.records) - 1
        seen = self._copied.get(copy.process, last)
        for number, record in enumerate(copy.records, start=copy.first):
            if number > seen and isinstance(record, OrderRejected | OrderDenied):
                self.rejected[record.strategy] += 1
        self._copied[copy.process] = max(seen, last)

    def priced(self, uses: Iterable[LeaseUse], now_ns: int) -> None:
        """Note which positions have no fresh price."""
        stale = {(use.strategy, use.instrument) for use in uses if use.position and not use.price}
        self._stale_since = {key: self._stale_since.get(key, now_ns) for key in stale}

    def stale_since(self, strategy: str) -> dict[str, int]:
        """By instrument that this strategy holds, since when it has no fresh price."""
        return {name: since for (owner, name), since in self._stale_since.items() if owner == strategy}

    def is_news(self, finding: Finding, now_ns: int) -> bool:
        """Whether it was not told within the rule's cooldown; it is told now."""
        key = (finding.rule_name, finding.subject)
        told_ns = self._told.get(key)
        if told_ns is not None and now_ns - told_ns < finding.rule.cooldown_s * NS_PER_S:
            return False
        self._told[key] = now_ns
        return True

    def forget_finding(self, rule_name: str, subject: str) -> None:
        """It is over: should it come again, it is news."""
        self._told.pop((rule_name, subject), None)

    def forget(self, subject: str) -> None:
        """The operator lets it trade on: what was before does not count any more."""
        for window in (self.profits, self.orders, self.rejects):
            window.forget(subject)
        self._told = {key: told_ns for key, told_ns in self._told.items() if key[1] != subject}
