"""The fundings that Binance has booked, numbered 1, 2, 3, ... as the gateway wants them. Pure.

The venue numbers nothing: it has a history of incomes by time. So the numbers are ours, and where they stand is kept
as a cursor, which whoever owns the process stores. A record counts only when it is so old that none earlier can still
appear: the history is written behind the bookings, one contract after the other.

Sources, read 2026-11-24: Derivatives docs, USDⓈ-M and COIN-M Futures, "Get Income History" (`tranId` is unique within
an income type; three months are kept), "Get Funding Rate History".
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Final, NamedTuple

import msgspec

from gateways.binance.order_bodies import NS_PER_MS, ZERO, Ms
from gateways.binance.orders import INCOME_PAGE_MAX
from gateways.venue import FUNDINGS_MAX, FundingBooked
from messages.base import Count

SETTLE_MS: Final = 60_000
"""A record younger than this waits."""
RATE_AWAY_MS_MAX: Final = 60_000
"""A rate belongs to a booking where their times are no farther apart than this."""
RATES_PER_CONTRACT_MAX: Final = 1_000
FUNDING_FEE: Final = "FUNDING_FEE"
MARK_MAX: Final = 1e15

_Ratio = Annotated[float, msgspec.Meta(ge=-1.0, le=1.0)]


class IncomeBody(msgspec.Struct, gc=False, rename="camel"):
    """`income`: signed, positive = we received. `tran_id`: a number on USDⓈ-M, text on COIN-M."""

    symbol: str
    income_type: str
    income: Decimal
    asset: str
    time: Ms
    tran_id: int | str

    @property
    def key(self) -> tuple[int, str]:
        return self.time, str(self.tran_id)


class RateBody(msgspec.Struct, gc=False, rename="camel"):
    """One past funding rate; old ones come without a mark price."""

    symbol: str
    funding_time: Ms
    funding_rate: _Ratio
    mark_price: Annotated[str, msgspec.Meta(max_length=32)] = ""

    @property
    def mark(self) -> float:
        """0 where it is not told."""
        return float(self.mark_price or 0)

    def __post_init__(self) -> None:
        if not 0.0 <= self.mark <= MARK_MAX:
            raise ValueError(f"mark price {self.mark_price} is not within 0 to {MARK_MAX:g}")


INCOMES: Final = msgspec.json.Decoder(list[IncomeBody])
RATES: Final = msgspec.json.Decoder(list[RateBody], strict=False)


class FundingCursor(msgspec.Struct, frozen=True):
    """Where the numbering stands: to be stored, and handed to the next process.

    :param number: of the last record that the gateway has. :param ts_ms: its time; for a new account: now.
    :param tran_ids: of all records at that time that the gateway has.
    """

    number: Count
    ts_ms: Ms
    tran_ids: tuple[str, ...] = ()


class _Numbered(NamedTuple):
    number: int
    record: IncomeBody


class FundingBook:
    """:ivar cursor: as far as the gateway has confirmed."""

    def __init__(self, cursor: FundingCursor) -> None:
        self.cursor = cursor
        self._booked: deque[_Numbered] = deque()
        self._rates: dict[str, deque[RateBody]] = {}

    @property
    def since_ms(self) -> int:
        """From when on the history is to be asked for; that instant included."""
        return self._booked[-1].record.time if self._booked else self.cursor.ts_ms

    def confirm(self, after: int) -> None:
        """The gateway has the fundings up to this number."""
        while self._booked and self._booked[0].number <= after:
            number, record = self._booked.popleft()
            same = self.cursor.tran_ids if record.time == self.cursor.ts_ms else ()
            self.cursor = FundingCursor(number, record.time, (*same, str(record.tran_id)))

    def take(self, records: Sequence[IncomeBody], now_ms: int) -> bool:
        """One page of the history, whatever its order. :returns: whether there is another page to ask for."""
        known = {*((self.cursor.ts_ms, each) for each in self.cursor.tran_ids), *(n.record.key for n in self._booked)}
        number = self._booked[-1].number if self._booked else self.cursor.number
        before = self.since_ms
        for record in sorted(records, key=lambda each: each.key):
            is_due = before <= record.time <= now_ms - SETTLE_MS
            if record.income_type != FUNDING_FEE or not is_due or record.key in known:
                continue
            if len(self._booked) >= FUNDINGS_MAX:
                return False
            number += 1
            self._booked.append(_Numbered(number, record))
        return len(records) >= INCOME_PAGE_MAX and self.since_ms > before

    def take_rates(self, rates: Iterable[RateBody]) -> None:
        """Past funding rates, by which bookings can be explained."""
        for rate in rates:
            kept = self._rates.setdefault(rate.symbol, deque(maxlen=RATES_PER_CONTRACT_MAX))
            if all(rate.funding_time != each.funding_time for each in kept):
                kept.append(rate)

    def booked(self, venue: str, positions: Mapping[str, Decimal]) -> tuple[FundingBooked, ...]:
        """What the gateway has not confirmed yet, in order.

        :param positions: as they are now, by instrument id: the venue does not say what was held then.
        :returns: `rate` and `mark` are 0 where no past rate is known.
        """
        return tuple(self._message(each, venue, positions) for each in self._booked)

    def _message(self, numbered: _Numbered, venue: str, positions: Mapping[str, Decimal]) -> FundingBooked:
        record = numbered.record
        instrument = f"{record.symbol}.{venue}"
        rate = self._rate_of(record)
        return FundingBooked(
            number=numbered.number,
            instrument=instrument,
            amount=record.income,
            currency=record.asset,
            rate=0.0 if rate is None else rate.funding_rate,
            mark=0.0 if rate is None else rate.mark,
            position=positions.get(instrument, ZERO),
            ts_event=record.time * NS_PER_MS,
        )

    def _rate_of(self, record: IncomeBody) -> RateBody | None:
        rates = self._rates.get(record.symbol, ())
        near = [rate for rate in rates if abs(rate.funding_time - record.time) <= RATE_AWAY_MS_MAX]
        return min(near, key=lambda rate: abs(rate.funding_time - record.time), default=None)
