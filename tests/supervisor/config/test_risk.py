"""`[risk]` in a config: what it may say, and how one limit of it is changed."""

from decimal import Decimal
from pathlib import Path

import pytest

from supervisor.config import ConfigError, load
from supervisor.config.default import DEFAULT_CONFIG
from supervisor.config.risk import (
    LossLimits,
    LossTiers,
    RiskAction,
    RiskConfig,
    is_raised,
    limit_at,
    names_in,
    with_limit,
)

D = Decimal
PLAIN = DEFAULT_CONFIG.partition("\n[risk]")[0]


def risk(text: str) -> RiskConfig:
    found = load(f"{PLAIN}\n{text}").risk
    assert found is not None
    return found


def mistakes(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(f"{PLAIN}\n{text}")
    return [str(mistake) for mistake in caught.value.mistakes]


def test_without_a_table_nothing_is_limited() -> None:
    assert load(PLAIN).risk is None


def test_every_scope_has_its_limits() -> None:
    found = risk("""
[risk]
reporting_currency = "USDT"
[risk.rates]
USD = "1.001"
[risk.prices]
"BTCUSDT.spot-a" = "60000"
[risk.portfolio]
gross_notional_max = "600000"
daily_loss = { warn = "100", halted = "500" }
[risk.venues.futures]
net_notional_max = "200000"
[risk.assets.BTC]
gross_notional_max = 300000
[risk.instruments."BTCUSDT.spot-a"]
position_max = "3"
[risk.strategies.maker-eth]
messages_per_s = 20
drawdown = { flatten = "50" }
[risk.strategies.maker-eth.position_max]
"ETHUSDT.spot-b" = "8"
[risk.rules.order_storm]
action = "halt"
orders_per_s = 50
""")
    assert found.portfolio.daily_loss == LossTiers(warn=D(100), halted=D(500))
    assert found.assets["BTC"].gross_notional_max == D(300_000)
    assert found.instruments["BTCUSDT.spot-a"].position_max == D(3)
    assert found.strategies["maker-eth"].position_max == {"ETHUSDT.spot-b": D(8)}
    assert found.rules.order_storm.action is RiskAction.HALT
    assert found.rules.position_mismatch.action is RiskAction.REDUCING


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[risk.venues.future]", "risk.venues.future: there is no such name; expected"),
        (
            "[risk.assets.BCT]",
            "risk.assets.BCT: there is no such name; expected one of BTC, ETH, USDC; did you mean BTC?",
        ),
        ('[risk.instruments."BTCUSDT.spot-x"]', "did you mean BTCUSDT.spot-"),
        ("[risk.strategies.maker-btc]", "risk.strategies.maker-btc: there is no such name"),
        ('[risk.prices]\n"BTC.spot-a" = "1"', "risk.prices.BTC.spot-a: there is no such name"),
        ('[risk.strategies.maker-eth.position_max]\n"ETHUSDT.spot-c" = "1"', "risk.strategies.maker-eth.position_max"),
        ("[risk.portfolio]\ngross_notional_mx = 5", "did you mean gross_notional_max?"),
        ('[risk.portfolio]\ngross_notional_max = "-5"', "expected a decimal of at least 0"),
        (
            '[risk.portfolio.drawdown]\nwarn = "5"\nhalted = "4"',
            "risk.portfolio.drawdown.halted: is 4, less than warn, 5",
        ),
        ('[risk.rules.latency]\naction = "stop"', "expected one of alert, flatten, halt, off, reducing"),
        ("[risk]\nvenues = 5", "risk.venues: 5 (whole number); expected a table"),
        ("[risk.strategies]\nmaker-eth = 5", "risk.strategies.maker-eth: 5 (whole number); expected a table"),
    ],
)
def test_mistakes_are_told_with_their_place(text: str, told: str) -> None:
    assert any(told in line for line in mistakes(text)), mistakes(text)


BASE = RiskConfig(portfolio=LossLimits(gross_notional_max=D(5), daily_loss=LossTiers(warn=D(1), halted=D(3))))


