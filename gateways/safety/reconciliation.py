"""What must be remembered between two looks at the venue: who was asked when, and what differed before. Pure."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from gateways.reconcile import Difference
from gateways.venue import OpenOrder
from messages.order_lifecycle import Order, OrderState

NS_PER_S: Final = 1_000_000_000
ASK_AGAIN_NS: Final = 2 * NS_PER_S
"""Between two questions about one order; it is asked about until the venue knows, however long that takes."""
ANSWER_NS: Final = 5 * NS_PER_S
"""An order or a cancel that the venue has not answered for so long is asked about."""
ASKED_AT_ONCE_MAX: Final = 50
"""Questions in one look: orders and cancels want to use the link, too."""
ADOPT_AGAIN_NS: Final = 5 * NS_PER_S
"""Between two cancels of an order that no intent explains."""
TELL_AGAIN_NS: Final = 30 * NS_PER_S
"""Between two reports of a mismatch that stands."""

_PATIENCE_NS: Final = {OrderState.UNKNOWN: 0, OrderState.IN_FLIGHT: ANSWER_NS, OrderState.CANCELLING: ANSWER_NS}


class _Watch(NamedTuple):
    state: OrderState
    ask_ns: int


class Inquiries:
    """Which orders the venue is to be asked about now: bounded in their rate, not in their number."""

    def __init__(self) -> None:
        self._watched: dict[str, _Watch] = {}

    def due(self, orders: Iterable[Order], mono_ns: int, unclear: Collection[str] = ()) -> list[Order]:
        """The orders to ask about now, those first that have waited longest.

        :param orders: all that are open, or unclear.
        :param unclear: ids of those that are to be asked about whatever their state says.
        """
        watched: dict[str, _Watch] = {}
        waiting = []
        for order in orders:
            name = order.request.client_order_id
            patience_ns = 0 if name in unclear else _PATIENCE_NS.get(order.state)
            watch = self._watched.get(name)
            if patience_ns is None:
                if watch is not None and watch.ask_ns > mono_ns:
                    watched[name] = watch
                continue
            if watch is None or watch.state is not order.state:
                watch = _Watch(
                    order.state, mono_ns + (patience_ns or ASK_AGAIN_NS)
                )  # what became unknown was just asked
            watched[name] = watch
            if watch.ask_ns <= mono_ns:
                waiting.append((watch.ask_ns, name, order))
        self._watched = watched
        waiting.sort(key=lambda entry: entry[:2])
        return [self._asked(order, mono_ns) for _, _, order in waiting[:ASKED_AT_ONCE_MAX]]

    def ask_now(self, orders: Iterable[Order], mono_ns: int) -> list[Order]:
        """Those of the orders that were not asked about lately."""
        due = [order for order in orders if self._may_ask(order, mono_ns)]
        return [self._asked(order, mono_ns) for order in due[:ASKED_AT_ONCE_MAX]]

    def _may_ask(self, order: Order, mono_ns: int) -> bool:
        watch = self._watched.get(order.request.client_order_id)
        return watch is None or watch.ask_ns <= mono_ns

    def _asked(self, order: Order, mono_ns: int) -> Order:
        self._watched[order.request.client_order_id] = _Watch(order.state, mono_ns + ASK_AGAIN_NS)
        return order


class Adoptions:
    """The orders at the venue that no intent of ours explains."""

    def __init__(self) -> None:
        self._cancel_ns: dict[str, int] = {}

    def due(self, found: Iterable[OpenOrder], mono_ns: int) -> tuple[list[OpenOrder], list[OpenOrder]]:
        """Which of those found are to be cancelled now, and which of them were not known before."""
        orders = list(found)
        known = self._cancel_ns
        new = [order for order in orders if order.client_order_id not in known]
        due = [order for order in orders if known.get(order.client_order_id, 0) <= mono_ns]
        self._cancel_ns = {order.client_order_id: known.get(order.client_order_id, 0) for order in orders}
        for order in due:
            self._cancel_ns[order.client_order_id] = mono_ns + ADOPT_AGAIN_NS
        return due, new


class Mismatches:
    """What differs: only where two looks in a row have found the very same difference.

    :ivar confirmed: by instrument id or currency.
    """

    def __init__(self) -> None:
        self.confirmed: dict[str, Difference] = {}
        self._seen: dict[str, Difference] = {}
        self._tell_ns: dict[str, int] = {}

    def look(self, found: Mapping[str, Difference], uncertain: Iterable[str], mono_ns: int) -> dict[str, Difference]:
        """Take what one look has found, and return what is to be told: what is new, or stands for long.

        :param uncertain: names about which this look can say nothing; what was confirmed of them stands.
        """
        unclear = set(uncertain)
        clear = {name: difference for name, difference in found.items() if name not in unclear}
        agreed = {name: difference for name, difference in clear.items() if self._seen.get(name) == difference}
        standing = {name: difference for name, difference in self.confirmed.items() if name in unclear}
        told = {
            name: difference
            for name, difference in agreed.items()
            if self.confirmed.get(name) != difference or self._tell_ns.get(name, 0) <= mono_ns
        }
        self._seen = clear
        self.confirmed = {**standing, **agreed}
        self._tell_ns = {name: at_ns for name, at_ns in self._tell_ns.items() if name in self.confirmed}
        self._tell_ns.update(dict.fromkeys(told, mono_ns + TELL_AGAIN_NS))
        return told

    def sentences(self) -> tuple[str, ...]:
        return tuple(
            f"{name}: our books say {difference.ours}, the venue {difference.venues}"
            for name, difference in sorted(self.confirmed.items())
        )
