"""What a strategy host and a gateway say to one another: orders and signs of life one way, reports the other."""

from decimal import Decimal

from messages.base import Count, Id, Message, Ns, Text, check_decimals
from messages.orders import ClientOrderId, Epoch, ExecutionReport, OrderRequest

# --- to the gateway ----------------------------------------------------------------------------------------------


class Hello(Message, frozen=True, tag="hello"):
    """A strategy introduces itself to a gateway and asks for every report from `next_seq` on.

    :param lossless: True where the strategy answers checkpoints (`speed = 0` sources wait for it).
    """

    strategy: Id
    epoch: Epoch
    next_seq: Count
    lossless: bool
    protocol_version: Count


class ExecutionsApplied(Message, frozen=True, tag="applied"):
    """Cumulative acknowledgement: every report up to `seq` is in the strategy's journal.

    :param epoch: of the incarnation that has them; what an old one has says nothing of the one that is served.
    """

    strategy: Id
    seq: Count
    epoch: Epoch


class StillAlive(Message, frozen=True, tag="still-alive"):
    """Sent to every gateway by the strategy's own loop at each heartbeat.

    A gateway that hears nothing for as long as a lease lasts cancels the strategy's orders, whoever else is dead.
    """

    strategy: Id
    epoch: Epoch


class CheckpointReached(Message, frozen=True, tag="checkpoint-reached"):
    """Everything published before the checkpoint has been handled by this reader."""

    reader: Id
    number: Count


# --- from the gateway --------------------------------------------------------------------------------------------


class Welcome(Message, frozen=True, tag="welcome"):
    """The gateway's answer to `Hello`, sent after the reports that were missed.

    :param positions: signed, by instrument id: what this strategy holds at this venue by the gateway's own books.
    :param open_orders: client order ids that the gateway still regards as open.
    :param is_venue_up: False while the gateway has no link to the venue.
    """

    venue: Id
    strategy: Id
    epoch: Epoch
    last_seq: Count
    positions: dict[str, Decimal]
    open_orders: tuple[ClientOrderId, ...]
    is_venue_up: bool

    def __post_init__(self) -> None:
        check_decimals(*self.positions.values())


class HelloRefused(Message, frozen=True, tag="hello-refused"):
    """The gateway does not serve this incarnation: its epoch is over, or it speaks another protocol version."""

    venue: Id
    strategy: Id
    text: Text


class VenueDown(Message, frozen=True, tag="venue-down"):
    """The gateway lost its venue, or the strategy's host lost the gateway; market data is stale, orders unknown."""

    venue: Id
    text: Text
    ts: Ns


class VenueUp(Message, frozen=True, tag="venue-up"):
    venue: Id
    ts: Ns


ToGateway = OrderRequest | Hello | ExecutionsApplied | CheckpointReached | StillAlive
FromGateway = ExecutionReport | Welcome | HelloRefused | VenueDown | VenueUp
