"""A real cluster, as `outcry up` starts it: where its secrets are and are not, and who may speak to its supervisor."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import zmq

from actors.runtime.links import Context, Socket, open_context
from messages.base import PROTOCOL_VERSION
from messages.codec import TO_OPERATOR, encode
from messages.from_child import Heartbeat, ProcessKind, Register, StrategyFault
from messages.health import ClusterStatus
from messages.operator import HaltRequest, StatusReply, StatusRequest
from supervisor.actions import SUPERVISOR
from supervisor.child_spec import CHILDREN_SOCKET
from supervisor.drill.cluster import process_of
from supervisor.keys import OPERATOR, keyring_of
from supervisor.operator_link import NotRunning, OperatorLink
from supervisor.paths import ClusterPaths
from tests.security.rubbish import FRAMES, raw_connections, rubbish, send_all
from tests.support.carry_cluster import CARRY_CLUSTER
from tests.support.running_cluster import ROOT, RunningCluster
from tests.support.sockets import PATIENCE_MS

pytestmark = pytest.mark.timeout(150)
STRATEGY, GATEWAY = "carry-btc", "spot"
SEED = 20_262
FROM_CHILD = tuple(
    encode(message)
    for message in (
        Register(STRATEGY, ProcessKind.STRATEGY, 1, 9, PROTOCOL_VERSION), Heartbeat(GATEWAY, 1, 1, False),
        StrategyFault(GATEWAY, STRATEGY, "HEDGED", "Quote", "no", 1),
    )
)  # fmt: skip
FROM_OPERATOR = (encode(StatusRequest("c1")),)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    with RunningCluster(CARRY_CLUSTER, tmp_path_factory.mktemp("cluster")) as cluster:
        cluster.wait_until_trading()
        yield cluster
        cluster.stop()


def files_of(paths: ClusterPaths) -> list[Path]:
    return [path for path in paths.state_dir.rglob("*") if path.is_file() and not path.is_symlink()]


def secrets_of(paths: ClusterPaths) -> dict[str, bytes]:
    return {file.stem: file.read_bytes().strip() for file in paths.keys_dir.glob("*.key")}


def link_under(name: str, paths: ClusterPaths, socket_name: str, kind: int = zmq.DEALER) -> tuple[Context, Socket]:
    """Speak to a socket of the supervisor's under the key of this name."""
    keyring, endpoint = keyring_of(paths, name), paths.endpoint(socket_name)
    assert keyring is not None
    context = open_context()
    socket = context.socket(kind)
    for option, value in (
        (zmq.LINGER, 0), (zmq.IMMEDIATE, 1), (zmq.CURVE_SERVERKEY, keyring.doorlist.public_key(SUPERVISOR)),
        (zmq.CURVE_PUBLICKEY, keyring.public), (zmq.CURVE_SECRETKEY, keyring.secret),
    ):  # fmt: skip
        socket.setsockopt(option, value)
    socket.connect(endpoint)
    return context, socket


def supervisors_log(cluster: RunningCluster, event: str) -> list[dict[str, object]]:
    lines = (cluster.paths.log_dir / "supervisor.log").read_text().splitlines()
    return [entry for entry in map(json.loads, lines) if entry["event"] == event]


def refused_by_supervisor(status: ClusterStatus) -> int:
    return process_of(status, SUPERVISOR).refused


