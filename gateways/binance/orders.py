"""Our orders and questions as Binance's requests: spot, USDT-M and COIN-M. Pure.

`newClientOrderId` is our id. Prices and quantities go as plain text, never as floats.

Sources, read 2026-11-24: Spot API docs, "WebSocket API / Trading requests" (Place new order, Cancel order, Cancel and
replace order, Order Amend Keep Priority), "Account requests"; Derivatives docs, USDⓈ-M and COIN-M Futures, "Trade /
WebSocket API" (New Order, Modify Order, Cancel Order, Query Order), "Account / REST API" (Get Income History).
"""

from decimal import Decimal
from enum import StrEnum
from typing import Final

from gateways.binance.calls import Caller, Request
from gateways.binance.operations import Ask
from gateways.binance.signing import Value
from messages.order_lifecycle import Order
from messages.orders import (
    AmendOrder,
    CancelOrder,
    OrderType,
    QueryOrder,
    Side,
    SubmitOrder,
    TimeInForce,
)

TRADES_PAGE_MAX: Final = 1_000
"""Trades in one answer, at the most."""
INCOME_PAGE_MAX: Final = 1_000
FUNDING_RATES_PAGE_MAX: Final = 1_000
REPLACED_PREFIX: Final = "replaced-"
"""Opens the id that the cancelled half of a cancel-replace gets, so that its end is not taken for the order's."""

_SIDE: Final = {Side.BUY: "BUY", Side.SELL: "SELL"}


class SelfTradePrevention(StrEnum):
    """What the venue does where two orders of ours would meet. Spot: where the instrument allows it."""

    NONE = "NONE"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"


class CannotExpress(ValueError):
    """The venue has no request that says this; it was not sent, and never will be."""


