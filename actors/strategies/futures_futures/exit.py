"""The reasons to leave a pair of futures, and which of them are stops."""

from enum import Enum
from typing import NamedTuple

from actors.analytics.basis import BPS
from actors.strategies.futures_futures.held import Closing, HeldSpread
from actors.strategies.futures_futures.parameters import FuturesFuturesParameters
from actors.strategies.futures_futures.spread_signal import Direction, SpreadSignal


class Exit(Enum):
    LOSS = "the loss is too large"
    TARGET = "the profit is large enough"
    RETURNED = "the spread is back"
    STRAYED = "the spread is too far off"


class Leave(NamedTuple):
    """:param is_stop: nothing is to be entered before the spread has returned."""

    reason: str
    is_stop: bool


class SpreadExit:
    """Time is acted on at once; what depends on a price must be read `exit_confirm` times in a row, so that one bad
    quote does not close a pair.

    :param guard_ns: when the expiry guard begins.
    :ivar time_stop_ns: when the pair in hand has been held for too long.
    """

    def __init__(self, parameters: FuturesFuturesParameters, signal: SpreadSignal, guard_ns: float) -> None:
        self.time_stop_ns = 0
        self._parameters = parameters
        self._signal = signal
        self._guard_ns = guard_ns
        self._notional = float(parameters.notional)
        self._readings = dict.fromkeys(Exit, 0)

    def begin(self, time_stop_ns: int) -> None:
        """A pair has come to be held."""
        self.time_stop_ns = time_stop_ns
        self._readings = dict.fromkeys(Exit, 0)

    def by_time(self, now_ns: int) -> Leave | None:
        if now_ns >= self._guard_ns:
            return Leave("expiry guard", is_stop=False)
        if now_ns >= self.time_stop_ns:
            return Leave("time stop", is_stop=True)
        return None

    def by_price(self, now_ns: int, held: HeldSpread, direction: Direction) -> Leave | None:
        closing = held.close()
        if closing is None:
            return None
        profit_bps = closing.profit / self._notional * BPS
        if self._is_confirmed(Exit.LOSS, is_read=profit_bps <= -self._parameters.max_loss_bps):
            return Leave(f"stop loss at {profit_bps:.2f} bps", is_stop=True)
        if self._is_confirmed(Exit.TARGET, is_read=profit_bps >= self._parameters.profit_target_bps):
            return Leave(f"profit target at {profit_bps:.2f} bps", is_stop=False)
        return self._read_spread(now_ns, closing, direction)

    def _read_spread(self, now_ns: int, closing: Closing, direction: Direction) -> Leave | None:
        """Returned, at the prices of a close; or strayed, at the mid, so that a wide market is no stop."""
        levels = self._signal.levels(now_ns)
        if levels is None:
            return None
        sign = direction.value
        strayed, left = (sign * (spread - levels.mean) for spread in (self._signal.mid_spread(), closing.spread))
        if self._is_confirmed(Exit.STRAYED, is_read=strayed >= levels.stop):
            return Leave(f"strayed: {strayed * BPS:.2f} bps off", is_stop=True)
        if self._is_confirmed(Exit.RETURNED, is_read=left <= levels.leave):
            return Leave(f"returned: {left * BPS:.2f} bps left", is_stop=False)
        return None

    def _is_confirmed(self, reason: Exit, *, is_read: bool) -> bool:
        """Whether this reason to leave has been read often enough in a row."""
        readings = self._readings[reason] = self._readings[reason] + 1 if is_read else 0
        return readings >= self._parameters.exit_confirm
