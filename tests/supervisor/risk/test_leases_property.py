"""Whatever happens to gateways, supervisor and network: no common limit is ever passed.

`OUTCRY_LEASE_ORDERS` orders are simulated (1,000,000 is the long run).
"""

import os
from decimal import Decimal

import pytest

from gateways.gate import lease_book
from supervisor.config.risk import InstrumentLimits, LossLimits, NotionalLimits, RiskConfig, StrategyLimits
from supervisor.risk.lease_desk import Party
from tests.supervisor.risk.race import MS, NO_FAULTS, TTL_MS, Faults, Race, instrument

ORDERS = int(os.environ.get("OUTCRY_LEASE_ORDERS", "20000"))
SEEDS = (1, 2, 3, 4)
D = Decimal

INSTRUMENTS = [
    instrument("BTCUSDT", "alpha"),
    instrument("ETHUSDT", "alpha", "ETH"),
    instrument("BTCUSDT", "beta"),
    instrument("BTCUSD", "beta", inverse=True),
    instrument("BTCUSDT", "gamma"),
    instrument("ETHUSDT", "gamma", "ETH"),
]
PRICES = {
    "BTCUSDT.alpha": 60_000.0, "ETHUSDT.alpha": 3_000.0, "BTCUSDT.beta": 60_010.0, "BTCUSD.beta": 60_005.0,
    "BTCUSDT.gamma": 59_990.0, "ETHUSDT.gamma": 3_001.0,
}  # fmt: skip
CONFIG = RiskConfig(
    reporting_currency="USDT",
    rates={"USD": D("1.001")},
    portfolio=LossLimits(gross_notional_max=D(400_000), net_notional_max=D(250_000)),
    venues={"alpha": NotionalLimits(gross_notional_max=D(150_000))},
    assets={"BTC": NotionalLimits(net_notional_max=D(180_000)), "ETH": NotionalLimits(gross_notional_max=D(90_000))},
    instruments={"BTCUSDT.beta": InstrumentLimits(position_max=D("1.5"), gross_notional_max=D(120_000))},
    strategies={
        "carry": StrategyLimits(gross_notional_max=D(200_000), position_max={"BTCUSDT.alpha": D("1.2")}),
        "maker": StrategyLimits(net_notional_max=D(100_000)),
    },
)
PARTIES = [
    Party("carry", 1, 9, ("BTCUSDT.alpha", "BTCUSD.beta", "BTCUSDT.beta")),
    Party("maker", 1, 3, ("BTCUSDT.alpha", "ETHUSDT.alpha", "ETHUSDT.gamma")),
    Party("arbitrage", 1, 5, ("BTCUSDT.alpha", "BTCUSDT.beta", "BTCUSDT.gamma")),
    Party("other", 1, 5, ("BTCUSDT.beta", "BTCUSDT.gamma")),
]
KEYS = [(party.strategy, name) for party in PARTIES for name in party.instruments]


def demand(scale: str) -> dict[tuple[str, str], Decimal]:
    """Orders of about the same value each: 0.5 BTC, 10 ETH, 300 contracts of 100 USD."""
    sizes = {"BTC": D("0.5"), "ETH": D(10)}
    return {key: D(scale) * (D(300) if key[1] == "BTCUSD.beta" else sizes[key[1][:3]]) for key in KEYS}


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wants are forgotten soon, so that bounds move up and down all the time."""
    monkeypatch.setattr(lease_book, "WANTED_NS", 300 * MS)


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.timeout(36_000)
def test_no_limit_is_passed_by_gateways_that_race_while_everything_fails(seed: int) -> None:
    race = Race(CONFIG, INSTRUMENTS, PARTIES, PRICES, seed, Faults(), demand("0.4"))
    race.run(ORDERS // len(SEEDS))
    assert race.counts.admitted > race.counts.orders / 20, "a floor that trades nothing proves nothing"
    assert race.counts.denied > 100
    assert race.counts.crashes >= 3


def test_with_no_faults_and_demand_below_the_limits_nobody_is_denied_for_ever() -> None:
    # BTC: 8 leases of 0.2 BTC = 96,000 long in all; ETH: 2 x 4 ETH = 24,000: below every limit, with 25 % of headroom
    aims = {key: D("120") if key[1] == "BTCUSD.beta" else D("0.2") if "BTC" in key[1] else D(4) for key in KEYS}
    race = Race(CONFIG, INSTRUMENTS, PARTIES, PRICES, 7, NO_FAULTS, demand("0.1"), aims)
    race.run(3_000)
    before = race.counts.denied
    race.run(6_000)
    assert race.counts.denied == before, "whoever was denied at first has what it wants by now"
    for key in KEYS:
        position = race.venues[race.instruments[key[1]].venue].exposure(key)
        assert position.long >= aims[key] * D("0.4"), f"{key} got what it wants"


def test_an_idle_floor_is_settled_and_its_grants_change_no_more() -> None:
    race = Race(CONFIG, INSTRUMENTS, PARTIES, PRICES, 7, NO_FAULTS, demand("0.1"))
    race.rest(2_000)
    changes = race.counts.changes
    race.rest(3_000)
    assert race.counts.changes == changes
    assert race.counts.grants >= 3 * 3_000 // (TTL_MS // 5 + 5)


def test_leases_end_their_life_after_the_request_though_the_supervisor_is_dead() -> None:
    race = Race(CONFIG, INSTRUMENTS, PARTIES, PRICES, 7, NO_FAULTS, demand("0.1"))
    race.rest(1_000)
    race.desk = None
    race.rest(TTL_MS + 300)
    admitted, reducing = race.counts.admitted, race.counts.reducing
    race.faults = NO_FAULTS
    for _ in range(200):
        race._order()
    assert race.counts.admitted - admitted == race.counts.reducing - reducing
    assert all(book is not None and not book.is_running(race.now_ns) for book in race.books.values())
