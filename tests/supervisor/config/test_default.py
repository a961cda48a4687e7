"""The embedded cluster and the examples are configs that can be used."""

import re
from pathlib import Path

import pytest

from gateways.exchange.spec import RecordedSourceSpec, SyntheticSourceSpec
from messages.instruments import InstrumentType
from supervisor.backtest.period import parse_period
from supervisor.backtest.run import BacktestOptions, run_backtest
from supervisor.config import Config, ConfigError, instruments, load, venue_specs
from supervisor.config.default import DEFAULT_CONFIG

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with a file, empty, wherever an example expects a recording."""
    for example in EXAMPLES.glob("*.toml"):
        for name in re.findall(r'"\$\{OUTCRY_DATA\}/([^"]+)"', example.read_text()):
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
    return tmp_path


def example(name: str, data: Path) -> Config:
    return load(EXAMPLES / name, {"OUTCRY_DATA": str(data)})


def test_the_embedded_cluster_needs_nothing_from_outside() -> None:
    config = load(None, {})
    assert all(isinstance(gateway.source, SyntheticSourceSpec) for gateway in config.gateways)


def test_the_venues_of_the_embedded_cluster_share_one_market() -> None:
    sources = [spec.source for spec in venue_specs(load(None, {}))]
    assert 1 == len({source.seed for source in sources if isinstance(source, SyntheticSourceSpec)})


def test_the_embedded_cluster_has_two_spot_venues_a_perpetual_a_dated_future_and_a_stablecoin_cross() -> None:
    known = instruments(load(None, {})).values()
    of_type = {kind: {item.venue for item in known if item.type is kind} for kind in InstrumentType}
    assert [2, 1, 1] == [len(of_type[kind]) for kind in (InstrumentType.SPOT, *list(InstrumentType)[1:])]
    assert ("USDC", "USDT") in {(item.base, item.quote) for item in known if item.is_spot}


def test_the_embedded_cluster_runs_all_four_strategies() -> None:
    running = [strategy.kind for strategy in load(None, {}).strategies if strategy.enabled]
    assert ["arbitrage", "futures-futures", "market-making", "spot-futures"] == sorted(running)


def test_each_strategy_of_the_embedded_cluster_wins_a_cycle_and_loses_one_within_two_minutes() -> None:
    result = run_backtest(load(None, {}), BacktestOptions(parse_period(None, None, 120.0)), lambda _: True)
    outcomes = {
        name: {cycle.pnl.total > 0 for cycle in report.cycles} for name, report in result.run.strategy_reports.items()
    }
    names = ("carry-btc", "calendar-btc", "maker-eth", "arbitrage-btc")
    assert {name: {True, False} for name in names} == outcomes


def test_the_demo_is_the_embedded_cluster_with_words() -> None:
    assert load(None, {}) == load(EXAMPLES / "demo.toml", {})


@pytest.mark.parametrize("name", sorted(file.name for file in EXAMPLES.glob("*.toml")))
def test_every_example_is_a_config_without_a_mistake(name: str, data: Path) -> None:
    config = example(name, data)
    assert config.strategies, "an example without a strategy shows little"


def test_the_recorded_example_reads_spot_and_usdm_at_one_speed(data: Path) -> None:
    sources = [gateway.source for gateway in example("recorded_carry.toml", data).gateways]
    markets = [source.market for source in sources if isinstance(source, RecordedSourceSpec)]
    assert ["spot", "usdm"] == markets
    assert {1.0} == {source.speed for source in sources}


def test_the_example_with_coinm_has_contracts_of_100_dollars_that_settle_in_coin(data: Path) -> None:
    config = example("recorded_carry_coinm.toml", data)
    coinm = instruments(config)["BTCUSD_PERP.binance-coinm"]
    assert (True, 100, "BTC", "USD") == (coinm.inverse, coinm.multiplier, coinm.settle, coinm.quote)
    assert 2 == len(config.strategies)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            'opening_inventory = "20"',
            'opening_inventory = "500"',
            "strategies[2].parameters: counts on 500 ETH for ETHUSDT.spot-b, and spot-b begins with 50; "
            "expected at most 50, or more ETH in the balances of spot-b",
        ),
        (
            '"BTCUSDT.spot-a" = "1"',
            '"BTCUSDT.spot-a" = "100"',
            "strategies[3].parameters: counts on 100 BTC for BTCUSDT.spot-a, and spot-a begins with 2; "
            "expected at most 2, or more BTC in the balances of spot-a",
        ),
    ],
)
def test_an_inventory_that_the_account_does_not_hold_is_a_mistake(old: str, new: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(DEFAULT_CONFIG.replace(old, new), {})
    assert [expected] == [str(mistake) for mistake in caught.value.mistakes]
