"""The examples on recorded markets: each is run once, and what was recorded for it is read once."""

import os
from functools import cache
from pathlib import Path

from gateways.exchange.feed_spec import Feed, FundingCsvFeed
from gateways.exchange.spec import RecordedSourceSpec
from supervisor.config import Config, load
from tests.examples.recorded_quotes import RecordedMarket, recorded_market
from tests.examples.taped_run import TapedRun, taped_run
from tests.support.recordings import DATA, ROOT

EXAMPLES = ROOT / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("recorded_*.toml"))
ENDS = {"recorded_funding": "2022-12-13T12:01:30"}
"""Where an example is to end before its data do."""


def example_text(name: str) -> str:
    return (EXAMPLES / f"{name}.toml").read_text()


def loaded(path: Path) -> Config:
    return load(path, {**os.environ, "OUTCRY_DATA": str(DATA)})


@cache
def ran(name: str) -> TapedRun:
    return taped_run(loaded(EXAMPLES / f"{name}.toml"), ENDS.get(name))


def markets(run: TapedRun) -> dict[str, RecordedMarket]:
    """What was recorded of each instrument."""
    quoted = {name: feed for name, feed in _feeds(run) if not isinstance(feed, FundingCsvFeed)}
    return {name: _market(feed.__struct_config__.tag, feed.files) for name, feed in quoted.items()}


def funding_files(run: TapedRun) -> dict[str, str]:
    """Where the funding of each perpetual that has any is recorded."""
    return {name: feed.files[0] for name, feed in _feeds(run) if isinstance(feed, FundingCsvFeed)}


@cache
def _market(format: str, files: tuple[str, ...]) -> RecordedMarket:
    return recorded_market(format, files)


def _feeds(run: TapedRun) -> list[tuple[str, Feed]]:
    """By instrument; every gateway of these examples has one."""
    found = []
    for gateway in run.config.gateways:
        assert isinstance(gateway.source, RecordedSourceSpec)
        [instrument] = gateway.instruments
        found += [(f"{instrument.symbol}.{gateway.id}", feed) for feed in gateway.source.feed_specs]
    return found
