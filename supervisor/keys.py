"""The keys of a cluster: one pair for each process and for the operator, made where they are missing.

`keys/NAME.key` in the state directory holds a secret key, `keys/allowed.json` all public ones. The allow-list is there
only while the links are secured: a command finds out by it how to talk to the cluster.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec
import zmq

from actors.runtime.keys import (
    AllowedKey,
    AllowList,
    Keyring,
    Role,
    UnsafeKey,
    load_keyring,
    read_allow_list,
    read_secret,
)
from actors.runtime.spec import KeyFiles
from messages.from_child import ProcessKind
from supervisor.actions import SUPERVISOR
from supervisor.child_spec import CHILDREN_SOCKET, EXCHANGE
from supervisor.config import Config
from supervisor.operator_link import SOCKET_NAME as OPERATOR_SOCKET
from supervisor.paths import ClusterPaths, UnsafePath, make_private

OPERATOR: Final = "operator"

_ROLES: Final = {
    ProcessKind.EXCHANGE: Role.EXCHANGE,
    ProcessKind.GATEWAY: Role.GATEWAY,
    ProcessKind.STRATEGY: Role.STRATEGY,
}


def roster(config: Config) -> dict[str, Role]:
    """Who needs a key in the cluster of this config."""
    return {
        SUPERVISOR: Role.SUPERVISOR,
        OPERATOR: Role.OPERATOR,
        EXCHANGE: Role.EXCHANGE,
        **{gateway.id: Role.GATEWAY for gateway in config.gateways},
        **{strategy.id: Role.STRATEGY for strategy in config.strategies},
    }


def role_of(kind: ProcessKind) -> Role:
    return _ROLES[kind]


def prepare_keys(config: Config, paths: ClusterPaths) -> None:
    """Before the cluster of a config starts: its keys are there, or its links are known to have none.

    :raises UnsafePath: a key or its directory is open to others, is damaged, or cannot be made.
    """
    if config.cluster.curve:
        admit(paths, roster(config))
    else:
        paths.allow_list_file.unlink(missing_ok=True)


def admit(paths: ClusterPaths, names: Mapping[str, Role], order_prefix: str = "") -> None:
    """Make the keys that are missing, and enter them into the allow-list; whoever is in it already stays.

    :param order_prefix: of the one strategy that is named; by default, what is in the list stays.
    :raises UnsafePath: as for `prepare_keys`.
    """
    with _changing(paths):
        keys = _listed(paths)
        wanted = {
            name: AllowedKey(role, _public(_secret(paths, name)), order_prefix or _prefix_in(keys, name))
            for name, role in names.items()
        }
        if {**keys, **wanted} != keys:
            _write_allow_list(paths, {**keys, **wanted})


def rotate(paths: ClusterPaths, names: Mapping[str, Role]) -> None:
    """New keys for these and for all who are in the allow-list; the old ones open nothing any more.

    Nothing of the cluster may run. :raises UnsafePath: as for `prepare_keys`.
    """
    with _changing(paths):
        before = _listed(paths)
        roles = {name: key.role for name, key in before.items()} | dict(names)
        for name in roles:
            paths.secret_key_file(name).unlink(missing_ok=True)
        keys = {
            name: AllowedKey(role, _public(_secret(paths, name)), _prefix_in(before, name))
            for name, role in roles.items()
        }
        _write_allow_list(paths, keys)


def revoke(paths: ClusterPaths, names: Iterable[str]) -> list[str]:
    """Take names off the allow-list and destroy their keys.

    Connections that stand are not cut: the process has to end, too. :returns: those that were in the list.
    """
    with _changing(paths):
        keys = dict(_listed(paths))
        gone = [name for name in names if keys.pop(name, None) is not None]
        _write_allow_list(paths, keys)
        for name in gone:
            paths.secret_key_file(name).unlink(missing_ok=True)
    return gone


def keyring_of(paths: ClusterPaths, name: str) -> Keyring | None:
    """The keys under which a process or person of this cluster connects; None where its links have none.

    :raises UnsafePath: they cannot be trusted.
    """
    if not os.path.lexists(paths.allow_list_file):
        return None
    try:
        names = read_allow_list(paths.allow_list_file).keys
        gateways = [name for name, key in names.items() if key.role is Role.GATEWAY]
        return load_keyring(name, key_files(paths, name, _operators_servers(paths, gateways)))
    except UnsafeKey as error:
        raise UnsafePath(str(error)) from error


def key_files(paths: ClusterPaths, name: str, servers: dict[str, str]) -> KeyFiles:
    """What a process is told of its keys.

    :param servers: by endpoint that it connects to: who binds it.
    """
    return KeyFiles(
        secret_file=str(paths.secret_key_file(name)), allow_list=str(paths.allow_list_file), servers=servers
    )


def children_server(paths: ClusterPaths) -> dict[str, str]:
    """Of the link that every child has to its supervisor."""
    return {paths.endpoint(CHILDREN_SOCKET): SUPERVISOR}


def _operators_servers(paths: ClusterPaths, gateways: Iterable[str]) -> dict[str, str]:
    return {
        paths.endpoint(OPERATOR_SOCKET): SUPERVISOR,
        **{paths.control_endpoint(gateway): gateway for gateway in gateways},
    }


def _prefix_in(keys: Mapping[str, AllowedKey], name: str) -> str:
    return keys[name].order_prefix if name in keys else ""


def _listed(paths: ClusterPaths) -> dict[str, AllowedKey]:
    if not os.path.lexists(paths.allow_list_file):
        return {}
    return read_allow_list(paths.allow_list_file).keys


def _secret(paths: ClusterPaths, name: str) -> bytes:
    """The secret key of a name; a new one where it has none."""
    path = paths.secret_key_file(name)
    if not os.path.lexists(path):
        _, secret = zmq.curve_keypair()
        _write_private(path, secret + b"\n")
    return read_secret(path)


def _public(secret: bytes) -> str:
    return zmq.curve_public(secret).decode("ascii")


def _write_allow_list(paths: ClusterPaths, keys: Mapping[str, AllowedKey]) -> None:
    data = msgspec.json.format(msgspec.json.encode(AllowList(dict(sorted(keys.items())))))
    _write_private(paths.allow_list_file, data)


def _write_private(path: Path, data: bytes) -> None:
    """Replace a file as a whole, so that whoever reads it sees the old content or the new one."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    beside.replace(path)


@contextlib.contextmanager
def _changing(paths: ClusterPaths) -> Iterator[None]:
    """One at a time: a supervisor that adds a strategy, and an operator who lists the keys."""
    try:
        make_private(paths.keys_dir)
        descriptor = os.open(paths.keys_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
    except UnsafeKey as error:
        raise UnsafePath(str(error)) from error
    except OSError as error:
        raise UnsafePath(f"keys in {paths.keys_dir} cannot be used: {error}; choose another --state") from error
