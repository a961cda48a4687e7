"""One execution of Bybit → our fill, a funding, a fill that the venue forced on us, or an aside.

Source: Bybit V5 API documentation, "Execution" and "Fast Execution" (private stream), "Get Trade History", and "Enums
Definitions", sections "execType", "createType" and "Spot Fee Currency Instruction"; read 2026-11-24. A positive fee is
an expense; of a funding the fee is what was paid.
"""

from decimal import Decimal
from typing import Final

import msgspec

from gateways.bybit.asides import Aside, AsideKind, EarlyFill
from gateways.bybit.bodies import MalformedBody, Text, exact, exact_or_zero, ns_of_ms
from gateways.bybit.bookings import BookingNumbers, funding_key
from gateways.bybit.directory import Directory, fee_currency
from gateways.bybit.order_index import KnownOrder, OrderIndex
from gateways.venue import FundingBooked
from messages.instruments import Instrument
from messages.orders import CLIENT_ORDER_ID_LENGTH_MAX, Fill, Liquidity, Side

VENUE: Final = "venue"
"""The strategy of what the venue does by itself."""

_LIQUIDATION, _ADL, _SETTLEMENT = "autoclose-", "adl-autoclose-", "settlement-autoclose-"
FORCED_TYPES: Final = {
    "BustTrade": _LIQUIDATION,
    "AdlTrade": _ADL,
    "Delivery": _SETTLEMENT,
    "Settle": _SETTLEMENT,
}
_FORCED_CREATORS: Final = {
    "CreateByLiq": _LIQUIDATION,
    "CreateByTakeOver_PassThrough": _LIQUIDATION,
    "CreateByAdl_PassThrough": _ADL,
    "CreateBySettle": _SETTLEMENT,
}
_MOVES: Final = ("BlockTrade", "MovePosition", "FutureSpread")
"""They change the position, and no order of ours did it: the reconciliation will see the difference."""
_CASH_ONLY: Final = ("SessionSettlePnl", "ForwardSplitSettle", "ReverseSplitSettle", "Dividend")
_SIDES: Final = {"Buy": Side.BUY, "Sell": Side.SELL}


class ExecutionBody(msgspec.Struct, frozen=True, rename="camel"):
    """An execution of the stream or the list; the category is on the list, where it is not in the body."""

    symbol: str
    side: str
    exec_id: str
    exec_price: str
    exec_qty: str
    exec_time: str
    exec_type: str = ""
    order_id: Text = ""
    order_link_id: Text = ""
    exec_fee: Text = ""
    fee_currency: Text = ""
    fee_rate: Text = ""
    mark_price: Text = ""
    create_type: Text = ""
    category: Text = ""
    is_maker: bool = False


