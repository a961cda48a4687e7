"""The keys of one process: its own pair, whom it admits, and whose key it expects at the other end of each link.

Public keys are kept in the cluster's allow-list, which names the owner of each and the owner's role. A process is given
the path of its own secret key and of the allow-list, never a key itself. Whoever is not in the list is nobody.
"""

import os
import stat
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import msgspec
import zmq
from zmq.utils import z85

from actors.runtime.spec import KeyFiles
from messages.base import Id, OptionalId

PRIVATE_BYTES_MAX: Final = 262_144
"""Of a key file or an allow-list; a list of 200 names has about 30 kB."""

PublicKey = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}\Z")]
"""32 bytes in Z85."""


class Role(StrEnum):
    """What a key's owner may be; each binding socket admits some of them."""

    SUPERVISOR = "supervisor"
    OPERATOR = "operator"
    EXCHANGE = "exchange"
    GATEWAY = "gateway"
    STRATEGY = "strategy"


CHILDREN: Final = (Role.EXCHANGE, Role.GATEWAY, Role.STRATEGY)


class UnsafeKey(Exception):
    """A key file or the allow-list is missing, damaged, or others may read or change it."""


class AllowedKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """:param order_prefix: of a strategy: with what the ids of its orders begin; empty where it is not known yet."""

    role: Role
    public: PublicKey
    order_prefix: OptionalId = ""


class AllowList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """:param keys: by the name of the process or person that owns the key."""

    keys: dict[Id, AllowedKey] = {}


class Guest(NamedTuple):
    """Whose key was shown at a door."""

    name: str
    role: Role


class _Stamp(NamedTuple):
    """Tells one writing of a file from another."""

    inode: int
    mtime_ns: int
    size: int


class Doorlist:
    """The allow-list file, read again whenever it was replaced.

    :ivar order_prefixes: by strategy, as of the last handshake.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: _Stamp | None = None
        self._guests: dict[str, Guest] = {}
        self._keys: dict[str, AllowedKey] = {}
        self.order_prefixes: dict[str, str] = {}

    def guest(self, public: bytes) -> Guest | None:
        """Who owns a public key (32 bytes); None for nobody.

        :raises UnsafeKey: the list cannot be trusted.
        """
        self._refresh()
        return self._guests.get(z85.encode(public).decode("ascii"))

    def public_key(self, name: str) -> bytes:
        """The public key of a process, in Z85.

        :raises UnsafeKey: it has none, or the list cannot be trusted.
        """
        self._refresh()
        found = self._keys.get(name)
        if found is None:
            raise UnsafeKey(f"{name} has no key in {self.path}; make one: outcry keys")
        return found.public.encode("ascii")

    def _refresh(self) -> None:
        found = _lstat(self.path)
        stamp = _Stamp(found.st_ino, found.st_mtime_ns, found.st_size)
        if stamp == self._stamp:
            return
        self._keys = read_allow_list(self.path).keys
        self._guests = {key.public: Guest(name, key.role) for name, key in self._keys.items()}
        self.order_prefixes = {name: key.order_prefix for name, key in self._keys.items() if key.order_prefix}
        self._stamp = stamp


class Keyring:
    """The keys of one process.

    :ivar name: under which the others know it.
    :ivar secret: of its own key, in Z85; never to be logged or sent.
    """

    def __init__(self, name: str, secret: bytes, doorlist: Doorlist, servers: dict[str, str]) -> None:
        self.name = name
        self.secret = secret
        self.public = zmq.curve_public(secret)
        self.doorlist = doorlist
        self._servers = servers

    def __repr__(self) -> str:
        return f"Keyring({self.name!r}, public={self.public!r})"

    def server_key(self, endpoint: str) -> bytes:
        """The public key that whoever binds this endpoint must prove to have.

        :raises UnsafeKey: nobody is known to bind it.
        """
        server = self._servers.get(endpoint)
        if server is None:
            raise UnsafeKey(f"{self.name} knows no owner of endpoint {endpoint}, so it cannot tell whom it talks to")
        return self.doorlist.public_key(server)


def load_keyring(name: str, files: KeyFiles | None) -> Keyring | None:
    """Read the keys of a process; None where its cluster has none.

    :raises UnsafeKey: a file is missing, damaged, or open to others.
    """
    if files is None:
        return None
    return Keyring(name, read_secret(Path(files.secret_file)), Doorlist(Path(files.allow_list)), files.servers)


def read_secret(path: Path) -> bytes:
    """The secret key in a file, in Z85.

    :raises UnsafeKey: the file is missing, open to others, or no key. No message ever shows what is in it.
    """
    secret = read_private(path).strip()
    try:
        zmq.curve_public(secret)
    except (TypeError, ValueError, zmq.ZMQError):
        raise UnsafeKey(f"{path} is no secret key; make new ones: outcry keys --rotate") from None
    return secret


def read_allow_list(path: Path) -> AllowList:
    """:raises UnsafeKey: the file is missing, open to others, or no allow-list."""
    try:
        return msgspec.json.decode(read_private(path), type=AllowList)
    except msgspec.MsgspecError as error:
        raise UnsafeKey(f"{path} is no allow-list: {error}; make a new one: outcry keys --rotate") from error


def read_private(path: Path) -> bytes:
    """Read a file that is ours alone.

    :raises UnsafeKey: it is not there, is a symbolic link, belongs to somebody else, or is open to others.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise UnsafeKey(f"{path} does not exist; make the keys: outcry keys") from None
    except OSError as error:
        _lstat(path)  # says so where it is a link
        raise UnsafeKey(f"{path} cannot be read: {error.strerror}") from error
    try:
        check_private(path, os.fstat(descriptor))
        return os.read(descriptor, PRIVATE_BYTES_MAX)
    finally:
        os.close(descriptor)


def check_private(path: Path, found: os.stat_result) -> None:
    """:raises UnsafeKey: it is no regular file, belongs to somebody else, or is open to others."""
    if stat.S_ISLNK(found.st_mode):
        raise UnsafeKey(f"{path} is a symbolic link, which may lead anywhere; run: rm {path} && outcry keys")
    if not stat.S_ISREG(found.st_mode):
        raise UnsafeKey(f"{path} is no file; remove it and run: outcry keys")
    if found.st_uid != os.getuid():
        raise UnsafeKey(f"{path} belongs to user {found.st_uid}, not to us; run: chown {os.getuid()} {path}")
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        raise UnsafeKey(f"{path} has mode {mode:04o} and is open to others; run: chmod 600 {path}")


def _lstat(path: Path) -> os.stat_result:
    try:
        found = path.lstat()
    except OSError as error:
        raise UnsafeKey(f"{path} cannot be looked at: {error.strerror}; make the keys: outcry keys") from error
    check_private(path, found)
    return found
