"""Which running cluster a command means."""

import socket
from pathlib import Path

from supervisor.config import cluster_name
from supervisor.lock import AlreadyRunning, ClusterLock
from supervisor.operator_link import SOCKET_NAME, NotRunning
from supervisor.paths import ClusterPaths, default_state_dir, state_root

CONNECT_TIMEOUT_S = 1.0


class AmbiguousCluster(Exception):
    """Several clusters run, or one was named in several ways."""


def find(config: Path | None, cluster: str | None, state: Path | None) -> ClusterPaths:
    """Find the running cluster that is named by its config, its name or its state directory, or the only one.

    :raises NotRunning: it does not run, or none does.
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
        ClusterLock.acquire(paths.lock_file, paths.state_dir.name).release()
    except AlreadyRunning:
        return False
    return True


def _running(paths: ClusterPaths) -> ClusterPaths:
    if not is_listening(paths):
        raise NotRunning(f"cluster {paths.state_dir.name} is not running (state directory {paths.state_dir})")
    return paths


def _only_one() -> ClusterPaths:
    root = state_root()
    folders = sorted(folder for folder in root.iterdir() if folder.is_dir()) if root.is_dir() else []
    running = [paths for paths in map(ClusterPaths, folders) if is_listening(paths)]
    if not running:
        raise NotRunning(f"no cluster is running under {root.resolve()}")
    if len(running) > 1:
        names = ", ".join(paths.state_dir.name for paths in running)
        raise AmbiguousCluster(f"several clusters are running: {names}; name one with --cluster")
    return running[0]
