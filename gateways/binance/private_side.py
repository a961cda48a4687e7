"""The private side of one account at Binance: what a gateway asks in, requests out; what comes back in, messages out.

Pure: the shell sends the requests, keeps the time, and says which connection is there. Every answer is matched with
what was asked; what was asked over a connection that broke has an unknown outcome.
"""

from collections.abc import Callable, Mapping
from typing import Final

from gateways.binance.account import LISTEN_KEY, AccountInquiry
from gateways.binance.answer_frames import Answer, body_of, read_frame, read_response
from gateways.binance.answers import Outcome, outcomes_of
from gateways.binance.calls import Caller, NoSuchOperation, Request
from gateways.binance.funding_book import RATES, FundingBook, FundingCursor
from gateways.binance.malformed import MalformedMessage
from gateways.binance.market import Market
from gateways.binance.operations import Ask
from gateways.binance.order_tracker import OrderTracker
from gateways.binance.orders import CannotExpress, OrderEntry, SelfTradePrevention
from gateways.binance.pending_requests import Pending, PendingRequests, Subject, unknown_outcome
from gateways.binance.private_asides import Aside, AsideKind, ClockRefused, LoggedOn, Subscribed
from gateways.binance.refusals import is_outcome_unknown
from gateways.binance.signing import Credentials, venue_ms
from gateways.binance.status_inquiry import StatusInquiry, TradesNeeded, is_never_coming
from gateways.binance.stream_kinds import unknown
from gateways.binance.user_stream import Heard, UserStream
from gateways.native.wire import Banned, LimitUsed, OutcomeUnknown, RestResponse
from gateways.venue import AccountQuery, AccountState, OrderStatus, VenueRequest
from messages.order_lifecycle import Order
from messages.orders import (
    AmendOrder,
    AmendRejected,
    CancelOrder,
    CancelRejected,
    OrderRejected,
    QueryOrder,
    RejectReason,
    SubmitOrder,
)

INVALID_TIMESTAMP: Final = (-1021, -5028)
UNAUTHORISED: Final = 401

Output = (
    Request | Outcome | Heard | OrderStatus | AccountState | LimitUsed | Banned | ClockRefused | LoggedOn | Subscribed
)


_REFUSALS: Final[dict[type, type[OrderRejected | CancelRejected | AmendRejected]]] = {
    SubmitOrder: OrderRejected,
    CancelOrder: CancelRejected,
    AmendOrder: AmendRejected,
}