def test_every_process_has_a_key_of_its_own_that_only_its_owner_may_read(cluster: RunningCluster) -> None:
    paths = cluster.paths
    secrets = secrets_of(paths)
    assert set(secrets) == {"supervisor", "operator", "exchange", "spot", "perp", STRATEGY}
    assert len(set(secrets.values())) == len(secrets)
    assert stat.S_IMODE(paths.keys_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE(paths.state_dir.stat().st_mode) == 0o700


def test_whatever_a_cluster_writes_is_its_owners_alone(cluster: RunningCluster) -> None:
    paths = cluster.paths
    wide = {str(path): oct(path.stat().st_mode) for path in files_of(paths) if path.stat().st_mode & 0o077}
    assert wide == {}
    assert stat.S_IMODE(paths.runtime_dir.stat().st_mode) == 0o700, "the sockets"
    assert [path for path in paths.state_dir.rglob("*") if path.is_dir() and path.stat().st_mode & 0o077] == []


def test_no_secret_leaves_its_file(cluster: RunningCluster) -> None:
    """Neither arguments, environments, specs, logs, journals nor answers hold one."""
    paths, secrets = cluster.paths, secrets_of(cluster.paths)
    places = {str(path): path.read_bytes() for path in files_of(paths) if path.suffix != ".key"}
    places["up.log"] = (cluster.directory / "up.log").read_bytes()
    for process in [psutil.Process(cluster.process.pid), *cluster.processes()]:
        for part in ("cmdline", "environ"):
            places[f"{part} of {process.pid}"] = Path(f"/proc/{process.pid}/{part}").read_bytes()
    for command in (("keys", "--state", str(paths.state_dir), "--json"), ("status", "--state", str(paths.state_dir))):
        done = subprocess.run(
            [sys.executable, "-m", "supervisor.cli", *command], cwd=ROOT, capture_output=True, check=True
        )
        places[command[0]] = done.stdout + done.stderr
    assert len(places) > 20
    found = [(place, name) for place, text in places.items() for name, secret in secrets.items() if secret in text]
    assert found == []


def test_a_child_is_told_where_its_own_key_is_and_no_other(cluster: RunningCluster) -> None:
    paths = cluster.paths
    for name in ("exchange", "spot", "perp", STRATEGY):
        text = (paths.specs_dir / f"{name}.json").read_text()
        assert json.loads(text)["keys"]["secret_file"] == str(paths.secret_key_file(name))
        assert [other for other in secrets_of(paths) if f"/{other}.key" in text] == [name]


def test_the_operators_key_is_needed_to_command(cluster: RunningCluster) -> None:
    endpoint = cluster.paths.endpoint("operator")
    request = HaltRequest("h1", "spite")
    with OperatorLink(endpoint) as link, pytest.raises(NotRunning):
        link.request(request, 300)
    for name in (STRATEGY, GATEWAY, "exchange", SUPERVISOR):
        context, socket = link_under(name, cluster.paths, "operator")
        assert not socket.poll(300, zmq.POLLOUT), f"{name} got in"
        socket.close(0)
        context.term()
    assert supervisors_log(cluster, "connection refused")
    status = cluster.status()
    assert status is not None
    assert not status.is_halted


def test_a_child_speaks_only_for_itself(cluster: RunningCluster) -> None:
    context, socket = link_under(STRATEGY, cluster.paths, CHILDREN_SOCKET)
    assert socket.poll(PATIENCE_MS, zmq.POLLOUT)
    for message in (
        Register(GATEWAY, ProcessKind.GATEWAY, os.getpid(), 0, PROTOCOL_VERSION),
        StrategyFault(GATEWAY, STRATEGY, "HEDGED", "Quote", "no", 1),
    ):
        socket.send(encode(message))
    cluster.wait_for("two refusals", lambda _: len(supervisors_log(cluster, "frame refused")) >= 2)
    refused = supervisors_log(cluster, "frame refused")
    assert {entry["sender"] for entry in refused} == {STRATEGY}
    assert "Register in the name of spot came under the key of carry-btc" in str(refused[-2]["error"])
    status = cluster.status()
    assert status is not None
    assert {process.restarts for process in status.processes} == {0}
    socket.close(0)
    context.term()


@pytest.mark.parametrize(
    ("name", "socket_name", "samples"), [(STRATEGY, CHILDREN_SOCKET, FROM_CHILD), (OPERATOR, "operator", FROM_OPERATOR)]
)
def test_rubbish_at_the_supervisor(
    cluster: RunningCluster, name: str, socket_name: str, samples: tuple[bytes, ...]
) -> None:
    before = refused_by_supervisor(cluster.wait_for("an answer", lambda _: True))
    context, socket = link_under(name, cluster.paths, socket_name)
    assert send_all(socket, rubbish(SEED, samples)) == FRAMES
    raw_connections(cluster.paths.endpoint(socket_name), SEED, 20)
    least = before + int(0.8 * FRAMES)
    status = cluster.wait_for("the count of what was refused", lambda status: refused_by_supervisor(status) >= least)
    assert {process.restarts for process in status.processes} == {0}
    assert not status.is_halted
    socket.close(0)
    context.term()


def test_a_second_supervisor_is_refused(cluster: RunningCluster) -> None:
    command = [sys.executable, "-m", "supervisor.cli", "up", str(cluster.directory / "cluster.toml"), "--no-status"]
    command += ["--state", str(cluster.paths.state_dir)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert "already running" in done.stderr


def test_keys_are_not_replaced_under_a_running_cluster(cluster: RunningCluster) -> None:
    command = [sys.executable, "-m", "supervisor.cli", "keys", "--state", str(cluster.paths.state_dir), "--rotate"]
    before = secrets_of(cluster.paths)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "keys are replaced while nothing runs" in done.stderr
    assert secrets_of(cluster.paths) == before


def test_an_answer_is_for_the_operator_who_asked(cluster: RunningCluster) -> None:
    (one_context, one), (other_context, other) = (link_under(OPERATOR, cluster.paths, "operator") for _ in range(2))
    assert one.poll(PATIENCE_MS, zmq.POLLOUT) and other.poll(PATIENCE_MS, zmq.POLLOUT)
    one.send(encode(StatusRequest("mine")))
    assert one.poll(PATIENCE_MS)
    assert isinstance(TO_OPERATOR.decode(one.recv()), StatusReply)
    assert not other.poll(100)
    for socket in (one, other):
        socket.close(0)
    for context in (one_context, other_context):
        context.term()


def test_what_is_refused_is_audited(cluster: RunningCluster) -> None:
    context, socket = link_under(STRATEGY, cluster.paths, CHILDREN_SOCKET)
    assert socket.poll(PATIENCE_MS, zmq.POLLOUT)
    socket.send(b"no message")
    command = [sys.executable, "-m", "supervisor.cli", "audit", "--state", str(cluster.paths.state_dir), "--json"]

    def is_audited(_: ClusterStatus) -> bool:
        rows = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)
        return any(row["kind"] == "refused" and row["subject"] == SUPERVISOR for row in rows)

    cluster.wait_for("the audit of what was refused", is_audited)
    socket.close(0)
    context.term()
