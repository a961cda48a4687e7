"""Holds the venue's word against our books: at each account that it tells, and order by order at each pulse.

What is asked, adopted and compared is decided by the pure parts (`reconcile`, `reconciliation`); this acts on it.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Final, NamedTuple

import structlog

from gateways.order_desk import OrderDesk
from gateways.reconcile import (
    Difference,
    balance_differences,
    position_differences,
    spot_currencies,
    unexplained,
    unlisted,
)
from gateways.safety.reconciliation import Adoptions, Inquiries, Mismatches
from gateways.spec import GatewaySpec
from gateways.venue import AccountState, OpenOrder
from messages.order_lifecycle import Order
from messages.risk import PositionMismatch

ZERO: Final = Decimal(0)

log = structlog.get_logger()


class Tellers(NamedTuple):
    """Who is told: `alert` a person, by a sentence; `mismatch` the supervisor."""

    alert: Callable[[str], None]
    mismatch: Callable[[PositionMismatch], object]


class Reconciler:
    """:param bases: by currency, what was held of it before we traded, as far as the journal says."""

    def __init__(self, spec: GatewaySpec, desk: OrderDesk, bases: dict[str, Decimal], tellers: Tellers) -> None:
        self.mismatches = Mismatches()
        self._spec = spec
        self._desk = desk
        self._bases = bases
        self._alert, self._tell_mismatch = tellers
        self._currencies = spot_currencies(spec.instruments)
        self._inquiries = Inquiries()
        self._adoptions = Adoptions()
        for name, size in desk.records.untraded().items():
            self._alert(
                f"{spec.process}: its journal has orders in {name}, which it does not trade any more: {size} is held, "
                "by the fills alone and without their fees, and is compared with nothing; close it by hand, or put the "
                "instrument back into the config"
            )

    def on_pulse(self, mono_ns: int) -> None:
        """Ask about the orders whose outcome is not known, and those that the venue has not answered."""
        if self._desk.is_venue_up:
            unclear = self._desk.unclear_orders
            ended = [order for order in unclear.values() if not order.is_open]
            orders = [*self._desk.records.open_orders(), *ended]
            self._desk.ask_about(self._inquiries.due(orders, mono_ns, unclear))

    def on_account(self, account: AccountState, now_ns: int, mono_ns: int) -> None:
        """Take the venue's word on the account; what it tells came after every report before it.

        :param now_ns: market time.
        """
        for forced in account.forced:
            self._desk.on_forced(forced)
        self._look_at_orders(account, mono_ns)
        uncertain = self._desk.uncertain_instruments
        self._note_bases(account, uncertain)
        held = self._desk.records.positions()
        found = position_differences(self._spec.instruments, held, account.positions, now_ns)
        found |= balance_differences(self._currencies, self._bases, held, account.balances)
        unclear = uncertain | {name for name, ids in self._currencies.items() if uncertain.intersection(ids)}
        for name, difference in self.mismatches.look(found, unclear, mono_ns).items():
            self._on_mismatch(name, difference, now_ns)

    def _look_at_orders(self, account: AccountState, mono_ns: int) -> None:
        orders = self._desk.records.orders
        found = unexplained(account.listed, orders, self._spec.order_prefix)
        due, new = self._adoptions.due(found, mono_ns)
        for order in due:
            self._desk.cancel_adopted(order)
        # What one that has ended in our books has filled meanwhile may have been told while nobody was there.
        known = [orders[order.client_order_id] for order in due if order.client_order_id in orders]
        self._desk.ask_about(self._inquiries.ask_now(known, mono_ns))
        for order in new:
            self._alert(f"{self._spec.process}: {_unexplained_text(order, orders.get(order.client_order_id))}")
        missing = unlisted(frozenset(account.open_orders), self._desk.records.open_orders())
        self._desk.ask_about(self._inquiries.ask_now(missing, mono_ns))

    def _note_bases(self, account: AccountState, uncertain: set[str]) -> None:
        """The first clear look at a currency tells what was there before."""
        for currency, ids in self._currencies.items():
            if currency in self._bases or uncertain.intersection(ids):
                continue
            held = self._desk.records.positions()
            amount = account.balances.get(currency, ZERO) - sum((held.get(id, ZERO) for id in ids), ZERO)
            if self._desk.note_base(currency, amount):
                self._bases[currency] = amount

    def _on_mismatch(self, name: str, difference: Difference, now_ns: int) -> None:
        log.error("position differs", name=name, ours=str(difference.ours), venues=str(difference.venues))
        self._tell_mismatch(PositionMismatch(self._spec.process, name, difference.ours, difference.venues, now_ns))


def _unexplained_text(found: OpenOrder, record: Order | None) -> str:
    """What a person should know of an order that is adopted."""
    works = f"order {found.client_order_id} works in {found.instrument}"
    if record is None:
        return (
            f"{works}, and no intent of ours explains it; it is cancelled. Look for a lost journal or a second cluster "
            "of this name"
        )
    return f"{works}, which our books have as {record.state.name}; it is cancelled, and what it has filled is booked"
