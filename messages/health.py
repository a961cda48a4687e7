"""How processes, venues and strategies are doing: what status shows and the report is made of."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec

from messages.base import Count, Id, Message, Ns, OptionalId, Ratio, Text, check_decimals
from messages.risk import TradingState

ZERO = Decimal(0)
CYCLES_REPORTED_MAX = 1_000
"""A status or report carries at most the last thousand cycles of a strategy."""


class Lifecycle(StrEnum):
    """The life of a strategy's process, as its host and the supervisor see it."""

    STARTING = "starting"
    RECOVERING = "recovering"
    RUNNING = "running"
    PAUSED = "paused"
    DRAINING = "draining"
    STOPPED = "stopped"
    FAULTED = "faulted"
    QUARANTINED = "quarantined"


class ProcessState(StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    BACKOFF = "backoff"
    STOPPING = "stopping"
    STOPPED = "stopped"
    QUARANTINED = "quarantined"


class CycleResult(StrEnum):
    COMPLETED = "completed"
    REPAIRED = "repaired"
    UNWOUND = "unwound"
    FLATTENED = "flattened"
    ABANDONED = "abandoned"


class Pnl(Message, frozen=True, tag="pnl"):
    """Profit and loss in one currency, exact: total = realised + unrealised - fees + funding.

    :param fees: what we paid, positive; a rebate is negative.
    :param funding: what we received, positive.
    """

    realised: Decimal
    unrealised: Decimal
    fees: Decimal
    funding: Decimal
    currency: OptionalId

    def __post_init__(self) -> None:
        check_decimals(self.realised, self.unrealised, self.fees, self.funding)

    @property
    def total(self) -> Decimal:
        return self.realised + self.unrealised - self.fees + self.funding


class Attribution(Message, frozen=True, tag="attribution"):
    """Where a profit came from, in one currency: its total is that of the `Pnl` of the same span, to the last digit.

    Each part is what we earned by it, positive = gain, but for `fees`, which is what we paid, as in `Pnl`.

    :param spread: half the spread, paid by taking (negative) or captured by making (positive).
    :param slippage: of what was taken, from the best price seen when the order was sent to the price of the fill.
    :param basis: price movement of legs that hedge each other.
    :param inventory: price movement of what a strategy holds unhedged.
    """

    spread: Decimal
    slippage: Decimal
    basis: Decimal
    inventory: Decimal
    funding: Decimal
    fees: Decimal
    currency: OptionalId

    def __post_init__(self) -> None:
        check_decimals(self.spread, self.slippage, self.basis, self.inventory, self.funding, self.fees)

    @property
    def total(self) -> Decimal:
        return self.spread + self.slippage + self.basis + self.inventory + self.funding - self.fees


NO_ATTRIBUTION = Attribution(ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, "")
"""Of a strategy that has not been heard of."""


class Markout(Message, frozen=True, tag="markout"):
    """How the mid moved after our fills: a statistic, no part of any sum.

    :param horizon_s: seconds from the fill to the mid that it is compared with.
    :param n: fills whose horizon has passed.
    :param mean_bps: mean profit of the fill at that mid, in basis points of its price; negative = adverse selection.
    """

    horizon_s: Annotated[float, msgspec.Meta(ge=0, le=1e9)]
    n: Count
    mean_bps: Ratio


class Cycle(Message, frozen=True, tag="cycle"):
    """One round of a strategy, from signal to flat (or abandoned).

    :param ms: market time from the signal to the last leg balanced, in milliseconds.
    :param transitions: names of the states that it went through, in order.
    :param pnl: the sum of `pnls` in the reporting currency, converted at the mids of the cycle's end.
    :param pnls: one for each settle currency, in which it is exact.
    :param attribution: of `pnl`; :param attributions: of `pnls`, one for one.
    """

    result: CycleResult
    ts_started: Ns
    ts_ended: Ns
    ms: Annotated[float, msgspec.Meta(ge=0, le=1e12)]
    transitions: tuple[str, ...]
    orders: Count
    fills: Count
    pnl: Pnl
    entry_edge_bps: Ratio
    reason: Text
    pnls: tuple[Pnl, ...] = ()
    attribution: Attribution = NO_ATTRIBUTION
    attributions: tuple[Attribution, ...] = ()


class Latency(Message, frozen=True, tag="latency"):
    """Percentiles in microseconds over `n` samples, late ones included."""

    p50: Annotated[float, msgspec.Meta(ge=0, le=1e15)]
    p99: Annotated[float, msgspec.Meta(ge=0, le=1e15)]
    p999: Annotated[float, msgspec.Meta(ge=0, le=1e15)]
    n: Count


class Earnings(Message, frozen=True, tag="earnings"):
    """A profit in one currency, exact, and where it came from: the two totals are the same."""

    pnl: Pnl
    attribution: Attribution


class StrategyStatus(Message, frozen=True, tag="strategy-status"):
    """:param pnls: one for each settle currency, in which it is exact; `pnl` is their sum in the reporting currency.
    :param attribution: of `pnl`; :param attributions: of `pnls`, one for one.
    :param cycle_in_hand: what the cycle that has not ended has brought so far, one for each currency.
    :param outside_cycles: what no cycle accounts for, likewise. All cycles that ended + `cycle_in_hand` + this =
        `pnls`, to the last digit.
    :param trading_state: what risk rules and halts of the cluster leave it; the gateways' own states aside.
    :param changed: by parameter path, what the operator has changed since the start; `priority` likewise.
    """

    id: Id
    kind: Id
    lifecycle: Lifecycle
    state: OptionalId
    epoch: Count
    messages: Count
    orders: Count
    fills: Count
    open_orders: Count
    positions: dict[str, Decimal]
    pnl: Pnl
    pnls: tuple[Pnl, ...]
    cycles: Count
    note: Text
    attribution: Attribution = NO_ATTRIBUTION
    attributions: tuple[Attribution, ...] = ()
    markouts: tuple[Markout, ...] = ()
    cycle_in_hand: tuple[Earnings, ...] = ()
    outside_cycles: tuple[Earnings, ...] = ()
    changed: dict[str, str] = {}
    trading_state: TradingState = TradingState.ACTIVE

    def __post_init__(self) -> None:
        check_decimals(*self.positions.values())


class StrategyReport(Message, frozen=True, tag="strategy-report"):
    status: StrategyStatus
    cycles: Annotated[tuple[Cycle, ...], msgspec.Meta(max_length=CYCLES_REPORTED_MAX)]


class FeedReport(Message, frozen=True, tag="feed"):
    """What was read for one instrument, and the built book as it stands."""

    quotes: Count
    trades: Count
    book_updates: Count
    book_updates_discarded: Count
    gaps: Count
    crossed: Count
    best_bid: Decimal
    best_bid_size: Decimal
    best_ask: Decimal
    best_ask_size: Decimal
    last_update_id: Count

    def __post_init__(self) -> None:
        check_decimals(self.best_bid, self.best_bid_size, self.best_ask, self.best_ask_size)


class OrderCounts(Message, frozen=True, tag="order-counts"):
    """Accepted = filled + cancelled + expired + those that are open."""

    accepted: Count = 0
    rejected: Count = 0
    denied: Count = 0
    cancelled: Count = 0
    filled: Count = 0
    expired: Count = 0


class GatewayReport(Message, frozen=True, tag="gateway-report"):
    """One venue by its own ledger; `denied` orders are known to the gateway only.

    :param marks: by symbol, the mid of the last quote, at which positions are valued here.
    :param unrealised: by symbol of a derivative, in its settle currency, at that mark. Change of balances + spot
        positions at their marks + unrealised = what was earned at this venue, to the last digit.
    """

    instruments: dict[str, FeedReport]
    orders: OrderCounts
    positions: dict[str, Decimal]
    balances: dict[str, Decimal]
    marks: dict[str, Decimal] = {}
    unrealised: dict[str, Decimal] = {}

    def __post_init__(self) -> None:
        for amounts in (self.positions, self.balances, self.marks, self.unrealised):
            check_decimals(*amounts.values())


class RateBudget(Message, frozen=True, tag="rate-budget"):
    """One rate limit of a venue, and what waits for it.

    :param left: requests that could leave at once.
    :param waiting: requests in the queue now; `expired` of them never left, being too old.
    :param waited_ms_max: the longest wait of a request that left, since this process started.
    """

    name: Id
    capacity: Annotated[float, msgspec.Meta(ge=0, le=1e9)]
    left: Annotated[float, msgspec.Meta(ge=0, le=1e9)]
    waiting: Count = 0
    expired: Count = 0
    waited_ms_max: Annotated[float, msgspec.Meta(ge=0, le=1e9)] = 0.0


class GatewayStatus(Message, frozen=True, tag="gateway-status"):
    """:param trading_state: the strictest that holds for the whole gateway; `strategy_states` those of single ones.
    :param lease_left_ms: until the leases end, unless they are renewed; 0: only reducing orders pass.
    :param denials: by reason code, since this process started.
    :param mismatches: where the venue's word and our books differ, a sentence each.
    :param tick_to_order: by strategy, from the publication of the causing tick to its order past the gate.
    :param orders: since this process of the gateway started; a restarted one counts from 0.
    :param holdings: by strategy and instrument, what each holds by the gateway's own books; `positions` is their sum.
    """

    id: Id
    is_venue_up: bool
    is_halted: bool
    open_orders: Count
    orders: OrderCounts
    positions: dict[str, Decimal]
    balances: dict[str, Decimal]
    published: Count
    tick_to_order: dict[str, Latency]
    holdings: dict[str, dict[str, Decimal]] = {}
    trading_state: TradingState = TradingState.ACTIVE
    strategy_states: dict[str, TradingState] = {}
    lease_left_ms: Annotated[float, msgspec.Meta(ge=0, le=1e9)] = 0.0
    unknown_orders: Count = 0
    denials: dict[str, Count] = {}
    budgets: tuple[RateBudget, ...] = ()
    mismatches: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        held = (size for sizes in self.holdings.values() for size in sizes.values())
        check_decimals(*self.positions.values(), *self.balances.values(), *held)


class ProcessStatus(Message, frozen=True, tag="process"):
    """:param refused: frames and connections that it has refused since its start."""

    name: Id
    kind: Id
    state: ProcessState
    pid: Count
    restarts: Count
    cpu_percent: Annotated[float, msgspec.Meta(ge=0, le=1e9)]
    rss_mb: Annotated[float, msgspec.Meta(ge=0, le=1e9)]
    heartbeat_age_ms: Annotated[float, msgspec.Meta(ge=0, le=1e15)]
    note: Text
    refused: Count = 0


class LimitUse(Message, frozen=True, tag="limit-use"):
    """A common limit: used ≤ granted ≤ max, unless `max` was lowered below what was granted.

    :param name: its path in the config, such as `portfolio.gross_notional_max`.
    :param currency: of the three figures; empty where they are in an instrument's own unit.
    """

    name: Text
    currency: OptionalId
    used: Ratio
    granted: Ratio
    max: Ratio


class ClusterStatus(Message, frozen=True, tag="cluster"):
    """:param trading_state: of the cluster as a whole.
    :param limits: the common limits, as far as the config sets them.
    :param alerts: the newest ones, oldest first; `alerts_total` were told since the supervisor started.
    :param unmanaged: positions that no running strategy manages, a sentence each, as long as that is so.
    """

    cluster: Id
    phase: Id
    seconds: Annotated[float, msgspec.Meta(ge=0, le=1e12)]
    is_halted: bool
    processes: tuple[ProcessStatus, ...]
    gateways: tuple[GatewayStatus, ...]
    strategies: tuple[StrategyStatus, ...]
    alerts: tuple[str, ...]
    alerts_total: Count = 0
    unmanaged: tuple[str, ...] = ()
    trading_state: TradingState = TradingState.ACTIVE
    limits: tuple[LimitUse, ...] = ()
