"""The contract between a gateway and its venue, the same for simulated and real ones.

A gateway asks with `ToVenue` and hears `FromVenue`; execution reports come with `seq = 0`, since the numbering is the
gateway's. After a loss of the link the gateway asks: each open order with `QueryOrder`, the account with
`AccountQuery`. Nothing is assumed of an order that was not answered.
"""

from decimal import Decimal
from typing import Annotated

import msgspec

from messages.base import Count, Id, Message, Ns, OptionalId, Price, Ratio, check_decimals
from messages.codec import Codec
from messages.gateway_link import CheckpointReached
from messages.orders import (
    AmendOrder,
    CancelOrder,
    ClientOrderId,
    CloseReason,
    ExecutionReport,
    Fill,
    QueryOrder,
    RejectReason,
    SubmitOrder,
)

FILLS_PER_ORDER_MAX = 10_000
FUNDINGS_MAX = 10_000
FORCED_FILLS_MAX = 500
OPEN_ORDERS_MAX = 4_000


class VenueLogin(Message, frozen=True, tag="venue-login"):
    """The first message on a link to a simulated venue."""

    venue: Id
    protocol_version: Count


class LoginAccepted(Message, frozen=True, tag="login-accepted"):
    venue: Id
    ts: Ns


class AccountQuery(Message, frozen=True, tag="account-query"):
    """Ask for positions, balances, open orders, and what was booked since: fundings and forced fills.

    :param after_funding: number of fundings already known to the gateway; `after_forced` of forced fills.
    """

    venue: Id
    after_funding: Count
    after_forced: Count = 0


class OpenOrder(Message, frozen=True, tag="open-order"):
    """An order that works at the venue, whoever has sent it."""

    client_order_id: ClientOrderId
    instrument: Id


class ForcedFill(Message, frozen=True, tag="forced-fill"):
    """A fill that the venue made by itself: a liquidation, say. It was told as a plain `Fill` to whoever was there.

    :param number: 1, 2, 3, ... in the order of booking at this venue.
    """

    number: Count
    fill: Fill


class FundingBooked(Message, frozen=True, tag="funding-booked"):
    """The venue has paid or charged funding on the account's whole position in one instrument.

    :param number: 1, 2, 3, ... in the order of booking at this venue.
    :param amount: in `currency`; positive = we received.
    """

    number: Count
    instrument: Id
    amount: Decimal
    currency: Id
    rate: Ratio
    mark: Price
    position: Decimal
    ts_event: Ns

    def __post_init__(self) -> None:
        check_decimals(self.amount, self.position)


class AccountState(Message, frozen=True, tag="account"):
    """The venue's own books.

    :param positions: signed, by instrument id. Derivatives only: what is held of a spot instrument is a balance.
    :param balances: by currency: total, whatever is reserved by orders included.
    :param listed: the open orders with their instruments, as many as `open_orders`; empty where the venue does not say.
    :param forced: what the venue did by itself, numbered above `after_forced`; the oldest where they are too many.
    """

    venue: Id
    positions: dict[str, Decimal]
    balances: dict[str, Decimal]
    open_orders: tuple[ClientOrderId, ...]
    fundings: Annotated[tuple[FundingBooked, ...], msgspec.Meta(max_length=FUNDINGS_MAX)]
    ts_event: Ns
    listed: Annotated[tuple[OpenOrder, ...], msgspec.Meta(max_length=OPEN_ORDERS_MAX)] = ()
    forced: Annotated[tuple[ForcedFill, ...], msgspec.Meta(max_length=FORCED_FILLS_MAX)] = ()

    def __post_init__(self) -> None:
        check_decimals(*self.positions.values(), *self.balances.values())


class OrderStatus(Message, frozen=True, tag="order-status"):
    """The answer to `QueryOrder`: everything that the venue knows of one order.

    :param is_known: False where the venue never saw the order; since it was asked after every submission on this
        link, it never will.
    :param venue_order_id: empty where the venue does not know the order, or does not say.
    :param rejected: set where the venue refused it.
    :param closed: set where it can fill no more; None while it works.
    :param quantity: in all, as last amended; `price` likewise. None where the venue does not say, or it has no price.
    """

    client_order_id: ClientOrderId
    strategy: Id
    instrument: Id
    is_known: bool
    venue_order_id: OptionalId
    rejected: RejectReason | None
    closed: CloseReason | None
    filled_quantity: Decimal
    fills: Annotated[tuple[Fill, ...], msgspec.Meta(max_length=FILLS_PER_ORDER_MAX)]
    ts_event: Ns
    quantity: Decimal | None = None
    price: Decimal | None = None

    def __post_init__(self) -> None:
        check_decimals(self.filled_quantity, self.quantity, self.price)


VenueRequest = SubmitOrder | CancelOrder | AmendOrder | QueryOrder | AccountQuery
VenueReport = ExecutionReport | OrderStatus | AccountState | FundingBooked
ToVenue = VenueRequest | VenueLogin | CheckpointReached
FromVenue = VenueReport | LoginAccepted

TO_VENUE: Codec[ToVenue] = Codec("to venue", ToVenue)
FROM_VENUE: Codec[FromVenue] = Codec("from venue", FromVenue)
