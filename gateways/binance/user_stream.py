"""The user's events of one account to our messages: every frame is told as reports, as asides, or as unknown. Pure.

A listen key is gone from spot: its events come on the connection to the WebSocket API, after
`userDataStream.subscribe` on one that is logged on (Ed25519), or `userDataStream.subscribe.signature` (HMAC). Futures
keep the listen key, on a connection of its own.

Sources, read 2026-11-24: Spot API docs, "WebSocket API / User Data Stream requests", "User Data Streams"; Derivatives
docs, USDⓈ-M and COIN-M Futures, "User Data Streams / Connect" (path, validity, order of messages) and its events.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from gateways.binance.answer_frames import raw_bytes
from gateways.binance.malformed import DECODE_ERRORS, malformed
from gateways.binance.market import Market
from gateways.binance.order_bodies import NS_PER_MS, SIDES
from gateways.binance.order_events import EXECUTIONS, VENUE, fill_of, reports_of
from gateways.binance.order_tracker import OrderTracker, Told
from gateways.binance.private_asides import (
    AccountConfigChanged,
    Aside,
    AsideKind,
    BalanceMoved,
    BalancesSeen,
    EarlyFill,
    FundingSeen,
    MarginCall,
    Noticed,
    PositionsSeen,
    UserStreamEnded,
)
from gateways.binance.stream_kinds import UnknownMessage, unknown
from gateways.binance.user_events import (
    OrderEvent,
    decode_account_config,
    decode_account_position,
    decode_account_update,
    decode_balance_update,
    decode_end,
    decode_execution_report,
    decode_header,
    decode_list_status,
    decode_margin_call,
    decode_order_trade_update,
    decode_trade_lite,
)
from gateways.binance.venue_orders import forced_id
from messages.orders import Fill, Liquidity

USER_STREAM: Final = "user-data"
"""The name of the futures' connection for the user's events."""
FORCED_KNOWN_MAX: Final = 10_000
FUNDING_FEE: Final = "FUNDING_FEE"

NOT_TRADED: Final = frozenset(
    {
        "ALGO_UPDATE",
        "CONDITIONAL_ORDER_TRIGGER_REJECT",
        "CONDITIONAL_ORDER_TRADE_UPDATE",
        "STRATEGY_UPDATE",
        "GRID_UPDATE",
    }
)
"""Events of conditional orders, strategies and grids, which we do not send."""

Heard = Told | Noticed | UnknownMessage


def stream_path(market: Market, listen_key: str) -> str:
    """Where the futures' user events come, on the host of the market's streams; USDⓈ-M has paths by kind."""
    return f"/private/ws/{listen_key}" if market is Market.USDM else f"/ws/{listen_key}"


class UserStream:
    """:param settle: the settle currency of contracts, by symbol; for executions without a fee."""

    def __init__(
        self, market: Market, venue: str, tracker: OrderTracker, settle: Mapping[str, str] | None = None
    ) -> None:
        self._market = market
        self._venue = venue
        self._tracker = tracker
        self._settle = dict(settle or {})
        self._forced: dict[tuple[str, str], None] = {}
        self._ages: deque[tuple[str, str]] = deque()
        self._handlers: dict[str, Callable[[bytes, int], list[Heard]]] = {
            "executionReport": lambda body, now: self._on_order(decode_execution_report(body), now),
            "ORDER_TRADE_UPDATE": lambda body, now: self._on_order(decode_order_trade_update(body).o, now),
            "TRADE_LITE": self._on_trade_lite,
            "outboundAccountPosition": self._on_balances,
            "balanceUpdate": self._on_balance_moved,
            "externalLockUpdate": self._on_lock,
            "listStatus": self._on_list,
            "ACCOUNT_UPDATE": self._on_account,
            "MARGIN_CALL": self._on_margin_call,
            "ACCOUNT_CONFIG_UPDATE": self._on_config,
            "listenKeyExpired": self._on_end,
            "eventStreamTerminated": self._on_end,
        }

    def take(self, frame: bytes, now_ns: int) -> list[Heard]:
        """One event, raw or in an envelope.

        :raises MalformedMessage: it cannot be read as what it says it is.
        """
        kind, body = "event", frame
        try:
            header = decode_header(frame)
            if inner := raw_bytes(header.event) or raw_bytes(header.data):
                body = inner
                header = decode_header(body)
            kind = header.e
            if kind in NOT_TRADED:
                return [Aside(AsideKind.NOT_TRADED, kind)]
            handler = self._handlers.get(kind)
            return [unknown(kind, frame)] if handler is None else handler(body, now_ns)
        except DECODE_ERRORS as error:
            raise malformed(f"user event {kind}", body, error) from error

    # --- orders --------------------------------------------------------------------------------------------------

    def _on_order(self, event: OrderEvent, now_ns: int) -> list[Heard]:
        name = event.order_name
        forced = None if self._market.is_spot else forced_id(name)
        if forced is not None:
            return self._forced_event(event, forced)
        order = self._tracker.find(name)
        if order is not None:
            filled = event.z if event.x in EXECUTIONS else None
            return list(self._tracker.admit(reports_of(self._market, event, order), now_ns, filled=filled))
        instrument = self._instrument(event.s)
        if event.x in EXECUTIONS and event.l:
            text = f"{event.S} {event.l} {instrument} at {event.L}, execution {event.trade_id}"
            return [Aside(AsideKind.FOREIGN_EXECUTION, name, text)]
        return [Aside(AsideKind.FOREIGN_ORDER, name, f"{event.x} {instrument}")]

    def _forced_event(self, event: OrderEvent, name: str) -> list[Heard]:
        instrument = self._instrument(event.s)
        if event.x not in EXECUTIONS or not event.l:
            return [Aside(AsideKind.FORCED_ORDER, name, f"{event.x} {event.X} {instrument}")]
        fill = fill_of(event, name, VENUE, instrument, self._settle.get(event.s, ""))
        return [fill] if self._is_new(fill) else [Aside(AsideKind.REPEATED, name, f"execution {fill.trade_id}")]

    def _is_new(self, fill: Fill) -> bool:
        key = (fill.instrument, fill.trade_id)
        if key in self._forced:
            return False
        self._forced[key] = None
        self._ages.append(key)
        if len(self._ages) > FORCED_KNOWN_MAX:
            del self._forced[self._ages.popleft()]
        return True

    def _on_trade_lite(self, body: bytes, _now_ns: int) -> list[Heard]:
        event = decode_trade_lite(body)
        order = self._tracker.find(event.c)
        trade_id = str(event.t)
        if order is None:
            kind = AsideKind.FOREIGN_EXECUTION if forced_id(event.c) is None else AsideKind.FORCED_ORDER
            return [Aside(kind, event.c, f"execution {trade_id}, told early")]
        if trade_id in order.trade_ids:
            return [Aside(AsideKind.REPEATED, event.c, f"execution {trade_id}, told early after its fill")]
        early = EarlyFill(
            client_order_id=event.c,
            instrument=order.instrument,
            side=SIDES[event.S],
            price=event.L,
            quantity=event.l,
            liquidity=Liquidity.MAKER if event.m else Liquidity.TAKER,
            trade_id=trade_id,
            ts_event=event.T * NS_PER_MS,
        )
        return [early]

    def _on_list(self, body: bytes, _now_ns: int) -> list[Heard]:
        return [Aside(AsideKind.NOT_TRADED, decode_list_status(body).C, "an order list")]

    # --- the account ---------------------------------------------------------------------------------------------

    def _on_balances(self, body: bytes, _now_ns: int) -> list[Heard]:
        event = decode_account_position(body)
        balances = {balance.a: balance.f + balance.l for balance in event.B}
        return [BalancesSeen(balances, "", event.u * NS_PER_MS)]

    def _on_balance_moved(self, body: bytes, _now_ns: int) -> list[Heard]:
        event = decode_balance_update(body)
        return [BalanceMoved(event.a, event.d, False, event.T * NS_PER_MS)]

    def _on_lock(self, body: bytes, _now_ns: int) -> list[Heard]:
        event = decode_balance_update(body)
        return [BalanceMoved(event.a, event.d, True, event.T * NS_PER_MS)]

    def _on_account(self, body: bytes, _now_ns: int) -> list[Heard]:
        event = decode_account_update(body)
        ts, change = event.T * NS_PER_MS, event.a
        heard: list[Heard] = []
        if change.B:
            heard.append(BalancesSeen({balance.a: balance.wb for balance in change.B}, change.m, ts))
        if change.P:
            sides = {(self._instrument(position.s), position.ps): position.pa for position in change.P}
            heard.append(PositionsSeen(sides, ts))
        if change.m == FUNDING_FEE:
            heard += [FundingSeen(balance.a, balance.bc, ts) for balance in change.B]
        return heard or [Aside(AsideKind.NOT_TRADED, change.m, "an account update without balances and positions")]

    def _on_margin_call(self, body: bytes, _now_ns: int) -> list[Heard]:
        event = decode_margin_call(body)
        return [MarginCall(tuple(self._instrument(position.s) for position in event.p), event.E * NS_PER_MS)]

    def _on_config(self, body: bytes, _now_ns: int) -> list[Heard]:
        event = decode_account_config(body)
        leverage = None if event.ac is None else event.ac.l
        instrument = "" if event.ac is None else self._instrument(event.ac.s)
        is_multi = None if event.ai is None else event.ai.j
        return [AccountConfigChanged(instrument, leverage, is_multi, event.E * NS_PER_MS)]

    def _on_end(self, body: bytes, now_ns: int) -> list[Heard]:
        event = decode_end(body)
        return [UserStreamEnded(decode_header(body).e, event.E * NS_PER_MS or now_ns)]

    def _instrument(self, symbol: str) -> str:
        return f"{symbol}.{self._venue}"
