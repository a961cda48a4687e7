"""Chains of markets, as they stand: what one pays at the touch, how far, and at what worst prices."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from actors.analytics.arbitrage import (
    BPS,
    ChainWalk,
    Conversion,
    Fee,
    conversions,
    give_away,
    rate_at,
    walk_chain,
)
from actors.analytics.depth import ask_levels, bid_levels
from actors.strategies.market_view import MarketView
from messages.instruments import Instrument, Rounding
from messages.orders import Side

COVERED = 1.0 - 1e-9
"""Of an amount, less what floats may lose."""


def taker_fee(instrument: Instrument) -> Fee:
    """A fee in a third token is counted as if it were in quote currency."""
    return Fee(float(instrument.taker_fee_bps) / BPS, instrument.is_spot and instrument.fee_currency == instrument.base)


class Hop:
    """One market of a chain, traded on one side."""

    def __init__(self, view: MarketView, side: Side) -> None:
        self.view = view
        self.side = side
        self.instrument = view.instrument
        self.fee = taker_fee(view.instrument)
        self._multiplier = float(view.instrument.multiplier)
        self._rate_at_one = rate_at(side, 1.0, self.fee)
        self._is_sale = side is Side.SELL

    @property
    def gives(self) -> str:
        """The currency that goes in."""
        return self.instrument.base if self._is_sale else self.instrument.quote

    @property
    def receives(self) -> str:
        return self.instrument.quote if self._is_sale else self.instrument.base

    def touch_rate(self) -> float:
        """Net rate at the best price; 0 where there is none."""
        quote = self.view.quote
        if quote is None:
            return 0.0
        if self._is_sale:
            return self._rate_at_one * quote.bid
        return self._rate_at_one / quote.ask if quote.ask > 0.0 else 0.0

    def conversions(self, slippage_bps_max: float) -> list[Conversion]:
        """The book side, no farther from the touch than `slippage_bps_max`."""
        quote, depth = self.view.quote, self.view.depth
        if quote is None:
            return []
        if self._is_sale:
            levels = bid_levels(quote, depth.bids if depth else ())
            limit = quote.bid * (1.0 - slippage_bps_max / BPS)
        else:
            levels = ask_levels(quote, depth.asks if depth else ())
            limit = quote.ask * (1.0 + slippage_bps_max / BPS)
        return conversions(self.side, levels, self.fee, limit=limit, multiplier=self._multiplier)

    def mean_rate(self, amount: float) -> tuple[float, float]:
        """Net rate of what the visible book covers of an amount, and how much that is."""
        walk = walk_chain([self.conversions(BPS)], amount, 0.0, 1.0)
        given = walk.amounts[0]
        return (walk.amounts[1] / given, given) if given > 0.0 else (0.0, 0.0)

    def executable_rate(self, amount: float) -> float:
        """Net rate of converting so much at once; 0 where the visible book does not cover it."""
        rate, covered = self.mean_rate(amount)
        return rate if covered >= amount * COVERED else 0.0

    def rate_to_receive(self, amount: float) -> float:
        """Mean net rate at which so much comes out; of what the visible book covers."""
        given = received = 0.0
        for level in self.conversions(BPS):
            part = min(level.capacity, (amount - received) / level.rate)
            given, received = given + part, received + part * level.rate
            if received >= amount * COVERED:
                break
        return received / given if given > 0.0 else 0.0

    def limit(self, worst: float, factor: float, slippage_bps_max: float) -> Decimal:
        """The order's limit: the worst level needed, given away by `factor`, within the cap, at the tick inside."""
        touch, cap = self.view.touch(self.side), slippage_bps_max / BPS
        if self._is_sale:
            return self.instrument.round_price(max(worst / factor, min(worst, touch * (1.0 - cap))), Rounding.UP)
        return self.instrument.round_price(min(worst * factor, max(worst, touch * (1.0 + cap))), Rounding.DOWN)


class ChainTerms(msgspec.Struct, frozen=True):
    """:param keep: factor on what comes out: transfer cost and exchange rate."""

    amount_max: float
    min_bps: float
    slippage_bps_max: float
    keep: float = 1.0


class Chain:
    """Markets traded one after the other (or two of them at once), from one money back to the same."""

    def __init__(self, hops: Sequence[Hop]) -> None:
        self.hops = tuple(hops)

    def touch_edge_bps(self, keep: float) -> float:
        """Edge of a first small unit; this is what every quote costs."""
        product = keep
        for hop in self.hops:
            product *= hop.touch_rate()
        return (product - 1.0) * BPS

    def walk(self, terms: ChainTerms) -> ChainWalk:
        """How far it pays."""
        steps = [hop.conversions(terms.slippage_bps_max) for hop in self.hops]
        return walk_chain(steps, terms.amount_max, 1.0 + terms.min_bps / BPS, terms.keep)

    def limits(self, walk: ChainWalk, slippage_bps_max: float) -> tuple[Decimal, ...]:
        """Limits at which even the last unit loses nothing, were every order filled at its worst."""
        factor = give_away(walk.marginal, len(self.hops))
        return tuple(
            hop.limit(worst, factor, slippage_bps_max) for hop, worst in zip(self.hops, walk.worst, strict=True)
        )

    def is_fresh(self, now_ns: int, age_max_ns: int) -> bool:
        return all(hop.view.is_fresh(now_ns, age_max_ns) for hop in self.hops)

    def skew_ns(self) -> int:
        """How far apart in time the newest quotes are."""
        seen = [hop.view.seen_ns for hop in self.hops]
        return max(seen) - min(seen)
