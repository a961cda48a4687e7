"""One way to trade a route: its chain of markets, what it must bring, and what it brings now."""

import msgspec

from actors.analytics.arbitrage import BPS, skewed_min_bps
from actors.strategies.arbitrage.edge import Chain, Hop
from actors.strategies.arbitrage.fx import ExchangeRate
from actors.strategies.arbitrage.inventory import Inventory


class Threshold(msgspec.Struct, frozen=True):
    """:param skew_bps: by how much the inventory drift moves it, at most."""

    min_bps: float
    skew_bps: float = 0.0


class Direction:
    """A chain with its costs.

    :ivar text: what it does, for a person.
    :ivar kept: factor on what comes out: less the transfer cost.
    :ivar least_bps: below this it is not worth a look, however the inventories have drifted.
    """

    def __init__(
        self, hops: tuple[Hop, ...], threshold: Threshold, *, kept: float = 1.0, fx: ExchangeRate | None = None
    ):
        self.chain = Chain(hops)
        self.fx = fx
        self.text = ", ".join(f"{hop.side.value} {hop.instrument.id}" for hop in hops)
        self._threshold = threshold
        self.kept = kept
        self.least_bps = threshold.min_bps - threshold.skew_bps

    def touch_edge_bps(self, now_ns: int) -> float:
        """Edge of a first small unit; −10,000 while a price or the exchange rate is missing."""
        rate = self.kept if self.fx is None else self.kept * self.fx.touch(now_ns)
        return self.chain.touch_edge_bps(rate)

    def min_bps(self, inventory: Inventory) -> float:
        """What it must bring now, by the drift of the inventories: mean of what each hop would add to."""
        if not self._threshold.skew_bps:
            return self._threshold.min_bps
        hops = self.chain.hops
        drift = sum(inventory.drift(hop) for hop in hops) / len(hops)
        return skewed_min_bps(self._threshold.min_bps, self._threshold.skew_bps, drift)

    def keep(self, amount: float, now_ns: int) -> float:
        """Factor on what comes out: less the transfer cost, at the exchange rate for such an amount; 0: no rate."""
        return self.kept if self.fx is None else self.kept * self.fx.executable(amount, now_ns)


def kept_after(transfer_cost_bps: float) -> float:
    return 1.0 - transfer_cost_bps / BPS