@pytest.mark.parametrize(
    "path",
    [
        "portfolio.gross_notional_max",
        "portfolio.daily_loss.reducing",
        "venues.spot-a.net_notional_max",
        "assets.BTC.gross_notional_max",
        "instruments.BTCUSDT.spot-a.position_max",
        "instruments.BTCUSDT.spot-a.net_notional_max",
        "strategies.carry.drawdown.flatten",
        "strategies.carry.messages_per_s",
        "strategies.carry.position_max.BTCUSDT.spot-a",
    ],
)
def test_every_limit_can_be_changed_by_its_path_and_read_again(path: str) -> None:
    changed = with_limit(BASE, path, D("2.5"))
    assert limit_at(changed, path) == D("2.5")
    assert changed != BASE
    assert with_limit(changed, path, D("2.75")) != changed


def test_a_limit_that_is_not_set_is_none() -> None:
    assert limit_at(BASE, "portfolio.net_notional_max") is None
    assert limit_at(BASE, "strategies.carry.position_max.BTCUSDT.spot-a") is None
    assert limit_at(BASE, "portfolio.daily_loss.warn") == D(1)
    assert limit_at(BASE, "strategies.carry.messages_per_s") == 0


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("portfolio", "1", "expected its last part to be one of gross_notional_max, net_notional_max"),
        ("portfolio.gross", "1", "portfolio.gross is no limit"),
        ("portfolio.gross_notional_max.x", "1", "is no limit"),
        ("portfolio.daily_loss", "1", "daily_loss.warn"),
        ("portfolio.daily_loss.warm", "1", "is no limit"),
        ("portfolio.daily_loss.warn", "4", "halted is 3, less than warn, 4"),
        ("portfolio.daily_loss.warn", "0", "cannot be 0"),
        ("portfolio.gross_notional_max", "-1", "expected at least 0"),
        ("rules.latency", "1", "expected portfolio, venues"),
        ("venues.gross_notional_max", "1", "expected"),
        ("instruments.position_max", "1", "expected instruments, a dot, a name"),
        ("strategies.carry.position_max", "1", "position_max.INSTRUMENT"),
        ("venues.spot-a.position_max", "1", "is no limit"),
    ],
)
def test_what_is_no_limit_is_refused_with_what_could_be(path: str, value: str, told: str) -> None:
    with pytest.raises(ValueError, match=told.replace(".", r"\.")):
        with_limit(BASE, path, D(value))


@pytest.mark.parametrize(
    ("path", "current", "value", "raised"),
    [
        ("portfolio.gross_notional_max", None, "5", False),
        ("portfolio.gross_notional_max", "5", "6", True),
        ("portfolio.gross_notional_max", "5", "0", False),
        ("portfolio.gross_notional_max", "0", "5", True),
        ("strategies.carry.messages_per_s", "0", "5", False),
        ("strategies.carry.messages_per_s", "5", "0", True),
        ("strategies.carry.messages_per_s", "5", "6", True),
        ("strategies.carry.messages_per_s", "5", "4", False),
        ("strategies.carry.messages_per_s", "0", "0", False),
    ],
)
def test_of_messages_no_bound_is_the_highest(path: str, current: str | None, value: str, *, raised: bool) -> None:
    assert is_raised(path, None if current is None else D(current), D(value)) is raised


def test_the_names_in_a_path_are_those_of_their_sections() -> None:
    assert names_in("portfolio.drawdown.warn") == ()
    assert names_in("instruments.BTCUSDT.spot-a.position_max") == (("instruments", "BTCUSDT.spot-a"),)
    both = (("strategies", "carry"), ("instruments", "BTCUSDT.spot-a"))
    assert names_in("strategies.carry.position_max.BTCUSDT.spot-a") == both


def test_the_example_and_the_embedded_cluster_have_the_same_limits() -> None:
    found = load(Path(__file__).parents[3] / "examples" / "demo.toml").risk
    assert found is not None
    assert load(None).risk == found
