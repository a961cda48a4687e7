"""What the types of a config cannot say: names that must differ or exist, and combinations that cannot be.

Every check looks at the tables that could be decoded, and at names as they were written, so that one mistake is not
reported again as another. Whatever lies outside the config is asked of `Surroundings`: this file does no I/O.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from gateways.exchange.feed_spec import FeedSpec
from gateways.exchange.spec import RecordedSourceSpec, SyntheticSourceSpec
from gateways.exchange.venue_rules import check_spec
from messages.instruments import ONE, InstrumentType
from messages.orders import order_tag
from supervisor.config.decoder import Decoder
from supervisor.config.mistakes import Mistake, nearest_name, one_of, shown
from supervisor.config.recordings import check_feeds, check_files, check_form
from supervisor.config.risk_check import check_risk
from supervisor.config.shape import GatewayConfig, InstrumentConfig, StrategyConfig

RESERVED_NAMES = frozenset({"exchange", "supervisor", "keeper", "operator"})
"""Processes and sockets that every cluster has."""


class Surroundings(msgspec.Struct, frozen=True):
    """The machine that the cluster is to run on.

    :param is_file: whether a data file is there.
    :param cpus: the processors that a process may be pinned to.
    :param now_ns: nanoseconds since the epoch.
    """

    is_file: Callable[[str], bool]
    cpus: frozenset[int]
    now_ns: int


class Draft(msgspec.Struct, frozen=True):
    """A document on its way to a config: as it was written, and the tables of it that could be decoded."""

    raw: dict[str, Any]
    decoder: Decoder

    def tables(self, section: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every table of a list of tables with its path, as it was written."""
        return _tables(self.raw, section, "")

    def ids(self, section: str) -> Iterator[tuple[str, str]]:
        """The path and text of every id of a list of tables."""
        return _texts(self.tables(section), "id")

    def symbols(self, gateway_path: str, gateway: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """The path and text of every symbol of one gateway."""
        return _texts(_tables(gateway, "instruments", f"{gateway_path}."), "symbol")

    def instrument_ids(self) -> set[str]:
        """The id of every instrument, whether or not the rest of it is right."""
        return {
            f"{symbol}.{gateway['id']}"
            for path, gateway in self.tables("gateways")
            if isinstance(gateway.get("id"), str)
            for _, symbol in self.symbols(path, gateway)
        }


def check(draft: Draft, surroundings: Surroundings) -> Iterator[Mistake]:
    """Find what the decoder could not see, but for the parameters of strategies."""
    yield from _check_names(draft)
    yield from _check_order_tags(draft)
    for path, gateway in draft.decoder.tables(GatewayConfig):
        yield from check_feeds(path, gateway)
        yield from _check_synthetic_names(path, gateway)
        yield from _check_venue(path, gateway)
        yield from _check_balances(path, gateway)
        yield from _check_bounded_symbols(path, gateway)
        yield from _check_expiries(path, gateway, surroundings.now_ns)
    yield from _check_recordings(draft, surroundings)
    yield from _check_sources(draft)
    yield from _check_cpus(draft, surroundings)
    for path, instrument in draft.decoder.tables(InstrumentConfig):
        yield from check_instrument(path, instrument)
    yield from check_risk(
        draft.raw.get("risk"),
        gateways=[name for _, name in draft.ids("gateways")],
        assets={instrument.base for _, instrument in draft.decoder.tables(InstrumentConfig)},
        instruments=draft.instrument_ids(),
        strategies=[name for _, name in draft.ids("strategies")],
    )


def check_instrument(path: str, instrument: InstrumentConfig) -> Iterator[Mistake]:
    """Find the combinations of keys that no instrument can have."""
    kind = instrument.type
    is_spot = kind is InstrumentType.SPOT
    settle = instrument.base if instrument.inverse else instrument.quote
    fee_currencies = {instrument.base, instrument.quote} if is_spot else {settle}
    rules = (
        (instrument.base == instrument.quote, "quote", f"{instrument.quote} is the base too", "another currency"),
        (is_spot and instrument.inverse, "inverse", "true for a spot instrument", "false, or another type"),
        (is_spot and instrument.settle is not None, "settle", "set for a spot instrument", "no settle currency"),
        (is_spot and instrument.multiplier != ONE, "multiplier", f"{instrument.multiplier} for a spot instrument", "1"),
        (
            kind is not InstrumentType.FUTURE and instrument.expiry is not None,
            "expiry",
            f"set for a {kind} instrument",
            'no expiry, or type = "future"',
        ),
        (
            kind is InstrumentType.FUTURE and instrument.expiry is None,
            "expiry",
            "missing key",
            "the date and time of a future's last trade",
        ),
        (
            kind is not InstrumentType.PERPETUAL and instrument.funding_interval_hours > 0,
            "funding_interval_hours",
            f"set for a {kind} instrument",
            'nothing, or type = "perpetual"',
        ),
        (
            not is_spot and instrument.settle_currency != settle,
            "settle",
            shown(instrument.settle_currency),
            f"{settle}, the currency that {'inverse' if instrument.inverse else 'linear'} contracts settle in",
        ),
        (
            instrument.fee_currency is not None and instrument.fee_currency not in fee_currencies,
            "fee_currency",
            shown(instrument.fee_currency),
            one_of(fee_currencies),
        ),
        (
            instrument.max_quantity is not None and instrument.max_quantity < instrument.min_quantity,
            "max_quantity",
            f"{instrument.max_quantity}, less than min_quantity",
            f"at least {instrument.min_quantity}",
        ),
    )
    return (Mistake(f"{path}.{key}", found, expected) for is_wrong, key, found, expected in rules if is_wrong)


def _check_names(draft: Draft) -> Iterator[Mistake]:
    processes = [*draft.ids("gateways"), *draft.ids("strategies")]
    for path, name in processes:
        if name in RESERVED_NAMES:
            yield Mistake(path, f'"{name}" is the name of a part of every cluster', "another id")
    yield from _repeated(processes, "an id that no other gateway or strategy has")
    for path, gateway in draft.tables("gateways"):
        yield from _repeated(draft.symbols(path, gateway), "a symbol that no other instrument of this gateway has")


def _check_order_tags(draft: Draft) -> Iterator[Mistake]:
    """Order ids hold only the first letters and digits of a strategy's id, and must still tell strategies apart."""
    first: dict[str, tuple[str, str]] = {}
    for path, name in draft.ids("strategies"):
        other_path, other = first.setdefault(order_tag(name), (path, name))
        if other != name:
            tag = order_tag(name)
            yield Mistake(
                path,
                f'"{name}" and "{other}" of {other_path} both give orders the tag "{tag}"',
                f"ids that differ in their first {len(tag)} letters and digits",
            )


def _check_venue(path: str, gateway: GatewayConfig) -> Iterator[Mistake]:
    """What the simulated venue has to say, where nothing else is wrong with its instruments."""
    symbols = {instrument.symbol for instrument in gateway.instruments}
    if len(symbols) < len(gateway.instruments) or any(m for i in gateway.instruments for m in check_instrument("", i)):
        return
    try:
        check_spec(gateway.venue_spec())
    except ValueError as error:
        yield Mistake(path, str(error))


def _check_synthetic_names(path: str, gateway: GatewayConfig) -> Iterator[Mistake]:
    """A profile or an asset of a synthetic market that no instrument has would be without effect."""
    source = gateway.source
    if not isinstance(source, SyntheticSourceSpec):
        return
    symbols = {instrument.symbol for instrument in gateway.instruments}
    currencies = {currency for instrument in gateway.instruments for currency in (instrument.base, instrument.quote)}
    for name in source.profiles.keys() - symbols:
        found = "no instrument of this gateway has this symbol"
        yield Mistake(f"{path}.source.profiles.{name}", found, one_of(symbols), nearest_name(name, symbols))
    for name in source.assets.keys() - currencies:
        found = "no instrument of this gateway has this currency"
        yield Mistake(f"{path}.source.assets.{name}", found, one_of(currencies), nearest_name(name, currencies))


def _check_bounded_symbols(path: str, gateway: GatewayConfig) -> Iterator[Mistake]:
    """A bound under a symbol that is misspelt would bound nothing."""
    symbols = {instrument.symbol for instrument in gateway.instruments}
    for name in gateway.checks.order_quantity_max.keys() - symbols:
        found = "no instrument of this gateway has this symbol"
        yield Mistake(f"{path}.checks.order_quantity_max.{name}", found, one_of(symbols), nearest_name(name, symbols))


def _check_balances(path: str, gateway: GatewayConfig) -> Iterator[Mistake]:
    if not any(gateway.balances.values()):
        yield Mistake(f"{path}.balances", "no balances: nothing could be traded", "an amount of at least one currency")


def _check_expiries(path: str, gateway: GatewayConfig, now_ns: int) -> Iterator[Mistake]:
    """A synthetic market lives now, so its futures expire later; a recording has a time of its own."""
    if not isinstance(gateway.source, SyntheticSourceSpec):
        return
    for index, instrument in enumerate(gateway.instruments):
        if instrument.type is InstrumentType.FUTURE and instrument.expiry and instrument.expiry_ns <= now_ns:
            found = f"{instrument.expiry.isoformat()}, which is past"
            yield Mistake(
                f"{path}.instruments[{index}].expiry", found, "a date and time to come, in a synthetic market"
            )


def _check_recordings(draft: Draft, surroundings: Surroundings) -> Iterator[Mistake]:
    for path, source in draft.decoder.tables(RecordedSourceSpec):
        yield from check_form(path, source)
        yield from check_files(path, source, surroundings.is_file)
    for path, feed in draft.decoder.tables(FeedSpec):
        yield from check_files(path, feed, surroundings.is_file)


def _check_sources(draft: Draft) -> Iterator[Mistake]:
    """All venues live on one clock, so their sources are of one time, and run at one speed."""
    gateways = list(draft.decoder.tables(GatewayConfig))
    for path, gateway in gateways[1:]:
        first_path, first = gateways[0]
        if type(gateway.source) is not type(first.source):
            yield Mistake(
                f"{path}.source.kind",
                f"{_kind_of(gateway)}, but {first_path} is {_kind_of(first)}",
                "one kind for all sources, which share a clock",
            )
        elif gateway.source.speed != first.source.speed:
            yield Mistake(
                f"{path}.source.speed",
                f"{gateway.source.speed:g}, but {first_path} runs at {first.source.speed:g}",
                "one speed for all sources, which share a clock",
            )


def _kind_of(gateway: GatewayConfig) -> str:
    return "recorded" if isinstance(gateway.source, RecordedSourceSpec) else "synthetic"


def _check_cpus(draft: Draft, surroundings: Surroundings) -> Iterator[Mistake]:
    available = ", ".join(str(cpu) for cpu in sorted(surroundings.cpus))
    pinned = {path: table.cpus for path, table in draft.decoder.tables(GatewayConfig)}
    pinned |= {path: table.cpus for path, table in draft.decoder.tables(StrategyConfig)}
    for path, cpus in pinned.items():
        for index, cpu in enumerate(cpus):
            if cpu not in surroundings.cpus:
                yield Mistake(f"{path}.cpus[{index}]", f"no processor {cpu} here", f"some of {available}")


def _repeated(named: Iterable[tuple[str, str]], expected: str) -> Iterator[Mistake]:
    first: dict[str, str] = {}
    for path, name in named:
        first_path = first.setdefault(name, path)
        if first_path != path:
            yield Mistake(path, f'"{name}" is taken by {first_path}', expected)


def _tables(raw: dict[str, Any], section: str, prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    listed = raw.get(section)
    if isinstance(listed, list):
        for index, table in enumerate(listed):
            if isinstance(table, dict):
                yield f"{prefix}{section}[{index}]", table


def _texts(tables: Iterable[tuple[str, dict[str, Any]]], key: str) -> Iterator[tuple[str, str]]:
    for path, table in tables:
        if isinstance(value := table.get(key), str):
            yield f"{path}.{key}", value
