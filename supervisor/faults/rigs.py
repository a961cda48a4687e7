"""The strategies that are put through the faults, one row each: what they trade, in which market, with how much."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from messages.instruments import Instrument, InstrumentType


class Rig(msgspec.Struct, frozen=True, kw_only=True):
    """:param kind: of the strategy.

    :param legs: the two instruments in order of execution, each of a venue of its own.
    :param prices: best bid and ask at which the strategy enters at once, by instrument id.
    :param balances: of each venue, by currency.
    :param parameters: as a config has them; one cycle only, so with a long rest after it.
    :param loss_budget: what the faults of the cycle may cost, in quote currency.
    :param repairs: how many repairs the strategy has tried.
    :param is_held: whether the pair is held for a while, so that it can be struck then.
    """

    kind: str
    legs: tuple[Instrument, Instrument]
    prices: Mapping[str, tuple[float, float]]
    balances: Mapping[str, dict[str, Decimal]]
    parameters: Mapping[str, Any]
    loss_budget: Decimal
    repairs: Callable[[Any], int]
    is_held: bool = True

    @property
    def instruments(self) -> dict[str, Instrument]:
        return {leg.id: leg for leg in self.legs}


def repairs_of_pair(strategy: Any) -> int:
    """Of a strategy that has one pair. Any: every strategy of two legs has one, but the base does not know it."""
    count: int = strategy.pair.repairs.count
    return count


def repairs_of_routes(strategy: Any) -> int:
    """Of a strategy that has a pair for each of its routes. Any: as above."""
    return sum(route.pair.repairs.count for route in strategy.routes)


def spot(venue: str) -> Instrument:
    return Instrument(
        symbol="BTCUSDT", venue=venue, type=InstrumentType.SPOT, base="BTC", quote="USDT", settle="USDT",
        tick_size=Decimal("0.01"), lot_size=Decimal("0.00001"), min_notional=Decimal(5), taker_fee_bps=Decimal(10),
    )  # fmt: skip


def perpetual(venue: str) -> Instrument:
    return Instrument(
        symbol="BTCUSDT", venue=venue, type=InstrumentType.PERPETUAL, base="BTC", quote="USDT", settle="USDT",
        tick_size=Decimal("0.1"), lot_size=Decimal("0.001"), min_notional=Decimal(100), taker_fee_bps=Decimal(5),
        funding_interval_hours=8,
    )  # fmt: skip


SPOT, PERPETUAL = spot("spot"), perpetual("usdm")
OTHER_SPOT, OTHER_PERPETUAL = spot("other"), perpetual("linear")
MONEY = {"USDT": Decimal(100_000)}
BOTH = {"USDT": Decimal(100_000), "BTC": Decimal(5)}
"""Pre-funded, so that it can sell what it has not bought."""
COMMON = {"notional": "10000", "confirm_ms": 0, "cooldown_s": 86_400.0, "loss_budget": 0.005}
"""Half a per cent of 10,000 is 50 USDT. A day of rest, so that there is one cycle."""

RIGS: Final[Mapping[str, Rig]] = {
    rig.kind: rig
    for rig in (
        Rig(
            kind="spot-futures",
            legs=(SPOT, PERPETUAL),
            prices={SPOT.id: (60_000.0, 60_000.01), PERPETUAL.id: (60_300.0, 60_300.1)},
            balances={"spot": MONEY, "usdm": MONEY},
            parameters={**COMMON, "spot": SPOT.id, "futures": PERPETUAL.id},
            loss_budget=Decimal(50),
            repairs=repairs_of_pair,
        ),
        Rig(
            kind="futures-futures",
            legs=(OTHER_PERPETUAL, PERPETUAL),
            prices={PERPETUAL.id: (60_000.0, 60_000.1), OTHER_PERPETUAL.id: (60_300.0, 60_300.1)},
            balances={"usdm": MONEY, "linear": MONEY},
            parameters={**COMMON, "near": PERPETUAL.id, "far": OTHER_PERPETUAL.id, "rule": "fixed"},
            loss_budget=Decimal(50),
            repairs=repairs_of_pair,
        ),
        Rig(
            kind="arbitrage",
            legs=(SPOT, OTHER_SPOT),
            prices={SPOT.id: (60_000.0, 60_000.01), OTHER_SPOT.id: (60_600.0, 60_600.01)},
            balances={"spot": BOTH, "other": BOTH},
            parameters={
                **COMMON,
                "routes": [{"type": "cross-venue", "name": "there", "first": SPOT.id, "second": OTHER_SPOT.id}],
                "inventory": {SPOT.id: "5", OTHER_SPOT.id: "5"},
            },
            loss_budget=Decimal(50),
            repairs=repairs_of_routes,
            is_held=False,
        ),
    )
}
"""By kind; another strategy of two legs adds its row here."""
