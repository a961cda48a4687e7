"""What a drill has at hand: the cluster, somebody to tell, and the residual that it is all about."""

import random
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from time import monotonic, sleep
from typing import Final

import msgspec

from messages.health import ClusterStatus, StrategyStatus
from messages.instruments import Instrument
from supervisor.drill.cluster import DrillCluster, strategy_of

WATCH_INTERVAL_S: Final = 0.5
ZERO: Final = Decimal(0)


class Observation(msgspec.Struct, frozen=True):
    """One look at the strategy that a drill is about.

    :param seconds: since the drill began.
    :param residual: base currency that its legs do not match, signed; None while nobody knows.
    """

    seconds: float
    what: str
    state: str = ""
    residual: Decimal | None = None
    open_orders: int = 0
    fills: int = 0


class Stage:
    """:param instruments: of the config, by id. :param subject: the strategy that is watched.
    :param lease_ttl_ms: of the config.
    :param tell: called with each observation as it is made.
    :ivar times_ms: what the drill has measured, by name.
    """

    def __init__(
        self,
        cluster: DrillCluster,
        instruments: Mapping[str, Instrument],
        subject: str,
        lease_ttl_ms: int,
        tell: Callable[[Observation], None],
    ) -> None:
        self.cluster = cluster
        self.subject = subject
        self.random = random.Random()  # noqa: S311  # the moment of a fault, not a secret
        self.lease_ttl_ms = lease_ttl_ms
        self.times_ms: dict[str, float] = {}
        self.failures: list[str] = []
        self._instruments = instruments
        self._tell = tell
        self._began_s = monotonic()

    def say(self, what: str) -> None:
        """Tell what is done, with how the subject stands."""
        self._observe(what, self.cluster.status())

    def watch(self, seconds: float) -> None:
        """Tell how the subject stands, every half second."""
        end_s = monotonic() + seconds
        while monotonic() < end_s:
            sleep(WATCH_INTERVAL_S)
            self._observe("", self.cluster.status())

    def expect(self, is_so: bool, otherwise: str) -> None:  # reads as a sentence: expect(x == 1, "...")
        """Note a promise that was broken."""
        if not is_so:
            self.failures.append(otherwise)
            self.say(f"BROKEN: {otherwise}")

    def residual(self, strategy: StrategyStatus) -> Decimal | None:
        """Base currency that its positions leave open, at the contract sizes; None where a contract is inverse."""
        total = ZERO
        for name, position in strategy.positions.items():
            instrument = self._instruments[name]
            if instrument.inverse:
                return None
            total += position * instrument.multiplier
        return total.normalize() + ZERO

    def _observe(self, what: str, status: ClusterStatus | None) -> None:
        seconds = monotonic() - self._began_s
        if status is None:
            self._tell(Observation(seconds, what, "nobody answers"))
            return
        strategy = strategy_of(status, self.subject)
        state = f"{strategy.lifecycle.value} {strategy.state}".strip()
        residual = self.residual(strategy)
        self._tell(Observation(seconds, what, state, residual, strategy.open_orders, strategy.fills))


def journal_bytes(folder: Path) -> int:
    """The length of a journal's newest segment."""
    segments = sorted(folder.glob("*.log"))
    return segments[-1].stat().st_size if segments else 0
