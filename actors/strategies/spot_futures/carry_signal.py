"""The numbers that a spot-futures pair is entered and left by, in floats, from executable prices for its size."""

from decimal import Decimal

import msgspec

from actors.analytics.basis import (
    BPS,
    borrow_cost_bps,
    entry_basis_bps,
    exit_basis_bps,
    long_margin_ratio,
    round_trip_fees_bps,
    short_margin_ratio,
)
from actors.analytics.funding import NS_PER_HOUR, expected_funding_bps, funding_apr, stamps_within
from actors.analytics.pnl import InstrumentBook
from actors.strategies.market_view import MarketView
from messages.orders import Side

NOTHING = float("-inf")


class CarryTerms(msgspec.Struct, frozen=True, kw_only=True):
    """:param notional: in quote currency. :param horizon_hours: over which funding and borrow are expected.

    :param is_long_spot: spot bought and futures sold; False for the mirror.
    :param exit_basis_bps: basis expected at the exit. :param slippage_bps: allowed for in the whole round trip.
    """

    notional: float
    horizon_hours: float
    exit_basis_bps: float
    slippage_bps: float
    borrow_apr: float
    quote_age_max_ms: int
    is_long_spot: bool = True


class HeldPair(msgspec.Struct, frozen=True):
    """What is held, unsigned: spot in base, futures in contracts and base, with average entry prices.

    :param booked: realised − fees + funding of the cycle so far, in quote currency.
    """

    spot_base: float
    spot_entry: float
    contracts: float
    futures_base: float
    futures_entry: float
    booked: float


def held_pair(spot: InstrumentBook, futures: InstrumentBook, booked: Decimal) -> HeldPair | None:
    """What two books hold; None while an entry price is not known."""
    spot_entry, futures_entry = spot.average_price(), futures.average_price()
    if spot_entry is None or futures_entry is None:
        return None
    return HeldPair(
        spot_base=float(abs(spot.position)),
        spot_entry=float(spot_entry),
        contracts=float(abs(futures.position)),
        futures_base=float(abs(futures.instrument.base_quantity(futures.position, futures_entry))),
        futures_entry=float(futures_entry),
        booked=float(booked),
    )


class CarrySignal:
    """Long spot, short futures; or the mirror, in which everything that is earned and paid changes its sign."""

    def __init__(self, spot: MarketView, futures: MarketView, terms: CarryTerms) -> None:
        self.spot = spot
        self.futures = futures
        self.terms = terms
        instrument = futures.instrument
        self._sign = 1.0 if terms.is_long_spot else -1.0
        self._spot_in = Side.BUY if terms.is_long_spot else Side.SELL
        self._spot_out = self._spot_in.opposite
        self._multiplier = float(instrument.multiplier)
        self._is_inverse = instrument.inverse
        self._interval_hours = instrument.funding_interval_hours
        self._interval_ns = self._interval_hours * NS_PER_HOUR
        self._horizon_ns = int(terms.horizon_hours * NS_PER_HOUR)
        self._age_max_ns = terms.quote_age_max_ms * 1_000_000
        self.round_trip_bps = (
            round_trip_fees_bps(spot.instrument, instrument)
            + terms.slippage_bps
            + borrow_cost_bps(terms.borrow_apr, terms.horizon_hours)
        )

    def is_fresh(self, now_ns: int) -> bool:
        return self.spot.is_fresh(now_ns, self._age_max_ns) and self.futures.is_fresh(now_ns, self._age_max_ns)

    def entry_edge_bps(self, now_ns: int) -> float:
        """Entry basis − expected exit basis + expected funding − four fees − slippage − borrow; −inf without prices."""
        if not self.is_fresh(now_ns):
            return NOTHING
        terms = self.terms
        touch = self.spot.touch(self._spot_in)
        spot = self.spot.executable(self._spot_in, terms.notional / touch).price
        futures = self.futures.executable(self._spot_out, self._contracts(terms.notional, touch)).price
        if not spot or not futures:
            return NOTHING
        basis = self._sign * (entry_basis_bps(futures, spot) - terms.exit_basis_bps)
        return basis + self.funding_bps(now_ns) - self.round_trip_bps

    def remaining_bps(self, now_ns: int, held: HeldPair) -> float:
        """What holding on still brings: exit basis now − expected exit basis + expected funding. Fees are sunk."""
        spot, futures = self._exit_prices(held)
        if not spot or not futures:
            return NOTHING
        return self._sign * (exit_basis_bps(futures, spot) - self.terms.exit_basis_bps) + self.funding_bps(now_ns)

    def profit(self, held: HeldPair) -> float | None:
        """Of the cycle so far, in quote currency, were it closed at executable prices (fees of the close not
        counted); None while a book has no size.
        """
        spot, futures = self._exit_prices(held)
        if not spot or not futures:
            return None
        gain = (spot - held.spot_entry) * held.spot_base
        if self._is_inverse:
            gain += held.contracts * self._multiplier * (1.0 / futures - 1.0 / held.futures_entry) * spot
        else:
            gain += (held.futures_entry - futures) * held.futures_base
        return held.booked + self._sign * gain

    def _exit_prices(self, held: HeldPair) -> tuple[float, float]:
        """Of spot and futures, for all that is held; 0 where a book has no size."""
        spot = self.spot.executable(self._spot_out, held.spot_base).price
        return spot, self.futures.executable(self._spot_in, held.contracts).price

    def margin_ratio(self, held: HeldPair, leverage: float) -> float:
        """Equity of the isolated futures leg over its notional; infinite while there is no mark."""
        mark = self.futures.mark
        if mark is None or mark.mark <= 0.0:
            return float("inf")
        ratio = short_margin_ratio if self.terms.is_long_spot else long_margin_ratio
        return ratio(held.futures_entry, mark.mark, leverage)

    @property
    def funding_rate(self) -> float:
        """Earned per interval (positive = we receive); 0 where none is known or paid."""
        mark = self.futures.mark
        return self._sign * mark.funding_rate if mark is not None and self._interval_hours else 0.0

    def funding_bps(self, now_ns: int) -> float:
        """What the futures leg is expected to receive within the horizon, at the present rate."""
        mark = self.futures.mark
        if mark is None or not self._interval_hours or not mark.funding_rate:
            return 0.0
        stamps = stamps_within(now_ns, self._horizon_ns, mark.next_funding_ns, self._interval_ns)
        return expected_funding_bps(self.funding_rate, stamps)

    def funding_apr(self) -> float:
        return funding_apr(self.funding_rate, self._interval_hours) if self._interval_hours else 0.0

    def is_before_a_poor_stamp(self, now_ns: int, guard_ns: int, spare_bps: float) -> bool:
        """Whether the entry lives on one payment that is due at once and does not cover the round trip.

        :param spare_bps: by how much the edge exceeds what it must be.
        """
        mark = self.futures.mark
        if mark is None or not 0 < mark.next_funding_ns - now_ns <= guard_ns:
            return False
        return spare_bps < self.funding_bps(now_ns) and self.funding_rate * BPS < self.round_trip_bps

    def _contracts(self, notional: float, price: float) -> float:
        return notional / self._multiplier if self._is_inverse else notional / (price * self._multiplier)
