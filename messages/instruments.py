"""What can be traded at a venue: its type, its steps, and the only way from a float to a Decimal.

Quantities of spot instruments are in base currency; quantities of derivatives are in contracts, whose size is the
`multiplier`: in base currency for linear contracts, in quote currency for inverse ones (Binance COIN-M BTCUSD_PERP:
100 USD a contract).
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum
from math import ceil, floor
from typing import Annotated

import msgspec

from messages.base import Id, Message, Ns, OptionalId, check_decimals

ONE = Decimal(1)
TEN_THOUSAND = Decimal(10_000)
SETTLE_QUANTUM = Decimal("1e-8")
"""Inverse contracts settle in coin, rounded to eight places, as the venues book it."""

_STEP_TOLERANCE = Decimal("1e-6")
_FLOAT_STEP_TOLERANCE = 1e-6
_FLOAT_STEPS_MAX = 1e9
"""A float of so many steps still has six digits behind the step."""
_WIDE = Context(prec=64)
"""A price of 1e18 is 1e36 ticks of 1e-18; the default context of 28 digits would round them."""


class InstrumentType(StrEnum):
    SPOT = "spot"
    PERPETUAL = "perpetual"
    FUTURE = "future"


class Rounding(StrEnum):
    """The direction in which a price or a quantity is brought to its step."""

    DOWN = "down"
    UP = "up"
    NEAREST = "nearest"


_DECIMAL_ROUNDING = {
    Rounding.DOWN: ROUND_FLOOR,
    Rounding.UP: ROUND_CEILING,
    Rounding.NEAREST: ROUND_HALF_EVEN,
}


class Instrument(Message, frozen=True, tag="instrument", kw_only=True):
    """One thing to trade at one venue, with the venue's own rules for it.

    :param venue: the id of the gateway that trades it; `id` is `symbol.venue`.
    :param settle: the currency of margin and PnL: quote for linear, base for inverse contracts.
    :param multiplier: contract size; base currency (linear) or quote currency (inverse). 1 for spot.
    :param fee_currency: the currency that fees are taken in; empty: quote on spot sells and base on spot buys is
        *not* assumed, fees are in quote (spot, linear) or settle currency (inverse).
    :param expiry_ns: last trade of a dated future, nanoseconds since the epoch; 0 for none.
    :param funding_interval_hours: of a perpetual; 0 where no funding is paid.
    """

    symbol: Id
    venue: Id
    type: InstrumentType
    base: Id
    quote: Id
    settle: Id
    tick_size: Decimal
    lot_size: Decimal
    inverse: bool = False
    multiplier: Decimal = ONE
    min_quantity: Decimal = Decimal(0)
    max_quantity: Decimal | None = None
    min_notional: Decimal = Decimal(0)
    maker_fee_bps: Decimal = Decimal(0)
    taker_fee_bps: Decimal = Decimal(0)
    fee_currency: OptionalId = ""
    expiry_ns: Ns = 0
    funding_interval_hours: Annotated[int, msgspec.Meta(ge=0, le=168)] = 0

    def __post_init__(self) -> None:
        check_decimals(
            self.tick_size, self.lot_size, self.multiplier, self.min_quantity, self.max_quantity,
            self.min_notional, self.maker_fee_bps, self.taker_fee_bps,
        )  # fmt: skip
        for name, value in (
            ("tick_size", self.tick_size),
            ("lot_size", self.lot_size),
            ("multiplier", self.multiplier),
        ):
            if value <= 0:
                raise ValueError(f"{name} of {self.symbol} must be greater than 0")
        if self.inverse and self.type is InstrumentType.SPOT:
            raise ValueError(f"{self.symbol} is spot and cannot be inverse")

    @property
    def id(self) -> str:
        return f"{self.symbol}.{self.venue}"

    @property
    def is_spot(self) -> bool:
        return self.type is InstrumentType.SPOT

    def round_price(self, price: float | Decimal, direction: Rounding) -> Decimal:
        """Bring a price to the tick in the stated direction.

        What lies within a millionth of a tick of a whole tick is that tick: 0.1 + 0.2 rounds up to 0.3, not to 0.4 on
        a tick of 0.1. The same holds for a Decimal that is a quotient.

        :raises ValueError: the price is NaN or infinite.
        """
        return _to_step(price, self.tick_size, direction)

    def round_quantity(self, quantity: float | Decimal, direction: Rounding = Rounding.DOWN) -> Decimal:
        """Bring an unsigned quantity to the lot; down by default, so that it is never more than was asked for."""
        return _to_step(quantity, self.lot_size, direction)

    def notional(self, quantity: Decimal, price: Decimal) -> Decimal:
        """Unsigned value of a quantity: quote currency (spot and linear); quote currency too for inverse contracts,
        where it does not depend on the price.
        """
        if self.inverse:
            return abs(quantity) * self.multiplier
        return abs(quantity) * price * self.multiplier

    def settle_value(self, quantity: Decimal, price: Decimal) -> Decimal:
        """Unsigned value in settle currency; for inverse contracts coin = contracts × multiplier / price, rounded
        to 1e-8.
        """
        if self.inverse:
            return (abs(quantity) * self.multiplier / price).quantize(SETTLE_QUANTUM, ROUND_HALF_EVEN)
        return self.notional(quantity, price)

    def base_quantity(self, quantity: Decimal, price: Decimal) -> Decimal:
        """The quantity in base currency, sign kept; exact for spot and linear, a quotient for inverse contracts."""
        if self.inverse:
            return quantity * self.multiplier / price
        return quantity * self.multiplier

    def quantity_of_base(self, base_quantity: Decimal, price: Decimal) -> Decimal:
        """The inverse of `base_quantity`, not rounded to a lot."""
        if self.inverse:
            return base_quantity * price / self.multiplier
        return base_quantity / self.multiplier

    def fee(self, quantity: Decimal, price: Decimal, *, is_maker: bool) -> Decimal:
        """Fee in settle currency (quote for spot); positive = we pay, negative = rebate."""
        rate = self.maker_fee_bps if is_maker else self.taker_fee_bps
        fee = self.settle_value(quantity, price) * rate / TEN_THOUSAND
        return fee.quantize(SETTLE_QUANTUM, ROUND_HALF_EVEN) if self.inverse else fee


def _to_step(value: float | Decimal, step: Decimal, direction: Rounding) -> Decimal:
    if isinstance(value, float):
        steps = value / float(step)
        if -_FLOAT_STEPS_MAX < steps < _FLOAT_STEPS_MAX:
            return _whole_steps(steps, direction) * step
        value = Decimal(repr(value))
    if not value.is_finite():
        raise ValueError(f"{value} cannot be brought to a multiple of {step}; expected a finite number")
    exact = _WIDE.divide(value, step)
    nearest = exact.to_integral_value(ROUND_HALF_EVEN)
    if direction is Rounding.NEAREST or _WIDE.subtract(exact, nearest).copy_abs() <= _STEP_TOLERANCE:
        return _WIDE.multiply(nearest, step)
    return _WIDE.multiply(exact.to_integral_value(_DECIMAL_ROUNDING[direction]), step)


def _whole_steps(steps: float, direction: Rounding) -> Decimal:
    """The same for a float, which has digits to spare for so few steps; this is on the way of every order."""
    nearest = round(steps)
    if direction is Rounding.NEAREST or abs(steps - nearest) <= _FLOAT_STEP_TOLERANCE:
        return Decimal(nearest)
    return Decimal(floor(steps) if direction is Rounding.DOWN else ceil(steps))
