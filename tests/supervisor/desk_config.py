"""A small config that is right, and the means to make it wrong; for the tests of the config."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec
import pytest

from messages.instruments import Instrument
from supervisor.config import Config, ConfigError, load


class Execution(StrEnum):
    SEQUENTIAL = "sequential"
    CONCURRENT = "concurrent"


class CarryParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    spot: str
    futures: str
    notional: Decimal
    execution: Execution = Execution.SEQUENTIAL
    leverage: int | None = None
    also: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.notional <= 0:
            raise ValueError("notional must be greater than 0")


class Carry:
    """A kind of strategy as the registry has them."""

    parameters_type = CarryParameters

    @classmethod
    def instrument_ids(cls, parameters: CarryParameters) -> tuple[str, ...]:
        return (parameters.spot, parameters.futures, *parameters.also)

    @classmethod
    def check(cls, parameters: CarryParameters, instruments: Mapping[str, Instrument]) -> list[str]:
        if instruments[parameters.spot].is_spot:
            return []
        return [f"spot: {parameters.spot} is a {instruments[parameters.spot].type}", "both legs are derivatives"]

    @classmethod
    def opening_inventory(cls, _parameters: CarryParameters) -> Mapping[str, Decimal]:
        return {}


KINDS: Mapping[str, Any] = {"spot-futures": Carry}

CLUSTER = '[cluster]\nname = "desk"\n'

SPOT = """
[[gateways]]
id = "spot"
kind = "simulated"
[gateways.source]
kind = "synthetic"
[[gateways.instruments]]
symbol = "BTCUSDT"
type = "spot"
base = "BTC"
quote = "USDT"
tick_size = "0.01"
lot_size = "0.00001"
[gateways.balances]
USDT = "1000"
"""

PERPETUAL = """
[[gateways]]
id = "perp"
kind = "simulated"
[gateways.source]
kind = "synthetic"
[[gateways.instruments]]
symbol = "BTCUSDT"
type = "perpetual"
base = "BTC"
quote = "USDT"
tick_size = "0.1"
lot_size = "0.001"
funding_interval_hours = 8
[gateways.balances]
USDT = "2000"
"""

STRATEGY = """
[[strategies]]
id = "carry-btc"
kind = "spot-futures"
[strategies.parameters]
spot = "BTCUSDT.spot"
futures = "BTCUSDT.perp"
notional = "10000"
"""

WHOLE = CLUSTER + SPOT + PERPETUAL + STRATEGY


def loaded(text: str, **environment: str) -> Config:
    return load(text, environment, KINDS)


def mistakes_in(text: str, **environment: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(text, **environment)
    return [str(mistake) for mistake in caught.value.mistakes]


def changed(old: str, new: str, text: str = WHOLE) -> str:
    assert old in text, "the change would change nothing"
    return text.replace(old, new, 1)


def recorded(market: str, *files: str, speed: float = 1.0) -> str:
    listed = ", ".join(f'"{file}"' for file in files)
    source = f'kind = "recorded"\nformat = "binance-stream"\nmarket = "{market}"\nfiles = [{listed}]\nspeed = {speed}'
    return CLUSTER + changed('kind = "synthetic"', source, SPOT)
