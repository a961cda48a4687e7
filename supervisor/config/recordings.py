"""What the types of a recorded source cannot say: that its files are there, and that its feeds fit the instruments."""

from collections.abc import Callable, Iterable, Iterator

from gateways.exchange.feed_spec import ALONE, BinanceStreamFeed, Feed, FeedSpec, FundingCsvFeed, LeanMinuteFeed
from gateways.exchange.sources.lean_minute import bar_file
from gateways.exchange.spec import RecordedSourceSpec
from messages.instruments import InstrumentType
from supervisor.config.mistakes import Mistake, nearest_name, one_of, shown
from supervisor.config.shape import GatewayConfig, InstrumentConfig

FORMATS = tuple(str(kind.__struct_config__.tag) for kind in ALONE)
"""Those that a source of one feed can have."""

MARKETS = ("spot", "usdm", "coinm")
MARKETS_OF = str(BinanceStreamFeed.__struct_config__.tag)


Placed = list[tuple[str, Feed]]
"""Feeds with their paths."""


def check_form(path: str, source: RecordedSourceSpec) -> Iterator[Mistake]:
    """A source is written in one of two ways."""
    stated = [name for name in ("format", "market", "files") if getattr(source, name)]
    if source.feeds:
        for name in stated:
            yield Mistake(f"{path}.{name}", "beside feeds, which have their own", f"feeds, or {name}")
        return
    if not source.format:
        yield Mistake(f"{path}.format", "missing key", f"{one_of(FORMATS)}; or feeds")
    else:
        yield from _check_choice(f"{path}.format", source.format, FORMATS)
    if source.market and source.format in FORMATS and source.format != MARKETS_OF:
        yield Mistake(f"{path}.market", f"set for {source.format}", f"no market, or {MARKETS_OF}")
    elif source.market:
        yield from _check_choice(f"{path}.market", source.market, MARKETS)
    elif source.format == MARKETS_OF:
        yield Mistake(f"{path}.market", "missing key", one_of(MARKETS))


def check_files(path: str, source: RecordedSourceSpec | FeedSpec, is_file: Callable[[str], bool]) -> Iterator[Mistake]:
    """The data files of a source of one feed, or of a feed."""
    if isinstance(source, RecordedSourceSpec) and source.feeds:
        return
    if not source.files:
        yield Mistake(f"{path}.files", "no data files", "at least one data file")
    for index, file in enumerate(source.files):
        if not is_file(file):
            yield Mistake(f"{path}.files[{index}]", f'no file "{file}"', "a file that can be read")


def check_feeds(path: str, gateway: GatewayConfig) -> Iterator[Mistake]:
    """Each feed is of an instrument that can have it, and each instrument has its quotes from one feed."""
    source = gateway.source
    if not isinstance(source, RecordedSourceSpec) or not (source.feeds or source.format in FORMATS):
        return
    try:
        feeds = source.feed_specs
    except ValueError:
        return  # `check_form` has told what is wrong
    source_path = f"{path}.source"
    placed = [(f"{source_path}.feeds[{index}]" if source.feeds else source_path, f) for index, f in enumerate(feeds)]
    for place, feed in placed:
        if isinstance(feed, LeanMinuteFeed):
            yield from _check_bar_files(place, feed)
    if not source.feeds and len(gateway.instruments) > 1:
        found = f"{len(gateway.instruments)} instruments"
        yield Mistake(f"{path}.instruments", found, "one, as the recording has; or a feed for each")
        return
    wrong = [*_check_symbols({instrument.symbol for instrument in gateway.instruments}, placed)]
    yield from wrong
    for index, instrument in enumerate(() if wrong else gateway.instruments):
        own = [(place, feed) for place, feed in placed if feed.symbol in ("", instrument.symbol)]
        yield from _check_kinds(own, instrument)
        yield from _check_quotes(f"{path}.instruments[{index}]", own)
        yield from _check_funding(f"{path}.instruments[{index}]", own, instrument)


def _check_symbols(symbols: set[str], placed: Placed) -> Iterator[Mistake]:
    for place, feed in placed:
        if feed.symbol and feed.symbol not in symbols:
            nearest = nearest_name(feed.symbol, symbols)
            yield Mistake(f"{place}.symbol", shown(feed.symbol), one_of(symbols), nearest)
        elif not feed.symbol and len(symbols) > 1:
            yield Mistake(f"{place}.symbol", "missing key", one_of(symbols))


def _check_bar_files(place: str, feed: LeanMinuteFeed) -> Iterator[Mistake]:
    for index, file in enumerate(feed.files):
        try:
            bar_file(file, feed)
        except ValueError as error:
            expected = "a name such as btcusdt_minute_20221213_quote.csv, or the keys bars and date in a feed"
            yield Mistake(f"{place}.files[{index}]", str(error), expected)


def _check_kinds(own: Placed, instrument: InstrumentConfig) -> Iterator[Mistake]:
    for place, feed in own:
        if isinstance(feed, BinanceStreamFeed) and feed.market != (market := _market_of(instrument)):
            found = f'"{feed.market}", but the instrument belongs to {market}'
            yield Mistake(f"{place}.market", found, market)
        if isinstance(feed, FundingCsvFeed) and instrument.type is not InstrumentType.PERPETUAL:
            yield Mistake(f"{place}.format", f"funding, but {instrument.symbol} is {instrument.type}", "a perpetual")


def _check_quotes(path: str, own: Placed) -> Iterator[Mistake]:
    quoting = [place for place, feed in own if _has_quotes(feed)]
    if not quoting:
        yield Mistake(path, "no feed has its quotes: nothing could be traded", "a feed with quotes or a book")
    yield from _repeated(quoting, "one feed of quotes for each instrument")


def _check_funding(path: str, own: Placed, instrument: InstrumentConfig) -> Iterator[Mistake]:
    funding = [place for place, feed in own if isinstance(feed, FundingCsvFeed)]
    yield from _repeated(funding, "one feed of funding for each instrument")
    if funding and instrument.type is InstrumentType.PERPETUAL and not instrument.funding_interval_hours:
        found = f"0, but {funding[0]} has its funding"
        yield Mistake(f"{path}.funding_interval_hours", found, "the hours from one stamp to the next")


def _has_quotes(feed: Feed) -> bool:
    if isinstance(feed, LeanMinuteFeed):
        # A file whose name does not tell what it has is reported by itself.
        return feed.bars == "quote" or (feed.bars is None and not all("trade" in file.lower() for file in feed.files))
    return isinstance(feed, ALONE)


def _market_of(instrument: InstrumentConfig) -> str:
    if instrument.type is InstrumentType.SPOT:
        return "spot"
    return "coinm" if instrument.inverse else "usdm"


def _repeated(places: Iterable[str], expected: str) -> Iterator[Mistake]:
    first, *others = [*places] or [""]
    return (Mistake(place, f"the same of the same instrument as {first}", expected) for place in others)


def _check_choice(path: str, value: str, choices: tuple[str, ...]) -> Iterator[Mistake]:
    if value not in choices:
        yield Mistake(path, shown(value), one_of(choices), nearest_name(value, choices))
