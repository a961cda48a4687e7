"""The trading world for a near and a far contract, and markets that move as a test says."""

from decimal import Decimal as D
from math import exp
from typing import Any

import msgspec

from actors.strategies.futures_futures.parameters import FuturesFuturesParameters
from actors.strategies.futures_futures.strategy import FuturesFutures
from messages.instruments import Instrument, InstrumentType, Rounding
from messages.market import MarkPrice
from messages.orders import FundingPaid
from tests.actors.strategies.trading_world import INVERSE, MS, PERPETUAL, START_NS, S, World

HOUR_NS = 3_600 * S
DAY_NS = 24 * HOUR_NS

OTHER = msgspec.structs.replace(PERPETUAL, venue="other", tick_size=D("0.01"), lot_size=D("0.0003"))
"""The same perpetual at another venue, in other steps."""
QUARTER = msgspec.structs.replace(
    PERPETUAL, symbol="BTCUSDT_231229", type=InstrumentType.FUTURE, funding_interval_hours=0,
    expiry_ns=START_NS + 30 * DAY_NS,
)  # fmt: skip
NEXT_QUARTER = msgspec.structs.replace(QUARTER, symbol="BTCUSDT_240329", expiry_ns=START_NS + 103 * DAY_NS)
INVERSE_QUARTER = msgspec.structs.replace(
    INVERSE, symbol="BTCUSD_231229", type=InstrumentType.FUTURE, funding_interval_hours=0,
    expiry_ns=START_NS + 30 * DAY_NS,
)  # fmt: skip


def spread_parameters(**changes: Any) -> FuturesFuturesParameters:
    """Enters by statistics at once, rests a second between cycles, leaves at the first reading."""
    settings: dict[str, Any] = {
        "near": PERPETUAL.id,
        "far": OTHER.id,
        "notional": D(10_000),
        "lookback": 50,
        "samples_min": 10,
        "min_edge_bps": 2.0,
        "confirm_ms": 0,
        "cooldown_s": 1.0,
        "exit_confirm": 1,
        "half_lives_max": 1_000.0,
    }
    return FuturesFuturesParameters(**{**settings, **changes})


class SpreadWorld(World):
    """`spot` is the near leg here, and `futures` the far one."""

    settings: Any

    def __init__(
        self,
        settings: FuturesFuturesParameters | None = None,
        *,
        near: Instrument = PERPETUAL,
        far: Instrument = OTHER,
        is_started: bool = True,
    ) -> None:
        chosen: Any = settings or spread_parameters(near=near.id, far=far.id)
        super().__init__(chosen, spot=near, futures=far, is_started=is_started)

    def make_strategy(self) -> Any:
        return FuturesFutures("carry", self.instruments, self.settings)

    @property
    def near(self) -> Instrument:
        return self.spot

    @property
    def far(self) -> Instrument:
        return self.futures

    def spread(self, bps: float, price: float = 60_000.0, width: float = 0.2) -> None:
        """Quote both legs, `width` wide around mids that are so many bps (log) apart."""
        self.centre(self.near, price, width)
        self.centre(self.far, price * exp(bps / 10_000), width)

    def centre(self, instrument: Instrument, price: float, width: float = 0.2) -> None:
        bid, ask = (instrument.round_price(price + half, Rounding.NEAREST) for half in (-width / 2, width / 2))
        self.quote(instrument.id, float(bid), float(ask))

    def learn(self, sigma_bps: float = 12.0, mean_bps: float = 0.0, samples: int = 50) -> None:
        """Let it see a spread that jumps from side to side of a mean, once a second: it returns within one sample.

        The deviation is that of a sample: 12 × √(50 / 49) = 12.12 bps.
        """
        for number in range(samples):
            self.wait(1_000)
            self.spread(mean_bps + (sigma_bps if number % 2 else -sigma_bps))

    def trade_at_touch(self, rounds: int = 20) -> None:
        """Fill whatever works at the best price, until nothing does."""
        for _ in range(rounds):
            for name in self.open_ids:
                self.trade(name, price=self._touch(self.orders[name]))

    def open_at(self, bps: float) -> None:
        """From what it has learnt to a balanced pair, entered at a spread (less 0.03 bps for half of both markets)."""
        self.learn()
        self.spread(bps)
        self.trade_at_touch()
        assert self.state == "MONITORING_SPREAD"

    def close_at(self, bps: float) -> None:
        self.spread(bps)
        self.trade_at_touch()

    def mark_leg(self, instrument: Instrument, rate: float, next_funding_ns: int) -> None:
        self.send(MarkPrice(instrument.id, 60_000.0, 60_000.0, rate, next_funding_ns, self.now_ns, self.now_ns))

    def pay_funding(self, instrument: Instrument, amount: str, name: str = "f1") -> None:
        self.now_ns += MS
        self.send(
            FundingPaid(
                strategy="carry", instrument=instrument.id, funding_id=name, rate=0.0001, amount=D(amount),
                currency=instrument.settle, position=self.positions[instrument.id], ts_event=self.now_ns,
            )
        )  # fmt: skip
