"""A distribution with a strategy in it, as pip would have installed it: a module beside its `dist-info`."""

from collections.abc import Mapping
from pathlib import Path

GOOD = '''\
"""Waits for better times. It never trades."""

from enum import Enum
from typing import Annotated

import msgspec

from actors.machine import on
from actors.strategies.strategy import INPUTS, Strategy
from messages.topics import Channel


class State(Enum):
    WAITING = "listens and does nothing"


class WaiterParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """:param instrument: what it listens to.

    :param patience_s: how long it would wait.
    """

    instrument: str
    patience_s: Annotated[float, msgspec.Meta(gt=0)] = 1.0


class Waiter(Strategy[State]):
    kind = "waiter"
    parameters_type = WaiterParameters
    initial = State.WAITING
    terminal = frozenset(State)
    is_settled = True
    reporting_currency = "USDT"

    @classmethod
    def instrument_ids(cls, parameters):
        return (parameters.instrument,)

    @classmethod
    def check(cls, parameters, instruments):
        return ["patience_s is 13, expected another number"] if parameters.patience_s == 13 else []

    def subscriptions(self):
        return tuple((Channel.QUOTE, name) for name in self.instruments)

    def stay(self, message):
        return State.WAITING, ()

    transitions = {State.WAITING: dict.fromkeys(INPUTS, on(stay))}
'''
"""A strategy that is right."""


def install(folder: Path, name: str, module: str, kinds: Mapping[str, str], version: str = "1.0") -> None:
    """Put a distribution of one module into a folder of the import path.

    :param module: the text of its module, which has the name of the distribution.
    :param kinds: kind → `module:Class`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(module)
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [f"{kind} = {target}" for kind, target in kinds.items()]
    (info / "entry_points.txt").write_text("\n".join(["[openoutcry.strategies]", *lines, ""]))
