"""What Binance tells of the account that is no report on an order of ours; as values, so that nothing is dropped."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from messages.orders import Liquidity, Side


class AsideKind(StrEnum):
    REPEATED = "told before; it changes nothing"
    LATE = "told out of its turn"
    MISSING = "something before it was not told: the order is to be asked about"
    FOREIGN_ORDER = "of an order that this gateway did not send or has not asked about"
    FOREIGN_EXECUTION = "an execution of such an order: it moves the account's position, and is no fill of ours"
    FORCED_ORDER = "an order that the venue makes by itself; its executions come as fills"
    PREVENTED = "two orders of ours would have met"
    REPLACED = "the cancelled half of an amendment"
    NOT_TRADED = "of a kind of order that is not traded here"
    UNKNOWN_VALUE = "a value that is not in the venue's documentation"
    UNKNOWN_ANSWER = "an answer to nothing that was asked"
    REFUSED = "a request about the connection itself was refused"


class Aside(msgspec.Struct, frozen=True):
    """:param subject: the id that it is about."""

    kind: AsideKind
    subject: str
    text: str = ""


class EarlyFill(msgspec.Struct, frozen=True, kw_only=True):
    """A fill before its fee is known (TRADE_LITE): a signal, never a booking. The `Fill` has the same trade id."""

    client_order_id: str
    instrument: str
    side: Side
    price: Decimal
    quantity: Decimal
    liquidity: Liquidity
    trade_id: str
    ts_event: int


class BalancesSeen(msgspec.Struct, frozen=True):
    """The balances that have changed, total, by currency. :param reason: as the venue has it; "" on spot."""

    balances: dict[str, Decimal]
    reason: str
    ts_event: int


class BalanceMoved(msgspec.Struct, frozen=True):
    """A deposit, a withdrawal, a transfer, or a lock by another system of the venue's; no trade of ours.

    :param change: signed.
    """

    currency: str
    change: Decimal
    is_lock: bool
    ts_event: int


class PositionsSeen(msgspec.Struct, frozen=True):
    """The positions that have changed, signed, by instrument id; in hedge mode only those sides that the venue tells.

    :param sides: (instrument id, BOTH, LONG or SHORT) by position.
    """

    sides: dict[tuple[str, str], Decimal]
    ts_event: int


class FundingSeen(msgspec.Struct, frozen=True):
    """Funding has moved a balance; which contracts it was for, and at which rate, the income history tells.

    :param amount: signed, in `currency`: positive = we received; the sum over all contracts of that currency.
    """

    currency: str
    amount: Decimal
    ts_event: int


class MarginCall(msgspec.Struct, frozen=True):
    """The venue warns that positions are near their liquidation. :param instruments: their ids."""

    instruments: tuple[str, ...]
    ts_event: int


class UserStreamEnded(msgspec.Struct, frozen=True):
    """No more events come on this connection: subscribe anew, and ask for everything that was missed."""

    reason: str
    ts_event: int


class AccountConfigChanged(msgspec.Struct, frozen=True):
    """Leverage of a contract (`instrument` set) or the multi-assets mode was changed, by somebody."""

    instrument: str
    leverage: int | None
    is_multi_assets: bool | None
    ts_event: int


class ClockRefused(msgspec.Struct, frozen=True):
    """A timestamp was outside of the venue's window: measure the clock offset again. The request was not done."""

    text: str


class LoggedOn(msgspec.Struct, frozen=True):
    """The connection to the WebSocket API is logged on."""


class Subscribed(msgspec.Struct, frozen=True):
    """The user's events come from now on. :param listen_key: futures: a secret, part of the stream's address."""

    listen_key: str = ""

    def __repr__(self) -> str:
        return "Subscribed(listen_key=<redacted>)" if self.listen_key else "Subscribed()"


Noticed = (
    Aside
    | EarlyFill
    | BalancesSeen
    | BalanceMoved
    | PositionsSeen
    | FundingSeen
    | MarginCall
    | UserStreamEnded
    | AccountConfigChanged
)
