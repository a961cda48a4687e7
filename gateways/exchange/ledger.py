"""The account at a simulated venue: exact balances and positions, the oracle of every test.

Spot: base and quote balances move by just what was traded. Derivatives: one position an instrument (one-way mode),
kept as lots closed first in, first out, so that realised PnL needs no average price and no division; it is credited
to the settle balance at once. Nothing is rounded but the coin values of inverse contracts and funding, at 1e-8, as
venues book them.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal

from gateways.exchange.venue_order import ZERO
from gateways.venue import FUNDINGS_MAX, FundingBooked
from messages.instruments import SETTLE_QUANTUM, TEN_THOUSAND, Instrument
from messages.market import MarkPrice
from messages.orders import Fill, Side


def fee_of(
    instrument: Instrument, side: Side, quantity: Decimal, price: Decimal, *, is_maker: bool
) -> tuple[Decimal, str]:
    """Fee and its currency; positive = we pay, negative = rebate.

    In quote currency on spot and settle currency on derivatives; in base currency on spot buys, where the
    instrument's `fee_currency` is its base.
    """
    if not instrument.is_spot:
        return instrument.fee(quantity, price, is_maker=is_maker), instrument.settle
    if side is Side.BUY and instrument.fee_currency == instrument.base:
        rate = instrument.maker_fee_bps if is_maker else instrument.taker_fee_bps
        return quantity * rate / TEN_THOUSAND, instrument.base
    return instrument.fee(quantity, price, is_maker=is_maker), instrument.quote


class Lots:
    """The position in one derivative: signed lots of (quantity, entry price), oldest first."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._lots: deque[tuple[Decimal, Decimal]] = deque()
        self._entered = ZERO  # sum of quantity × entry of all lots; of linear contracts only
        self.quantity = ZERO

    def apply(self, signed_quantity: Decimal, price: Decimal) -> Decimal:
        """Trade `signed_quantity` at `price` and return the PnL realised by it, in settle currency."""
        realised = ZERO
        left = signed_quantity
        while left and self._lots and (self._lots[0][0] > 0) != (left > 0):
            held, entry = self._lots.popleft()
            closed = -left if abs(left) < abs(held) else held  # signed as the lot
            realised += self._profit(closed, entry, price)
            self._enter(-closed, entry)
            left += closed
            if held != closed:
                self._lots.appendleft((held - closed, entry))
        if left:
            self._lots.append((left, price))
            self._enter(left, price)
        if not self._lots:
            self._entered = ZERO
        self.quantity += signed_quantity
        return realised

    def unrealised(self, price: Decimal) -> Decimal:
        """PnL if every lot were closed at `price`, in settle currency."""
        if not self._instrument.inverse:
            return (self.quantity * price - self._entered) * self._instrument.multiplier if self._lots else ZERO
        return sum((self._profit(quantity, entry, price) for quantity, entry in self._lots), ZERO)

    def _enter(self, quantity: Decimal, price: Decimal) -> None:
        if not self._instrument.inverse:  # an inverse contract's value is rounded lot by lot
            self._entered += quantity * price

    def _profit(self, quantity: Decimal, entry: Decimal, exit_price: Decimal) -> Decimal:
        """PnL of closing a signed lot. Linear: quantity × (exit - entry) × multiplier. Inverse, in coin: the value at
        entry less the value at exit, since a rising price makes a contract worth less coin.
        """
        sign = 1 if quantity > 0 else -1
        value_entry = self._instrument.settle_value(quantity, entry)
        value_exit = self._instrument.settle_value(quantity, exit_price)
        if self._instrument.inverse:
            return sign * (value_entry - value_exit)
        return sign * (value_exit - value_entry)


