"""The keys of one process: whose they are, whom it admits, and what is refused because others may read or change it."""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import zmq
from zmq.utils import z85

from actors.runtime.keys import (
    AllowedKey,
    AllowList,
    Doorlist,
    Guest,
    Keyring,
    Role,
    UnsafeKey,
    load_keyring,
    read_secret,
)
from actors.runtime.spec import KeyFiles

ENDPOINT = "ipc:///run/spot.orders"


def pair() -> tuple[bytes, bytes]:
    return zmq.curve_keypair()


def write(path: Path, data: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


def allow(path: Path, **keys: AllowedKey) -> Path:
    beside = write(path.with_name("beside"), msgspec.json.encode(AllowList(keys)))
    return beside.replace(path)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    return write(tmp_path / "carry.key", pair()[1] + b"\n")


def test_a_process_reads_its_own_key_and_knows_whose_key_to_expect(tmp_path: Path, secret: Path) -> None:
    gateway = pair()[0]
    listed = allow(tmp_path / "allowed.json", spot=AllowedKey(Role.GATEWAY, gateway.decode()))
    files = KeyFiles(secret_file=str(secret), allow_list=str(listed), servers={ENDPOINT: "spot"})
    keyring = load_keyring("carry", files)
    assert keyring is not None
    assert keyring.public == zmq.curve_public(secret.read_bytes().strip())
    assert keyring.server_key(ENDPOINT) == gateway
    with pytest.raises(UnsafeKey, match="carry knows no owner of endpoint ipc:///elsewhere"):
        keyring.server_key("ipc:///elsewhere")


def test_a_cluster_without_keys_has_no_keyrings() -> None:
    assert load_keyring("carry", None) is None


def test_nobody_sees_the_secret_by_printing_a_keyring(tmp_path: Path) -> None:
    public, secret = pair()
    keyring = Keyring("carry", secret, Doorlist(tmp_path / "allowed.json"), {})
    assert secret.decode() not in repr(keyring)
    assert public.decode() in repr(keyring)


def test_the_owner_of_a_key_is_known_by_the_list_as_it_is_now(tmp_path: Path) -> None:
    (one, _), (two, _) = pair(), pair()
    listed = allow(tmp_path / "allowed.json", carry=AllowedKey(Role.STRATEGY, one.decode(), "desk-carry"))
    doorlist = Doorlist(listed)
    assert doorlist.guest(z85.decode(one)) == Guest("carry", Role.STRATEGY)
    assert doorlist.guest(z85.decode(two)) is None
    assert doorlist.order_prefixes == {"carry": "desk-carry"}
    allow(listed, maker=AllowedKey(Role.STRATEGY, two.decode()))
    assert doorlist.guest(z85.decode(two)) == Guest("maker", Role.STRATEGY)
    assert doorlist.guest(z85.decode(one)) is None, "what was taken off the list is nobody"
    with pytest.raises(UnsafeKey, match="carry has no key in"):
        doorlist.public_key("carry")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_key_that_others_may_read_is_refused_with_what_mends_it(secret: Path, mode: int) -> None:
    secret.chmod(mode)
    with pytest.raises(UnsafeKey, match=f"has mode {mode:04o} and is open to others; run: chmod 600 {secret}"):
        read_secret(secret)


def test_a_key_of_somebody_else_is_refused(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = secret.stat().st_uid
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(UnsafeKey, match=f"belongs to user {owner}, not to us; run: chown {owner + 1} {secret}"):
        read_secret(secret)


def test_a_symbolic_link_is_no_key(tmp_path: Path, secret: Path) -> None:
    link = tmp_path / "link.key"
    link.symlink_to(secret)
    with pytest.raises(UnsafeKey, match="is a symbolic link, which may lead anywhere"):
        read_secret(link)


def _directory(path: Path) -> None:
    path.mkdir()


def _pipe(path: Path) -> None:
    os.mkfifo(path, 0o600)


def _nothing(_path: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("make", "why"),
    [(_directory, "is no file"), (_pipe, "is no file"), (_nothing, "does not exist; make the keys: outcry keys")],
)
def test_what_is_no_file_is_no_key(tmp_path: Path, make: Callable[[Path], None], why: str) -> None:
    make(tmp_path / "x.key")
    with pytest.raises(UnsafeKey, match=why):
        read_secret(tmp_path / "x.key")


@pytest.mark.parametrize("content", [b"", b"short", b"'" * 40, b"0" * 41, b"\xff" * 40])
def test_a_damaged_key_is_refused_and_not_shown(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path / "x.key", content)
    with pytest.raises(UnsafeKey, match=r"is no secret key; make new ones: outcry keys --rotate") as told:
        read_secret(path)
    assert not content or content.decode("latin-1") not in str(told.value)


def test_a_key_that_cannot_be_opened_is_told(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(UnsafeKey, match="cannot be read: Permission denied"):
        read_secret(secret)


@pytest.mark.parametrize(
    "content", [b"{", b'{"keys": {"carry": {"role": "god", "public": "x"}}}', b'{"keys": {}, "more": 1}']
)
def test_a_damaged_list_admits_nobody(tmp_path: Path, content: bytes) -> None:
    doorlist = Doorlist(write(tmp_path / "allowed.json", content))
    with pytest.raises(UnsafeKey, match="is no allow-list"):
        doorlist.guest(bytes(32))


def test_a_list_that_others_may_change_admits_nobody(tmp_path: Path) -> None:
    doorlist = Doorlist(write(tmp_path / "allowed.json", b"{}", 0o620))
    with pytest.raises(UnsafeKey, match="chmod 600"):
        doorlist.guest(bytes(32))
    with pytest.raises(UnsafeKey, match="cannot be looked at"):
        Doorlist(tmp_path / "gone.json").guest(bytes(32))
