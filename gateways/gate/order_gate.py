"""The gate that every order passes before it is written to the venue.

Pure: what it has been told decides. The gateway calls `check` in the function that writes to the venue, journals the
intent after it, and writes after that; there is no other way to the venue.

An order *reduces* where it can only bring its strategy's position nearer to nothing, whatever else of it fills: its
side is the other one, and its quantity no more than the position less what works there already. Whoever must get out is
not barred by what only bounds the way in: leases, the largest notional and quantity, the number of open orders,
repeated executions, a silent market. A reducing order is held to the last price that was known, however old: that of a
feed which has died is the best there is, and waiting for a better one is a risk without a bound.

An order of the gateway's own, by which it closes what a strategy has left (`FLATTEN_PREFIX`), passes every trading
state and the bounds above, and may trade with an order of ours, but it must reduce.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec

from gateways.gate.checks import (
    Denial,
    Growth,
    check_collar,
    check_expiry,
    check_lease,
    check_notional,
    check_open_orders,
    check_price,
    check_quantity,
    check_reference,
    check_repetition,
    check_size,
)
from gateways.gate.exposure import BUY, Stake
from gateways.gate.gate_limits import GateLimits
from gateways.gate.lease_book import LeaseBook
from gateways.gate.order_records import OrderRecords
from gateways.gate.reference_price import Latest, Reference, References
from gateways.gate.throttles import MessageRates
from gateways.gate.trading_states import TradingStates
from messages.instruments import Instrument
from messages.order_lifecycle import Order
from messages.orders import FLATTEN_PREFIX, AmendOrder, DenyReason, SubmitOrder
from messages.risk import TradingState

NS_PER_MS: Final = 1_000_000
ZERO: Final = Decimal(0)
NO_STAKE: Final = Stake()
"""Of an instrument that nobody can trade."""

DEFAULT_LIMITS: Final = GateLimits()
REASON_LENGTH_MAX: Final = 500
"""Of the reason of a halt, in a denial: the whole of it, escaped, could be longer than a report may be."""

SILENT_REASONS: Final = frozenset({DenyReason.STALE_EPOCH, DenyReason.DUPLICATE_ID})
"""A zombie's order, or an id that has been used: telling its strategy would confuse the order that it has."""


