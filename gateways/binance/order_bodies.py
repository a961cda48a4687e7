"""Orders and executions as Binance's answers hold them, in one struct each for all markets. Pure.

Money stays text until it is read exactly. Sources: see `orders.py`; Spot API docs, "Conditional fields in Order
Responses"; Derivatives docs, "Account Trade List"; read 2026-11-24.
"""

from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec

from messages.base import NS_MAX, Count
from messages.orders import CloseReason, Fill, Liquidity, Side

NS_PER_MS: Final = 1_000_000
ZERO: Final = Decimal(0)

Ms = Annotated[int, msgspec.Meta(ge=0, le=NS_MAX // NS_PER_MS)]
SideName = Literal["BUY", "SELL"]

SIDES: Final = {"BUY": Side.BUY, "SELL": Side.SELL}

CLOSED: Final = {
    "FILLED": CloseReason.FILLED,
    "CANCELED": CloseReason.CANCELLED,
    "EXPIRED": CloseReason.EXPIRED,
    "EXPIRED_IN_MATCH": CloseReason.EXPIRED,
}
"""An order's status where it can fill no more. PENDING_CANCEL is not used by the venue."""
REJECTED: Final = "REJECTED"
WORKING: Final = frozenset({"NEW", "PENDING_NEW", "PARTIALLY_FILLED", "PENDING_CANCEL", "NEW_INSURANCE", "NEW_ADL"})


class ImmediateFill(msgspec.Struct, gc=False, rename="camel"):
    """One of `fills` in the FULL answer to a new order of spot: executions of a taker."""

    price: Decimal
    qty: Decimal
    commission: Decimal
    commission_asset: str
    trade_id: Count


class OrderBody(msgspec.Struct, gc=False, rename="camel"):
    """An order; what an acknowledgement leaves out is None.

    `transact_time`: spot, of the answer; `update_time`: of the last change; `time`: of its entry.
    """

    symbol: str
    order_id: Count
    client_order_id: str
    status: str = ""
    orig_client_order_id: str = ""
    orig_qty: Decimal | None = None
    executed_qty: Decimal = ZERO
    price: Decimal | None = None
    type: str = ""
    side: SideName | None = None
    transact_time: Ms = 0
    update_time: Ms = 0
    time: Ms = 0
    fills: list[ImmediateFill] = []

    @property
    def ts_event(self) -> int:
        return (self.transact_time or self.update_time or self.time) * NS_PER_MS

    @property
    def limit(self) -> Decimal | None:
        """The limit price; None where it has none, or an acknowledgement does not say."""
        return self.price or None


class AmendedBody(msgspec.Struct, gc=False, rename="camel"):
    symbol: str
    order_id: Count
    client_order_id: str
    price: Decimal
    qty: Decimal
    executed_qty: Decimal = ZERO


class AmendmentBody(msgspec.Struct, gc=False, rename="camel"):
    """Spot's answer to an amendment in place."""

    transact_time: Ms
    amended_order: AmendedBody


class ErrorBody(msgspec.Struct, gc=False):
    code: int = 0
    msg: str = ""


class ReplacementBody(msgspec.Struct, gc=False, rename="camel"):
    """Both halves of a cancel-replace: SUCCESS, FAILURE or NOT_ATTEMPTED, with what the venue answered to each."""

    cancel_result: str
    new_order_result: str
    cancel_response: msgspec.Raw = msgspec.Raw()
    new_order_response: msgspec.Raw = msgspec.Raw()


class TradeBody(msgspec.Struct, gc=False, rename="camel"):
    """One execution: spot says `is_buyer` and `is_maker`, futures `buyer`, `maker` and `side`."""

    symbol: str
    id: Count
    order_id: Count
    price: Decimal
    qty: Decimal
    commission: Decimal
    commission_asset: str
    time: Ms
    is_buyer: bool | None = None
    is_maker: bool | None = None
    buyer: bool | None = None
    maker: bool | None = None

    def __post_init__(self) -> None:
        if self.is_buyer is None and self.buyer is None:
            raise ValueError("an execution without its side")
        if self.is_maker is None and self.maker is None:
            raise ValueError("an execution that does not say who was the maker")


ORDER: Final = msgspec.json.Decoder(OrderBody)
ORDERS: Final = msgspec.json.Decoder(list[OrderBody])
TRADES: Final = msgspec.json.Decoder(list[TradeBody])
AMENDMENT: Final = msgspec.json.Decoder(AmendmentBody)
REPLACEMENT: Final = msgspec.json.Decoder(ReplacementBody)
ERROR: Final = msgspec.json.Decoder(ErrorBody)


def fill_of(trade: TradeBody, client_order_id: str, strategy: str, instrument: str) -> Fill:
    is_buyer = trade.is_buyer if trade.is_buyer is not None else trade.buyer
    is_maker = trade.is_maker if trade.is_maker is not None else trade.maker
    return Fill(
        client_order_id=client_order_id,
        strategy=strategy,
        instrument=instrument,
        side=Side.BUY if is_buyer else Side.SELL,
        price=trade.price,
        quantity=trade.qty,
        fee=trade.commission,
        fee_currency=trade.commission_asset,
        liquidity=Liquidity.MAKER if is_maker else Liquidity.TAKER,
        trade_id=str(trade.id),
        ts_event=trade.time * NS_PER_MS,
    )
