"""The supervisor's shell takes away the latch that the core knew of, and no other."""

from pathlib import Path

import pytest

from actors.runtime.mailbox import Delivery
from gateways.safety import halt_latch
from gateways.safety.halt_latch import HaltNote
from messages.codec import encode
from messages.operator import StatusRequest, UnhaltRequest
from supervisor.actions import ClearLatch, SetLatch
from supervisor.actor import Outcome, SupervisorActor
from supervisor.closing import RunOptions
from supervisor.core import Core
from supervisor.occurrences import OperatorAsked
from supervisor.operator_link import SOCKET_NAME
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


def test_an_unhalt_leaves_a_latch_that_was_set_again_though_it_says_the_same(
    actor: SupervisorActor, paths: ClusterPaths
) -> None:
    halt_latch.set_halt(paths.halt_file, BY_HAND)
    first = actor._latch()
    halt_latch.set_halt(paths.halt_file, BY_HAND)
    actor._do(ClearLatch())
    assert halt_latch.read(paths.halt_file) == BY_HAND
    again = actor._latch()
    assert first is not None
    assert again is not None
    assert first.id != again.id


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


def test_the_latch_is_looked_at_when_an_unhalt_is_asked_for(actor: SupervisorActor, paths: ClusterPaths) -> None:
    halt_latch.set_halt(paths.halt_file, BY_HAND)
    seen = []
    for request in (UnhaltRequest("u", "over"), StatusRequest("s")):
        actor._on_frame(Delivery(SOCKET_NAME, b"op", encode(request)))
        asked = actor._occurrences.popleft()
        assert isinstance(asked, OperatorAsked)
        seen.append(asked.latch)
    unhalt, status = seen
    assert unhalt is not None
    assert (unhalt.reason, bool(unhalt.id)) == ("by hand", True)
    assert status is None
