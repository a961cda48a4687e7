"""Volatility of a price as it is now: an exponentially weighted mean of squared log returns.

Source: J.P. Morgan/Reuters, RiskMetrics Technical Document, 4th edition, 1996, section 5.2 (zero mean, exponential
weights); here for samples at uneven times: each return is divided by its own duration, and weighs by it.
"""

from math import exp, log, sqrt

from actors.analytics.basis import BPS

NS_PER_S = 1e9
LN_2 = log(2.0)


class EwmaVolatility:
    """Standard deviation for each square root of a second, from prices sampled at least `sample_s` apart, so that
    the bounce between bid and ask does not count as movement.

    :param half_life_s: after which a return has half of its weight.
    :ivar sigma_bps: in bps of the price, for each √second; 0 before the first return.
    :ivar samples: returns seen.
    """

    def __init__(self, half_life_s: float, sample_s: float = 1.0) -> None:
        self.sigma_bps = 0.0
        self.samples = 0
        self._half_life_s = half_life_s
        self._sample_ns = int(sample_s * NS_PER_S)
        self._variance = 0.0
        self._price = 0.0
        self._sampled_ns = 0
        self._next_ns = 0

    def on_price(self, price: float, now_ns: int) -> None:
        """Take a price, if it is time for a sample."""
        if now_ns < self._next_ns:
            return
        if self._price > 0.0:
            self._take(log(price / self._price), (now_ns - self._sampled_ns) / NS_PER_S)
        self._price = price
        self._sampled_ns = now_ns
        self._next_ns = now_ns + self._sample_ns

    def _take(self, log_return: float, seconds: float) -> None:
        rate = log_return * log_return / seconds
        self.samples += 1
        # The first returns are averaged evenly, so that the estimate does not start from a chance value.
        weight = max(1.0 - exp(-LN_2 * seconds / self._half_life_s), 1.0 / self.samples)
        self._variance += weight * (rate - self._variance)
        self.sigma_bps = sqrt(self._variance) * BPS
