"""What Bybit has booked without an order of ours, collected from its lists and numbered in the order of time.

Source: Bybit V5 API documentation, "Get Transaction Log", section "Response Parameters" (a positive `funding` is
received; the sign of `feeRate` is turned for shorts); read 2026-11-24.
"""

import msgspec

from gateways.bybit.asides import Aside, AsideKind
from gateways.bybit.bodies import Text, exact_or_none, exact_or_zero, ns_of_ms
from gateways.bybit.bookings import BookingNumbers, funding_key
from gateways.bybit.directory import Directory
from gateways.bybit.executions import VENUE, ExecutionBody, fill_of, forced_id, forced_prefix, market_rate, side_of
from gateways.venue import FORCED_FILLS_MAX, FUNDINGS_MAX, ForcedFill, FundingBooked
from messages.orders import Fill


class TransactionBody(msgspec.Struct, frozen=True, rename="camel"):
    """A line of the account's log. :param transaction_time: milliseconds."""

    symbol: str
    type: str
    transaction_time: str | int
    side: Text = ""
    qty: Text = ""
    currency: Text = ""
    trade_price: Text = ""
    funding: Text = ""
    fee_rate: Text = ""
    trade_id: Text = ""
    category: Text = ""


class Booked:
    """:param fundings: numbers those; the stream shares it. :param forced: numbers the fills that were forced on us."""

    def __init__(self, directory: Directory, fundings: BookingNumbers, forced: BookingNumbers) -> None:
        self._directory = directory
        self._funding_numbers = fundings
        self._forced_numbers = forced
        self._heard_fundings: list[FundingBooked] = []
        self._heard_forced: list[Fill] = []
        self._asides: list[Aside] = []
        self._fundings: dict[int, FundingBooked] = {}
        self._forced: dict[int, ForcedFill] = {}

    def take_transaction(self, body: TransactionBody, category: str) -> None:
        """:raises MalformedBody: a number or a side is none."""
        instrument = self._directory.find(body.category or category, body.symbol)
        funding = exact_or_none(body.funding, f"funding of {body.trade_id}")
        if instrument is None or funding is None:
            self._asides.append(Aside(AsideKind.NOT_TRADED, body.symbol, f"a transaction of {body.type}"))
            return
        if body.side == "None":  # as the log prints it, where nothing was held
            self._asides.append(
                Aside(AsideKind.NOT_A_FILL, instrument.id, f"a {body.type} of {funding} without a side")
            )
            return
        side = side_of(body.side or "", f"funding {body.trade_id}")
        self._heard_fundings.append(
            FundingBooked(
                number=0,
                instrument=instrument.id,
                amount=funding,
                currency=body.currency or instrument.settle,
                rate=market_rate(body.fee_rate, -funding, side),
                mark=float(exact_or_zero(body.trade_price, "tradePrice")),
                position=exact_or_zero(body.qty, "qty") * side.sign,
                ts_event=ns_of_ms(str(body.transaction_time), "transactionTime"),
            )
        )

    def take_execution(self, body: ExecutionBody, category: str) -> None:
        """Those that the venue has forced on us; the others come with their orders.

        :raises MalformedBody: a number or a side is none.
        """
        prefix = forced_prefix(body)
        instrument = self._directory.find(body.category or category, body.symbol)
        if prefix is None:
            return
        if instrument is None:
            self._asides.append(Aside(AsideKind.NOT_TRADED, body.symbol, f"a forced execution, {body.exec_type}"))
            return
        self._heard_forced.append(fill_of(body, instrument, forced_id(prefix, body), VENUE))

    def after(self, funding: int, forced: int) -> tuple[tuple[FundingBooked, ...], tuple[ForcedFill, ...], list[Aside]]:
        """What is numbered above these, the oldest first and no more than a message holds; and what was put aside."""
        for booked in sorted(self._heard_fundings, key=lambda one: one.ts_event):
            key = funding_key(booked.instrument, "Buy" if booked.position > 0 else "Sell", booked.ts_event)
            number = self._funding_numbers.number(key, booked.ts_event)
            if number is not None:
                self._fundings[number] = msgspec.structs.replace(booked, number=number)
        for fill in sorted(self._heard_forced, key=lambda one: (one.ts_event, one.trade_id)):
            number = self._forced_numbers.number((fill.instrument, fill.trade_id), fill.ts_event)
            if number is not None:
                self._forced[number] = ForcedFill(number, fill)
        asides, self._asides = self._asides, []
        self._heard_fundings, self._heard_forced = [], []
        self._fundings = {number: one for number, one in sorted(self._fundings.items()) if number > funding}
        self._forced = {number: one for number, one in sorted(self._forced.items()) if number > forced}
        fundings = tuple(self._fundings.values())[:FUNDINGS_MAX]
        return fundings, tuple(self._forced.values())[:FORCED_FILLS_MAX], asides
