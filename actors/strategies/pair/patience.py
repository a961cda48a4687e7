"""Patience after an attempt that filled nothing: an order that meets an unchanged market again finds no more there."""

from collections.abc import Iterable
from typing import Any

from actors.strategies.market_view import MarketView
from actors.strategies.own_orders import OwnOrders
from messages.market import Depth, Quote
from messages.order_lifecycle import Order
from messages.orders import OrderClosed, OrderRejected, RejectReason

NS_PER_MS = 1_000_000
RETRY_MS = 100
"""Between two attempts of a repair, a close or a flattening, so that the book can refill."""
NEWS_WAIT_MS_MAX = 120_000
"""After an attempt that filled nothing, for word of its markets; never longer than a quote may be old. A book that is
quoted once a minute is worth waiting for, one that is silent for longer is not: that attempt and the next ones count.
"""

Seen = tuple[Quote | None, Depth | None]
"""What was known of a market: the newest quote and depth. Whatever is said of it anew makes it another one."""


class Patience:
    """Remembers the last attempt (orders sent together), how it ended, and what was known of its markets then."""

    def __init__(self, views: Iterable[MarketView], own_orders: OwnOrders, quote_age_max_ms: int) -> None:
        self._views = {view.instrument.id: view for view in views}
        self._own_orders = own_orders
        self._news_wait_ns = min(quote_age_max_ms, NEWS_WAIT_MS_MAX) * NS_PER_MS
        self._attempt: list[Order] = []
        self._seen: dict[str, Seen] = {}
        self._is_repeat = False
        self._fruitless: set[str] = set()
        self._waits_until_ns = 0

    def begin(self) -> None:
        """Forget the last attempt; what was known of the markets is still known."""
        self._attempt = []

    def sent(self, attempt: list[Order]) -> None:
        """Take note of an attempt: whether it meets what an order of ours has met before, and what it meets."""
        self._attempt = attempt
        has_waited = 0 < self._waits_until_ns <= self._own_orders.now_ns
        self._is_repeat = not has_waited and not self._has_news()
        self._waits_until_ns = 0
        self._fruitless.clear()
        for name in self._markets():
            self._seen[name] = self._sees(name)

    def note_end(self, report: Any) -> None:
        """Remember an order that has been in its market and found nothing there."""
        if _found_nothing(report):
            self._fruitless.add(report.client_order_id)

    def start_awaiting(self) -> None:
        """The next attempt is due; after one that filled nothing it waits for word of one of its markets."""
        self._waits_until_ns = self._own_orders.now_ns + self._news_wait_ns if self._is_futile else 0

    def stop_awaiting(self) -> None:
        self._waits_until_ns = 0

    def is_awaiting_news(self) -> bool:
        """Whether the next attempt would meet what the last one has met already."""
        return self._own_orders.now_ns < self._waits_until_ns and self._is_futile and not self._has_news()

    def take_back(self) -> bool:
        """Whether the attempt that awaits news is not to be counted, since an order of ours had been in the same market
        before; told once.
        """
        is_repeat, self._is_repeat = self._is_repeat, False
        return is_repeat

    @property
    def _is_futile(self) -> bool:
        """Whether all orders have been in their markets and filled nothing; what is refused has been in none."""
        return bool(self._attempt) and all(
            order.request.client_order_id in self._fruitless and not order.filled_quantity for order in self._attempt
        )

    def _has_news(self) -> bool:
        """Whether a market of the attempt has been heard of since an order of ours was sent into it."""
        return any(self._seen.get(name) != self._sees(name) for name in self._markets())

    def _sees(self, name: str) -> Seen:
        view = self._views[name]
        return view.quote, view.depth

    def _markets(self) -> list[str]:
        names = {order.request.instrument for order in self._attempt}
        return [name for name in self._views if name in names]


def _found_nothing(report: Any) -> bool:
    if isinstance(report, OrderClosed):
        return not report.filled_quantity
    return isinstance(report, OrderRejected) and report.reason is RejectReason.NO_LIQUIDITY
