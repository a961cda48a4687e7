"""The cluster that `outcry up` starts when it is given none: simulated venues, a synthetic market, no keys, no network.

Text, as a file would hold it, so that it is read and checked like any other config.
"""

DEFAULT_CONFIG = """\
[cluster]
name = "demo"

[[gateways]]
id = "spot"
kind = "simulated"
latency_ms = 5

[gateways.source]
kind = "synthetic"
seed = 1

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

[gateways.balances]
USDT = "100000"

[[gateways]]
id = "perp"
kind = "simulated"
latency_ms = 5

[gateways.source]
kind = "synthetic"
seed = 1

[gateways.source.profiles.BTCUSDT]
basis_bps = 8.0
basis_volatility_bps = 15.0
basis_half_life_s = 3.0

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
USDT = "100000"

[[strategies]]
id = "carry-btc"
kind = "spot-futures"
priority = 5

[strategies.parameters]
spot = "BTCUSDT.spot"
futures = "BTCUSDT.perp"
notional = "10000"
min_edge_bps = 2.0
exit_edge_bps = 1.0
horizon_hours = 0.0
cooldown_s = 1.0
"""
