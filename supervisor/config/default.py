"""The cluster that `outcry up` starts when it is given none: simulated venues, a synthetic market, no keys, no network.

Text, as a file would hold it, so that it is read and checked like any other config.
"""

DEFAULT_CONFIG = """\
[cluster]
name = "demo"

[[gateways]]
id = "spot-a"
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

[[gateways.instruments]]
symbol = "USDCUSDT"
type = "spot"
base = "USDC"
quote = "USDT"
tick_size = "0.00001"
lot_size = "0.1"
min_notional = "5"
maker_fee_bps = 0.0
taker_fee_bps = 0.2

[gateways.balances]
USDT = "200000"
USDC = "100000"
BTC = "2"

[[gateways]]
id = "spot-b"
kind = "simulated"
latency_ms = 5

[gateways.source]
kind = "synthetic"
seed = 1

[gateways.source.assets.ETH]
volatility_annual = 2.0

[gateways.source.profiles.ETHUSDT]
spread_bps = 8.0
events_per_second = 30.0
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
symbol = "BTCUSDC"
type = "spot"
base = "BTC"
quote = "USDC"
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
USDC = "200000"
BTC = "4"
ETH = "50"

[[gateways]]
id = "futures"
kind = "simulated"
latency_ms = 5

[gateways.source]
kind = "synthetic"
seed = 1
funding_interval_minutes = 1

[gateways.source.profiles.BTCUSDT]
basis_bps = 8.0
basis_volatility_bps = 15.0
basis_half_life_s = 3.0

[gateways.source.profiles.BTCUSDT_301227]
carry_bps_annual = 50.0
basis_volatility_bps = 12.0
basis_half_life_s = 5.0

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

[[gateways.instruments]]
symbol = "BTCUSDT_301227"
type = "future"
base = "BTC"
quote = "USDT"
tick_size = "0.1"
lot_size = "0.001"
min_notional = "100"
maker_fee_bps = 0.0
taker_fee_bps = 1.0
expiry = 2030-12-27T08:00:00Z

[gateways.balances]
USDT = "200000"

[[strategies]]
id = "carry-btc"
kind = "spot-futures"
priority = 5

[strategies.parameters]
spot = "BTCUSDT.spot-a"
futures = "BTCUSDT.futures"
notional = "10000"
min_edge_bps = 2.0
exit_edge_bps = 1.0
horizon_hours = 0.0
stop_loss = 0.0015
cooldown_s = 1.0

[[strategies]]
id = "calendar-btc"
kind = "futures-futures"

[strategies.parameters]
near = "BTCUSDT.futures"
far = "BTCUSDT_301227.futures"
notional = "10000"
lookback = 60
samples_min = 10
sample_interval_ms = 500
z_enter = 1.5
z_stop = 6.0
min_edge_bps = 1.0
cooldown_s = 1.0

[[strategies]]
id = "maker-eth"
kind = "market-making"

[strategies.parameters]
instrument = "ETHUSDT.spot-b"
order_size = "0.5"
inventory_max = "5"
opening_inventory = "20"
levels = 2
target_spread_bps = 4.0
min_spread_bps = 2.0
min_profit_bps = 0.2

[[strategies]]
id = "arbitrage-btc"
kind = "arbitrage"

[strategies.parameters]
notional = "5000"
min_profit_bps = -0.2
repairs_max = 100
position_value_max = "50000"
cooldown_s = 1.0

[strategies.parameters.inventory]
"BTCUSDT.spot-a" = "1"
"BTCUSDT.spot-b" = "1"
"BTCUSDC.spot-b" = "1"

[[strategies.parameters.routes]]
type = "cross-venue"
name = "btc-usdt"
first = "BTCUSDT.spot-a"
second = "BTCUSDT.spot-b"

[[strategies.parameters.routes]]
type = "cross-pair"
name = "btc-usdc"
first = "BTCUSDT.spot-a"
second = "BTCUSDC.spot-b"
fx = "USDCUSDT.spot-a"

[risk]
reporting_currency = "USDT"

[risk.prices]
"BTCUSDT.spot-a" = "60000"
"USDCUSDT.spot-a" = "1"
"BTCUSDT.spot-b" = "60000"
"BTCUSDC.spot-b" = "60000"
"ETHUSDT.spot-b" = "3000"
"BTCUSDT.futures" = "60000"
"BTCUSDT_301227.futures" = "60000"

[risk.portfolio]
gross_notional_max = "900000"

[risk.portfolio.daily_loss]
warn = "1000"
reducing = "2000"
halted = "5000"

[risk.instruments."ETHUSDT.spot-b"]
position_max = "30"

[risk.strategies.maker-eth.daily_loss]
warn = "200"
reducing = "500"
"""
