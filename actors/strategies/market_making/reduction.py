"""Taking a position back that is beyond its hard limit: capped IOC orders, one at a time, a bounded number of times."""

from decimal import Decimal

from actors.strategies.market_making.inventory import Inventory
from actors.strategies.market_making.parameters import MarketMakingParameters
from actors.strategies.market_view import MarketView
from actors.strategies.own_orders import OwnOrders, Ticket
from actors.strategies.pair.sizing import slipped
from messages.order_lifecycle import Order

NS_PER_MS = 1_000_000


class Reduction:
    """:ivar attempts: orders sent since the position was last within its limits."""

    def __init__(
        self, view: MarketView, inventory: Inventory, own_orders: OwnOrders, parameters: MarketMakingParameters
    ) -> None:
        self.attempts = 0
        self._view = view
        self._inventory = inventory
        self._own_orders = own_orders
        self._slippage_bps = parameters.flatten_slippage_bps
        self._attempts_max = parameters.flatten_attempts_max
        self._wait_ns = parameters.order_timeout_ms * NS_PER_MS
        self._next_ns = 0

    def is_needed(self, position: Decimal) -> bool:
        """Whether the position is beyond its limit, and an order can change that."""
        if self._inventory.is_within(position):
            return False
        mid = self._view.mid
        return mid is not None and self._inventory.reduction(position, mid) is not None

    @property
    def is_exhausted(self) -> bool:
        """Whether every attempt has been made."""
        return self.attempts >= self._attempts_max

    @property
    def is_under_way(self) -> bool:
        """Whether an order of it works and still has time, or the next attempt has to wait."""
        return self._own_orders.now_ns < self._next_ns

    def attempt(self, position: Decimal) -> Order:
        """Send the next order; each may slip farther than the one before."""
        mid = self._view.mid
        assert mid is not None, "a reduction needs a market"
        reduction = self._inventory.reduction(position, mid)
        assert reduction is not None, "there is nothing to reduce"
        self.attempts += 1
        self._next_ns = self._own_orders.now_ns + self._wait_ns
        side, quantity = reduction
        instrument, touch = self._view.instrument, self._view.touch(side)
        ticket = Ticket(
            instrument=instrument.id,
            side=side,
            quantity=quantity,
            price=slipped(instrument, side, touch, self._slippage_bps * self.attempts),
            reduce_only=not instrument.is_spot,
        )
        return self._own_orders.submit(ticket)

    def reset(self) -> None:
        self.attempts, self._next_ns = 0, 0
