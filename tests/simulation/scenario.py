"""The cluster that a seed plays with: two venues, a carry pair across them, and makers of its markets."""

from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from supervisor.child_spec import ClusterPlan
from supervisor.config import load
from supervisor.paths import ClusterPaths
from supervisor.plan import plan_cluster

TOML: Final = """
[cluster]
name = "sim"
curve = false
heartbeat_interval_ms = 200
heartbeat_timeout_ms = 1000

[[gateways]]
id = "spot"
kind = "simulated"
latency_ms = 3
latency_jitter_ms = 2
depth_levels = 3
[gateways.source]
kind = "synthetic"
levels = 3
events_per_second = 6.0
[gateways.source.profiles.ETHUSDT]
spread_bps = 8.0
level_notional = 10000.0
[[gateways.instruments]]
symbol = "BTCUSDT"
type = "spot"
base = "BTC"
quote = "USDT"
tick_size = "0.01"
lot_size = "0.00001"
min_notional = "5"
maker_fee_bps = 0.0
taker_fee_bps = 1.0
[[gateways.instruments]]
symbol = "ETHUSDT"
type = "spot"
base = "ETH"
quote = "USDT"
tick_size = "0.01"
lot_size = "0.0001"
min_notional = "5"
maker_fee_bps = 0.0
taker_fee_bps = 1.0
[gateways.balances]
USDT = "200000"
BTC = "2"
ETH = "50"

[[gateways]]
id = "futures"
kind = "simulated"
latency_ms = 3
latency_jitter_ms = 2
depth_levels = 3
[gateways.source]
kind = "synthetic"
levels = 3
events_per_second = 6.0
funding_interval_minutes = 1
[gateways.source.profiles.BTCUSDT]
basis_bps = 8.0
basis_volatility_bps = 15.0
basis_half_life_s = 2.0
[[gateways.instruments]]
symbol = "BTCUSDT"
type = "perpetual"
base = "BTC"
quote = "USDT"
tick_size = "0.1"
lot_size = "0.001"
min_notional = "100"
maker_fee_bps = 0.0
taker_fee_bps = 1.0
funding_interval_hours = 8
[gateways.balances]
USDT = "200000"

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
stop_loss = 0.0015
cooldown_s = 0.5

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
MAKER_OF_FUTURES: Final = """
[[strategies]]
id = "second"
kind = "market-making"
[strategies.parameters]
instrument = "BTCUSDT.futures"
order_size = "0.01"
inventory_max = "0.1"
levels = 1
target_spread_bps = 4.0
min_spread_bps = 1.0
min_profit_bps = 0.1
"""


LIMITS: Final = """
[risk.instruments."BTCUSDT.futures"]
position_max = "0.17"
[risk.instruments."ETHUSDT.spot"]
position_max = "0.8"
"""
"""Less than the strategies want together."""


RATE_LIMITS: Final = """[[gateways.rate_limits]]
name = "requests"
capacity = 4.0
per_ms = 2000
[gateways.balances]"""
"""In place of the heading of each gateway's balances: fewer requests than its strategies make at times."""


class Kind(NamedTuple):
    """What clusters differ in.

    :param is_shared: a second strategy trades the future that the carry pair trades, on the same account.
    :param is_limited: the strategies together may hold less than they want.
    :param is_throttled: the venues have rate limits that are met now and then.
    :param is_secured: senders are known by their keys, as with CURVE (which is left out), and not by routing ids.
    """

    is_shared: bool = False
    is_limited: bool = False
    is_secured: bool = True
    is_throttled: bool = False


@cache
def _plan(kind: Kind, state_dir: Path) -> ClusterPlan:
    venues = TOML.replace("[gateways.balances]", RATE_LIMITS) if kind.is_throttled else TOML
    text = venues + MAKER_OF_FUTURES * kind.is_shared + LIMITS * kind.is_limited
    return plan_cluster(load(text, {}), ClusterPaths(state_dir))


def plan_of(seed: int, kind: Kind, state_dir: Path) -> ClusterPlan:
    """The plan of one seed: its venues' markets and latencies are drawn from it."""
    plan = _plan(kind._replace(is_secured=True), state_dir)
    children = tuple(_seeded(child, seed) for child in plan.children)
    return msgspec.structs.replace(plan, children=children)


def _seeded(child: Any, seed: int) -> Any:
    venues = getattr(child.spec, "venues", None)
    if venues is None:
        return child
    replace = msgspec.structs.replace
    seeded = tuple(replace(venue, seed=seed, source=replace(venue.source, seed=seed)) for venue in venues)
    return replace(child, spec=replace(child.spec, venues=seeded))
