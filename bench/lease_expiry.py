"""Leases of a real gateway process whose supervisor dies: when the last order that adds risk comes to the venue.

This process stands for the venue, the strategy and the supervisor. The supervisor grants a lease to each request, and
then says nothing any more; an order that adds risk is sent every millisecond, and the venue's end of the link says when
each came. The lease ends `ttl` after the gateway asked for it, by its own clock, which is this machine's: what comes
later than that is late. The promise is 50 ms.
"""

import sys
import tempfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from time import monotonic_ns
from typing import Any, Final

from actors.runtime.links import Context, try_send
from bench.kill_switch import INSTRUMENT, PATIENCE_NS, PROBE_EVERY_NS, STRATEGY, Bench
from bench.measure import Options, options, percentiles, rounded, show
from messages.codec import encode
from messages.orders import DenyReason, OrderDenied, SubmitOrder
from messages.risk import Lease, LeaseGrant, LeaseRequest

TTL_MS: Final = 500
RUNS: Final = 30
QUICK_RUNS: Final = 2
WARM_NS: Final = 300_000_000
TARGET_LATE_MS: Final = 50.0
NS_PER_MS: Final = 1e6
LEASE: Final = Lease(STRATEGY, INSTRUMENT.id, 1, Decimal("1e6"), Decimal("1e6"), Decimal("1e12"))


class LeaseBench(Bench):
    """:ivar last_order_ns: when the venue got the newest order. :ivar expired_ns: when the first was denied for it."""

    def __init__(self, directory: Path, context: Context) -> None:
        super().__init__(directory, context)
        self.is_granting = True
        self.last_order_ns = self.expired_ns = 0
        self._ends_ns = 0
        self._serial = 0

    def death(self) -> tuple[float, float]:
        """One death of the supervisor: milliseconds from the end of the leases to the last order, and to the denial."""
        self.is_granting, self.is_answering, self.expired_ns = True, False, 0
        self._send_orders_until(lambda now_ns, began_ns: now_ns - began_ns > WARM_NS)
        self.is_granting, self.expired_ns = False, 0
        self._send_orders_until(lambda _now_ns, _began_ns: bool(self.expired_ns))
        return (self.last_order_ns - self._ends_ns) / NS_PER_MS, (self.expired_ns - self._ends_ns) / NS_PER_MS

    def _send_orders_until(self, is_over: Any) -> None:
        began_ns = sent_ns = monotonic_ns()
        while not is_over(now_ns := monotonic_ns(), began_ns):
            if now_ns - began_ns > PATIENCE_NS:
                raise TimeoutError("no order was denied although the leases must have ended")
            if now_ns - sent_ns > PROBE_EVERY_NS:
                sent_ns = now_ns
                try_send(self._strategy, encode(self._order()))
            self._serve()

    def _on_child(self, message: Any) -> None:
        super()._on_child(message)
        if isinstance(message, LeaseRequest) and self.is_granting:
            self._serial += 1
            self._ends_ns = message.asked_mono_ns + TTL_MS * 1_000_000
            self._command(LeaseGrant(message.asked_mono_ns, self._serial, TTL_MS, (LEASE,)))

    def _on_order(self, order: SubmitOrder) -> None:
        self.last_order_ns = monotonic_ns()
        super()._on_order(order)

    def _on_report(self, message: Any) -> None:
        super()._on_report(message)
        if isinstance(message, OrderDenied) and message.reason is DenyReason.LEASE_EXPIRED and not self.expired_ns:
            self.expired_ns = monotonic_ns()


def run(asked: Options) -> dict[str, Any]:
    runs = QUICK_RUNS if asked.is_quick else RUNS
    with tempfile.TemporaryDirectory(prefix="oc") as name:
        context = Context()
        bench = LeaseBench(Path(name), context)
        try:
            with bench.process(is_leased=True, lease_ttl_ms=TTL_MS):
                samples = [bench.death() for _ in range(runs)]
        finally:
            context.destroy(0)
    late, denied = ([sample[index] for sample in samples] for index in (0, 1))
    return {
        "bench": "lease_expiry",
        "ttl_ms": TTL_MS,
        "runs": runs,
        "last_order_late_ms": _figures(late),
        "first_denial_late_ms": _figures(denied),
        "is_within_target": max(late) <= TARGET_LATE_MS,
    }


def _figures(samples: Sequence[float]) -> dict[str, float]:
    return {percent: rounded(ms) for percent, ms in percentiles(samples, (50.0, 90.0, 100.0)).items()}


def main(argv: Sequence[str] | None = None) -> int:
    asked = options("lease_expiry", "The supervisor's silence to the last order that adds risk.", argv)
    result = run(asked)
    rows: list[tuple[str, ...]] = [("ms after the lease's end", "p50", "p90", "max", "target")]
    for name, target in (("last_order_late_ms", f"{TARGET_LATE_MS:g}"), ("first_denial_late_ms", "")):
        words = name.removesuffix("_late_ms").replace("_", " ")
        rows.append((words, *(f"{ms:.1f}" for ms in result[name].values()), target))
    show(result, rows, f"leases of {TTL_MS} ms, {result['runs']} deaths of the supervisor", is_json=asked.is_json)
    return 0 if result["is_within_target"] else 1


if __name__ == "__main__":
    sys.exit(main())
