"""Plans the strategies of a running cluster anew when the operator changes them: checked as a config would be."""

import os
import tomllib
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import msgspec

from actors.runtime.strategy_kinds import strategy_kinds
from messages.from_child import ProcessKind
from supervisor.child_spec import ChildPlan
from supervisor.config import Config, ConfigError, ConfigText
from supervisor.config import text as config_text
from supervisor.config.check import Draft, Surroundings, check
from supervisor.config.decoder import FAILED, Decoder
from supervisor.config.loading import CPUS_MAX
from supervisor.config.mistakes import Mistake
from supervisor.config.strategies import decode_parameters
from supervisor.operations.planner import Unfit
from supervisor.paths import ClusterPaths
from supervisor.plan import plan_cluster
from supervisor.registry import Standing

SECTION: Final = "strategies"
_UNCHANGED: Final = Surroundings(is_file=lambda _: True, cpus=frozenset(range(CPUS_MAX)), now_ns=0)
"""Of a config that was checked when its cluster was started: what has changed around it since keeps nobody from going
on, nor from being changed or started again.
"""
_Table = dict[str, Any]  # Any: TOML


class LivePlanner:
    """The strategies of one config, and what becomes of them.

    :param raw: the document that the config was made from, its variables replaced.
    """

    def __init__(self, raw: Mapping[str, Any], config: Config, paths: ClusterPaths) -> None:
        self._raw = dict(raw)
        self._config = config
        self._paths = paths

    @classmethod
    def of(cls, text: ConfigText, config: Config, paths: ClusterPaths) -> "LivePlanner":
        """The planner of a config that was made from this text."""
        raw = config_text.substitute(config_text.parse(text.text, text.name), os.environ, "", [])
        return cls(raw, config, paths)

    def strategies(self, standing: Mapping[str, Standing], added: Collection[str] = ()) -> dict[str, ChildPlan]:
        """The plan of every strategy that is not removed, by name.

        :param added: those that come now, and are to run on the processors that there are.
        :raises Unfit: with every mistake.
        """
        tables = list(self._tables(standing))
        config, mistakes = self._checked(tables, added)
        quoted = [mistake for mistake in mistakes if _quote(tables, mistake)]
        if quoted:
            config, mistakes = self._checked(tables, added)
        if mistakes or config is None:
            raise Unfit(_told(mistakes, tables))
        children = plan_cluster(config, self._paths).children
        return {child.name: child for child in children if child.kind is ProcessKind.STRATEGY}

    def names_in(self, table: str) -> tuple[str, ...]:
        """The ids of the strategies in a text of `[[strategies]]` tables.

        :raises Unfit: it is no such text.
        """
        names = [item.get("id") for item in _parsed(table)]
        if not names or not all(isinstance(name, str) and name for name in names):
            raise Unfit("expected one or more [[strategies]] tables, each with an id")
        if len(set(names)) < len(names):
            raise Unfit(f"an id occurs twice: {', '.join(map(str, names))}")
        return tuple(map(str, names))

    def _tables(self, standing: Mapping[str, Standing]) -> Iterator[_Table]:
        for table in self._raw.get(SECTION, []):
            wish = standing.get(table.get("id"), Standing())
            if not wish.is_removed and not wish.table:
                yield _changed(table, wish)
        for name, wish in standing.items():
            if wish.table and not wish.is_removed:
                yield from (_changed(table, wish) for table in _parsed(wish.table) if table.get("id") == name)

    def _checked(self, tables: list[_Table], added: Collection[str]) -> tuple[Config | None, list[Mistake]]:
        """The config with these strategies, and what is wrong in them; the rest was checked before anything ran."""
        raw = {**self._raw, SECTION: tables}
        decoder = Decoder()
        draft = Draft(raw, decoder)
        config = decoder.decode(raw, Config, "")
        told = [*decode_parameters(draft, strategy_kinds()), *check(draft, _UNCHANGED)]
        new = tuple(f"{SECTION}[{index}].cpus" for index, table in enumerate(tables) if table.get("id") in added)
        if new:
            told += [mistake for mistake in check(draft, _surroundings()) if mistake.path.startswith(new)]
        mistakes = [mistake for mistake in (*decoder.mistakes, *told) if mistake.path.startswith(SECTION)]
        if mistakes or config is FAILED:
            return None, mistakes
        strategies = [
            msgspec.structs.replace(strategy, parameters=decoder.decoded[f"{SECTION}[{index}].parameters"])
            for index, strategy in enumerate(config.strategies)
        ]
        return msgspec.structs.replace(self._config, strategies=tuple(strategies)), []


def toml_value(text: str) -> Any:
    """A value as it is written in TOML; what is no TOML is text, so that a name needs no quotes in a shell."""
    try:
        document = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return document["value"] if len(document) == 1 else text


def _parsed(text: str) -> list[_Table]:
    """The `[[strategies]]` tables of a text. :raises Unfit: it is no TOML, or holds something else."""
    unset: list[Mistake] = []
    try:
        raw = config_text.substitute(config_text.parse(text, "the file"), os.environ, "", unset)
    except ConfigError as error:
        raise Unfit(str(error)) from error
    others = sorted(raw.keys() - {SECTION})
    if others or unset:
        found = [*(f"{name} does not belong here" for name in others), *map(str, unset)]
        raise Unfit(f"expected [[strategies]] tables only: {'; '.join(found)}")
    tables = raw.get(SECTION, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise Unfit("expected [[strategies]] tables: each opens with [[strategies]]")
    return tables


def _changed(table: _Table, wish: Standing) -> _Table:
    parameters = table.get("parameters", {})
    for path, text in wish.changes.items():
        parameters = _with(parameters, path.split("."), toml_value(text))
    priority = {"priority": wish.priority} if wish.priority else {}
    return {**table, "parameters": parameters, **priority}


def _with(table: Any, path: list[str], value: Any) -> Any:
    """A copy of a table with another value at a path; whatever is in its way gives way, and fails the check."""
    if not path:
        return value
    inner = table.get(path[0]) if isinstance(table, dict) else None
    return {**(table if isinstance(table, dict) else {}), path[0]: _with(inner, path[1:], value)}


def _quote(tables: list[_Table], mistake: Mistake) -> bool:
    """Put a number in quotes that was to be in quotes: the operator who sets one from a shell need not know of it."""
    if "in quotes" not in mistake.expected:
        return False
    head, _, rest = mistake.path.partition("].")
    index, path = int(head.removeprefix(f"{SECTION}[")), rest.split(".")
    found: Any = tables[index]
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, float):
        return False
    tables[index] = _with(tables[index], path, repr(found))
    return True


def _told(mistakes: list[Mistake], tables: list[_Table]) -> str:
    """Every mistake, with the id of its strategy in place of its number."""
    lines = []
    for mistake in mistakes:
        text = str(mistake)
        for index, table in enumerate(tables):
            text = text.replace(f"{SECTION}[{index}]", str(table.get("id", f"{SECTION}[{index}]")))
        lines.append(text)
    return "\n".join(lines) or "the cluster's config cannot be decoded any more"


def _surroundings() -> Surroundings:
    """What there is now: a file or a date of the config was looked at when the cluster was started."""
    cpus = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    return msgspec.structs.replace(_UNCHANGED, cpus=frozenset(cpus))
