"""The supervisor's shell: what a grant allows is on the disk before it is sent."""

from pathlib import Path

import pytest

from messages.codec import TO_CHILD
from messages.risk import LeaseGrant
from messages.to_child import DropCopyApplied
from supervisor import registry
from supervisor.actions import SaveRegistry, SendNews
from supervisor.actor import Outcome, SupervisorActor
from supervisor.closing import RunOptions
from supervisor.core import Core
from supervisor.paths import ClusterPaths
from supervisor.registry import Registry
from tests.supervisor.core_driver import SPOT, desk

GRANT = LeaseGrant(5, 7, 1_000, ())


class Post:
    """Keeps what is sent, in place of the children's socket."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, object]] = []

    def send(self, child: str, frame: bytes) -> None:
        self.sent.append((child, TO_CHILD.decode(frame)))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_a_grant_is_not_sent_while_the_registry_cannot_be_written(state: Path) -> None:
    paths = ClusterPaths(state)
    actor = SupervisorActor(Core(desk(), Registry(), RunOptions(), 1), Registry(), paths, Outcome())
    post = Post()
    actor._addresses = post  # type: ignore[assignment]
    actor._do(SaveRegistry(Registry(incarnation=3)))  # there is no such folder yet, as there is no room on a full disk
    actor._do(SendNews(SPOT, GRANT))
    assert post.sent == []
    actor._do(SendNews(SPOT, DropCopyApplied(4)))
    assert post.sent == [(SPOT, DropCopyApplied(4))], "what allows nothing needs no disk"
    paths.registry_file.parent.mkdir(parents=True)
    actor._do(SendNews(SPOT, GRANT))
    assert post.sent[1:] == [(SPOT, GRANT)]
    assert registry.load(paths.registry_file).incarnation == 3, "saved first"
    actor._do(SendNews(SPOT, GRANT))
    assert len(post.sent) == 3
