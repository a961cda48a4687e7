"""The venues and strategies that a cluster may have, as TOML: one desk for each kind of strategy, and one of all."""

from typing import Final

HEAD: Final = """
[cluster]
name = "sim"
curve = false
heartbeat_interval_ms = 200
heartbeat_timeout_ms = 1000
"""


def _venue(name: str, source: str, instruments: str, balances: str) -> str:
    return f"""
[[gateways]]
id = "{name}"
kind = "simulated"
latency_ms = 3
latency_jitter_ms = 2
depth_levels = 3
[gateways.source]
kind = "synthetic"
levels = 3
events_per_second = 6.0
{source}{instruments}
[gateways.balances]
{balances}
"""


def _instrument(symbol: str, fields: str) -> str:
    return f"""
[[gateways.instruments]]
symbol = "{symbol}"
quote = "USDT"
maker_fee_bps = 0.0
taker_fee_bps = 1.0
{fields}"""


BTC: Final = _instrument(
    "BTCUSDT", 'type = "spot"\nbase = "BTC"\ntick_size = "0.01"\nlot_size = "0.00001"\nmin_notional = "5"'
)
ETH: Final = _instrument(
    "ETHUSDT", 'type = "spot"\nbase = "ETH"\ntick_size = "0.01"\nlot_size = "0.0001"\nmin_notional = "5"'
)
PERPETUAL: Final = _instrument(
    "BTCUSDT",
    'type = "perpetual"\nbase = "BTC"\ntick_size = "0.1"\nlot_size = "0.001"\nmin_notional = "100"\n'
    "funding_interval_hours = 8",
)
DATED: Final = _instrument(
    "BTCUSDT_301227",
    'type = "future"\nbase = "BTC"\ntick_size = "0.1"\nlot_size = "0.001"\nmin_notional = "100"\n'
    "expiry = 2030-12-27T08:00:00Z",
)
ETH_PROFILE: Final = """[gateways.source.profiles.ETHUSDT]
spread_bps = 8.0
level_notional = 10000.0
"""
NOISY_PROFILE: Final = """[gateways.source.profiles.BTCUSDT]
noise_bps = 5.0
noise_half_life_s = 0.8
"""
PERPETUAL_PROFILE: Final = """funding_interval_minutes = 1
[gateways.source.profiles.BTCUSDT]
basis_bps = 8.0
basis_volatility_bps = 22.0
basis_half_life_s = 0.8
"""
DATED_PROFILE: Final = """[gateways.source.profiles.BTCUSDT_301227]
carry_bps_annual = 50.0
basis_volatility_bps = 22.0
basis_half_life_s = 0.8
"""
COINS: Final = 'USDT = "200000"\nBTC = "2"\nETH = "50"'
CASH: Final = 'USDT = "200000"'

SPOT: Final = _venue("spot", ETH_PROFILE, BTC + ETH, COINS)
ETH_ONLY: Final = _venue("spot", ETH_PROFILE, ETH, COINS)
OTHER: Final = _venue("other", NOISY_PROFILE, BTC, COINS)
FUTURES: Final = _venue("futures", PERPETUAL_PROFILE, PERPETUAL, CASH)
TWO_FUTURES: Final = _venue("futures", PERPETUAL_PROFILE + DATED_PROFILE, PERPETUAL + DATED, CASH)

CARRY: Final = """
[[strategies]]
id = "carry"
kind = "spot-futures"
priority = 5
[strategies.parameters]
spot = "BTCUSDT.spot"
futures = "BTCUSDT.futures"
notional = "10000"
min_edge_bps = 2.0
exit_edge_bps = 1.0
horizon_hours = 0.0
stop_loss = 0.003
cooldown_s = 0.2
"""
CALENDAR: Final = """
[[strategies]]
id = "calendar"
kind = "futures-futures"
priority = 4
[strategies.parameters]
near = "BTCUSDT.futures"
far = "BTCUSDT_301227.futures"
notional = "10000"
lookback = 30
samples_min = 10
sample_interval_ms = 100
z_enter = 0.9
z_exit = 0.4
z_stop = 6.0
min_edge_bps = 1.0
exit_confirm = 1
cooldown_s = 0.2
"""
ARBITRAGE: Final = """
[[strategies]]
id = "arbitrage"
kind = "arbitrage"
priority = 3
[strategies.parameters]
notional = "5000"
min_profit_bps = -0.2
repairs_max = 100
position_value_max = "50000"
cooldown_s = 0.5
[strategies.parameters.inventory]
"BTCUSDT.spot" = "1"
"BTCUSDT.other" = "1"
[[strategies.parameters.routes]]
type = "cross-venue"
name = "btc"
first = "BTCUSDT.spot"
second = "BTCUSDT.other"
"""
MAKER: Final = """
[[strategies]]
id = "maker"
kind = "market-making"
[strategies.parameters]
instrument = "ETHUSDT.spot"
order_size = "0.5"
inventory_max = "5"
opening_inventory = "20"
levels = 1
target_spread_bps = 4.0
min_spread_bps = 2.0
min_profit_bps = 0.2
"""


def second_maker(instrument: str) -> str:
    """Somebody else who trades what a pair trades, on the same account."""
    return f"""
[[strategies]]
id = "second"
kind = "market-making"
[strategies.parameters]
instrument = "{instrument}"
order_size = "0.01"
inventory_max = "0.1"
levels = 1
target_spread_bps = 4.0
min_spread_bps = 1.0
min_profit_bps = 0.1
"""


DESKS: Final[dict[str, tuple[int, str, str]]] = {
    "carry": (6, SPOT + FUTURES, CARRY + MAKER),
    "calendar": (6, ETH_ONLY + TWO_FUTURES, CALENDAR + MAKER),
    "arbitrage": (6, SPOT + OTHER, ARBITRAGE + MAKER),
    "all": (1, SPOT + OTHER + TWO_FUTURES, CARRY + CALENDAR + ARBITRAGE + MAKER),
}
"""By name: how often among the others, its venues, and its strategies."""
SHARED: Final = {"arbitrage": "BTCUSDT.other"}
"""What two strategies of a desk trade on one account; else the perpetual."""
PERPETUAL_ID: Final = "BTCUSDT.futures"
LIMITS: Final = """
[risk.instruments."{shared}"]
position_max = "{pair}"
[risk.instruments."ETHUSDT.spot"]
position_max = "0.8"
"""
"""Less than the strategies want together."""
PAIR_MAX: Final = {"arbitrage": "0.09", "all": "0.3"}
"""What may be held of the shared instrument where limits are tight; else 0.17."""
RATE_LIMITS: Final = """[[gateways.rate_limits]]
name = "requests"
capacity = 4.0
per_ms = 2000
[gateways.balances]"""
"""In place of the heading of each gateway's balances: fewer requests than its strategies make at times."""


def toml_of(desk: str, *, is_shared: bool, is_limited: bool, is_throttled: bool) -> str:
    """The config of a desk; what the choices mean is told at `scenario.Kind`."""
    _, venues, strategies = DESKS[desk]
    if is_throttled:
        venues = venues.replace("[gateways.balances]", RATE_LIMITS)
    shared = SHARED.get(desk, PERPETUAL_ID)
    limits = LIMITS.format(shared=shared, pair=PAIR_MAX.get(desk, "0.17"))
    return HEAD + venues + strategies + second_maker(shared) * is_shared + limits * is_limited
