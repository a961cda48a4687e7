"""The supervisor's shell takes away the latch that the core knew of, and no other."""

from pathlib import Path

import pytest

from gateways.safety import halt_latch
from gateways.safety.halt_latch import HaltNote
from supervisor.actions import ClearLatch, SetLatch
from supervisor.actor import Outcome, SupervisorActor
from supervisor.closing import RunOptions
from supervisor.core import Core
from supervisor.paths import ClusterPaths
from supervisor.registry import Registry
from tests.supervisor.core_driver import desk

BY_HAND = HaltNote(reason="by hand", at_ns=7, by="operator", is_flattening=True)


@pytest.fixture
def paths(tmp_path: Path) -> ClusterPaths:
    paths = ClusterPaths(tmp_path)
    paths.halt_file.parent.mkdir(parents=True, exist_ok=True)
    return paths


@pytest.fixture
def actor(paths: ClusterPaths) -> SupervisorActor:
    return SupervisorActor(Core(desk(), Registry(), RunOptions(), 1), Registry(), paths, Outcome())


def test_an_unhalt_takes_the_latch_of_its_own_halt_away(actor: SupervisorActor, paths: ClusterPaths) -> None:
    actor._do(SetLatch("storm", is_flattening=False))
    actor._do(ClearLatch())
    assert halt_latch.read(paths.halt_file) is None


def test_an_unhalt_takes_a_latch_away_that_was_seen(actor: SupervisorActor, paths: ClusterPaths) -> None:
    halt_latch.set_halt(paths.halt_file, BY_HAND)
    assert actor._latch() is not None
    actor._do(ClearLatch())
    assert halt_latch.read(paths.halt_file) is None


def test_an_unhalt_leaves_a_latch_that_was_set_meanwhile(actor: SupervisorActor, paths: ClusterPaths) -> None:
    actor._do(SetLatch("storm", is_flattening=False))
    halt_latch.set_halt(paths.halt_file, BY_HAND)  # stricter, so that it takes the place of the other
    actor._do(ClearLatch())
    assert halt_latch.read(paths.halt_file) == BY_HAND
    latch = actor._latch()
    assert latch is not None
    assert latch.reason == "by hand"
    actor._do(ClearLatch())
    assert halt_latch.read(paths.halt_file) is None, "this one was seen"
