"""The recorded feeds of a venue: one struct for each format, which the config file decodes into too.

What each format holds, and where it misleads, is told in `docs/recorded_data.md`.
"""

import datetime
from typing import Annotated, Literal

import msgspec

BarKind = Literal["quote", "trade"]
BarResolution = Literal["minute", "second"]
BarDate = Annotated[datetime.date, msgspec.Meta(extra={"expected": "a date: 2022-12-13"})]


class FeedSpec(msgspec.Struct, frozen=True, kw_only=True, tag_field="format", forbid_unknown_fields=True):
    """What every feed says.

    :param symbol: of the instrument that it is of; empty where the venue has only one.
    :param files: read one after the other, as one stream; gzip or plain.
    """

    files: tuple[str, ...]
    symbol: str = ""


class BinanceStreamFeed(FeedSpec, frozen=True, tag="binance-stream"):
    """Combined-stream frames of Binance: quotes, trades and the whole book; gzip only.

    :param market: whose rule joins the snapshot to the diffs.
    """

    market: Literal["spot", "usdm", "coinm"]


class LeanMinuteFeed(FeedSpec, frozen=True, tag="lean-minute"):
    """Bars of a minute or a second, quotes and trades. What a file name does not tell is told here, for all files.

    :param date: UTC day whose bars the file has; None: the eight digits in the file's name.
    :param bars: None: `quote` or `trade` in the file's name.
    :param resolution: None: `second` in the file's name, else minutes.
    """

    date: BarDate | None = None
    bars: BarKind | None = None
    resolution: BarResolution | None = None


class LobSnapshotsFeed(FeedSpec, frozen=True, tag="lob-snapshots"):
    """Snapshots of a book as distances from the mid and notionals."""


class FundingCsvFeed(FeedSpec, frozen=True, tag="funding-csv"):
    """Funding rates of a perpetual that another feed has the quotes of.

    :param utc_offset_hours: of the local times in the file, positive east of Greenwich; None: times in UTC, which is
        taken of the form without a header only.
    """

    utc_offset_hours: Annotated[float, msgspec.Meta(ge=-14.0, le=14.0)] | None = None


Feed = BinanceStreamFeed | LeanMinuteFeed | LobSnapshotsFeed | FundingCsvFeed

ALONE: tuple[type[FeedSpec], ...] = (BinanceStreamFeed, LeanMinuteFeed, LobSnapshotsFeed)
"""Formats that make a market by themselves."""
