"""Asks Bybit for the whole account, page by page → `AccountState`.

Source: Bybit V5 API documentation, "Get Wallet Balance", "Get Position Info", "Get Open & Closed Orders", "Get
Transaction Log" (sections "Request Parameters" and "Response Parameters"; "the rule is endTime - startTime <= 7
days"), "Get Trade History"; read 2026-11-24.
"""

import re
from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from enum import Enum
from typing import Final

import msgspec

from gateways.bybit.asides import Aside, AsideKind, PositionSeen
from gateways.bybit.bodies import NS_PER_MS, MalformedBody, decode
from gateways.bybit.booked import Booked, TransactionBody
from gateways.bybit.directory import Category, Directory
from gateways.bybit.executions import FORCED_TYPES, ExecutionBody
from gateways.bybit.order_bodies import CONDITIONAL, OrderBody
from gateways.bybit.pages import Trouble, next_cursor, read_page
from gateways.bybit.positions import PositionBody
from gateways.bybit.signing import Signer
from gateways.bybit.wallets import WalletBody, balances_of
from gateways.native.wire import OutcomeUnknown, RestRequest, RestResponse
from gateways.venue import OPEN_ORDERS_MAX, AccountQuery, AccountState, OpenOrder

PAGES_MAX: Final = 500
WINDOW_MS: Final = 7 * 24 * 3_600_000
WINDOWS_MAX: Final = 13
"""A quarter of a year: who was away for longer must look at the account by hand."""
OVERLAP_MS: Final = 600_000
"""So much is asked for again: a booking may be listed late. What is known is not numbered again."""
ZERO: Final = Decimal(0)

_CLIENT_ORDER_ID = re.compile(r"[A-Za-z0-9-]{1,32}")

Step = RestRequest | AccountState | Trouble | Aside


class List(Enum):
    """Path, limit, and how much a page holds."""

    WALLET = ("/v5/account/wallet-balance", "wallet", "")
    POSITIONS = ("/v5/position/list", "positions", "200")
    ORDERS = ("/v5/order/realtime", "realtime", "50")
    TRANSACTIONS = ("/v5/account/transaction-log", "transactions", "50")
    EXECUTIONS = ("/v5/execution/list", "executions", "100")


class _Ask(msgspec.Struct, frozen=True):
    kind: List
    params: dict[str, str]


class _Found(msgspec.Struct):
    """What the pages have brought so far."""

    wallets: list[WalletBody] = []
    positions: dict[str, Decimal] = {}
    orders: dict[str, OpenOrder] = {}
    asides: list[Aside] = []


