"""What the venue says that is no report on an order of ours: told as a value, so that nothing is dropped in silence."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from messages.orders import Liquidity, Side


class AsideKind(StrEnum):
    UNKNOWN_TOPIC = "a topic that is not known"
    UNKNOWN_VALUE = "a value that is not in the venue's documentation"
    FOREIGN_ORDER = "an order that this gateway did not send or has not asked about"
    FOREIGN_EXECUTION = "an execution of such an order"
    NOT_TRADED = "an instrument or a kind of order that is not traded here"
    NOT_A_FILL = "a booking that changes no position"
    KNOWN_BEFORE = "a booking that an earlier process has taken"


class Aside(msgspec.Struct, frozen=True):
    """:param subject: the id that it is about."""

    kind: AsideKind
    subject: str
    text: str


class EarlyFill(msgspec.Struct, frozen=True, kw_only=True):
    """A fill whose fee is not known yet: a signal, never a booking. The `Fill` follows with the same trade id."""

    client_order_id: str
    instrument: str
    side: Side
    price: Decimal
    quantity: Decimal
    liquidity: Liquidity
    trade_id: str
    ts_event: int


class PositionSeen(msgspec.Struct, frozen=True, kw_only=True):
    """The position as the venue now holds it. :param position: signed. :param status: Normal, Liq, Adl.

    :param position_idx: 0 one-way; 1 and 2 the long and the short side of an account in hedge mode.
    """

    instrument: str
    position: Decimal
    position_idx: int
    status: str
    ts_event: int


class BalancesSeen(msgspec.Struct, frozen=True):
    """Totals by currency, what is reserved by orders included, what is borrowed not."""

    balances: dict[str, Decimal]
    ts_event: int


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The venue's answer to a login, a subscription or a ping."""

    op: str
    is_ok: bool
    text: str
