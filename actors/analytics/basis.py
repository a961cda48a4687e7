"""Basis, carry and the edge of a spot-futures pair, in floats: these are signals.

Long spot, short futures; what holds for the mirror says so. Every price is an executable one. Rates are ratios unless
the name says bps (1 bps = 0.0001).
Sources: "Basis" and "Cost of carry" as defined in J. Hull, Options, Futures, and Other Derivatives, chapters 3 and 5.
"""

from messages.instruments import Instrument

BPS = 10_000.0
DAYS_A_YEAR = 365.0
HOURS_A_DAY = 24.0


def entry_basis_bps(futures_bid: float, spot_ask: float) -> float:
    """What is locked in by selling futures and buying spot now: `F_bid / S_ask − 1`."""
    return (futures_bid / spot_ask - 1.0) * BPS


def exit_basis_bps(futures_ask: float, spot_bid: float) -> float:
    """What is given back by buying the futures and selling the spot now: `F_ask / S_bid − 1`."""
    return (futures_ask / spot_bid - 1.0) * BPS


def round_trip_fees_bps(spot: Instrument, futures: Instrument) -> float:
    """Taker fees of four trades: spot in and out, futures in and out."""
    return 2.0 * float(spot.taker_fee_bps) + 2.0 * float(futures.taker_fee_bps)


def carry_apr(basis: float, days: float) -> float:
    """Annualised return of a dated basis (a ratio) that converges in `days`: basis × 365 / days."""
    return basis * DAYS_A_YEAR / days


def borrow_cost_bps(apr: float, hours: float) -> float:
    """Interest on what is borrowed for `hours` at a yearly rate (a ratio), in bps of the notional."""
    return apr * hours / (HOURS_A_DAY * DAYS_A_YEAR) * BPS


def short_margin_ratio(entry_price: float, mark: float, leverage: float) -> float:
    """Equity of an isolated linear short as a ratio of its notional at mark.

    Equity = entry / leverage + (entry − mark) per unit of base; liquidated when the ratio falls to the venue's
    maintenance margin ratio.
    """
    return (entry_price / leverage + entry_price - mark) / mark


def long_margin_ratio(entry_price: float, mark: float, leverage: float) -> float:
    """Equity of an isolated linear long as a ratio of its notional at mark.

    Equity = entry / leverage + (mark − entry) per unit of base.
    """
    return (entry_price / leverage + mark - entry_price) / mark


def short_liquidation_price(entry_price: float, leverage: float, maintenance_ratio: float) -> float:
    """The mark at which an isolated linear short is liquidated: P_entry × (1 + 1/L) / (1 + mmr)."""
    return entry_price * (1.0 + 1.0 / leverage) / (1.0 + maintenance_ratio)