class OrderEntry:
    """:param venue: the id of the gateway; instruments are `SYMBOL.venue`.

    :param is_hedged: the account holds longs and shorts of one contract apart. Then a buy that only reduces closes the
        short side and any other buy opens the long one; a sell likewise.
    :param self_trade_prevention: None: as the venue has it for the account and the instrument.
    """

    def __init__(
        self,
        caller: Caller,
        venue: str,
        *,
        is_hedged: bool = False,
        self_trade_prevention: SelfTradePrevention | None = None,
    ) -> None:
        if is_hedged and caller.market.is_spot:
            raise ValueError("spot has no positions to hedge; set hedge mode on futures only")
        self._caller = caller
        self._venue = venue
        self._is_hedged = is_hedged
        self._self_trade_prevention = self_trade_prevention

    # --- orders --------------------------------------------------------------------------------------------------

    def place(self, order: SubmitOrder, now_ms: int, *, is_stream_up: bool) -> Request:
        """The answer acknowledges only: what becomes of the order is told by the user's events, fees and all.

        On spot nothing can be said of reduce-only: who holds no base currency cannot sell it.

        :raises CannotExpress: post-only and at once, or post-only at the market.
        """
        params = self._new_order(order, order.quantity, order.price)
        return self._caller.call(Ask.PLACE, params, now_ms, is_stream_up=is_stream_up)

    def cancel(self, request: CancelOrder, now_ms: int, *, is_stream_up: bool) -> Request:
        return self._caller.call(Ask.CANCEL, self._named(request), now_ms, is_stream_up=is_stream_up)

    def amend(self, request: AmendOrder, order: Order, now_ms: int, *, is_stream_up: bool) -> Request:
        """Futures modify (and queue anew); spot lowers the quantity in place, or cancels and replaces what is unfilled.

        A replacement goes through only while nothing is filled (`ONLY_NEW`): the venue decides it, so that a fill on
        the way can never make the whole more than was asked for.

        :param order: as our books have it.
        :raises CannotExpress: a new price, or more, for a spot order that is partly filled.
        """
        if not self._caller.market.is_spot:
            side = _SIDE[order.request.side]
            terms: dict[str, Value] = {
                "side": side,
                "quantity": text_of(request.quantity),
                "price": text_of(request.price),
            }
            return self._caller.call(Ask.AMEND, {**self._named(request), **terms}, now_ms, is_stream_up=is_stream_up)
        if request.price == order.request.price and request.quantity < order.request.quantity:
            terms = {"newQty": text_of(request.quantity), "newClientOrderId": request.client_order_id}
            return self._caller.call(Ask.AMEND, {**self._named(request), **terms}, now_ms, is_stream_up=is_stream_up)
        if order.filled_quantity:
            raise CannotExpress(
                f"amendment of {request.client_order_id}, partly filled: binance spot can only lower its quantity; "
                "cancel it and submit another"
            )
        return self._caller.call(Ask.REPLACE, self._replacement(request, order), now_ms, is_stream_up=is_stream_up)

    # --- questions -----------------------------------------------------------------------------------------------

    def status(self, request: QueryOrder, now_ms: int, *, is_stream_up: bool) -> Request:
        return self._caller.call(Ask.STATUS, self._named(request), now_ms, is_stream_up=is_stream_up)

    def trades(
        self, request: QueryOrder, venue_order_id: int, after_trade_id: int, now_ms: int, *, is_stream_up: bool
    ) -> Request:
        """The executions of one order. :param after_trade_id: the last one that is known; 0: from the first on."""
        params: dict[str, Value] = {
            "symbol": self.symbol(request.instrument),
            "orderId": venue_order_id,
            "limit": TRADES_PAGE_MAX,
        }
        if after_trade_id:
            params["fromId"] = after_trade_id + 1
        return self._caller.call(Ask.TRADES, params, now_ms, is_stream_up=is_stream_up)

    def balances(self, now_ms: int, *, is_stream_up: bool) -> Request:
        return self._caller.call(Ask.BALANCES, {}, now_ms, is_stream_up=is_stream_up)

    def positions(self, now_ms: int, *, is_stream_up: bool) -> Request:
        return self._caller.call(Ask.POSITIONS, {}, now_ms, is_stream_up=is_stream_up)

    def open_orders(self, now_ms: int, *, is_stream_up: bool) -> Request:
        """Of all instruments: heavy, so not often."""
        return self._caller.call(Ask.OPEN_ORDERS, {}, now_ms, is_stream_up=is_stream_up)

    def fundings(self, since_ms: int, now_ms: int) -> Request:
        """What was booked as funding from then on, that instant included; oldest first, at most INCOME_PAGE_MAX."""
        params: dict[str, Value] = {
            "incomeType": "FUNDING_FEE",
            "startTime": since_ms,
            "endTime": now_ms,
            "limit": INCOME_PAGE_MAX,
        }
        return self._caller.call(Ask.INCOME, params, now_ms, is_stream_up=False)

    def funding_rates(self, instrument: str, since_ms: int, now_ms: int) -> Request:
        """The rates that a contract's bookings were made by; public."""
        params: dict[str, Value] = {
            "symbol": self.symbol(instrument),
            "startTime": since_ms,
            "endTime": now_ms,
            "limit": FUNDING_RATES_PAGE_MAX,
        }
        return self._caller.call(Ask.FUNDING_RATES, params, now_ms, is_stream_up=False)

    # --- the account ---------------------------------------------------------------------------------------------

    def countdown(self, instrument: str, countdown_ms: int, now_ms: int) -> Request:
        """Cancel all orders in an instrument unless this comes again in time; 0 stops it. Futures only.

        :raises NoSuchOperation: on spot.
        """
        params: dict[str, Value] = {"symbol": self.symbol(instrument), "countdownTime": countdown_ms}
        return self._caller.call(Ask.COUNTDOWN, params, now_ms, is_stream_up=False)

    def position_mode(self, now_ms: int) -> Request:
        """Whether the account is in hedge mode. Futures only."""
        return self._caller.call(Ask.POSITION_MODE, {}, now_ms, is_stream_up=False)

    def subscribe_to_user_events(self, now_ms: int) -> Request:
        """Spot: on the connection to the WebSocket API. Futures: open a listen key, or the one that there is, anew."""
        if not self._caller.market.is_spot:
            return self._caller.call(Ask.LISTEN_KEY_OPEN, {}, now_ms, is_stream_up=False)
        ask = Ask.SUBSCRIBE if self._caller.is_logged_on else Ask.SUBSCRIBE_SIGNED
        return self._caller.call(ask, {}, now_ms, is_stream_up=True)

    def keep_listen_key(self, now_ms: int) -> Request:
        """A listen key lives for 60 minutes from its last keeping. Futures only."""
        return self._caller.call(Ask.LISTEN_KEY_KEEP, {}, now_ms, is_stream_up=False)

    def symbol(self, instrument: str) -> str:
        """The venue's name of an instrument.

        :raises CannotExpress: the instrument is another gateway's.
        """
        symbol = instrument.removesuffix(f".{self._venue}")
        if symbol == instrument:
            raise CannotExpress(f"instrument {instrument} is not one of venue {self._venue}")
        return symbol

    # --- terms ---------------------------------------------------------------------------------------------------

    def _named(self, request: CancelOrder | AmendOrder | QueryOrder) -> dict[str, Value]:
        return {"symbol": self.symbol(request.instrument), "origClientOrderId": request.client_order_id}

    def _replacement(self, request: AmendOrder, order: Order) -> dict[str, Value]:
        name = request.client_order_id
        return {
            **self._new_order(order.request, request.quantity, request.price),
            "cancelReplaceMode": "STOP_ON_FAILURE",
            "cancelRestrictions": "ONLY_NEW",
            "cancelOrigClientOrderId": name,
            # Ours is at most 32 characters and theirs 36, so the prefix leaves 27 of it.
            "cancelNewClientOrderId": f"{REPLACED_PREFIX}{name}"[:36],
        }

    def _new_order(self, order: SubmitOrder, quantity: Decimal, price: Decimal | None) -> dict[str, Value]:
        params: dict[str, Value] = {
            "symbol": self.symbol(order.instrument),
            "side": _SIDE[order.side],
            **self._kind(order),
            "quantity": text_of(quantity),
        }
        if price is not None:
            params["price"] = text_of(price)
        params["newClientOrderId"] = order.client_order_id
        params["newOrderRespType"] = "ACK"
        if self._self_trade_prevention is not None:
            params["selfTradePreventionMode"] = self._self_trade_prevention.value
        if not self._caller.market.is_spot:
            params |= self._position(order)
        return params

    def _kind(self, order: SubmitOrder) -> dict[str, Value]:
        is_spot = self._caller.market.is_spot
        if order.type is OrderType.MARKET:
            if order.post_only:
                raise CannotExpress(f"order {order.client_order_id}: a market order cannot be post-only")
            return {"type": "MARKET"}
        if not order.post_only:
            return {"type": "LIMIT", "timeInForce": order.time_in_force.value.upper()}
        if order.time_in_force is not TimeInForce.GTC:
            raise CannotExpress(
                f"order {order.client_order_id}: {order.time_in_force} and post-only contradict each other"
            )
        return {"type": "LIMIT_MAKER"} if is_spot else {"type": "LIMIT", "timeInForce": "GTX"}

    def _position(self, order: SubmitOrder) -> dict[str, Value]:
        if not self._is_hedged:
            return {"reduceOnly": "true"} if order.reduce_only else {}
        is_long = (order.side is Side.BUY) is not order.reduce_only
        return {"positionSide": "LONG" if is_long else "SHORT"}


def text_of(value: Decimal) -> str:
    """All digits, without an exponent."""
    return format(value, "f")