class AccountInquiry:
    """:param booked: what the venue has booked by itself; a stream that hears of it numbers with the same.
    :param since_ms: what was booked up to then is known.

    The executions of the account are many, and those that the venue forces on it few. Where the stream may have missed
    some, all are read, since some liquidations are told by who made the order alone; else only those of forced types.
    """

    def __init__(self, venue: str, directory: Directory, signer: Signer, booked: Booked, since_ms: int) -> None:
        self._venue = venue
        self._directory = directory
        self._signer = signer
        self._booked = booked
        self._since_ms = since_ms
        self._asks: deque[_Ask] = deque()
        self._found = _Found()
        self._query: AccountQuery | None = None
        self._asked_ms = 0
        self._pages = 0
        self._count = 0
        self._key = ""
        self._is_thorough = self._was_thorough = True

    def stream_lost(self) -> None:
        """The private stream was down: the next account is read with every execution since the last one."""
        self._is_thorough = True

    def ask(self, query: AccountQuery, now_ms: int) -> RestRequest:
        """Asked again before it is answered, it begins anew."""
        if self._key:  # what was asked before is not answered, so it still counts as missed
            self._is_thorough = self._is_thorough or self._was_thorough
        self._query, self._asked_ms, self._pages, self._found = query, now_ms, 0, _Found([], {}, {}, [])
        self._asks = deque([_Ask(List.WALLET, {"accountType": "UNIFIED"}), *self._lists(now_ms)])
        self._was_thorough, self._is_thorough = self._is_thorough, False
        return self._request(now_ms)

    def owns(self, key: str) -> bool:
        return key.startswith("account:")

    def on_response(self, response: RestResponse, now_ms: int) -> list[Step]:
        """The next question, or the account; `OutcomeUnknown` where it is to be asked again from the start."""
        if response.key != self._key:
            return []
        ask = self._asks.popleft()
        page, trouble = read_page(response, ask.kind.value[1], now_ms)
        if page is None:
            self._give_up()
            return [*trouble]
        self._pages += 1
        try:
            for body in page.list:
                self._take(ask, body, now_ms)
        except MalformedBody as error:
            return [self._unknown(str(error)), *trouble]
        if cursor := next_cursor(page):
            self._asks.appendleft(msgspec.structs.replace(ask, params={**ask.params, "cursor": cursor}))
        if not self._asks:
            return [self._state(now_ms), *self._found.asides, *trouble]
        if self._pages >= PAGES_MAX:
            return [self._unknown(f"the account has more than {PAGES_MAX} pages"), *trouble]
        return [self._request(now_ms), *trouble]

    # --- what is asked -------------------------------------------------------------------------------------------

    def _lists(self, now_ms: int) -> Iterable[_Ask]:
        contracts: list[Category] = [one for one in self._directory.categories if one is not Category.SPOT]
        for category in contracts:
            for scope in self._scopes(category):
                yield _Ask(List.POSITIONS, scope)
        for category in self._directory.categories:
            for scope in self._scopes(category):
                yield _Ask(List.ORDERS, scope)
        for category in contracts:
            for window in windows(self._since_ms, now_ms):
                yield _Ask(List.TRANSACTIONS, {"category": category.value, "type": "SETTLEMENT", **window})
                for kind in [""] if self._is_thorough else FORCED_TYPES:
                    head = {"category": category.value, "execType": kind} if kind else {"category": category.value}
                    yield _Ask(List.EXECUTIONS, {**head, **window})

    def _scopes(self, category: Category) -> list[dict[str, str]]:
        """Of linear contracts one may list only those that settle in one currency, or of one symbol."""
        head = {"category": category.value}
        if category is not Category.LINEAR:
            return [head]
        return [{**head, "settleCoin": one} for one in self._directory.settle_currencies(category)]

    def _request(self, now_ms: int) -> RestRequest:
        ask = self._asks[0]
        path, limit, size = ask.kind.value
        self._count += 1
        self._key = f"account:{self._count}"
        params = {**ask.params, "limit": size} if size else ask.params
        return self._signer.get(self._key, path, params, limit, now_ms)

    # --- what is found -------------------------------------------------------------------------------------------

    def _take(self, ask: _Ask, body: msgspec.Raw, now_ms: int) -> None:
        category = ask.params.get("category", "")
        if ask.kind is List.WALLET:
            self._found.wallets.append(decode(body, WalletBody, "wallet"))
        elif ask.kind is List.POSITIONS:
            self._take_position(decode(body, PositionBody, "position").seen(self._directory, category, now_ms))
        elif ask.kind is List.ORDERS:
            self._take_order(decode(body, OrderBody, "open order"), category)
        elif ask.kind is List.TRANSACTIONS:
            self._booked.take_transaction(decode(body, TransactionBody, "transaction"), category)
        else:
            self._booked.take_execution(decode(body, ExecutionBody, "execution"), category)

    def _take_position(self, seen: PositionSeen | Aside) -> None:
        if isinstance(seen, Aside):
            self._found.asides.append(seen)
        elif seen.position:
            held = self._found.positions.get(seen.instrument, ZERO)
            self._found.positions[seen.instrument] = held + seen.position

    def _take_order(self, body: OrderBody, category: str) -> None:
        """An order without an id of our form was sent by somebody else, and cannot be named to the gateway."""
        instrument, name = self._directory.find(category, body.symbol), body.order_link_id or ""
        if instrument is None or body.order_status in CONDITIONAL:
            self._found.asides.append(Aside(AsideKind.NOT_TRADED, name or body.order_id, f"works in {body.symbol}"))
        elif not _CLIENT_ORDER_ID.fullmatch(name) or len(self._found.orders) >= OPEN_ORDERS_MAX:
            self._found.asides.append(
                Aside(AsideKind.FOREIGN_ORDER, name or body.order_id, f"works in {instrument.id}")
            )
        else:
            self._found.orders[name] = OpenOrder(name, instrument.id)

    def _state(self, now_ms: int) -> AccountState:
        assert self._query is not None, "an account is asked for before it is answered"
        found, query, self._key = self._found, self._query, ""
        self._since_ms = max(self._since_ms, self._asked_ms - OVERLAP_MS)
        fundings, forced, asides = self._booked.after(query.after_funding, query.after_forced)
        found.asides += asides
        return AccountState(
            venue=self._venue,
            positions={name: held for name, held in found.positions.items() if held},
            balances=balances_of(found.wallets),
            open_orders=tuple(found.orders),
            fundings=fundings,
            ts_event=now_ms * NS_PER_MS,
            listed=tuple(found.orders.values()),
            forced=forced,
        )

    def _unknown(self, text: str) -> OutcomeUnknown:
        key = self._key
        self._give_up()
        return OutcomeUnknown(key, text)

    def _give_up(self) -> None:
        self._key = ""
        self._asks.clear()
        self._is_thorough = self._is_thorough or self._was_thorough


def windows(since_ms: int, now_ms: int) -> list[dict[str, str]]:
    """From then until now, in parts as long as the venue allows, the oldest first; at most WINDOWS_MAX, the last."""
    starts = range(since_ms, max(now_ms, since_ms + 1), WINDOW_MS)[-WINDOWS_MAX:]
    return [{"startTime": str(start), "endTime": str(min(start + WINDOW_MS - 1, now_ms))} for start in starts]
