"""The events of a user's account as Binance sends them, typed. The letters are the venue's. Pure.

Sources, read 2026-11-24: Spot API docs, "User Data Streams" (Account Update, Balance Update, Order Update with its
conditional fields, Event Stream Terminated, External Lock Update); Derivatives docs, "User Data Streams" of USDⓈ-M and
COIN-M Futures (Order Update, Balance and Position Update, Trade Lite, Margin Call, Account Configuration Update, User
Data Stream Expired).
"""

from decimal import Decimal
from typing import Annotated, Final

import msgspec

from gateways.binance.order_bodies import ZERO, Ms, SideName
from messages.base import NS_MAX, Count

TradeId = Annotated[int, msgspec.Meta(ge=-1, le=NS_MAX)]
"""-1 (spot) or 0 (futures) where the event is no execution."""


class OrderEvent(msgspec.Struct, gc=False):
    """What has happened to an order: spot's `executionReport`, or `o` of the futures' `ORDER_TRADE_UPDATE`.

    `c`: the order's id; of spot cancels and amendments that of the request, and `C` the order's. `x`: what happened,
    `X`: how the order stands then. `l`, `L`: quantity and price of this execution, `z`: filled in all. `n` of `N`: fee.
    `r`: why it was rejected (spot). `er`: why it expired (futures). `ma`: margin currency (COIN-M).
    """

    s: str
    c: str
    S: SideName
    q: Decimal
    p: Decimal
    x: str
    X: str
    i: Count
    T: Ms
    l: Decimal = ZERO  # noqa: E741  # the venue's letter
    z: Decimal = ZERO
    L: Decimal = ZERO
    n: Decimal = ZERO
    N: str | None = None
    t: TradeId = -1
    m: bool = False
    f: str = ""
    C: str = ""
    r: str = ""
    er: str | int = ""
    ma: str = ""

    @property
    def order_name(self) -> str:
        return self.C or self.c

    @property
    def trade_id(self) -> str:
        """The venue's; made of order and filled quantity where a forced execution comes without one."""
        return str(self.t) if self.t > 0 else f"{self.i}-{self.z}"


class OrderTradeUpdate(msgspec.Struct, gc=False):
    o: OrderEvent


class SpotBalance(msgspec.Struct, gc=False):
    """`f` free, `l` locked by orders."""

    a: str
    f: Decimal
    l: Decimal  # noqa: E741


class AccountPosition(msgspec.Struct, gc=False):
    """Spot's `outboundAccountPosition`: the balances that may have changed."""

    u: Ms
    B: list[SpotBalance]


class BalanceUpdate(msgspec.Struct, gc=False):
    """`balanceUpdate` and `externalLockUpdate` of spot. `d`: the change."""

    a: str
    d: Decimal
    T: Ms


class ListStatus(msgspec.Struct, gc=False):
    """`C`: the id of an order list, which we do not send."""

    C: str = ""


class FuturesBalance(msgspec.Struct, gc=False):
    """`wb` wallet balance; `bc` its change but for profit and commission."""

    a: str
    wb: Decimal
    bc: Decimal = ZERO


class FuturesPosition(msgspec.Struct, gc=False):
    """`pa` signed quantity; `ps` BOTH in one-way mode, LONG and SHORT in hedge mode."""

    s: str
    pa: Decimal
    ps: str = "BOTH"


class AccountChange(msgspec.Struct, gc=False):
    """`m`: why, as in ORDER or FUNDING_FEE."""

    m: str
    B: list[FuturesBalance] = []
    P: list[FuturesPosition] = []


class AccountUpdate(msgspec.Struct, gc=False):
    T: Ms
    a: AccountChange


class TradeLite(msgspec.Struct, gc=False):
    """An execution, told before its `ORDER_TRADE_UPDATE` and without its fee. USDⓈ-M only."""

    s: str
    c: str
    S: SideName
    L: Decimal
    l: Decimal  # noqa: E741
    t: Count
    T: Ms
    m: bool = False


class CalledPosition(msgspec.Struct, gc=False):
    s: str


class MarginCallBody(msgspec.Struct, gc=False):
    E: Ms
    p: list[CalledPosition] = []


class LeverageChange(msgspec.Struct, gc=False):
    s: str
    l: int  # noqa: E741


class ModeChange(msgspec.Struct, gc=False):
    j: bool


class AccountConfigUpdate(msgspec.Struct, gc=False):
    """`ac`: leverage of a contract; `ai`: multi-assets mode."""

    E: Ms
    ac: LeverageChange | None = None
    ai: ModeChange | None = None


class EndOfStream(msgspec.Struct, gc=False):
    E: Ms = 0


class EventHeader(msgspec.Struct, gc=False):
    """What any frame with an event says of itself: raw, in an envelope of streams, or of the WebSocket API."""

    e: str = ""
    stream: str = ""
    data: msgspec.Raw = msgspec.Raw()
    event: msgspec.Raw = msgspec.Raw()


decode_header: Final = msgspec.json.Decoder(EventHeader).decode
decode_execution_report: Final = msgspec.json.Decoder(OrderEvent).decode
decode_order_trade_update: Final = msgspec.json.Decoder(OrderTradeUpdate).decode
decode_account_position: Final = msgspec.json.Decoder(AccountPosition).decode
decode_balance_update: Final = msgspec.json.Decoder(BalanceUpdate).decode
decode_list_status: Final = msgspec.json.Decoder(ListStatus).decode
decode_account_update: Final = msgspec.json.Decoder(AccountUpdate).decode
decode_trade_lite: Final = msgspec.json.Decoder(TradeLite).decode
decode_margin_call: Final = msgspec.json.Decoder(MarginCallBody).decode
decode_account_config: Final = msgspec.json.Decoder(AccountConfigUpdate).decode
decode_end: Final = msgspec.json.Decoder(EndOfStream).decode
