"""Which running cluster a command means."""

import contextlib
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

from supervisor import registry
from supervisor.config import cluster_name
from supervisor.launcher import kill_processes, living_records
from supervisor.lock import AlreadyRunning, ClusterLock
from supervisor.operator_link import SOCKET_NAME, NotRunning
from supervisor.paths import ClusterPaths, default_state_dir, state_root
from supervisor.registry import ChildRecord, Registry

CONNECT_TIMEOUT_S = 1.0


class AmbiguousCluster(Exception):
    """Several clusters run, or one was named in several ways."""


class SupervisorDead(NotRunning):
    """Neither the supervisor of a cluster nor its keeper lives, and processes of it do.

    :ivar orphans: those processes, by name.
    """

    def __init__(self, paths: ClusterPaths, orphans: Mapping[str, ChildRecord]) -> None:
        self.paths = paths
        self.orphans = orphans
        named = ", ".join(f"{name} (pid {record.pid})" for name, record in sorted(orphans.items()))
        trade = "1 process trades" if len(orphans) == 1 else f"{len(orphans)} processes trade"
        super().__init__(
            f"cluster {paths.state_dir.name}: its supervisor is dead, {trade} on: {named}; "
            "`outcry up CONFIG` adopts them, `outcry stop --now` kills them"
        )


def find(config: Path | None, cluster: str | None, state: Path | None) -> ClusterPaths:
    """Find the running cluster that is named by its config, its name or its state directory, or the only one.

    :raises NotRunning: it does not run, or none does. :raises SupervisorDead: it runs without a supervisor.
    :raises AmbiguousCluster: it is named in more than one way, or is not named and several run.
    :raises ConfigError: the config file holds no name.
    """
    if sum(given is not None for given in (config, cluster, state)) > 1:
        raise AmbiguousCluster("name the cluster once: by CONFIG, --cluster or --state")
    if state is not None:
        return _running(ClusterPaths(state))
    if config is not None:
        cluster = cluster_name(config)
    if cluster is not None:
        return _running(ClusterPaths(default_state_dir(cluster)))
    return _only_one()


def is_listening(paths: ClusterPaths) -> bool:
    """Whether a supervisor listens on the cluster's operator socket; a socket file outlives a killed process."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(CONNECT_TIMEOUT_S)
        try:
            probe.connect(str(paths.socket_path(SOCKET_NAME)))
        except OSError:
            return False
        return True


def has_ended(paths: ClusterPaths) -> bool:
    """Whether nothing of the cluster is left that would keep it from being started again: neither the supervisor nor
    its keeper, which ends a moment later.
    """
    if is_listening(paths):
        return False
    try:
        with locked(paths):
            return True
    except AlreadyRunning:
        return False


def kill_orphans(paths: ClusterPaths) -> list[str]:
    """Kill every registered process of a cluster without a supervisor; what they traded is not settled.

    :returns: the names of those that cannot be killed.
    :raises AlreadyRunning: it has a supervisor, or is about to have one.
    """
    with locked(paths):
        found = registry.load(paths.registry_file)
        left = kill_processes(found.children)
        if not left:
            registry.save(paths.registry_file, found.without_run(keeps_halt=True))
    return left


@contextlib.contextmanager
def locked(paths: ClusterPaths) -> Iterator[None]:
    lock = ClusterLock.acquire(paths.lock_file, paths.state_dir.name)
    try:
        yield
    finally:
        lock.release()


def locate(config: Path | None, cluster: str | None, state: Path | None) -> ClusterPaths:
    """As `find`, and a cluster that does not run is found too, where it is named.

    :raises NotRunning: there is no such cluster, or none is named and none runs.
    """
    try:
        return find(config, cluster, state)
    except SupervisorDead as dead:
        return dead.paths
    except NotRunning:
        if config is None and cluster is None and state is None:
            raise
        named = state or default_state_dir(cluster or cluster_name(config or Path()))
        if not named.is_dir():
            raise
        return ClusterPaths(named)


def is_orphaned(paths: ClusterPaths) -> bool:
    """Whether processes of a cluster live, and neither its supervisor nor a keeper that would bring one back."""
    return bool(_orphans(paths))


def _orphans(paths: ClusterPaths) -> dict[str, ChildRecord]:
    """The living processes of a cluster that has neither a supervisor nor a keeper to bring one back."""
    living = living_records(_registered(paths).children)
    return living if living and has_ended(paths) else {}


def _registered(paths: ClusterPaths) -> Registry:
    try:
        return registry.load(paths.registry_file)
    except (OSError, registry.RegistryDamaged):
        return Registry()  # nothing can be said of it here; `outcry up` says what is wrong with it


def _running(paths: ClusterPaths) -> ClusterPaths:
    if not is_listening(paths):
        orphans = _orphans(paths)
        if orphans:
            raise SupervisorDead(paths, orphans)
        raise NotRunning(f"cluster {paths.state_dir.name} is not running (state directory {paths.state_dir})")
    return paths


def _only_one() -> ClusterPaths:
    root = state_root()
    folders = sorted(folder for folder in root.iterdir() if folder.is_dir()) if root.is_dir() else []
    clusters = [ClusterPaths(folder) for folder in folders]
    running = [paths for paths in clusters if is_listening(paths)]
    if not running:
        running = [paths for paths in clusters if _orphans(paths)]
    if not running:
        raise NotRunning(f"no cluster is running under {root.resolve()}")
    if len(running) > 1:
        names = ", ".join(paths.state_dir.name for paths in running)
        raise AmbiguousCluster(f"several clusters are running: {names}; name one with --cluster")
    return _running(running[0])
