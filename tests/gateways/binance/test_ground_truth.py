"""The protocol finds in the recorded files what independent scripts found; the numbers are the data README's."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal

import pytest

from gateways.binance.market import Market
from gateways.binance.market_data import MarketData
from gateways.binance.stream_kinds import UnknownMessage
from gateways.book import Book
from gateways.exchange.sources.source import BookChange, BookReset
from gateways.native.wire import SnapshotNeeded
from messages.market import Gap, MarkPrice, Quote, Trade
from messages.orders import Side
from tests.gateways.binance.wire import (
    Arrival,
    an_instrument,
    capture,
    needs_data,
    session,
    single_messages,
    subscribed,
)


class Heard:
    """Everything that one market was told, counted."""

    def __init__(self, market: Market, symbols: Iterable[str]) -> None:
        self.data = MarketData(market, [an_instrument(symbol, market) for symbol in symbols])
        self.books: dict[str, Book] = defaultdict(Book)
        self.counts: Counter[type] = Counter()
        self.trades: dict[str, list[Trade]] = defaultdict(list)
        self.crossed = 0
        self.last_quote: Quote | None = None

    def take(self, arrivals: Iterable[Arrival]) -> "Heard":
        for ts_ns, content, snapshot_of in arrivals:
            if snapshot_of:
                events = self.data.on_snapshot(f"{snapshot_of}.v", content, ts_ns)
            else:
                events = self.data.on_frame(content, ts_ns)
            for event in events:
                self._count(event)
        return self

    def _count(self, event) -> None:
        self.counts[type(event)] += 1
        if isinstance(event, BookChange):
            book = self.books[event.instrument]
            book.apply(event.bids, event.asks)
            self.crossed += book.is_crossed
        elif isinstance(event, BookReset):
            self.books[event.instrument].reset(event.bids, event.asks)
        elif isinstance(event, Trade):
            self.trades[event.instrument].append(event)
        elif isinstance(event, Quote):
            self.last_quote = event

    def book_figures(self, symbol: str) -> tuple:
        """applied, discarded, gaps, last update id, best bid, best ask, levels of bids and of asks."""
        sync, book = self.data.feeds[f"{symbol}.v"].book.sync, self.books[f"{symbol}.v"]
        best = (book.best_bid(), book.best_ask())
        return (sync.applied, sync.discarded, sync.gaps, sync.last_update_id, *best, book.bid_levels, book.ask_levels)


def volume_and_vwap(trades: list[Trade]) -> tuple[Decimal, str]:
    volume = sum(Decimal(repr(trade.size)) for trade in trades)
    value = sum(Decimal(repr(trade.size)) * Decimal(repr(trade.price)) for trade in trades)
    return volume, f"{value / volume:.6f}"


CAPTURES = {
    Market.COINM: ("BTCUSD_PERP", ("cm_btcusd_perp_20240808.gz", "cm_btcusd_perp_20240809.gz")),
    Market.SPOT: ("BTCUSDT", ("spot_btcusdt_20240808.gz", "spot_btcusdt_20240809.gz")),
    Market.USDM: ("BTCUSDT", ("usdm_btcusdt_20240808.gz",)),
}
CAPTURE_BOOKS = {
    Market.COINM: (44_772, 23, 0, 1_007_206_781_963, (61_600.0, 27.0), (61_600.1, 1_647.0), 1_510, 1_733),
    Market.SPOT: (6_493, 2, 0, 50_093_696_318, (61_602.01, 1.67177), (61_602.02, 2.66795), 1_971, 2_962),
    Market.USDM: (6_547, 4, 0, 5_123_135_475_514, (61_659.7, 1.486), (61_659.8, 0.981), 5_018, 4_578),
}
CAPTURE_TRADES = {  # n, buyer-taker, volume, vwap, first and last id
    Market.COINM: (5_235, 2_565, "182183", "61652.857069", 849_714_402, 849_719_636),
    Market.SPOT: (19_904, 9_093, "437.91552000", "61671.551607", 3_735_683_259, 3_735_703_162),
    Market.USDM: (21_313, 9_616, "2429.366", "61680.982153", 5_266_583_935, 5_266_605_247),
}
CAPTURE_QUOTES = {  # n and the last one
    Market.COINM: (48_355, 61_600.0, 27.0, 61_600.1, 1_647.0),
    Market.SPOT: (73_174, 61_602.01, 1.67177, 61_602.02, 2.66795),
    Market.USDM: (66_089, 61_659.7, 1.486, 61_659.8, 0.981),
}


@needs_data
@pytest.mark.parametrize("market", CAPTURES)
def test_the_capture_of_2024_gives_the_books_quotes_and_trades_that_others_found(market):
    symbol, names = CAPTURES[market]
    heard = Heard(market, [symbol]).take(capture(symbol, *names))
    assert CAPTURE_BOOKS[market] == heard.book_figures(symbol)
    assert (1, 0, 0) == (heard.counts[BookReset], heard.counts[Gap], heard.crossed)
    assert heard.counts[SnapshotNeeded] == 1  # with the first diff, before the snapshot of the recording
    trades = heard.trades[f"{symbol}.v"]
    number, buyer_taker, volume, vwap, first_id, last_id = CAPTURE_TRADES[market]
    assert (number, buyer_taker) == (len(trades), sum(trade.aggressor is Side.BUY for trade in trades))
    assert (Decimal(volume), vwap) == volume_and_vwap(trades)
    assert list(range(first_id, last_id + 1)) == [int(trade.trade_id) for trade in trades]
    quote = heard.last_quote
    found = (heard.counts[Quote], quote.bid, quote.bid_size, quote.ask, quote.ask_size)
    assert CAPTURE_QUOTES[market] == found
    assert (0, 0) == (heard.data.unknown, heard.data.not_wanted.total())
    assert 0 == heard.data.feeds[f"{symbol}.v"].repeated


SESSION_BOOKS = {
    "binance_coinm": {
        "BTCUSD_211231": (191, 36, 0, 167_006_263_635, (32_627.7, 77.0), (32_627.8, 14.0), 998, 984),
        "EOSUSD_PERP": (180, 42, 0, 167_006_263_843, (3.467, 1_167.0), (3.468, 2_205.0), 414, 478),
        "ETCUSD_PERP": (215, 23, 0, 167_006_263_908, (42.28, 426.0), (42.281, 2.0), 440, 383),
        "LINKUSD_211231": (122, 30, 0, 167_006_263_681, (15.313, 294.0), (15.323, 927.0), 188, 205),
        "LINKUSD_PERP": (228, 10, 0, 167_006_263_775, (15.066, 1_039.0), (15.067, 128.0), 554, 494),
        "TRXUSD_PERP": (139, 31, 0, 167_006_263_597, (0.05345, 594.0), (0.05346, 1_515.0), 375, 518),
        "XRPUSD_PERP": (176, 35, 0, 167_006_262_175, (0.5661, 4_137.0), (0.5662, 608.0), 652, 995),
    },
    "binance_spot": {
        "BLZETH": (9, 1, 0, 281_916_638, (0.00006547, 100.0), (0.0000656, 1_528.0), 173, 999),
        "NKNUSDT": (149, 1, 0, 499_870_179, (0.3527, 9_602.0), (0.3531, 152.0), 614, 994),
    },
    "binance_usdm": {
        "AKROUSDT": (188, 1, 0, 600_860_423_964, (0.01734, 502.0), (0.01735, 50_697.0), 613, 761),
        "KEEPUSDT": (132, 3, 0, 600_860_420_312, (0.2463, 249.0), (0.2467, 9_047.0), 401, 614),
        "SUSHIUSDT": (252, 3, 0, 600_860_425_198, (7.612, 303.0), (7.616, 267.0), 1_006, 1_000),
    },
}
SESSION_TRADES = {
    "binance_coinm": {"ETCUSD_PERP": 14, "XRPUSD_PERP": 15, "EOSUSD_PERP": 3, "LINKUSD_PERP": 5, "BTCUSD_211231": 2},
    "binance_spot": {"NKNUSDT": 1},
    "binance_usdm": {"AKROUSDT": 8, "SUSHIUSDT": 40, "KEEPUSDT": 5},
}
SESSION_MESSAGES = {  # quotes, klines
    "binance_coinm": (1_546, 27),
    "binance_spot": (75, 1),
    "binance_usdm": (468, 35),
}


@needs_data
@pytest.mark.parametrize("folder", SESSION_BOOKS)
def test_the_sessions_of_2021_give_the_books_and_trades_that_others_found(folder):
    heard = Heard(Market(folder.removeprefix("binance_")), subscribed(folder)).take(session(folder))
    figures = {symbol: heard.book_figures(symbol) for symbol in SESSION_BOOKS[folder]}
    assert SESSION_BOOKS[folder] == figures
    assert (0, 0) == (heard.crossed, heard.data.unknown)
    trades = {name.removesuffix(".v"): len(trades) for name, trades in heard.trades.items()}
    assert SESSION_TRADES[folder] == trades
    quotes, klines = SESSION_MESSAGES[folder]
    assert (quotes, klines) == (heard.counts[Quote], heard.data.not_wanted["kline"])
    assert klines == heard.data.not_wanted.total()


@needs_data
def test_no_single_message_is_unknown():
    """39 frames and REST bodies of 2021 and 2022, of all markets; options and open interest are known, not wanted."""
    symbols = {
        Market.SPOT: ["BTCUSDT", "ETHUSDT"],
        Market.USDM: ["BTCUSDT", "ETHUSDT", "BTCUSDT_210625", "BTCUSDT_220624"],
        Market.COINM: [
            "BTCUSD_PERP", "ETHUSD_PERP", "RUNEUSD_PERP", "XMRUSD_PERP", "BTCUSD_210625", "BTCUSD_220624",
        ],
    }  # fmt: skip
    data = {
        market: MarketData(market, [an_instrument(symbol, market) for symbol in names])
        for market, names in symbols.items()
    }
    told: Counter[str] = Counter()
    for message in single_messages():
        market = Market.COINM if "inverse" in message.case else Market.USDM if "linear" in message.case else Market.SPOT
        content = message.raw.encode()
        if message.kind == "l2_snapshot":
            symbol = "BTCUSD_220624" if market is Market.COINM else "BTCUSDT"
            events = data[market].on_snapshot(f"{symbol}.v", content, 1)
        else:
            events = data[market].on_frame(content, 1)
        told[message.kind] += len([event for event in events if not isinstance(event, SnapshotNeeded | UnknownMessage)])
    assert 0 == sum(each.unknown for each in data.values())
    # an all-market frame of funding rates has two; the three diffs came before their snapshots
    expected = {"trade": 5, "funding_rate": 6, "l2_event": 0, "l2_topk": 3, "bbo": 3, "l2_snapshot": 3}
    assert expected == {kind: told[kind] for kind in expected}
    not_wanted = sum((each.not_wanted for each in data.values()), Counter())
    assert {"24hrTicker": 8, "kline": 4, "openInterest": 4, "trade_all": 1, "ticker_all": 1} == not_wanted


@needs_data
def test_the_funding_rate_and_its_stamp_are_read_to_the_digit():
    (raw,) = (m.raw for m in single_messages() if (m.kind, m.case) == ("funding_rate", "linear_swap"))
    (mark,) = MarketData(Market.USDM, [an_instrument("BTCUSDT", Market.USDM)]).on_frame(raw.encode(), 7)
    expected = MarkPrice(
        "BTCUSDT.v", 58_940.14924532, 58_857.26693664, 0.00058455, 1_617_321_600 * 10**9, 1_617_308_820_003 * 10**6, 7
    )
    assert expected == mark
