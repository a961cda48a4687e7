"""The cluster that a seed plays with: which desk, how it is limited, and its plan."""

import os
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import msgspec

from supervisor.child_spec import ClusterPlan
from supervisor.config import Config, load
from supervisor.config import text as config_text
from supervisor.live_planner import LivePlanner
from supervisor.paths import ClusterPaths
from supervisor.plan import plan_cluster
from tests.simulation.desks import DESKS, toml_of


class Kind(NamedTuple):
    """What clusters differ in.

    :param is_shared: a second strategy trades what a pair trades, on the same account.
    :param is_limited: the strategies together may hold less than they want.
    :param is_throttled: the venues have rate limits that are met now and then.
    :param is_secured: senders are known by their keys, as with CURVE (which is left out), and not by routing ids.
    :param desk: a key of `DESKS`.
    :param is_booked: the supervisor keeps a ledger.
    """

    is_shared: bool = False
    is_limited: bool = False
    is_secured: bool = True
    is_throttled: bool = False
    desk: str = "carry"
    is_booked: bool = False


class Scenario(NamedTuple):
    """A config, its plan, and who plans anew what the operator changes of it."""

    config: Config
    plan: ClusterPlan
    planner: LivePlanner


def kind_of(choice: Random) -> Kind:
    """What a seed has drawn."""
    return Kind(
        is_shared=choice.random() < 0.5,
        is_limited=choice.random() < 0.4,
        is_secured=choice.random() < 0.75,
        is_throttled=choice.random() < 0.3,
        desk=choice.choices(list(DESKS), [weight for weight, _, _ in DESKS.values()])[0],
        is_booked=choice.random() < 0.2,
    )


@cache
def _scenario(kind: Kind, state_dir: Path) -> Scenario:
    text = toml_of(kind.desk, is_shared=kind.is_shared, is_limited=kind.is_limited, is_throttled=kind.is_throttled)
    config, paths = load(text, {}), ClusterPaths(state_dir)
    raw = config_text.substitute(config_text.parse(text, "the scenario"), os.environ, "", [])
    return Scenario(config, plan_cluster(config, paths), LivePlanner(raw, config, paths))


def scenario_of(seed: int, kind: Kind, state_dir: Path) -> Scenario:
    """The scenario of one seed: its venues' markets and latencies are drawn from it."""
    scenario = _scenario(kind._replace(is_secured=True, is_booked=False), state_dir)
    children = tuple(_seeded(child, seed) for child in scenario.plan.children)
    return scenario._replace(plan=msgspec.structs.replace(scenario.plan, children=children))


def _seeded(child: Any, seed: int) -> Any:
    venues = getattr(child.spec, "venues", None)
    if venues is None:
        return child
    replace = msgspec.structs.replace
    seeded = tuple(replace(venue, seed=seed, source=replace(venue.source, seed=seed)) for venue in venues)
    return replace(child, spec=replace(child.spec, venues=seeded))
