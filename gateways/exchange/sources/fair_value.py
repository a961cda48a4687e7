"""What one synthetic venue believes an instrument to be worth: efficient price, basis, and an error of its own."""

from random import Random

from gateways.exchange.sources.efficient_price import EfficientPrice
from gateways.exchange.sources.mean_reversion import OrnsteinUhlenbeck
from gateways.exchange.sources.synthetic_profile import Profile
from messages.instruments import Instrument

_BPS = 1e-4
_YEAR_NS = 365 * 86_400 * 1_000_000_000


class FairValue:
    """The value of one instrument in its quote currency; to be read in ascending time.

    :param base: efficient price of the base asset in the reporting currency; `quote` of the quote asset.
    """

    def __init__(
        self,
        instrument: Instrument,
        profile: Profile,
        base: EfficientPrice,
        quote: EfficientPrice,
        *,
        start_ns: int,
        rng: Random,
    ) -> None:
        self._base = base
        self._quote = quote
        self._is_spot = instrument.is_spot
        self._expiry_ns = instrument.expiry_ns
        self._floor = float(instrument.tick_size)
        self._basis_bps = profile.basis_bps
        self._carry_bps_annual = profile.carry_bps_annual
        self._lag_ns = round(profile.lag_ms * 1e6)
        self._deviation = OrnsteinUhlenbeck(profile.basis_volatility_bps, profile.basis_half_life_s, start_ns, rng)
        self._noise = OrnsteinUhlenbeck(profile.noise_bps, profile.noise_half_life_s, start_ns, rng)

    def index(self, ts_ns: int) -> float:
        """The efficient price of the base asset in quote currency; at least one tick."""
        return max(self._floor, self._base.at(ts_ns) / self._quote.at(ts_ns))

    def basis(self, ts_ns: int) -> float:
        """Derivative over index minus one; 0 for spot. The mean of a dated future's falls to 0 as it expires."""
        if self._is_spot:
            return 0.0
        years_left = max(0, self._expiry_ns - ts_ns) / _YEAR_NS
        return (self._basis_bps + self._carry_bps_annual * years_left + self._deviation.at(ts_ns)) * _BPS

    def mark(self, ts_ns: int) -> float:
        """Index and basis without the venue's lag and error; at least one tick."""
        return max(self._floor, self.index(ts_ns) * (1.0 + self.basis(ts_ns)))

    def mid(self, ts_ns: int) -> float:
        """The middle that this venue's book is laid around; at least one tick."""
        premium = self.basis(ts_ns) + self._noise.at(ts_ns) * _BPS
        return max(self._floor, self.index(ts_ns - self._lag_ns) * (1.0 + premium))

    def quote_price(self, ts_ns: int) -> float:
        """The quote asset in the reporting currency."""
        return self._quote.at(ts_ns)

    def activity(self, ts_ns: int) -> float:
        """How busy the base asset's market is, as a multiple of its mean."""
        return self._base.activity(ts_ns)
