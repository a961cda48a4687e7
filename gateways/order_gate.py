"""The gate that every order passes before it is written to the venue.

Pure: what it has been told decides. The gateway calls `check` in the function that writes to the venue, journals the
intent after it, and writes after that; there is no other way to the venue.
"""

from collections.abc import Mapping

from gateways.checks import Denial, check_expiry, check_notional, check_price, check_quantity
from messages.instruments import Instrument
from messages.orders import AmendOrder, DenyReason, SubmitOrder


class OrderGate:
    """:param instruments: what this gateway may trade, by instrument id."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._instruments = instruments
        self._halt_reason: str | None = None
        self._epochs: dict[str, int] = {}

    @property
    def is_halted(self) -> bool:
        return self._halt_reason is not None

    def halt(self, reason: str) -> None:
        """Deny every order from now on; cancels still pass."""
        self._halt_reason = reason

    def epoch(self, strategy: str) -> int:
        """The lowest epoch of this strategy that is still served."""
        return self._epochs.get(strategy, 0)

    def fence(self, strategy: str, epoch: int) -> None:
        """Refuse every incarnation of the strategy below this epoch; epochs only rise."""
        self._epochs[strategy] = max(epoch, self.epoch(strategy))

    def is_fenced(self, strategy: str, epoch: int) -> bool:
        return epoch < self.epoch(strategy)

    def check(self, order: SubmitOrder, now_ns: int) -> Denial | None:
        """None if the order may go out, else why not."""
        if self._halt_reason is not None:
            return Denial(DenyReason.HALTED, f"reason={self._halt_reason!r}")
        instrument = self._instruments.get(order.instrument)
        if instrument is None:
            return Denial(DenyReason.UNKNOWN_INSTRUMENT, f"instrument={order.instrument}")
        return (
            check_expiry(order, now_ns)
            or check_price(order, instrument)
            or check_quantity(order, instrument)
            or check_notional(order, instrument)
        )

    def check_amendment(self, amendment: AmendOrder) -> Denial | None:
        """None if the amendment may go out, else why not."""
        if self._halt_reason is not None:
            return Denial(DenyReason.HALTED, f"reason={self._halt_reason!r}")
        instrument = self._instruments.get(amendment.instrument)
        if instrument is None:
            return Denial(DenyReason.UNKNOWN_INSTRUMENT, f"instrument={amendment.instrument}")
        return check_price(amendment, instrument) or check_quantity(amendment, instrument)
