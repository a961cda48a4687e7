"""Orders, and what becomes of them. Prices, quantities and fees are Decimals: they are accounts, not signals.

Happened: past tense or noun. Asked: imperative. Every execution report names the strategy and carries the number
that its gateway gave it in that strategy's own sequence (`seq`, from 1, without gaps; 0 = made by the strategy's own
host, which is not replayed).
"""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec

from messages.base import Count, Id, Message, Ns, Text, check_decimals

CLIENT_ORDER_ID_LENGTH_MAX = 32
ClientOrderId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9-]{1,32}\Z")]
Epoch = Annotated[int, msgspec.Meta(ge=0, le=2**31)]


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell: position change = sign × quantity."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> "Side":
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    LIMIT = "limit"
    MARKET = "market"


class TimeInForce(StrEnum):
    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"


class Liquidity(StrEnum):
    MAKER = "maker"
    TAKER = "taker"


class RejectReason(StrEnum):
    """Why the venue refused an order, an amendment or a cancel."""

    UNKNOWN_INSTRUMENT = "unknown-instrument"
    INVALID_PRICE = "invalid-price"
    INVALID_QUANTITY = "invalid-quantity"
    MIN_NOTIONAL = "min-notional"
    INSUFFICIENT_BALANCE = "insufficient-balance"
    POST_ONLY_WOULD_TAKE = "post-only-would-take"
    REDUCE_ONLY = "reduce-only"
    NO_LIQUIDITY = "no-liquidity"
    DUPLICATE_ID = "duplicate-id"
    UNKNOWN_ORDER = "unknown-order"
    EXPIRED_INSTRUMENT = "expired-instrument"
    OTHER = "other"


class DenyReason(StrEnum):
    """Why our own gate (or the strategy's own link) refused an order before it reached the venue."""

    HALTED = "halted"
    STALE_EPOCH = "stale-epoch"
    ORDER_EXPIRED = "order-expired"
    DUPLICATE_ID = "duplicate-id"
    UNKNOWN_INSTRUMENT = "unknown-instrument"
    INVALID_PRICE = "invalid-price"
    INVALID_QUANTITY = "invalid-quantity"
    MIN_NOTIONAL = "min-notional"
    MAX_QUANTITY = "max-quantity"
    MAX_NOTIONAL = "max-notional"
    """One order above the largest that the config allows."""
    PRICE_COLLAR = "price-collar"
    """Too far on the bad side of the reference price."""
    STALE_REFERENCE = "stale-reference"
    """No fresh price to judge it by."""
    REDUCING = "reducing"
    """The trading state admits only what lowers the exposure."""
    NO_LEASE = "no-lease"
    LEASE_EXPIRED = "lease-expired"
    LEASE_POSITION = "lease-position"
    """With all open and unknown orders filled, the position would exceed its lease."""
    LEASE_NOTIONAL = "lease-notional"
    OPEN_ORDERS = "open-orders"
    MESSAGE_RATE = "message-rate"
    REPEATED_EXECUTIONS = "repeated-executions"
    SELF_TRADE = "self-trade"
    """It would trade with a working order of our own."""
    CANCELLED_UNSENT = "cancelled-unsent"
    """Cancelled while it waited for the venue's rate limit."""
    QUEUE_FULL = "queue-full"
    """The venue's rate limit is used up, and more is waiting for it than may wait."""
    REDUCE_ONLY = "reduce-only"
    """More than the strategy holds, on an account where the venue cannot tell."""
    UNKNOWN_ORDER = "unknown-order"
    JOURNAL_FAILED = "journal-failed"
    LINK_DOWN = "link-down"
    VENUE_DOWN = "venue-down"
    NOT_RECEIVED = "not-received"
    """The gate never saw the order and, its epoch being over, never will."""


class CloseReason(StrEnum):
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    """The rest of an IOC or FOK order, or of any order at the instrument's expiry."""


def client_order_id(cluster: str, strategy: str, epoch: int, seq: int) -> str:
    """The id of a strategy's order: a pure function, so that an order maps to its strategy and back without memory.

    `cluster-strategy-eEPOCH-SEQ`, at most 32 characters of [A-Za-z0-9-] (the strictest of the venues' rules), where
    cluster and strategy are short tags (`order_tag`).
    """
    return f"{cluster}-{strategy}-e{epoch}-{seq}"


def order_tag(name: str, length: int = 8) -> str:
    """The part of a client order id that stands for a cluster or a strategy: letters and digits only, cut short."""
    return "".join(letter for letter in name if letter.isascii() and letter.isalnum())[:length]


FLATTEN_PREFIX = "flatten-"
"""Opens the client order ids of orders by which a gateway itself closes what a dead or halted strategy holds."""

VENUE_ORDER_PREFIXES = ("autoclose-", "adl-autoclose", "settlement-autoclose-")
"""Client order ids of what a venue does to our position without an order of ours: liquidation, auto-deleveraging, the
settlement of a delisted or expired contract. Source: Binance derivatives "Event: Order Update", read 2026-11-24; its
underscores are hyphens here, as our ids know no underscore.
"""


def is_venue_made(name: str) -> bool:
    """Whether a fill with this client order id was forced on us by the venue."""
    return name.startswith(VENUE_ORDER_PREFIXES)


def is_forced(name: str) -> bool:
    """Whether a strategy had no hand in an order with this id: the venue made it, or a gateway that flattens."""
    return name.startswith((FLATTEN_PREFIX, *VENUE_ORDER_PREFIXES))


