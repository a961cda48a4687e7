"""From a config to a backtest and its result."""

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Final

import msgspec

from actors.runtime.input_journal import InputJournal
from actors.runtime.journal import segment_files
from actors.runtime.journal_header import JournalHeader, write_header
from actors.runtime.strategy_kinds import strategy_class
from actors.strategies.strategy import Strategy
from gateways.exchange.simulated_venue import SimulatedVenue
from gateways.exchange.sources.make import make_source
from gateways.exchange.sources.merge import merge
from gateways.exchange.sources.source import Measured, Source, SourceEvent
from gateways.exchange.spec import SyntheticSourceSpec
from messages.base import NS_MAX
from supervisor.backtest.engine import Engine
from supervisor.backtest.period import NS_PER_S, SYNTHETIC_START_NS, Period, iso
from supervisor.backtest.record import StrategyRecord
from supervisor.backtest.strategy_desk import Fault, StrategyDesk
from supervisor.backtest.venue_floor import VenueFloor
from supervisor.config import Config, StrategyConfig, instruments, venue_specs
from supervisor.plan import order_prefixes
from supervisor.report import RunResult

NS_PER_MS: Final = 1_000_000
COLLECT_EVERY: Final = 256
"""Words of progress between two collections of garbage: about a million events."""

Events = Iterator[tuple[str, SourceEvent]]


class BacktestError(Exception):
    """A backtest cannot be run: why not, and what to give instead."""


class Progress(msgspec.Struct, frozen=True):
    """How far a backtest has got.

    :param ratio: from 0 to 1; None where nobody knows how much is to come.
    """

    events: int
    now_ns: int
    ratio: float | None


GoOn = Callable[[Progress], bool]
"""Told the progress now and then; False ends the run in good order."""


