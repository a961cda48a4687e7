"""Asks Bybit how an order stands: the recent orders, then the history, then its executions, until all is known.

Source: Bybit V5 API documentation, "Get Open & Closed Orders" (the 500 last that ended are there, until the service
restarts), "Get Order History" ("the data returned from this endpoint may delay"), "Get Trade History"; read 2026-11-24.

That an order is not there means that it never will be only when no request for it can still be under way: the venue
takes none that is older than its receive window.
"""

from decimal import Decimal
from enum import Enum
from typing import Final

import msgspec

from gateways.bybit.bodies import MalformedBody, Page, decode
from gateways.bybit.directory import Directory, category_of
from gateways.bybit.executions import ExecutionBody, fill_of
from gateways.bybit.order_bodies import CONDITIONAL, ENDED, WORKING, OrderBody, closing_of, refusal_of
from gateways.bybit.order_index import KnownOrder, OrderIndex, absorb
from gateways.bybit.pages import Trouble, next_cursor, read_page
from gateways.bybit.signing import Signer
from gateways.native.wire import OutcomeUnknown, RestRequest, RestResponse
from gateways.venue import OrderStatus
from messages.orders import Fill, QueryOrder

NS_PER_MS: Final = 1_000_000
ARRIVAL_MARGIN_MS: Final = 3_000
"""The venue's clock may be a second behind ours, and its own queue has a length."""
EXECUTION_PAGES_MAX: Final = 100
EXECUTIONS_PER_PAGE: Final = "100"
ZERO: Final = Decimal(0)

Step = RestRequest | OrderStatus | Trouble


class Stage(Enum):
    """Path, and the limit that it counts against."""

    REALTIME = ("/v5/order/realtime", "realtime")
    HISTORY = ("/v5/order/history", "history")
    EXECUTIONS = ("/v5/execution/list", "executions")


class _Inquiry(msgspec.Struct, kw_only=True):
    """:ivar asked_ms: when the first question left. :ivar key: of the one that is out."""

    query: QueryOrder
    asked_ms: int
    stage: Stage = Stage.REALTIME
    key: str = ""
    body: OrderBody | None = None
    fills: dict[str, Fill] = {}
    pages: int = 0


