"""An order as Bybit tells it, on the stream and in its lists, and how it ended.

Source: Bybit V5 API documentation, "Order" (private stream), "Get Open & Closed Orders", "Get Order History", and
"Enums Definitions", sections "orderStatus", "rejectReason", "cancelType" and "stopOrderType"; read 2026-11-24.
"""

from decimal import Decimal
from typing import Final

import msgspec

from gateways.bybit.bodies import Text, exact, exact_or_none, exact_or_zero, ns_of_ms
from messages.orders import CloseReason, RejectReason

ZERO: Final = Decimal(0)

WORKING: Final = frozenset({"New", "PartiallyFilled"})
ENDED: Final = frozenset({"Filled", "Cancelled", "PartiallyFilledCanceled", "Rejected", "Deactivated"})
CONDITIONAL: Final = frozenset({"Untriggered", "Triggered"})
"""Orders that wait for a price. We send none."""

_NO_REASON: Final = frozenset({"", "EC_NoError", "UNKNOWN"})
_LAPSING_TIMES: Final = frozenset({"IOC", "FOK"})
_LAPSES: Final = frozenset({"CancelByReduceOnly", "CancelBySettle", "CancelByDelivery", "CancelBySmp"})
"""The venue ends the order because nothing is left that it may trade, or would but trade with ourselves."""

_R = RejectReason
_REASONS: Final = {
    "EC_DuplicatedClOrdID": _R.DUPLICATE_ID,
    "EC_OrigClOrdIDDoesNotExist": _R.UNKNOWN_ORDER,
    "EC_OrderNotExist": _R.UNKNOWN_ORDER,
    "EC_TooLateToCancel": _R.UNKNOWN_ORDER,
    "EC_LimitOrderInvalidPrice": _R.INVALID_PRICE,
    "EC_InvalidPriceScale": _R.INVALID_PRICE,
    "EC_ReachRiskPriceLimit": _R.INVALID_PRICE,
    "EC_ReachMarketPriceLimit": _R.INVALID_PRICE,
    "EC_NoEnoughQtyToFill": _R.NO_LIQUIDITY,
    "EC_NoImmediateQtyToFill": _R.NO_LIQUIDITY,
    "EC_CancelForNoFullFill": _R.NO_LIQUIDITY,
    "EC_PostOnlyWillTakeLiquidity": _R.POST_ONLY_WOULD_TAKE,
    "EC_QtyCannotBeZero": _R.INVALID_QUANTITY,
    "EC_EcInvalidQty": _R.INVALID_QUANTITY,
    "EC_InvalidAmount": _R.MIN_NOTIONAL,
    "EC_InvalidSymbolStatus": _R.EXPIRED_INSTRUMENT,
    "INSUFFICIENT_MARGIN": _R.INSUFFICIENT_BALANCE,
}


class OrderBody(msgspec.Struct, frozen=True, rename="camel"):
    """:param category: on the stream; a list has it beside the orders."""

    symbol: str
    order_id: str
    order_status: str
    qty: str
    cum_exec_qty: Text = ""
    order_link_id: Text = ""
    price: Text = ""
    order_type: Text = ""
    time_in_force: Text = ""
    reject_reason: Text = ""
    cancel_type: Text = ""
    stop_order_type: Text = ""
    created_time: Text = ""
    updated_time: Text = ""
    category: Text = ""

    @property
    def filled(self) -> Decimal:
        return exact_or_zero(self.cum_exec_qty, f"cumExecQty of {self.order_id}")

    @property
    def limit_price(self) -> Decimal | None:
        """None of a market order, whatever bound the venue prints for it."""
        return None if self.order_type == "Market" else exact_or_none(self.price, f"price of {self.order_id}")

    @property
    def quantity(self) -> Decimal:
        return exact(self.qty, f"qty of {self.order_id}")

    def check(self) -> None:
        """:raises MalformedBody: one of its numbers is none."""
        _ = self.filled, self.limit_price, self.quantity, self.ts_event(0)

    def ts_event(self, otherwise_ms: int) -> int:
        return ns_of_ms(self.updated_time or self.created_time, f"updatedTime of {self.order_id}", otherwise_ms)

    @property
    def has_reason(self) -> bool:
        """Something was refused: the order, or a cancel or an amendment of it."""
        return (self.reject_reason or "") not in _NO_REASON


def reject_reason(text: Text) -> RejectReason:
    return _REASONS.get(text or "", RejectReason.OTHER)


def refusal_of(body: OrderBody) -> RejectReason | None:
    """Why the venue refused the order whole; None where it did not.

    A post-only order that would take is told as cancelled, with the reason beside it.
    """
    if body.filled:
        return None
    if body.order_status == "Rejected":
        return reject_reason(body.reject_reason)
    is_post_only = body.order_status == "Cancelled" and body.reject_reason == "EC_PostOnlyWillTakeLiquidity"
    return RejectReason.POST_ONLY_WOULD_TAKE if is_post_only else None


def closing_of(body: OrderBody) -> CloseReason | None:
    """How the order ended; None while it works."""
    if body.order_status not in ENDED:
        return None
    if body.order_status == "Filled":
        return CloseReason.FILLED
    if body.cancel_type == "CancelByUser":
        return CloseReason.CANCELLED
    lapses = body.time_in_force in _LAPSING_TIMES or body.order_type == "Market" or body.cancel_type in _LAPSES
    return CloseReason.EXPIRED if lapses else CloseReason.CANCELLED