class OrderGate:
    """:param instruments: what this gateway may trade, by instrument id.
    :param leases: left out: none are needed.
    :param latest: tells reference prices; left out: those of the market that `on_market` is given.
    :ivar states: what each strategy may send, and why.
    :ivar on_market: to be called with whatever is published of the market.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        limits: GateLimits = DEFAULT_LIMITS,
        leases: LeaseBook | None = None,
        latest: Latest | None = None,
    ) -> None:
        self.limits = limits
        self.leases = LeaseBook.unlimited() if leases is None else leases
        self.states = TradingStates()
        self.references = References(instruments)
        self.on_market = self.references.on_market
        self._instruments = instruments
        self._latest = self.references.latest if latest is None else latest
        self._epochs: dict[str, int] = {}
        self._rates = MessageRates()

    # --- what it is told ----------------------------------------------------------------------------------------

    @property
    def is_halted(self) -> bool:
        return self.states.halt_reason is not None

    def halt(self, reason: str) -> None:
        """Deny every order from now on; cancels still pass."""
        self.states.halt_reason = reason

    def unhalt(self) -> None:
        """The operator has ended the halt."""
        self.states.halt_reason = None

    def epoch(self, strategy: str) -> int:
        """The lowest epoch of this strategy that is still served."""
        return self._epochs.get(strategy, 0)

    def fence(self, strategy: str, epoch: int) -> None:
        """Refuse every incarnation of the strategy below this epoch; epochs only rise."""
        self._epochs[strategy] = max(epoch, self.epoch(strategy))

    @property
    def epochs(self) -> Mapping[str, int]:
        """The lowest epoch that is still served, of every strategy that was ever fenced."""
        return self._epochs

    def is_fenced(self, strategy: str, epoch: int) -> bool:
        return epoch < self.epoch(strategy)

    def count_cancel(self, strategy: str, now_ns: int) -> None:
        """A cancel uses up the strategy's rate of messages, as far as there is any; it goes in any case."""
        self._rates.count(strategy, self.limits.messages_per_s, now_ns)

    def fresh_prices(self, now_ns: int) -> dict[str, float]:
        """Reference prices by instrument id, in quote currency: those that an order could be judged by now."""
        return self.references.fresh_prices(now_ns, self.limits.reference_age_max_ms * NS_PER_MS)

    # --- what it is asked ---------------------------------------------------------------------------------------

    def check(self, order: SubmitOrder, records: OrderRecords, now_ns: int, mono_ns: int = 0) -> Denial | None:
        """None if the order may go out, else why not; of `SILENT_REASONS` its strategy is not told.

        :param now_ns: market time; `mono_ns` the gateway's monotonic clock, by which leases end.
        """
        is_forced = order.client_order_id.startswith(FLATTEN_PREFIX)
        denial = self.check_identity(order, records)
        if denial is not None:
            return denial
        instrument = self._instruments.get(order.instrument)
        stake, worst = NO_STAKE, order.quantity
        if instrument is not None:
            stake = records.stake(order.strategy, order.instrument)
            worst += stake.worst(order.side)
        if not is_forced:
            denial = self._check_state(order.strategy, is_reducing=worst <= ZERO)
        if denial is not None and denial.reason is DenyReason.HALTED:
            return denial
        if instrument is None:
            return Denial(DenyReason.UNKNOWN_INSTRUMENT, f"instrument={order.instrument}")
        denial = (
            check_expiry(order, now_ns)
            or check_price(order, instrument)
            or check_quantity(order, instrument)
            or check_notional(order, instrument)
            or denial
        )
        if denial is not None:
            return denial
        if worst > ZERO:
            if is_forced:
                reducible = max(ZERO, order.quantity - worst)
                return Denial(DenyReason.REDUCE_ONLY, f"quantity={order.quantity} reducible={reducible}")
            growth = Growth(order, stake, worst)
            denial = self._check_growth(growth, records, instrument, now_ns, mono_ns) or check_open_orders(
                records.open_count_of(order.strategy), records.open_count, self.limits
            )
        elif (reference := self._latest(order.instrument)) is not None:
            denial = check_collar(order, reference, self.limits.price_collar_bps)
        if denial is not None or is_forced:
            return denial
        return self._check_crossing(order, records) or self._check_rate(order, now_ns)

    def check_identity(self, order: SubmitOrder, records: OrderRecords) -> Denial | None:
        """Whether an order is one of the incarnation that is served, and none that we know already."""
        name = order.client_order_id
        if order.epoch < self._epochs.get(order.strategy, 0) and not name.startswith(FLATTEN_PREFIX):
            return Denial(DenyReason.STALE_EPOCH, f"epoch={order.epoch} served={self.epoch(order.strategy)}")
        if name in records.orders:
            return Denial(DenyReason.DUPLICATE_ID, f"order={name}")
        return None

    def check_amendment(
        self, amendment: AmendOrder, order: Order, records: OrderRecords, now_ns: int, mono_ns: int = 0
    ) -> Denial | None:
        """None if the amendment of this order may go out, else why not.

        :param order: an open one, in the same instrument.
        """
        request = order.request
        if amendment.epoch < self._epochs.get(amendment.strategy, 0):
            return Denial(DenyReason.STALE_EPOCH, f"epoch={amendment.epoch} served={self.epoch(amendment.strategy)}")
        instrument = self._instruments.get(request.instrument)
        if instrument is None:
            return Denial(DenyReason.UNKNOWN_INSTRUMENT, f"instrument={request.instrument}")
        counted = records.counted(request.client_order_id)
        stake = records.stake(request.strategy, request.instrument)
        others = stake.worst(request.side) - counted
        left = amendment.quantity - order.filled_quantity
        worst = others + max(counted, left)
        is_reducing = others + left <= ZERO
        wanted = msgspec.structs.replace(request, quantity=amendment.quantity, price=amendment.price)
        denial = (
            self._check_state(request.strategy, is_reducing=is_reducing)
            or check_price(wanted, instrument)
            or check_quantity(amendment, instrument)
        )
        if denial is not None:
            return denial
        is_more = left > counted
        if not is_reducing and (is_more or amendment.price != request.price):
            growth = Growth(wanted, stake, worst, is_more)
            denial = self._check_growth(growth, records, instrument, now_ns, mono_ns)
        elif (reference := self._latest(request.instrument)) is not None:
            denial = check_collar(wanted, reference, self.limits.price_collar_bps)
        return denial or self._check_crossing(wanted, records) or self._check_rate(wanted, now_ns)

    # --- parts of both ------------------------------------------------------------------------------------------

    def _check_state(self, strategy: str, *, is_reducing: bool) -> Denial | None:
        states = self.states
        if states.is_unrestricted:
            return None
        state, why = states.of(strategy)
        if state is TradingState.HALTED:
            return Denial(DenyReason.HALTED, f"reason={why[:REASON_LENGTH_MAX]!r}")
        if state is TradingState.REDUCING and not is_reducing:
            return Denial(DenyReason.REDUCING, f"reason={why[:REASON_LENGTH_MAX]!r}")
        return None

    def _check_growth(
        self, growth: Growth, records: OrderRecords, instrument: Instrument, now_ns: int, mono_ns: int
    ) -> Denial | None:
        """The checks that an order which only reduces is exempt from."""
        order, limits = growth.order, self.limits
        reference = self._latest(order.instrument)
        denial = check_reference(reference, now_ns, limits.reference_age_max_ms)
        if denial is not None:
            return denial
        assert reference is not None, "there is a fresh one"
        denial = check_size(order, instrument, reference, limits) or check_collar(
            order, reference, limits.price_collar_bps
        )
        if denial is not None:
            return denial
        if not self.leases.is_unlimited:
            denial = self._check_lease(growth, instrument, reference, mono_ns)
            if denial is not None:
                return denial
        if not limits.repeated_executions_max:
            return None
        times = records.executions.times(order.strategy, order.instrument, order.side is BUY)
        return check_repetition(times, now_ns, limits)

    def _check_lease(self, growth: Growth, instrument: Instrument, reference: Reference, mono_ns: int) -> Denial | None:
        order, leases, stake = growth.order, self.leases, growth.stake
        if order.side is BUY:
            leases.note_wanted(order.strategy, order.instrument, growth.worst, stake.short)
        else:
            leases.note_wanted(order.strategy, order.instrument, stake.long, growth.worst)
        lease = leases.lease(order.strategy, order.instrument)
        return check_lease(growth, lease, instrument, reference, is_running=leases.is_running(mono_ns))

    def _check_crossing(self, order: SubmitOrder, records: OrderRecords) -> Denial | None:
        met = records.crossings.met_by(order, order.price)
        if met is None:
            return None
        price = "market" if order.price is None else order.price
        return Denial(DenyReason.SELF_TRADE, f"side={order.side.value} price={price} meets={met}")

    def _check_rate(self, order: SubmitOrder, now_ns: int) -> Denial | None:
        """Last of all, since it uses up what it checks; an order that is denied uses up nothing."""
        per_s = self.limits.messages_per_s
        bucket = self._rates.of_strategy(order.strategy, per_s, now_ns)
        if not bucket.has_one(per_s, now_ns):
            return self._too_fast(order, per_s)
        if not self.leases.is_unlimited:
            lease = self.leases.lease(order.strategy, order.instrument)
            if lease is not None and lease.messages_per_s:
                per_s = lease.messages_per_s
                leased = self._rates.of_lease(order.strategy, order.instrument, per_s, now_ns)
                if not leased.has_one(per_s, now_ns):
                    return self._too_fast(order, per_s)
                leased.left -= 1.0
        bucket.left -= 1.0
        return None

    def _too_fast(self, order: SubmitOrder, per_s: float) -> Denial:
        return Denial(DenyReason.MESSAGE_RATE, f"strategy={order.strategy} messages_per_s={per_s:g}")
