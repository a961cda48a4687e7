"""The funding rate of a synthetic perpetual."""

FUNDING_RATE_MAX = 0.003
"""Per interval; the common cap of Binance's USDT-margined perpetuals is of this order."""


class FundingRate:
    """The mean premium of the running interval, within ±0.3 %; positive = longs pay shorts.

    Intervals end on multiples of their length since the epoch, which is midnight UTC for every divisor of a day.

    :param interval_ns: 0 for an instrument without funding.
    """

    def __init__(self, interval_ns: int) -> None:
        self._interval_ns = interval_ns
        self._interval = -1
        self._sum = 0.0
        self._count = 0

    def observe(self, ts_ns: int, premium: float) -> tuple[float, int]:
        """Take in a sample of the premium; return the rate and the stamp at which it is going to be paid."""
        if not self._interval_ns:
            return 0.0, 0
        interval = ts_ns // self._interval_ns
        if interval != self._interval:
            self._interval, self._sum, self._count = interval, 0.0, 0
        self._sum += premium
        self._count += 1
        rate = max(-FUNDING_RATE_MAX, min(FUNDING_RATE_MAX, self._sum / self._count))
        return rate, (interval + 1) * self._interval_ns
