"""What is wrong with the feeds of a recorded source, each told by its path."""

import re
from datetime import date
from pathlib import Path

import pytest

from gateways.exchange.feed_spec import FundingCsvFeed, LeanMinuteFeed
from gateways.exchange.spec import RecordedSourceSpec
from supervisor.config import load
from tests.supervisor.desk_config import CLUSTER, loaded, mistakes_in
from tests.support.recordings import DATA, ROOT, needs_recordings

PERPETUAL = """
[[gateways.instruments]]
symbol = "BTCUSDT"
type = "perpetual"
base = "BTC"
quote = "USDT"
tick_size = "0.1"
lot_size = "0.001"
funding_interval_hours = 8
"""
SPOT = """
[[gateways.instruments]]
symbol = "BTCUSDC"
type = "spot"
base = "BTC"
quote = "USDC"
tick_size = "0.1"
lot_size = "0.001"
"""
NAMES = ("btc_20221213_quote.csv", "btc_20221213_trade.csv", "funding.csv", "quote.csv", "20221213.csv")


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)


def a_desk(source: str, instruments: str = PERPETUAL) -> str:
    head = '[[gateways]]\nid = "venue"\nkind = "simulated"\nbalances = { USDT = 1 }\n'
    return f'{CLUSTER}{head}[gateways.source]\nkind = "recorded"\n{source}\n{instruments}'


def feeds(*tables: str) -> str:
    return "".join(f"[[gateways.source.feeds]]\n{table}\n" for table in tables)


QUOTES = 'format = "lean-minute"\nfiles = ["btc_20221213_quote.csv"]'
TRADES = 'format = "lean-minute"\nfiles = ["btc_20221213_trade.csv"]'
FUNDING = 'format = "funding-csv"\nfiles = ["funding.csv"]'


def of(symbol: str, feed: str) -> str:
    return f'{feed}\nsymbol = "{symbol}"'


def test_feeds_are_decoded_by_their_formats_and_their_files_are_absolute(tmp_path: Path) -> None:
    dated = 'format = "lean-minute"\nfiles = ["quote.csv"]\ndate = 2022-12-13\nresolution = "second"'
    source = loaded(a_desk(feeds(dated, FUNDING + "\nutc_offset_hours = 3"))).gateways[0].source
    assert isinstance(source, RecordedSourceSpec)
    folder = tmp_path.resolve()
    assert (
        LeanMinuteFeed(files=(f"{folder}/quote.csv",), date=date(2022, 12, 13), resolution="second"),
        FundingCsvFeed(files=(f"{folder}/funding.csv",), utc_offset_hours=3.0),
    ) == source.feeds


def test_a_source_of_one_feed_needs_no_market_but_for_binance(tmp_path: Path) -> None:
    source = loaded(a_desk('format = "lean-minute"\nfiles = ["btc_20221213_quote.csv"]')).gateways[0].source
    assert isinstance(source, RecordedSourceSpec)
    assert (LeanMinuteFeed(files=(f"{tmp_path.resolve()}/btc_20221213_quote.csv",)),) == source.feed_specs


def test_several_instruments_have_a_feed_each() -> None:
    text = a_desk(feeds(of("BTCUSDT", QUOTES), of("BTCUSDC", QUOTES), of("BTCUSDT", FUNDING)), PERPETUAL + SPOT)
    assert 3 == len(loaded(text).gateways[0].source.feeds)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (
            "",
            ["format: missing key; expected one of binance-stream, lean-minute, lob-snapshots; or feeds", "files: no"],
        ),
        (FUNDING, ['format: "funding-csv" (text); expected one of binance-stream, lean-minute, lob-snapshots']),
        (QUOTES + '\nmarket = "usdm"', ["market: set for lean-minute; expected no market, or binance-stream"]),
        (
            'format = "binance-stream"\nfiles = ["quote.csv"]',
            ["market: missing key; expected one of coinm, spot, usdm"],
        ),
        (
            f"{QUOTES}\n{feeds(QUOTES)}",
            [
                "format: beside feeds, which have their own; expected feeds, or format",
                "files: beside feeds, which have their own; expected feeds, or files",
            ],
        ),
    ],
)
def test_a_source_that_is_written_in_neither_way_is_told(source: str, told: list[str]) -> None:
    mistakes = mistakes_in(a_desk(source))
    assert len(told) == len(mistakes)
    for expected, mistake in zip(told, mistakes, strict=True):
        assert mistake.startswith(f"gateways[0].source.{expected}")