class Executions:
    """:param index: whose an execution is. :param fundings: numbers those that are booked."""

    def __init__(self, directory: Directory, index: OrderIndex, fundings: BookingNumbers) -> None:
        self._directory = directory
        self._index = index
        self._fundings = fundings

    def read(self, body: ExecutionBody, category: str = "") -> Fill | FundingBooked | Aside:
        """:param category: of the list that it is on.
        :raises MalformedBody: a number or a side is none.
        """
        instrument = self._directory.find(body.category or category, body.symbol)
        if instrument is None:
            return Aside(AsideKind.NOT_TRADED, body.symbol, f"execution {body.exec_id} of {body.exec_type}")
        if body.exec_type == "Funding":
            return self._funding(body, instrument)
        if body.exec_type in _CASH_ONLY:
            return Aside(AsideKind.NOT_A_FILL, instrument.id, f"execution {body.exec_id} is {body.exec_type}")
        prefix = forced_prefix(body)
        if prefix is not None:
            return fill_of(body, instrument, forced_id(prefix, body), VENUE)
        if body.exec_type != "Trade" and body.exec_type not in _MOVES:
            return Aside(AsideKind.UNKNOWN_VALUE, instrument.id, f"execType {body.exec_type!r} of {body.exec_id}")
        order = self.order_of(body)
        if order is None:
            text = f"{body.exec_type} {body.exec_id} of order {body.order_link_id or body.order_id}"
            return Aside(AsideKind.FOREIGN_EXECUTION, instrument.id, text)
        return fill_of(body, instrument, order.client_order_id, order.strategy)

    def read_early(self, body: ExecutionBody) -> EarlyFill | Aside:
        """An execution of the fast stream, which tells no fee, and of a maker not our id."""
        instrument = self._directory.find(body.category or "", body.symbol)
        if instrument is None:
            return Aside(AsideKind.NOT_TRADED, body.symbol, f"fast execution {body.exec_id}")
        order = self.order_of(body)
        if order is None:
            return Aside(AsideKind.FOREIGN_EXECUTION, instrument.id, f"fast execution {body.exec_id}")
        return EarlyFill(
            client_order_id=order.client_order_id,
            instrument=instrument.id,
            side=side_of(body.side, body.exec_id),
            price=exact(body.exec_price, "execPrice"),
            quantity=exact(body.exec_qty, "execQty"),
            liquidity=_liquidity(body),
            trade_id=body.exec_id,
            ts_event=ns_of_ms(body.exec_time, "execTime"),
        )

    def order_of(self, body: ExecutionBody) -> KnownOrder | None:
        order = self._index.find(body.order_link_id, body.order_id)
        if order is not None:
            self._index.note_venue_id(order, body.order_id)
        return order

    def _funding(self, body: ExecutionBody, instrument: Instrument) -> FundingBooked | Aside:
        """The side is that of the position, the quantity its size; the fee is what was paid for it."""
        ts_event = ns_of_ms(body.exec_time, "execTime")
        number = self._fundings.number(funding_key(instrument.id, body.side, ts_event), ts_event)
        if number is None:
            return Aside(AsideKind.KNOWN_BEFORE, instrument.id, f"funding {body.exec_id}")
        side, size = side_of(body.side, body.exec_id), exact(body.exec_qty, "execQty")
        paid = exact_or_zero(body.exec_fee, "execFee")
        return FundingBooked(
            number=number,
            instrument=instrument.id,
            amount=-paid,
            currency=body.fee_currency or instrument.settle,
            rate=market_rate(body.fee_rate, paid, side),
            mark=float(exact_or_zero(body.mark_price or body.exec_price, "markPrice")),
            position=size * side.sign,
            ts_event=ts_event,
        )


def market_rate(text: Text, paid: Decimal, side: Side) -> float:
    """The rate of a funding as the market knows it: positive = longs pay.

    The venue turns its sign for shorts; what was paid, and by which side, says the same without relying on it.
    """
    rate = abs(float(exact_or_zero(text, "feeRate")))
    return rate if (paid > 0) == (side is Side.BUY) else -rate


def forced_prefix(body: ExecutionBody) -> str | None:
    """How the client order id of a fill opens that the venue forced on us; None where it did not.

    An order of ours stays ours, whatever the venue made of it.
    """
    if body.exec_type in FORCED_TYPES:
        return FORCED_TYPES[body.exec_type]
    return _FORCED_CREATORS.get(body.create_type or "")


def forced_id(prefix: str, body: ExecutionBody) -> str:
    """The same id for each part of one forced order, as long as ours may be."""
    letters = "".join(letter for letter in body.order_id or body.exec_id if letter.isascii() and letter.isalnum())
    return prefix + letters[: CLIENT_ORDER_ID_LENGTH_MAX - len(prefix)]


def fill_of(body: ExecutionBody, instrument: Instrument, client_order_id: str, strategy: str) -> Fill:
    side, fee = side_of(body.side, body.exec_id), exact_or_zero(body.exec_fee, "execFee")
    return Fill(
        client_order_id=client_order_id,
        strategy=strategy,
        instrument=instrument.id,
        side=side,
        price=exact(body.exec_price, "execPrice"),
        quantity=exact(body.exec_qty, "execQty"),
        fee=fee,
        fee_currency=fee_currency(instrument, side, fee, body.fee_currency),
        liquidity=_liquidity(body),
        trade_id=body.exec_id,
        ts_event=ns_of_ms(body.exec_time, "execTime"),
    )


def side_of(text: str, subject: str) -> Side:
    side = _SIDES.get(text)
    if side is None:
        raise MalformedBody(f"the side of {subject} is {text!r}; expected Buy or Sell")
    return side


def _liquidity(body: ExecutionBody) -> Liquidity:
    return Liquidity.MAKER if body.is_maker else Liquidity.TAKER