class Ledger:
    """The books of one account.

    :ivar balances: by currency, in all; what orders reserve is not taken off.
    :ivar realised: PnL of derivatives by settle currency; `fees` (positive = paid) and `funding` (positive =
        received) by the currency in which they were booked.
    """

    def __init__(self, instruments: Iterable[Instrument], balances: Mapping[str, Decimal]) -> None:
        self._instruments = {instrument.id: instrument for instrument in instruments}
        self._lots = {id_: Lots(instrument) for id_, instrument in self._instruments.items() if not instrument.is_spot}
        self._spot_bought = {id_: ZERO for id_, instrument in self._instruments.items() if instrument.is_spot}
        self._fundings: list[FundingBooked] = []
        self.balances = dict(balances)
        self.realised: dict[str, Decimal] = {}
        self.fees: dict[str, Decimal] = {}
        self.funding: dict[str, Decimal] = {}
        for instrument in self._instruments.values():
            used = (instrument.base, instrument.quote) if instrument.is_spot else (instrument.settle,)
            for currency in used:
                self.balances.setdefault(currency, ZERO)

    def position(self, instrument_id: str) -> Decimal:
        """Signed position; of a spot instrument what was bought of it here, net of sales and of fees in base."""
        lots = self._lots.get(instrument_id)
        return self._spot_bought[instrument_id] if lots is None else lots.quantity

    def positions(self) -> dict[str, Decimal]:
        """The positions in derivatives, flat ones too, by instrument id."""
        return {id_: lots.quantity for id_, lots in self._lots.items()}

    def balance(self, currency: str) -> Decimal:
        return self.balances.get(currency, ZERO)

    def unrealised(self, instrument_id: str, price: Decimal) -> Decimal:
        """Unrealised PnL of a derivative's position at `price`, in settle currency."""
        return self._lots[instrument_id].unrealised(price)

    def apply(self, fill: Fill) -> None:
        """Book one fill: its quantity, its money and its fee."""
        instrument = self._instruments[fill.instrument]
        signed = fill.quantity * fill.side.sign
        if instrument.is_spot:
            self._credit(instrument.base, signed)
            self._credit(instrument.quote, -signed * fill.price)
            in_base = fill.fee_currency == instrument.base
            self._spot_bought[instrument.id] += signed - (fill.fee if in_base else ZERO)
        else:
            self._realise(instrument, signed, fill.price)
        self._credit(fill.fee_currency, -fill.fee)
        self.fees[fill.fee_currency] = self.fees.get(fill.fee_currency, ZERO) + fill.fee

    def settle(self, instrument_id: str, price: Decimal) -> Decimal:
        """Close a derivative's whole position at its final price, without a fee, and return the realised PnL."""
        return self._realise(self._instruments[instrument_id], -self.position(instrument_id), price)

    @property
    def fundings_booked(self) -> int:
        """How many fundings there are; also the number of the last one."""
        return len(self._fundings)

    def fund(self, mark: MarkPrice) -> FundingBooked | None:
        """Book the funding of the stamp that `mark` announces on the position held now; None where it is flat.

        Amount = -sign(position) × value at mark × rate: longs pay where the rate is positive.
        """
        instrument = self._instruments[mark.instrument]
        position = self.position(instrument.id)
        if not position:
            return None
        value = instrument.settle_value(position, Decimal(repr(mark.mark))).copy_sign(position)
        amount = (-value * Decimal(repr(mark.funding_rate))).quantize(SETTLE_QUANTUM, ROUND_HALF_EVEN)
        self._credit(instrument.settle, amount)
        self.funding[instrument.settle] = self.funding.get(instrument.settle, ZERO) + amount
        booked = FundingBooked(
            number=len(self._fundings) + 1,
            instrument=instrument.id,
            amount=amount,
            currency=instrument.settle,
            rate=mark.funding_rate,
            mark=mark.mark,
            position=position,
            ts_event=mark.next_funding_ns,
        )
        self._fundings.append(booked)
        return booked

    def fundings_after(self, number: int) -> tuple[FundingBooked, ...]:
        """The fundings numbered above `number`, oldest first; at most FUNDINGS_MAX, so a long list is asked for in
        parts.
        """
        return tuple(self._fundings[number : number + FUNDINGS_MAX])

    def _realise(self, instrument: Instrument, signed_quantity: Decimal, price: Decimal) -> Decimal:
        realised = self._lots[instrument.id].apply(signed_quantity, price)
        self._credit(instrument.settle, realised)
        self.realised[instrument.settle] = self.realised.get(instrument.settle, ZERO) + realised
        return realised

    def _credit(self, currency: str, amount: Decimal) -> None:
        self.balances[currency] = self.balances.get(currency, ZERO) + amount
