"""The trades of one Bybit instrument. Pure.

Block trades are agreed on outside of the book, at prices that nobody could trade at: they are counted, not told.
"""

from collections.abc import Sequence
from typing import Final

from gateways.bybit.book_feed import DISCONNECTED_REASON
from gateways.bybit.frames import NS_PER_MS, Print, decode_trades
from gateways.bybit.streams import Topic
from messages.market import Gap, Trade
from messages.orders import Side

SIDES: Final = {"Buy": Side.BUY, "Sell": Side.SELL}
"""Of the taker."""


class TradeFeed:
    """:ivar trades: told so far; `block_trades`: left out."""

    def __init__(self, topic: Topic) -> None:
        self._id = topic.instrument
        self._has_told = False
        self.trades = 0
        self.block_trades = 0

    def on_frame(self, frame: bytes, ts_received: int) -> Sequence[Trade]:
        prints = decode_trades(frame).data
        self._has_told = True
        told = [self._trade(one, ts_received) for one in prints if not one.BT]
        self.trades += len(told)
        self.block_trades += len(prints) - len(told)
        return told

    def on_disconnect(self, ts_received: int) -> Sequence[Gap]:
        """Trades are lost until the topic is subscribed to again: told once."""
        had_told, self._has_told = self._has_told, False
        return (Gap(self._id, DISCONNECTED_REASON, ts_received),) if had_told else ()

    def _trade(self, one: Print, ts_received: int) -> Trade:
        return Trade(self._id, one.p, one.v, SIDES[one.S], one.i, one.T * NS_PER_MS, ts_received)
