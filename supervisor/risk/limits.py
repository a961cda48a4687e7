"""The common limits of a cluster, and which of them bind a strategy in an instrument. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from enum import Enum
from typing import Final, NamedTuple

from messages.instruments import Instrument
from supervisor.config.risk import NotionalLimits, RiskConfig

Key = tuple[str, str]
"""Strategy and instrument id: what one lease is about."""


class Measure(Enum):
    """What of the worst cases is added up."""

    GROSS = "notional of the larger side of each"
    NET = "notional of all long sides, or of all short sides, whichever is more"
    POSITION = "long sides, or short sides, in the instrument's own unit"


class Limit(NamedTuple):
    """:param name: its path in the config's `[risk]`.
    :param max: in the reporting currency, or in the instrument's own unit where `measure` is POSITION.
    """

    name: str
    measure: Measure
    max: Decimal


_NOTIONAL: Final = (("gross_notional_max", Measure.GROSS), ("net_notional_max", Measure.NET))


class Limits:
    """All limits of a config.

    :param config: None: nothing is limited.
    :ivar by_name: every limit that the config sets.
    """

    def __init__(self, config: RiskConfig | None, instruments: Mapping[str, Instrument]) -> None:
        self._instruments = instruments
        self._config = config
        self.by_name: dict[str, Limit] = {limit.name: limit for limit in _all(config)} if config else {}
        self._of: dict[Key, tuple[Limit, ...]] = {}

    @property
    def reporting_currency(self) -> str:
        return self._config.reporting_currency if self._config else ""

    def of(self, key: Key) -> tuple[Limit, ...]:
        """The limits that bind this strategy in this instrument, in the config's order."""
        found = self._of.get(key)
        if found is None:
            found = self._of[key] = tuple(self._bind(*key))
        return found

    def is_valued(self, key: Key) -> bool:
        """Whether any of its limits is one of notional, for which a price must be known."""
        return any(limit.measure is not Measure.POSITION for limit in self.of(key))

    def messages_per_s(self, strategy: str, leases: int) -> float:
        """The part of a strategy's message rate that each of its leases gets; 0 = no bound."""
        own = self._config.strategies.get(strategy) if self._config else None
        return own.messages_per_s / max(1, leases) if own else 0.0

    def _bind(self, strategy: str, instrument_id: str) -> Iterator[Limit]:
        instrument = self._instruments[instrument_id]
        scopes = (
            "portfolio",
            f"venues.{instrument.venue}",
            f"assets.{instrument.base}",
            f"instruments.{instrument_id}",
            f"strategies.{strategy}",
        )
        names = [f"{scope}.{limit}" for scope in scopes for limit, _ in _NOTIONAL]
        names += [f"instruments.{instrument_id}.position_max", f"strategies.{strategy}.position_max.{instrument_id}"]
        return (self.by_name[name] for name in names if name in self.by_name)


def _all(config: RiskConfig) -> Iterator[Limit]:
    for scope, table in _tables(config):
        for name, measure in _NOTIONAL:
            most = getattr(table, name)
            if most is not None:
                yield Limit(f"{scope}.{name}", measure, most)
    for id, instrument in config.instruments.items():
        if instrument.position_max is not None:
            yield Limit(f"instruments.{id}.position_max", Measure.POSITION, instrument.position_max)
    for strategy, own in config.strategies.items():
        for id, most in own.position_max.items():
            yield Limit(f"strategies.{strategy}.position_max.{id}", Measure.POSITION, most)


def _tables(config: RiskConfig) -> Iterator[tuple[str, NotionalLimits]]:
    yield "portfolio", config.portfolio
    groups: Iterable[tuple[str, Mapping[str, NotionalLimits]]] = (
        ("venues", config.venues),
        ("assets", config.assets),
        ("instruments", config.instruments),
        ("strategies", config.strategies),
    )
    for group, tables in groups:
        for name, table in tables.items():
            yield f"{group}.{name}", table