class BacktestResult(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a backtest at its end.

    :param run: as of a cluster.
    :param from_ns: the market time that was told; `to_ns` its end; `events` the market events in it.
    :param records: by strategy id.
    """

    run: RunResult
    from_ns: int
    to_ns: int
    events: int
    is_interrupted: bool
    faults: tuple[Fault, ...]
    records: Mapping[str, StrategyRecord]


class BacktestOptions(msgspec.Struct, frozen=True):
    """What is asked of one backtest, beside its config.

    :param journal_dir: each strategy's inputs and answers are kept here, in a folder of its own.
    :param kinds: the kinds of strategies; None: those that are built in or installed.
    """

    period: Period = Period()
    journal_dir: Path | None = None
    kinds: Mapping[str, type[Strategy[Any]]] | None = None


def run_backtest(config: Config, options: BacktestOptions, go_on: GoOn) -> BacktestResult:
    """Run the strategies of a config on the markets of its gateways.

    :raises BacktestError: the config and the period do not make a run, or the journal's folder is in use.
    :raises SourceError: recorded data cannot be read.
    :raises JournalFailed: a journal cannot be written.
    """
    _check(config, options.period)
    backtest = _Backtest(config, options)
    try:
        with _collector_off():
            return backtest.run(go_on)
    finally:
        backtest.close()


def _check(config: Config, period: Period) -> None:
    synthetic = [gateway.id for gateway in config.gateways if isinstance(gateway.source, SyntheticSourceSpec)]
    if synthetic and period.is_open:
        raise BacktestError(
            f"the market of {synthetic[0]} is synthetic and has no end; say how long: --for 60, or --to"
        )
    start_ns = SYNTHETIC_START_NS if synthetic and period.from_ns is None else period.from_ns or 0
    if period.end_ns(start_ns) <= start_ns:
        raise BacktestError(f"the end is not after the beginning, {iso(start_ns)}; choose a later one")


class _Backtest:
    def __init__(self, config: Config, options: BacktestOptions) -> None:
        self._config = config
        self._period = period = options.period
        start_ns = SYNTHETIC_START_NS if period.from_ns is None else period.from_ns
        specs = venue_specs(config)
        checks = {gateway.id: gateway.checks for gateway in config.gateways}
        self._sources: dict[str, Source] = {spec.id: make_source(spec, start_ns) for spec in specs}
        self._floors = {spec.id: VenueFloor(spec, SimulatedVenue(spec), checks[spec.id]) for spec in specs}
        self._desks = _desks(config, options)
        self._engine = Engine(self._floors, self._desks)
        self._is_synthetic = any(isinstance(spec.source, SyntheticSourceSpec) for spec in specs)
        self._start_ns = self._end_ns = 0
        self._words = 0

    def close(self) -> None:
        for desk in self._desks:
            desk.close()

    def run(self, go_on: GoOn) -> BacktestResult:
        engine, is_going = self._engine, True

        def is_to_go_on() -> bool:
            nonlocal is_going
            self._words += 1
            if self._words % COLLECT_EVERY == 0:
                gc.collect()
            is_going = go_on(Progress(engine.events, engine.now_ns, self._ratio()))
            return is_going

        engine.play(self._opened(merge(self._sources)), is_to_go_on)
        ended_ns = engine.now_ns
        engine.drain(ended_ns + self._config.cluster.drain_deadline_ms * NS_PER_MS)
        return self._result(ended_ns, is_interrupted=not is_going)

    def _ratio(self) -> float | None:
        """How much is done: of the time, where the end is known, else of the files."""
        if self._end_ns < NS_MAX:
            return (self._engine.now_ns - self._start_ns) / (self._end_ns - self._start_ns)
        files = [source for source in self._sources.values() if isinstance(source, Measured)]
        total = sum(source.bytes_total for source in files)
        if len(files) < len(self._sources) or not total:
            return None
        return sum(source.bytes_read for source in files) / total

    def _opened(self, events: Events) -> Events:
        """Bring the books to the beginning, start the strategies, and return the events from there to the end."""
        engine, from_ns = self._engine, self._period.from_ns
        if from_ns is None and self._is_synthetic:
            from_ns = SYNTHETIC_START_NS
        first = next(events, None)
        while first is not None and from_ns is not None and first[1].ts_received < from_ns:
            engine.prepare(first)
            first = next(events, None)
        if first is None:
            raise BacktestError("there are no market data in this period; choose another, or other files")
        self._start_ns = first[1].ts_received if from_ns is None else from_ns
        self._end_ns = self._period.end_ns(self._start_ns)
        if first[1].ts_received >= self._end_ns:
            raise BacktestError(f"there are no market data before {iso(self._end_ns)}; choose a later end")
        engine.start(self._start_ns, self._end_ns)
        return chain((first,), events)

    def _result(self, ended_ns: int, *, is_interrupted: bool) -> BacktestResult:
        desks, floors = self._desks, self._floors
        reports = {desk.id: desk.report() for desk in desks}
        run = RunResult(
            cluster=self._config.cluster.name,
            seconds=(ended_ns - self._start_ns) / NS_PER_S,
            stopped="clean",
            gateway_reports={id: floor.report(self._sources[id]) for id, floor in floors.items()},
            gateway_statuses={id: floor.status() for id, floor in floors.items()},
            strategy_reports=reports,
            strategy_statuses={id: report.status for id, report in reports.items()},
            processes=(),
        )
        return BacktestResult(
            run=run,
            from_ns=self._start_ns,
            to_ns=ended_ns,
            events=self._engine.events,
            is_interrupted=is_interrupted,
            faults=tuple(desk.fault for desk in desks if desk.fault is not None),
            records={desk.id: desk.record for desk in desks},
        )


def _desks(config: Config, options: BacktestOptions) -> list[StrategyDesk]:
    enabled = [strategy for strategy in config.strategies if strategy.enabled]
    if options.journal_dir is not None:
        _check_unused(options.journal_dir, enabled)
    prefixes = order_prefixes(config.cluster.name, [strategy.id for strategy in config.strategies])
    known = instruments(config)
    desks = []
    for told in enabled:
        kind = strategy_class(told.kind) if options.kinds is None else options.kinds[told.kind]
        traded = {name: known[name] for name in kind.instrument_ids(told.parameters)}
        strategy = kind(told.id, traded, told.parameters)
        desks.append(StrategyDesk(strategy, prefixes[told.id], _journal(told, strategy, options.journal_dir)))
    return desks


def _journal(told: StrategyConfig, strategy: Strategy[Any], journal_dir: Path | None) -> InputJournal | None:
    if journal_dir is None:
        return None
    directory = journal_dir / told.id
    header = JournalHeader(
        strategy=told.id,
        kind=told.kind,
        parameters=msgspec.to_builtins(told.parameters, str_keys=True),
        instruments=tuple(strategy.instruments.values()),
    )
    write_header(directory, header)
    return InputJournal(directory)


def _check_unused(journal_dir: Path, strategies: list[StrategyConfig]) -> None:
    """A journal is of one run: what is in the folder already would be taken for the beginning of this one."""
    for strategy in strategies:
        directory = journal_dir / strategy.id
        if segment_files(directory):
            raise BacktestError(f"{directory} holds the journal of another run; give another --journal, or remove it")


@contextmanager
def _collector_off() -> Iterator[None]:
    """Messages hold no cycles, and looking for some costs a tenth of the time; it is done now and then all the same."""
    was_on = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if was_on:
            gc.enable()