class PrivateSide:
    """:param order_of: the order of this id as our books have it; None where there is none.

    :param settle: the settle currency of contracts, by symbol.
    :param funding: where the numbering of fundings stands, as stored; None for an account that is new here.
    :ivar clock_offset_ns: the venue's clock minus ours, as the shell has measured it.
    :ivar is_stream_up: the connection to the WebSocket API takes requests; else they go by REST.
    """

    def __init__(
        self,
        market: Market,
        venue: str,
        credentials: Credentials,
        order_of: Callable[[str], Order | None],
        *,
        is_hedged: bool = False,
        self_trade_prevention: SelfTradePrevention | None = None,
        settle: Mapping[str, str] | None = None,
        funding: FundingCursor | None = None,
    ) -> None:
        self.clock_offset_ns = 0
        self.is_stream_up = False
        self.tracker = OrderTracker()
        self._market = market
        self._venue = venue
        self._recv_window_ms = credentials.recv_window_ms
        self._order_of = order_of
        self._caller = Caller(market, credentials)
        self._entry = OrderEntry(self._caller, venue, is_hedged=is_hedged, self_trade_prevention=self_trade_prevention)
        self._users = UserStream(market, venue, self.tracker, settle)
        self._book = None if funding is None or market.is_spot else FundingBook(funding)
        self._pending = PendingRequests()

    @property
    def funding_cursor(self) -> FundingCursor | None:
        """What is to be stored of the fundings; None on spot, and before the account was asked for."""
        return None if self._book is None else self._book.cursor

    # --- connections ---------------------------------------------------------------------------------------------

    def on_stream_up(self, now_ns: int) -> list[Output]:
        """The connection to the WebSocket API is there: log on, or, with an HMAC key, use it as it is."""
        if self._caller.can_log_on:
            return self._ask(Ask.LOG_ON, None, self._caller.log_on(self._ms(now_ns)), now_ns)
        self.is_stream_up = True
        return self._subscription(now_ns) if self._market.is_spot else []

    def on_stream_lost(self, now_ns: int) -> list[Output]:
        """It is gone; of what was asked over it nobody knows what became."""
        self.is_stream_up = self._caller.is_logged_on = False
        return [*self._pending.lose_streams("the connection broke before the answer", now_ns)]

    def on_timeout(self, key: str, now_ns: int) -> list[Output]:
        """The shell waits no longer for the answer to a request over the WebSocket API."""
        return [*self._pending.lose(key, "no answer in time", now_ns)]

    def open_listen_key(self, now_ns: int) -> list[Output]:
        """Futures: the first step to the user's events; `Subscribed` tells the key."""
        return self._subscription(now_ns)

    def keep_listen_key(self, now_ns: int) -> list[Output]:
        return self._ask(Ask.LISTEN_KEY_KEEP, None, self._entry.keep_listen_key(self._ms(now_ns)), now_ns)

    def countdown(self, instrument: str, countdown_ms: int, now_ns: int) -> list[Output]:
        """The venue's own dead-man's switch, see `OrderEntry.countdown`."""
        request = self._entry.countdown(instrument, countdown_ms, self._ms(now_ns))
        return self._ask(Ask.COUNTDOWN, None, request, now_ns)

    # --- what the gateway asks -----------------------------------------------------------------------------------

    def on_request(self, request: VenueRequest, now_ns: int) -> list[Output]:
        """What the gateway wants; a wish that the venue has no words for is refused at once.

        :raises CannotExpress: a question about an instrument of another gateway.
        """
        try:
            return self._on_request(request, now_ns)
        except (CannotExpress, NoSuchOperation) as error:
            refusal = _REFUSALS.get(type(request))
            if refusal is None or isinstance(request, QueryOrder | AccountQuery):
                raise
            head = (request.client_order_id, request.strategy, request.instrument)
            return [refusal(*head, RejectReason.OTHER, f"not sent: {error}", now_ns)]

    def _on_request(self, request: VenueRequest, now_ns: int) -> list[Output]:
        now_ms, is_up = self._ms(now_ns), self.is_stream_up
        if isinstance(request, SubmitOrder):
            placed = self._entry.place(request, now_ms, is_stream_up=is_up)
            self.tracker.submitted(request, now_ms)
            return self._ask(Ask.PLACE, request, placed, now_ns)
        if isinstance(request, AccountQuery):
            return self._look_at_account(request, now_ns)
        if isinstance(request, AmendOrder):
            return self._amend(request, now_ns)
        order = self.tracker.named(request)
        if isinstance(request, CancelOrder):
            return self._ask(Ask.CANCEL, request, self._entry.cancel(request, now_ms, is_stream_up=is_up), now_ns)
        is_final = is_never_coming(order.sent_ms, now_ms, self._recv_window_ms)
        inquiry = StatusInquiry(self._market, request, is_final=is_final)
        return self._ask(Ask.STATUS, inquiry, self._entry.status(request, now_ms, is_stream_up=is_up), now_ns)

    def _amend(self, request: AmendOrder, now_ns: int) -> list[Output]:
        order = self._order_of(request.client_order_id)
        if order is None:
            raise CannotExpress(f"amendment of {request.client_order_id}, an order that is not on record")
        sent = self._entry.amend(request, order, self._ms(now_ns), is_stream_up=self.is_stream_up)
        self.tracker.named(request)
        ask = Ask.REPLACE if sent.key.startswith(f"{Ask.REPLACE}-") else Ask.AMEND
        return self._ask(ask, request, sent, now_ns)

    def _look_at_account(self, query: AccountQuery, now_ns: int) -> list[Output]:
        if self._book is None and not self._market.is_spot:
            self._book = FundingBook(FundingCursor(query.after_funding, self._ms(now_ns)))
        inquiry = AccountInquiry(self._market, query, self._book)
        asked: list[Output] = []
        for part in inquiry.parts:
            asked += self._ask(part, inquiry, self._part(part, self._ms(now_ns)), now_ns)
        return asked

    def _part(self, part: Ask, now_ms: int) -> Request:
        is_up = self.is_stream_up
        if part is Ask.BALANCES:
            return self._entry.balances(now_ms, is_stream_up=is_up)
        if part is Ask.POSITIONS:
            return self._entry.positions(now_ms, is_stream_up=is_up)
        if part is Ask.INCOME and self._book is not None:
            return self._entry.fundings(self._book.since_ms, now_ms)
        return self._entry.open_orders(now_ms, is_stream_up=is_up)

    # --- what comes back -----------------------------------------------------------------------------------------

    def on_frame(self, frame: bytes, now_ns: int) -> list[Output]:
        """A frame of the connection to the WebSocket API: an answer, or, on spot, an event of the user.

        :raises MalformedMessage: it cannot be read. Whatever it answered stays asked, until it times out.
        """
        found = read_frame(frame)
        if found is None:
            return [unknown("", frame)]
        if isinstance(found, Answer):
            return self._on_answer(found, now_ns)
        return [*self._users.take(found.body, now_ns)]

    def on_user_frame(self, frame: bytes, now_ns: int) -> list[Output]:
        """A frame of the futures' connection for the user's events.

        :raises MalformedMessage: it cannot be read.
        """
        return [*self._users.take(frame, now_ns)]

    def on_response(self, response: RestResponse, now_ns: int) -> list[Output]:
        return self._on_answer(read_response(response), now_ns)

    def tick(self, now_ns: int) -> list[Output]:
        """The ends of orders whose last fills do not come: the gateway asks about them."""
        return [*self.tracker.overdue(now_ns)]

    def _on_answer(self, answer: Answer, now_ns: int) -> list[Output]:
        told: list[Output] = [*answer.limits]
        if answer.banned is not None:
            told.append(answer.banned)
        if answer.code in INVALID_TIMESTAMP:
            told.append(ClockRefused(answer.text))
        if answer.status == UNAUTHORISED and self._caller.is_logged_on:
            self._caller.is_logged_on = False  # the venue has revoked the session; requests are signed again
        pending = self._pending.take(answer.key)
        if pending is None:
            told.append(Aside(AsideKind.UNKNOWN_ANSWER, answer.key, f"status {answer.status} {answer.text}"))
            return told
        try:
            return told + self._settle(pending, answer, now_ns)
        except MalformedMessage as error:
            return [*told, *unknown_outcome(answer.key, pending.what, str(error), now_ns)]

    def _settle(self, pending: Pending, answer: Answer, now_ns: int) -> list[Output]:
        what = pending.what
        if isinstance(what, StatusInquiry):
            return self._on_status(what, answer, now_ns)
        if isinstance(what, AccountInquiry):
            return self._on_part(what, pending.ask, answer, now_ns)
        if what is None:
            return self._on_connection_answer(pending.ask, answer, now_ns)
        told: list[Output] = []
        for outcome in outcomes_of(self._market, what, answer, now_ns):
            if isinstance(outcome, OutcomeUnknown):
                told += unknown_outcome(answer.key, what, outcome.text, now_ns)
            else:
                told += self.tracker.admit([outcome], now_ns)
        return told

    def _on_status(self, inquiry: StatusInquiry, answer: Answer, now_ns: int) -> list[Output]:
        step = inquiry.take(answer, now_ns)
        if isinstance(step, TradesNeeded):
            ids = (step.venue_order_id, step.after_trade_id)
            request = self._entry.trades(inquiry.request, *ids, self._ms(now_ns), is_stream_up=self.is_stream_up)
            return self._ask(Ask.TRADES, inquiry, request, now_ns)
        if isinstance(step, OrderStatus):
            self.tracker.learn(step)
        return [step]

    def _on_part(self, inquiry: AccountInquiry, part: Ask, answer: Answer, now_ns: int) -> list[Output]:
        now_ms = self._ms(now_ns)
        step = inquiry.take(part, answer, now_ns, now_ms)
        if isinstance(step, Ask):
            return self._ask(step, inquiry, self._part(step, now_ms), now_ns)
        return [] if step is None else [step]

    def _on_connection_answer(self, ask: Ask, answer: Answer, now_ns: int) -> list[Output]:
        if is_outcome_unknown(answer):
            return [OutcomeUnknown(answer.key, f"{ask}: status {answer.status} code {answer.code}: {answer.text}")]
        if not answer.is_ok:
            return [Aside(AsideKind.REFUSED, str(ask), f"status {answer.status} code {answer.code}: {answer.text}")]
        if ask is Ask.LOG_ON:
            self.is_stream_up = self._caller.is_logged_on = True
            return [LoggedOn(), *(self._subscription(now_ns) if self._market.is_spot else [])]
        if ask in (Ask.SUBSCRIBE, Ask.SUBSCRIBE_SIGNED):
            return [Subscribed()]
        if ask is Ask.LISTEN_KEY_OPEN:
            return [Subscribed(body_of(answer, LISTEN_KEY, "listen key", is_secret=True).listen_key)]
        if ask is Ask.FUNDING_RATES and self._book is not None:
            rates = body_of(answer, RATES, "funding rates")
            self._book.take_rates(rates)
        return []

    def funding_rates(self, instrument: str, since_ns: int, now_ns: int) -> list[Output]:
        """Ask for the rates by which later bookings can be explained; the next `AccountState` has them."""
        request = self._entry.funding_rates(instrument, self._ms(since_ns), self._ms(now_ns))
        return self._ask(Ask.FUNDING_RATES, None, request, now_ns)

    def _subscription(self, now_ns: int) -> list[Output]:
        ask = Ask.LISTEN_KEY_OPEN if not self._market.is_spot else Ask.SUBSCRIBE
        return self._ask(ask, None, self._entry.subscribe_to_user_events(self._ms(now_ns)), now_ns)

    def _ask(self, ask: Ask, what: Subject, request: Request, now_ns: int) -> list[Output]:
        return [*self._pending.add(ask, what, request, now_ns), request]

    def _ms(self, now_ns: int) -> int:
        return venue_ms(now_ns, self.clock_offset_ns)
