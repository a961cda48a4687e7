"""From the text of a config to its structs: read, substituted, decoded, checked."""

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from actors.runtime.strategy_kinds import strategy_kinds
from gateways.exchange.spec import RecordedSourceSpec, SourceSpec, VenueSpec
from messages.instruments import Instrument
from supervisor.config import text as config_text
from supervisor.config.check import Draft, Surroundings, check
from supervisor.config.decoder import Decoder, expectation
from supervisor.config.default import DEFAULT_CONFIG
from supervisor.config.mistakes import ConfigError, Mistake
from supervisor.config.shape import (
    Config,
    Name,
)
from supervisor.config.strategies import StrategyKind, decode_parameters

EMBEDDED_NAME = "the embedded config"
CPUS_MAX: Final = 1_024
"""Processors that a config can name."""


class ConfigText(NamedTuple):
    """A config, read and not looked at yet.

    :ivar name: what it is called in messages.
    :ivar frozen_in: the working directory in which it was checked when its cluster was started; None: it was not.
    """

    text: str
    name: str
    frozen_in: Path | None = None


def read(source: Path | None) -> ConfigText:
    """Read a config file, or the embedded config. :raises ConfigError: the file cannot be read."""
    if source is None:
        return ConfigText(DEFAULT_CONFIG, EMBEDDED_NAME)
    return ConfigText(config_text.read(source), str(source))


def load(
    source: Path | str | ConfigText | None = None,
    environment: Mapping[str, str] | None = None,
    kinds: Mapping[str, StrategyKind] | None = None,
) -> Config:
    """Load a config and check it whole.

    :param source: a file (`Path`), the TOML text itself (`str`), or None for the embedded cluster. Paths of data
        files are relative to the working directory, and absolute in the result. Of a frozen text they are relative to
        the directory of then, and what may change under a running cluster (files, processors, the date) is not checked.
    :param environment: what `${NAME}` stands for; the process's own by default.
    :param kinds: the kinds of strategies; those that are built in or installed by default.
    :raises ConfigError: with every mistake, in the order of the document.
    """
    text, name, frozen_in = _read(source)
    raw = config_text.parse(text, name)
    unset: list[Mistake] = []
    raw = config_text.substitute(raw, os.environ if environment is None else environment, "", unset)
    decoder = Decoder()
    draft = Draft(raw, decoder)
    config = decoder.decode(raw, Config, "")
    told = [
        *decode_parameters(draft, strategy_kinds() if kinds is None else kinds),
        *check(draft, _surroundings(is_frozen=frozen_in is not None)),
    ]
    mistakes = [*unset, *decoder.mistakes, *told]
    if mistakes:
        raise ConfigError(name, sorted(mistakes, key=_place_in(raw)))
    assert isinstance(config, Config)
    return _completed(config, decoder.decoded, frozen_in or Path.cwd())


def venue_specs(config: Config) -> tuple[VenueSpec, ...]:
    """What the exchange process is to simulate: a venue for each gateway, under the gateway's id."""
    return tuple(gateway.venue_spec() for gateway in config.gateways)


def instruments(config: Config) -> dict[str, Instrument]:
    """Every instrument of every gateway, by instrument id."""
    return {
        instrument.id: instrument
        for gateway in config.gateways
        for instrument in (table.at(gateway.id) for table in gateway.instruments)
    }


def cluster_name(file: Path) -> str:
    """The name of the cluster that a config file describes; whatever else is wrong in the file does not matter.

    A running cluster must be found and halted by its config though the config cannot be used any more.

    :raises ConfigError: there is no name in it that a cluster can have.
    """
    raw = config_text.parse(config_text.read(file), str(file))
    table = raw.get("cluster")
    name = table.get("name") if isinstance(table, dict) else None
    try:
        return msgspec.convert(name, Name)
    except msgspec.ValidationError:
        raise ConfigError(str(file), [Mistake("cluster.name", "no usable name", expectation(Name))]) from None


def _read(source: Path | str | ConfigText | None) -> ConfigText:
    if isinstance(source, ConfigText):
        return source
    return ConfigText(source, "the given text") if isinstance(source, str) else read(source)


def _surroundings(*, is_frozen: bool) -> Surroundings:
    if is_frozen:
        return Surroundings(is_file=lambda _: True, cpus=frozenset(range(CPUS_MAX)), now_ns=0)
    available = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    return Surroundings(is_file=lambda file: Path(file).is_file(), cpus=frozenset(available), now_ns=time.time_ns())


def _completed(config: Config, decoded: Mapping[str, Any], base: Path) -> Config:
    """Put the decoded parameters in, and make the paths of data files absolute. :param base: of those that are not."""
    gateways = (msgspec.structs.replace(gateway, source=_located(gateway.source, base)) for gateway in config.gateways)
    strategies = (
        msgspec.structs.replace(strategy, parameters=decoded[f"strategies[{index}].parameters"])
        for index, strategy in enumerate(config.strategies)
    )
    return msgspec.structs.replace(config, gateways=tuple(gateways), strategies=tuple(strategies))


def _located(source: SourceSpec, base: Path) -> SourceSpec:
    if not isinstance(source, RecordedSourceSpec):
        return source
    feeds = tuple(msgspec.structs.replace(feed, files=_absolute(feed.files, base)) for feed in source.feeds)
    return msgspec.structs.replace(source, files=_absolute(source.files, base), feeds=feeds)


def _absolute(files: tuple[str, ...], base: Path) -> tuple[str, ...]:
    return tuple(str((base / file).resolve()) for file in files)


def _place_in(raw: Mapping[str, Any]) -> Any:
    """A sort key: sections in the order of the document, their tables by number, mistakes of a table as found."""
    order = {section: rank for rank, section in enumerate(raw)}

    def key(mistake: Mistake) -> tuple[int, tuple[int, ...]]:
        section = re.split(r"[.\[]", mistake.path, maxsplit=1)[0]
        numbers = tuple(int(number) for number in re.findall(r"\[(\d+)\]", mistake.path))
        return order.get(section, len(order)), numbers[:2]

    return key
