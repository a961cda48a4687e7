"""What is odd about a strategy or the cluster, though no limit is passed. Every rule is a function; None = all is well.

Samples are (monotonic ns, value), oldest first, of something that adds up since the beginning.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Final

from messages.health import Latency, LimitUse
from messages.risk import PositionMismatch
from supervisor.config.risk import (
    ConcentrationRule,
    LatencyRule,
    OrderStormRule,
    PnlJumpRule,
    RejectBurstRule,
    StaleFeedRule,
)
from supervisor.ledger.holding import PositionKey
from supervisor.risk.cross_check import Difference

NS_PER_S: Final = 1_000_000_000
US_PER_MS: Final = 1_000
ZERO: Final = Decimal(0)

Samples = Sequence[tuple[int, Decimal]]


def pnl_jump(rule: PnlJumpRule, profits: Samples, currency: str) -> str | None:
    """:param profits: of the window."""
    if rule.amount is None or not profits:
        return None
    values = [value for _, value in profits]
    jump = max(values) - min(values)
    if jump < rule.amount:
        return None
    return f"its profit moved by {jump:.2f} {currency} within {rule.window_s:g} s, {rule.amount:f} is odd"


def reject_burst(rule: RejectBurstRule, rejects: Samples) -> str | None:
    """:param rejects: orders refused, by a venue or our own gate, so far; of the window."""
    count = _rise(rejects)
    return None if count < rule.count else f"{count} of its orders were refused within {rule.window_s:g} s"


def order_storm(rule: OrderStormRule, orders: Samples) -> str | None:
    """:param orders: sent so far; of the window."""
    rate = float(_rise(orders)) / rule.window_s
    if rate <= rule.orders_per_s:
        return None
    return f"it sends {rate:.0f} orders a second, {rule.orders_per_s:g} is the most that is right"


def stale_feed(rule: StaleFeedRule, stale_since_ns: Mapping[str, int], now_ns: int) -> str | None:
    """:param stale_since_ns: by instrument that is held, since when there is no fresh price."""
    old = {name: age for name, since in stale_since_ns.items() if (age := (now_ns - since) / NS_PER_S) >= rule.after_s}
    if not old:
        return None
    return f"it holds {', '.join(sorted(old))}, without a fresh price for {max(old.values()):.0f} s"


def latency(rule: LatencyRule, measured: Latency) -> str | None:
    """:param measured: from tick to gate, of one strategy at one gateway."""
    if rule.p99_ms is None or measured.n < rule.n_min or measured.p99 <= rule.p99_ms * US_PER_MS:
        return None
    return f"99 in 100 of its orders take up to {measured.p99 / US_PER_MS:.1f} ms from tick to gate, of {rule.p99_ms:g}"


def concentration(rule: ConcentrationRule, gross: Mapping[str, Decimal], currency: str) -> str | None:
    """:param gross: notional held, by asset, in the reporting currency."""
    total = sum(gross.values(), ZERO)
    if rule.share_max is None or not total or total < rule.gross_min:
        return None
    asset = max(gross, key=lambda name: gross[name])
    share = float(gross[asset] / total)
    if share <= rule.share_max:
        return None
    return f"{share:.0%} of {total:.0f} {currency} held is {asset}, of {rule.share_max:.0%} at most"


def limit_passed(uses: Iterable[LimitUse]) -> str | None:
    """:param uses: of all common limits."""
    passed = [
        f"{use.name}: {use.used:g}{' ' if use.currency else ''}{use.currency} of {use.max:g}"
        for use in uses
        if use.used > use.max
    ]
    return f"more is held than may be: {'; '.join(passed)}" if passed else None


def position_mismatch(mismatch: PositionMismatch) -> str:
    return f"{mismatch.instrument}: our books say {mismatch.ours:f}, {mismatch.process} says {mismatch.venues:f}"


def book_mismatch(differences: Mapping[PositionKey, Difference]) -> str:
    """:param differences: of one strategy."""
    told = (
        f"{key.instrument}: the drop copy says {found.booked:f}, {key.gateway} reports {found.reported:f}"
        for key, found in differences.items()
    )
    return f"{'; '.join(told)}; the worse of the two counts"


def _rise(samples: Samples) -> Decimal:
    """By how much something that adds up has risen; where it began anew, from there on."""
    values = [value for _, value in samples]
    return sum((max(ZERO, after - before) for before, after in pairwise(values)), ZERO)
