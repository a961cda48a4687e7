"""The three markets of Binance that we trade; each has its own hosts, paths and rules."""

from enum import StrEnum


class Market(StrEnum):
    SPOT = "spot"
    USDM = "usdm"
    COINM = "coinm"

    @property
    def is_spot(self) -> bool:
        return self is Market.SPOT