class SubmitOrder(Message, frozen=True, tag="submit", kw_only=True):
    """Send this order to the venue, unless it cannot get past the gate within `valid_for_ms` of `ts_created`.

    :param quantity: unsigned, in the instrument's own unit (base for spot, contracts for derivatives).
    :param price: limit price; None for market orders only.
    :param caused_by: the id of the message that led to this order, e.g. `quote:BTCUSDT.binance-spot:812`.
    :param cause_mono_ns: `published_mono_ns` of that message where it was market data, else 0.
    """

    client_order_id: ClientOrderId
    strategy: Id
    epoch: Epoch
    instrument: Id
    side: Side
    quantity: Decimal
    price: Decimal | None = None
    type: OrderType = OrderType.LIMIT
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    reduce_only: bool = False
    ts_created: Ns
    valid_for_ms: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = 1_000
    caused_by: Annotated[str, msgspec.Meta(max_length=128)] = ""
    cause_mono_ns: Ns = 0

    def __post_init__(self) -> None:
        check_decimals(self.quantity, self.price)


class CancelOrder(Message, frozen=True, tag="cancel"):
    """Cancel what is left of the order. Cancels pass the gate in every trading state."""

    client_order_id: ClientOrderId
    strategy: Id
    epoch: Epoch
    instrument: Id
    caused_by: Annotated[str, msgspec.Meta(max_length=128)] = ""


class AmendOrder(Message, frozen=True, tag="amend"):
    """Change the total quantity and the price of a working order; what it has filled already counts in `quantity`."""

    client_order_id: ClientOrderId
    strategy: Id
    epoch: Epoch
    instrument: Id
    quantity: Decimal
    price: Decimal
    caused_by: Annotated[str, msgspec.Meta(max_length=128)] = ""

    def __post_init__(self) -> None:
        check_decimals(self.quantity, self.price)


class QueryOrder(Message, frozen=True, tag="query"):
    """Say again how the order stands; asked for an order whose outcome is not known."""

    client_order_id: ClientOrderId
    strategy: Id
    epoch: Epoch
    instrument: Id


class OrderAccepted(Message, frozen=True, tag="accepted"):
    client_order_id: ClientOrderId
    strategy: Id
    instrument: Id
    venue_order_id: Id
    ts_event: Ns
    seq: Count = 0


class OrderRejected(Message, frozen=True, tag="rejected"):
    """The venue refused the order; nothing of it was or will be filled."""

    client_order_id: ClientOrderId
    strategy: Id
    instrument: Id
    reason: RejectReason
    text: Text
    ts_event: Ns
    seq: Count = 0


class OrderDenied(Message, frozen=True, tag="denied"):
    """Our own gate refused the order; the venue never saw it. `context` is `key=value` pairs."""

    client_order_id: ClientOrderId
    strategy: Id
    instrument: Id
    reason: DenyReason
    context: Text
    ts_event: Ns
    seq: Count = 0


class OrderAmended(Message, frozen=True, tag="amended"):
    client_order_id: ClientOrderId
    strategy: Id
    instrument: Id
    quantity: Decimal
    price: Decimal
    ts_event: Ns
    seq: Count = 0

    def __post_init__(self) -> None:
        check_decimals(self.quantity, self.price)


class AmendRejected(Message, frozen=True, tag="amend-rejected"):
    """The order stands as it was, if it still stands."""

    client_order_id: ClientOrderId
    strategy: Id
    instrument: Id
    reason: RejectReason
    text: Text
    ts_event: Ns
    seq: Count = 0


class CancelRejected(Message, frozen=True, tag="cancel-rejected"):
    """The cancel came too late or named no working order; what became of the order is told by its own reports."""

    client_order_id: ClientOrderId
    strategy: Id
    instrument: Id
    reason: RejectReason
    text: Text
    ts_event: Ns
    seq: Count = 0


class OrderUnknown(Message, frozen=True, tag="unknown"):
    """Nobody knows what became of the order (the venue is gone). It counts fully until the venue has been asked."""

    client_order_id: ClientOrderId
    strategy: Id
    instrument: Id
    text: Text
    ts_event: Ns
    seq: Count = 0


class Fill(Message, frozen=True, tag="fill", kw_only=True):
    """One execution of our order.

    :param fee: in `fee_currency`; positive = we pay, negative = rebate.
    :param trade_id: the venue's; (instrument, trade_id) is applied exactly once.
    """

    client_order_id: ClientOrderId
    strategy: Id
    instrument: Id
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_currency: Id
    liquidity: Liquidity
    trade_id: Id
    ts_event: Ns
    seq: Count = 0

    def __post_init__(self) -> None:
        check_decimals(self.price, self.quantity, self.fee)


class OrderClosed(Message, frozen=True, tag="closed"):
    """The venue will fill no more of the order. The fills that it had come before this message."""

    client_order_id: ClientOrderId
    strategy: Id
    instrument: Id
    reason: CloseReason
    filled_quantity: Decimal
    ts_event: Ns
    seq: Count = 0

    def __post_init__(self) -> None:
        check_decimals(self.filled_quantity)


class FundingPaid(Message, frozen=True, tag="funding"):
    """A funding payment that the venue has booked, as it concerns one strategy.

    :param amount: in `currency`; positive = we received, negative = we paid.
    """

    strategy: Id
    instrument: Id
    amount: Decimal
    currency: Id
    rate: Annotated[float, msgspec.Meta(ge=-1.0, le=1.0)]
    position: Decimal
    funding_id: Id
    ts_event: Ns
    seq: Count = 0

    def __post_init__(self) -> None:
        check_decimals(self.amount, self.position)


OrderRequest = SubmitOrder | CancelOrder | AmendOrder | QueryOrder
ExecutionReport = (
    OrderAccepted
    | OrderRejected
    | OrderDenied
    | OrderAmended
    | AmendRejected
    | CancelRejected
    | OrderUnknown
    | Fill
    | OrderClosed
    | FundingPaid
)
