"""What Binance's answers say of our orders, in our messages. Pure functions of a request and its answer.

An outcome that is not known is told as just that, and never guessed at. Sources: see `orders.py`, `refusals.py`; Spot
API docs, "Errors" (Order cancel-replace partially failed, failed); read 2026-11-24.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from gateways.binance.answer_frames import Answer, body_of, raw_bytes
from gateways.binance.malformed import malformed
from gateways.binance.market import Market
from gateways.binance.operations import Ask
from gateways.binance.order_bodies import (
    AMENDMENT,
    CLOSED,
    ERROR,
    ORDER,
    REJECTED,
    REPLACEMENT,
    SIDES,
    WORKING,
    ErrorBody,
    OrderBody,
    ReplacementBody,
)
from gateways.binance.private_asides import Aside, AsideKind
from gateways.binance.refusals import CANCEL_REPLACE_FAILED, SAME_ORDER, is_outcome_unknown, reason_of
from gateways.native.wire import OutcomeUnknown
from messages.orders import (
    AmendOrder,
    AmendRejected,
    CancelOrder,
    CancelRejected,
    ExecutionReport,
    Fill,
    Liquidity,
    OrderAccepted,
    OrderAmended,
    OrderClosed,
    OrderRejected,
    RejectReason,
    SubmitOrder,
)

Outcome = ExecutionReport | OutcomeUnknown | Aside
OrderRequest = SubmitOrder | CancelOrder | AmendOrder

_SUCCESS: Final = "SUCCESS"


def outcomes_of(market: Market, request: OrderRequest, answer: Answer, now_ns: int) -> list[Outcome]:
    """What became of an order, a cancel or an amendment; several reports where the answer tells more than one thing.

    :param now_ns: for what the venue does not stamp: its refusals.
    :raises MalformedMessage: the answer cannot be read. Then nothing is known of the outcome.
    """
    if is_outcome_unknown(answer):
        return [OutcomeUnknown(answer.key, _words(answer))]
    try:
        return _HANDLERS[type(request)](market, request, answer, now_ns)
    except ValueError as error:  # a Decimal out of bounds, an empty id
        raise malformed(f"order in the answer to {answer.key}", answer.result or answer.data, error) from error


def _submitted(market: Market, request: SubmitOrder, answer: Answer, now_ns: int) -> list[Outcome]:
    head = (request.client_order_id, request.strategy, request.instrument)
    if not answer.is_ok:
        return [OrderRejected(*head, reason_of(market, answer.code, answer.text), _words(answer), now_ns)]
    body = body_of(answer, ORDER, "order")
    if body.status == REJECTED:
        return [OrderRejected(*head, RejectReason.OTHER, "status REJECTED", body.ts_event or now_ns)]
    accepted: Outcome = OrderAccepted(*head, str(body.order_id), body.ts_event or now_ns)
    return [accepted, *_fills(request, body), *_end(head, body, now_ns)]


def _cancelled(market: Market, request: CancelOrder, answer: Answer, now_ns: int) -> list[Outcome]:
    head = (request.client_order_id, request.strategy, request.instrument)
    if not answer.is_ok:
        return [CancelRejected(*head, reason_of(market, answer.code, answer.text), _words(answer), now_ns)]
    return _end(head, body_of(answer, ORDER, "cancelled order"), now_ns)


def _amended(market: Market, request: AmendOrder, answer: Answer, now_ns: int) -> list[Outcome]:
    head = (request.client_order_id, request.strategy, request.instrument)
    is_replacement = answer.key.startswith(f"{Ask.REPLACE}-")
    if answer.code == SAME_ORDER:
        return [OrderAmended(*head, request.quantity, request.price, now_ns)]
    if is_replacement and (answer.is_ok or answer.code in CANCEL_REPLACE_FAILED):
        return _replaced(market, request, answer, now_ns)
    if not answer.is_ok:
        return [AmendRejected(*head, reason_of(market, answer.code, answer.text), _words(answer), now_ns)]
    if market.is_spot:
        amendment = body_of(answer, AMENDMENT, "amendment")
        order = amendment.amended_order
        return [OrderAmended(*head, order.qty, order.price, amendment.transact_time * 1_000_000)]
    body = body_of(answer, ORDER, "amended order")
    ended = _end(head, body, now_ns)
    if ended:  # by the amendment itself: to less than is filled, or a post-only order through the market
        text = f"the venue ended the order by the amendment: status {body.status}"
        return [AmendRejected(*head, RejectReason.OTHER, text, body.ts_event or now_ns), *ended]
    quantity = request.quantity if body.orig_qty is None else body.orig_qty
    price = request.price if body.limit is None else body.limit
    return [OrderAmended(*head, quantity, price, body.ts_event or now_ns)]


def _replaced(market: Market, request: AmendOrder, answer: Answer, now_ns: int) -> list[Outcome]:
    """Of a cancel-replace: both halves done, the first alone, or none."""
    head = (request.client_order_id, request.strategy, request.instrument)
    body = body_of(answer if answer.is_ok else _with_data(answer), REPLACEMENT, "cancel-replace")
    if body.new_order_result == _SUCCESS:
        order = _half(answer, body.new_order_response, "new order")
        ts = order.ts_event or now_ns
        return [
            OrderAmended(*head, request.quantity, request.price, ts),
            OrderAccepted(*head, str(order.order_id), ts),
            *_end(head, order, now_ns),
        ]
    error = _error_of(body)
    rejected = AmendRejected(*head, reason_of(market, error.code, error.msg), error.msg or answer.text, now_ns)
    if body.cancel_result != _SUCCESS:
        return [rejected]
    return [rejected, *_end(head, _half(answer, body.cancel_response, "cancelled order"), now_ns)]


def _error_of(body: ReplacementBody) -> ErrorBody:
    raw = body.cancel_response if body.cancel_result != _SUCCESS else body.new_order_response
    try:
        return ERROR.decode(raw)
    except msgspec.DecodeError:
        return ErrorBody()


def _half(answer: Answer, raw: msgspec.Raw, what: str) -> OrderBody:
    return body_of(_with_result(answer, raw_bytes(raw)), ORDER, what)


def _with_data(answer: Answer) -> Answer:
    return _with_result(answer, answer.data)


def _with_result(answer: Answer, result: bytes) -> Answer:
    return msgspec.structs.replace(answer, result=result)


def _fills(request: SubmitOrder, body: OrderBody) -> list[Outcome]:
    """The executions that a FULL answer tells: we took."""
    side = request.side if body.side is None else SIDES[body.side]
    return [
        Fill(
            client_order_id=request.client_order_id,
            strategy=request.strategy,
            instrument=request.instrument,
            side=side,
            price=fill.price,
            quantity=fill.qty,
            fee=fill.commission,
            fee_currency=fill.commission_asset,
            liquidity=Liquidity.TAKER,
            trade_id=str(fill.trade_id),
            ts_event=body.ts_event,
        )
        for fill in body.fills
    ]


def _end(head: tuple[str, str, str], body: OrderBody, now_ns: int) -> list[Outcome]:
    """How the order ended, if it did; an acknowledgement says nothing of its status."""
    if body.status in CLOSED:
        return [OrderClosed(*head, CLOSED[body.status], body.executed_qty, body.ts_event or now_ns)]
    if not body.status or body.status in WORKING:
        return []
    return [Aside(AsideKind.UNKNOWN_VALUE, head[0], f"order status {body.status}")]


def _words(answer: Answer) -> str:
    return f"status {answer.status} code {answer.code}: {answer.text}"


_HANDLERS: Final[dict[type, Callable[..., list[Outcome]]]] = {
    SubmitOrder: _submitted,
    CancelOrder: _cancelled,
    AmendOrder: _amended,
}