class OrderInquiries:
    """One inquiry for each order at a time; the gateway bounds how many it asks for at once."""

    def __init__(self, directory: Directory, index: OrderIndex, signer: Signer) -> None:
        self._directory = directory
        self._index = index
        self._signer = signer
        self._open: dict[str, _Inquiry] = {}
        self._count = 0

    def ask(self, query: QueryOrder, now_ms: int) -> RestRequest:
        """Asked again before it is answered, an inquiry begins anew; what the old one brings is nothing."""
        self._index.asked(query, now_ms)
        inquiry = _Inquiry(query=query, asked_ms=now_ms, fills={})
        self._open[query.client_order_id] = inquiry
        return self._request(inquiry, "", now_ms)

    def owns(self, key: str) -> bool:
        return key.startswith("query:")

    def on_response(self, response: RestResponse, now_ms: int) -> list[Step]:
        """The next question, or the answer; `OutcomeUnknown` where it is to be asked again from the start."""
        inquiry = self._open.get(response.key.rpartition(":")[2])
        if inquiry is None or inquiry.key != response.key:
            return []
        page, trouble = read_page(response, inquiry.stage.value[1], now_ms)
        try:
            found = [] if page is None else self._read(inquiry, page, now_ms)
        except MalformedBody as error:
            return [*self._unknown(inquiry, str(error)), *trouble]
        if page is None or not isinstance(found[0], RestRequest):
            self._open.pop(inquiry.query.client_order_id, None)
        return [*found, *trouble]

    def _read(self, inquiry: _Inquiry, page: Page, now_ms: int) -> list[Step]:
        if inquiry.stage is Stage.EXECUTIONS:
            return self._read_executions(inquiry, page, now_ms)
        inquiry.body = _of(inquiry.query, [decode(one, OrderBody, "order of a list") for one in page.list])
        if inquiry.body is None and inquiry.stage is Stage.REALTIME:
            inquiry.stage = Stage.HISTORY
            return [self._request(inquiry, "", now_ms)]
        if inquiry.body is None:
            return self._not_there(inquiry, now_ms)
        if inquiry.body.filled:
            inquiry.stage = Stage.EXECUTIONS
            return [self._request(inquiry, "", now_ms)]
        return self._status(inquiry, now_ms)

    def _read_executions(self, inquiry: _Inquiry, page: Page, now_ms: int) -> list[Step]:
        query, instrument = inquiry.query, self._directory[inquiry.query.instrument]
        assert inquiry.body is not None, "executions are asked for when the order is known"
        for raw in page.list:
            body = decode(raw, ExecutionBody, "execution of a list")
            if body.order_id == inquiry.body.order_id:
                inquiry.fills[body.exec_id] = fill_of(body, instrument, query.client_order_id, query.strategy)
        inquiry.pages += 1
        cursor = next_cursor(page)
        filled = sum((fill.quantity for fill in inquiry.fills.values()), ZERO)
        if filled >= inquiry.body.filled:
            return self._status(inquiry, now_ms)
        if cursor and inquiry.pages < EXECUTION_PAGES_MAX:
            return [self._request(inquiry, cursor, now_ms)]
        return self._unknown(inquiry, f"its list has fills of {filled}, of {inquiry.body.filled} that were executed")

    def _not_there(self, inquiry: _Inquiry, now_ms: int) -> list[Step]:
        query = inquiry.query
        order = self._index.find(query.client_order_id)
        last_arrival_ms = self._signer.recv_window_ms + ARRIVAL_MARGIN_MS + (0 if order is None else order.sent_ms)
        if inquiry.asked_ms < last_arrival_ms:
            return self._unknown(inquiry, "it is not there, and may be on its way still")
        if order is not None and (order.is_told or order.venue_order_id):
            return self._unknown(inquiry, "it is not listed, but the venue has acknowledged it")
        head = (query.client_order_id, query.strategy, query.instrument)
        return [OrderStatus(*head, False, "", None, None, ZERO, (), now_ms * NS_PER_MS)]

    def _status(self, inquiry: _Inquiry, now_ms: int) -> list[Step]:
        query, body = inquiry.query, inquiry.body
        assert body is not None, "there is a status of what is known"
        if body.order_status not in WORKING | ENDED | CONDITIONAL:
            return self._unknown(inquiry, f"its orderStatus is {body.order_status!r}, which is not documented")
        rejected = refusal_of(body)
        fills = tuple(sorted(inquiry.fills.values(), key=lambda fill: (fill.ts_event, fill.trade_id)))
        status = OrderStatus(
            client_order_id=query.client_order_id,
            strategy=query.strategy,
            instrument=query.instrument,
            is_known=True,
            venue_order_id=body.order_id,
            rejected=rejected,
            closed=None if rejected else closing_of(body),
            filled_quantity=body.filled,
            fills=fills,
            ts_event=body.ts_event(now_ms),
            quantity=body.quantity,
            price=body.limit_price,
        )
        order = self._index.find(query.client_order_id)
        if order is not None:
            self._note(order, status)
        return [status]

    def _note(self, order: KnownOrder, status: OrderStatus) -> None:
        self._index.note_venue_id(order, status.venue_order_id)
        order.quantity, order.price = status.quantity, status.price
        order.changed_ms = max(order.changed_ms, status.ts_event // NS_PER_MS)
        absorb(order, status.fills, is_ended=status.closed is not None or status.rejected is not None)

    def _unknown(self, inquiry: _Inquiry, text: str) -> list[Step]:
        self._open.pop(inquiry.query.client_order_id, None)
        return [OutcomeUnknown(inquiry.key, f"{inquiry.query.client_order_id}: {text}")]

    def _request(self, inquiry: _Inquiry, cursor: str, now_ms: int) -> RestRequest:
        query, instrument = inquiry.query, self._directory[inquiry.query.instrument]
        path, limit = inquiry.stage.value
        self._count += 1
        inquiry.key = f"query:{self._count}:{query.client_order_id}"
        params = {
            "category": category_of(instrument).value,
            "symbol": instrument.symbol,
            "orderLinkId": query.client_order_id,
        }
        if inquiry.stage is Stage.EXECUTIONS:
            params["limit"] = EXECUTIONS_PER_PAGE
        if cursor:
            params["cursor"] = cursor
        return self._signer.get(inquiry.key, path, params, limit, now_ms)


def _of(query: QueryOrder, bodies: list[OrderBody]) -> OrderBody | None:
    """The order that was asked for; the venue may list others beside it."""
    return next((body for body in bodies if body.order_link_id == query.client_order_id), None)
