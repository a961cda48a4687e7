"""What is held, by the last word of the gateways, at the last prices in the reporting currency. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from messages.instruments import Instrument
from messages.risk import LeaseUse

ZERO = Decimal(0)


class Exposure(NamedTuple):
    """Notional in the reporting currency.

    :param net: signed; positive = long.
    """

    gross: Decimal
    net: Decimal


class Exposures(NamedTuple):
    """By strategy, instrument, asset (base currency) and venue.

    :param unvalued: positions of which nobody knows the worth; they are in none of the sums.
    """

    strategies: Mapping[str, Exposure]
    instruments: Mapping[str, Exposure]
    assets: Mapping[str, Exposure]
    venues: Mapping[str, Exposure]
    portfolio: Exposure
    unvalued: tuple[str, ...]


def exposures(
    uses: Iterable[LeaseUse], instruments: Mapping[str, Instrument], value: Callable[[str], Decimal | None]
) -> Exposures:
    """:param value: of one unit of an instrument in the reporting currency; None where it is not known."""
    sums: dict[str, defaultdict[str, list[Decimal]]] = {
        scope: defaultdict(lambda: [ZERO, ZERO]) for scope in ("strategy", "instrument", "asset", "venue", "portfolio")
    }
    unvalued = []
    for use in uses:
        instrument = instruments.get(use.instrument)
        if instrument is None or not use.position:
            continue
        unit = value(use.instrument)
        if unit is None:
            unvalued.append(f"{use.position:f} {use.instrument} of {use.strategy}")
            continue
        notional = use.position * unit
        names = {
            "strategy": use.strategy, "instrument": use.instrument, "asset": instrument.base,
            "venue": instrument.venue, "portfolio": "",
        }  # fmt: skip
        for scope, name in names.items():
            total = sums[scope][name]
            total[0] += abs(notional)
            total[1] += notional
    by_scope = {scope: {name: Exposure(*total) for name, total in found.items()} for scope, found in sums.items()}
    return Exposures(
        strategies=by_scope["strategy"],
        instruments=by_scope["instrument"],
        assets=by_scope["asset"],
        venues=by_scope["venue"],
        portfolio=by_scope["portfolio"].get("", Exposure(ZERO, ZERO)),
        unvalued=tuple(unvalued),
    )
