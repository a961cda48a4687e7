"""How what the venue does to the account's whole position is divided among those who hold it, exactly. Pure.

Each gets the part that its position is of the whole; the last takes the remainder, so that the parts sum to the whole.
"""

from collections.abc import Iterator, Sequence
from decimal import Context, Decimal
from typing import Final

import msgspec

from gateways.venue import FundingBooked
from messages.instruments import Instrument
from messages.orders import Fill, FundingPaid

ZERO: Final = Decimal(0)
_WIDE: Final = Context(prec=100)
"""A part of 1e18 to 18 places, times a position, has more digits than the default context keeps."""

Holder = tuple[str, Decimal]
"""Strategy and the size of its position."""


def funding_shares(booked: FundingBooked, holders: Sequence[Holder]) -> Iterator[FundingPaid]:
    """:param holders: with their sizes, signed."""
    whole, left = sum((size for _, size in holders), ZERO), booked.amount
    for number, (owner, size) in enumerate(holders, start=1):
        is_last = number == len(holders)
        share = left if is_last or not whole else _share(booked.amount, size, whole)
        left = _WIDE.subtract(left, share)
        head = (owner, booked.instrument, share, booked.currency, booked.rate, size)
        yield FundingPaid(*head, str(booked.number), booked.ts_event)


def fill_shares(fill: Fill, holders: Sequence[Holder], instrument: Instrument | None) -> Iterator[Fill]:
    """What the venue has closed by itself, in whole lots; to the fill's own places where the lot is not known.

    :param holders: of the side that it closes, with their sizes, unsigned.
    """
    whole, left, fee_left = sum((size for _, size in holders), ZERO), fill.quantity, fill.fee
    for number, (owner, size) in enumerate(holders, start=1):
        is_last = number == len(holders)
        quantity = left if is_last else _lots(fill, size, whole, instrument)
        fee = fee_left if is_last else _share(fill.fee, quantity, fill.quantity)
        left, fee_left = left - quantity, fee_left - fee
        if quantity:
            yield msgspec.structs.replace(fill, strategy=owner, quantity=quantity, fee=fee)


def _lots(fill: Fill, size: Decimal, whole: Decimal, instrument: Instrument | None) -> Decimal:
    if instrument is None:
        return _share(fill.quantity, size, whole)
    return instrument.round_quantity(_WIDE.divide(_WIDE.multiply(fill.quantity, size), whole))


def _share(amount: Decimal, size: Decimal, whole: Decimal) -> Decimal:
    """The part of an amount that one position is of the whole, to the places that the amount has."""
    part = _WIDE.divide(_WIDE.multiply(amount, size), whole)
    return part.quantize(amount, context=_WIDE)