@pytest.mark.parametrize(
    ("feed", "told"),
    [
        (
            QUOTES.replace("lean-minute", "lean-minutes"),
            'format: "lean-minutes" (text); expected one of binance-stream, funding-csv, lean-minute, lob-snapshots; '
            "did you mean lean-minute?",
        ),
        (QUOTES.replace("format", "formt"), "format: missing key; expected one of binance-stream"),
        (QUOTES + '\nmarket = "spot"', "market: unknown key"),
        (QUOTES + "\nutc_offset_hours = 3", "utc_offset_hours: unknown key"),
        (QUOTES + '\nbar = "quote"', "bar: unknown key; did you mean bars?"),
        (QUOTES + '\nbars = "quotes"', 'bars: "quotes" (text); expected one of quote, trade; did you mean quote?'),
        (QUOTES + '\ndate = "13.12."', 'date: "13.12." (text); expected a date: 2022-12-13'),
        (QUOTES.replace("btc", "eth"), 'files[0]: no file "eth_20221213_quote.csv"; expected a file that can be read'),
        ('format = "lob-snapshots"\nfiles = []', "files: no data files; expected at least one data file"),
        (
            QUOTES.replace("btc_20221213_quote", "quote"),
            "files[0]: no date yyyymmdd is in the name quote.csv; expected a name such as "
            "btcusdt_minute_20221213_quote.csv, or the keys bars and date in a feed",
        ),
        (
            QUOTES.replace("btc_20221213_quote", "20221213"),
            'files[0]: neither "quote" nor "trade" is in the name 20221213.csv; expected a name such as',
        ),
        (of("BTCUSD", QUOTES), 'symbol: "BTCUSD" (text); expected BTCUSDT; did you mean BTCUSDT?'),
        (
            'format = "binance-stream"\nmarket = "spot"\nfiles = ["quote.csv"]',
            'market: "spot", but the instrument belongs to usdm; expected usdm',
        ),
        (
            'format = "binance-stream"\nmarket = "spott"\nfiles = ["quote.csv"]',
            'market: "spott" (text); expected one of coinm, spot, usdm; did you mean spot?',
        ),
        (
            'format = "binance-stream"\nfiles = ["quote.csv"]',
            "market: missing key; expected one of coinm, spot, usdm",
        ),
    ],
)
def test_what_is_wrong_in_a_feed_is_told_by_its_path(feed: str, told: str) -> None:
    (mistake,) = mistakes_in(a_desk(feeds(feed)))
    assert mistake.startswith(f"gateways[0].source.feeds[0].{told}")


def test_all_mistakes_of_all_feeds_are_told_at_once() -> None:
    text = a_desk(feeds(QUOTES + "\nx = 1", TRADES.replace("btc", "eth"), FUNDING.replace("funding.csv", "f.csv")))
    places = [mistake.split(": ")[0].removeprefix("gateways[0].source.") for mistake in mistakes_in(text)]
    assert ["feeds[0].x", "feeds[1].files[0]", "feeds[2].files[0]"] == places


@pytest.mark.parametrize(
    ("listed", "instruments", "told"),
    [
        (
            [TRADES, FUNDING],
            PERPETUAL,
            "instruments[0]: no feed has its quotes: nothing could be traded; expected a feed with quotes or a book",
        ),
        (
            [QUOTES, QUOTES],
            PERPETUAL,
            "source.feeds[1]: the same of the same instrument as gateways[0].source.feeds[0]; expected one feed of "
            "quotes for each instrument",
        ),
        (
            [QUOTES, FUNDING, FUNDING],
            PERPETUAL,
            "source.feeds[2]: the same of the same instrument as gateways[0].source.feeds[1]; expected one feed of "
            "funding for each instrument",
        ),
        ([QUOTES, FUNDING], SPOT, "source.feeds[1].format: funding, but BTCUSDC is spot; expected a perpetual"),
        (
            [QUOTES, FUNDING],
            PERPETUAL.replace("= 8", "= 0"),
            "instruments[0].funding_interval_hours: 0, but gateways[0].source.feeds[1] has its funding; expected the "
            "hours from one stamp to the next",
        ),
        (
            [of("BTCUSDT", QUOTES), QUOTES],
            PERPETUAL + SPOT,
            "source.feeds[1].symbol: missing key; expected one of BTCUSDC, BTCUSDT",
        ),
        (
            [of("BTCUSDT", QUOTES)],
            PERPETUAL + SPOT,
            "instruments[1]: no feed has its quotes: nothing could be traded; expected a feed with quotes or a book",
        ),
    ],
)
def test_feeds_that_do_not_suit_the_instruments_are_told(listed: list[str], instruments: str, told: str) -> None:
    assert [f"gateways[0].{told}"] == mistakes_in(a_desk(feeds(*listed), instruments))


def test_quotes_and_trades_of_one_instrument_go_together() -> None:
    both = 'format = "lean-minute"\nfiles = ["btc_20221213_quote.csv", "btc_20221213_trade.csv"]'
    named = 'format = "lean-minute"\nfiles = ["20221213.csv"]\nbars = "trade"\ndate = 2022-12-13'
    for listed in ([both], [QUOTES, TRADES], [QUOTES, named]):
        assert len(listed) == len(loaded(a_desk(feeds(*listed))).gateways[0].source.feeds)


# --- the documentation ------------------------------------------------------------------------------------------------

PAGE = (ROOT / "docs" / "recorded_data.md").read_text()
SOURCE, WHOLE = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
CASH = SPOT.replace("USDC", "USD") + '[gateways.balances]\nUSD = "1"\n'


@needs_recordings
def test_the_configs_of_the_documentation_are_without_a_mistake() -> None:
    environment = {"OUTCRY_DATA": str(DATA)}
    (gateway,) = load(WHOLE, environment).gateways
    assert [LeanMinuteFeed, FundingCsvFeed] == [type(feed) for feed in gateway.source.feed_specs]
    head = '[[gateways]]\nid = "coinbase"\nkind = "simulated"\n'
    assert 1 == len(load(CLUSTER + head + SOURCE + CASH, environment).gateways)
