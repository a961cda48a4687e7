"""Where a cluster keeps what it must remember, and where its sockets are.

The state directory outlives the cluster. The runtime directory holds the ipc sockets; it is short, because the path of
a unix socket is limited to about a hundred bytes, and the state directory points at it (`run`), so that a command
started from another session finds the sockets that the cluster made. Both belong to one user alone.
"""

import contextlib
import hashlib
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

SOCKET_PATH_BYTES_MAX = 103
"""macOS allows 103 bytes and a NUL, Linux 107."""

STATE_ROOT_VARIABLE = "OUTCRY_STATE"
_PRIVATE = 0o700


class UnsafePath(Exception):
    """A directory of the cluster is not ours alone or cannot be used, or a socket's path is too long."""


def state_root(environment: Mapping[str, str] | None = None) -> Path:
    """The folder of the state directories of all clusters: `$OUTCRY_STATE`, else `var`."""
    return Path((os.environ if environment is None else environment).get(STATE_ROOT_VARIABLE) or "var")


def default_state_dir(cluster: str, environment: Mapping[str, str] | None = None) -> Path:
    """The state directory of a cluster that names none."""
    return state_root(environment) / cluster


class ClusterPaths:
    """The files and sockets of one cluster.

    :param state_dir: may be relative; it is resolved once, here.
    """

    def __init__(self, state_dir: Path | str) -> None:
        self.state_dir = Path(state_dir).resolve()
        self.journal_dir = self.state_dir / "journal"
        self.specs_dir = self.state_dir / "specs"
        self.log_dir = self.state_dir / "log"
        self.keys_dir = self.state_dir / "keys"
        self.allow_list_file = self.keys_dir / "allowed.json"
        self.lock_file = self.state_dir / "lock"
        self.registry_file = self.state_dir / "registry.json"
        self.halt_file = self.state_dir / "halt.json"
        self._runtime_link = self.state_dir / "run"
        self._runtime_name = hashlib.sha256(os.fsencode(self.state_dir)).hexdigest()[:12]

    @property
    def runtime_dir(self) -> Path:
        """The directory of the sockets: the one that `create` made, else the one that it would make."""
        return self._linked_runtime_dir() or _runtime_root() / self._runtime_name

    def endpoint(self, name: str) -> str:
        """The ZeroMQ endpoint of one socket of this cluster.

        :raises UnsafePath: the path is longer than a unix socket may have.
        """
        path = self.socket_path(name)
        length = len(os.fsencode(path))
        if length > SOCKET_PATH_BYTES_MAX:
            raise UnsafePath(
                f"socket path {path} has {length} bytes, the limit is {SOCKET_PATH_BYTES_MAX}; "
                "set XDG_RUNTIME_DIR to a shorter directory or choose a shorter id"
            )
        return f"ipc://{path}"

    def control_endpoint(self, gateway: str) -> str:
        """Where a gateway hears the kill switch past the supervisor.

        :raises UnsafePath: as for `endpoint`.
        """
        return self.endpoint(f"{gateway}.control")

    def secret_key_file(self, name: str) -> Path:
        """Of a process, or of the operator."""
        return self.keys_dir / f"{name}.key"

    def socket_path(self, name: str) -> Path:
        return self.runtime_dir / name

    def create(self) -> None:
        """Make every directory that is missing, private to this user; harmless when all of them exist.

        :raises UnsafePath: one exists and others may enter it, or it belongs to somebody else, or it cannot be made.
        """
        try:
            self._create()
        except OSError as error:
            raise UnsafePath(
                f"state directory {self.state_dir} cannot be used: {error.filename or error}: "
                f"{error.strerror or error}; choose another with --state"
            ) from error

    def remove_sockets(self) -> None:
        """Remove the directory of the sockets, and those that their processes have left in it. Nothing may run."""
        runtime = self._linked_runtime_dir()
        if runtime is None:
            return
        with contextlib.suppress(OSError):  # whatever cannot be removed is in nobody's way
            make_private(runtime)
            for entry in runtime.iterdir():
                if entry.is_socket():
                    entry.unlink()
            runtime.rmdir()
            self._runtime_link.unlink()

    def _create(self) -> None:
        self.state_dir.parent.mkdir(parents=True, exist_ok=True)
        for directory in (self.state_dir, self.journal_dir, self.specs_dir, self.log_dir):
            make_private(directory)
        runtime = self.runtime_dir
        if not runtime.is_dir():
            runtime = _runtime_root() / self._runtime_name  # the linked one went with a reboot
        make_private(runtime.parent)
        make_private(runtime)
        if runtime != self._linked_runtime_dir():
            self._runtime_link.unlink(missing_ok=True)
            self._runtime_link.symlink_to(runtime)

    def _linked_runtime_dir(self) -> Path | None:
        try:
            target = self._runtime_link.readlink()
        except OSError:
            return None
        # A copied state directory carries the link of the original; the name tells them apart.
        return target if target.name == self._runtime_name else None


def make_private(directory: Path) -> None:
    """Make a directory of mode 0700, or check that an existing one is that and ours.

    :raises UnsafePath: it is neither.
    """
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=_PRIVATE)
    found = directory.lstat()  # not stat: a symbolic link in a shared directory may lead anywhere
    if not stat.S_ISDIR(found.st_mode):
        raise UnsafePath(f"{directory} is not a directory; remove it or choose another with --state")
    if found.st_uid != os.getuid():
        raise UnsafePath(f"{directory} belongs to user {found.st_uid}, not to us; choose another with --state")
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        raise UnsafePath(f"{directory} has mode {mode:04o} and is open to others; run: chmod 700 {directory}")


def _runtime_root() -> Path:
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return Path(base) / f"outcry-{os.getuid()}"
