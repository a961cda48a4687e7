"""The operator's requests are answered, or the link says in time that nobody is there."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from messages.codec import encode
from messages.operator import CommandAccepted, FromOperator, HaltRequest, StatusReply, StatusRequest
from supervisor.operator_link import SOCKET_NAME, BadReply, NotRunning, OperatorLink, new_command_id
from supervisor.paths import ClusterPaths
from tests.supervisor.samples import STATUS
from tests.supervisor.stand_in import StandIn, usual


@pytest.fixture
def paths(monkeypatch: pytest.MonkeyPatch) -> Iterator[ClusterPaths]:
    with tempfile.TemporaryDirectory(prefix="oc") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield ClusterPaths(Path(folder) / "desk")


def test_a_status_is_asked_for_and_comes_back_whole(paths: ClusterPaths) -> None:
    with StandIn(paths), OperatorLink(paths.endpoint(SOCKET_NAME)) as link:
        assert StatusReply("c1", STATUS) == link.request(StatusRequest("c1"))


def test_a_link_serves_one_request_after_the_other(paths: ClusterPaths) -> None:
    with StandIn(paths) as supervisor, OperatorLink(paths.endpoint(SOCKET_NAME)) as link:
        link.request(StatusRequest("c1"))
        assert CommandAccepted("c2", "halted: storm") == link.request(HaltRequest("c2", "storm"))
    assert [StatusRequest("c1"), HaltRequest("c2", "storm")] == supervisor.heard


def test_an_answer_to_an_older_request_is_passed_over(paths: ClusterPaths) -> None:
    def late(request: FromOperator) -> list[bytes]:
        return [encode(CommandAccepted("older", "late")), *usual(request)]

    with StandIn(paths, late), OperatorLink(paths.endpoint(SOCKET_NAME)) as link:
        assert "c1" == link.request(StatusRequest("c1")).command_id


def test_a_cluster_that_does_not_run_is_told(paths: ClusterPaths) -> None:
    paths.create()
    with (
        OperatorLink(paths.endpoint(SOCKET_NAME)) as link,
        pytest.raises(NotRunning, match="nobody answers at ipc://"),
    ):
        link.request(StatusRequest("c1"), timeout_ms=20)


def test_a_supervisor_that_does_not_answer_is_told(paths: ClusterPaths) -> None:
    with (
        StandIn(paths, lambda _: []),
        OperatorLink(paths.endpoint(SOCKET_NAME)) as link,
        pytest.raises(NotRunning, match="no answer from ipc://"),
    ):
        link.request(StatusRequest("c1"), timeout_ms=100)


def test_an_answer_that_is_no_message_is_told(paths: ClusterPaths) -> None:
    with (
        StandIn(paths, lambda _: [b"\x93nonsense"]),
        OperatorLink(paths.endpoint(SOCKET_NAME)) as link,
        pytest.raises(BadReply, match="cannot read the answer of ipc://"),
    ):
        link.request(StatusRequest("c1"))


def test_command_ids_differ() -> None:
    assert new_command_id() != new_command_id()
