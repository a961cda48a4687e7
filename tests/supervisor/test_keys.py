"""The keys of a cluster: made once, private, in the allow-list with their owners' roles, replaced and revoked."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
import zmq

from actors.runtime.keys import Role, read_allow_list
from messages.from_child import ProcessKind
from supervisor.config import load
from supervisor.keys import OPERATOR, admit, key_files, keyring_of, prepare_keys, revoke, role_of, roster, rotate
from supervisor.paths import ClusterPaths, UnsafePath
from tests.support.carry_cluster import CARRY_CLUSTER

ROLES = {"supervisor": Role.SUPERVISOR, "operator": Role.OPERATOR, "spot": Role.GATEWAY, "carry": Role.STRATEGY}


@pytest.fixture
def paths(tmp_path: Path) -> ClusterPaths:
    paths = ClusterPaths(tmp_path / "state")
    paths.state_dir.mkdir(mode=0o700)
    return paths


def secrets(paths: ClusterPaths) -> dict[str, bytes]:
    return {file.stem: file.read_bytes() for file in paths.keys_dir.glob("*.key")}


def test_everybody_of_a_config_gets_a_key_and_a_role() -> None:
    assert roster(load(CARRY_CLUSTER)) == {
        "supervisor": Role.SUPERVISOR, "operator": Role.OPERATOR, "exchange": Role.EXCHANGE, "spot": Role.GATEWAY,
        "perp": Role.GATEWAY, "carry-btc": Role.STRATEGY,
    }  # fmt: skip
    assert [role_of(kind) for kind in ProcessKind] == [Role.EXCHANGE, Role.GATEWAY, Role.STRATEGY]


def test_keys_are_made_once_and_are_their_owners_alone(paths: ClusterPaths) -> None:
    admit(paths, ROLES)
    made = secrets(paths)
    assert set(made) == set(ROLES)
    assert stat.S_IMODE(paths.keys_dir.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in paths.keys_dir.iterdir()} == {0o600}
    listed = read_allow_list(paths.allow_list_file).keys
    assert {name: key.role for name, key in listed.items()} == ROLES
    assert all(zmq.curve_public(made[name].strip()).decode() == key.public for name, key in listed.items())
    written = paths.allow_list_file.stat().st_mtime_ns
    admit(paths, ROLES)
    assert secrets(paths) == made
    assert paths.allow_list_file.stat().st_mtime_ns == written, "nothing had to be written"


def test_a_strategy_that_is_added_keeps_the_others_and_their_prefixes(paths: ClusterPaths) -> None:
    admit(paths, ROLES)
    admit(paths, {"carry": Role.STRATEGY}, "desk-carry")
    before = read_allow_list(paths.allow_list_file).keys
    admit(paths, {"maker": Role.STRATEGY}, "desk-maker")
    after = read_allow_list(paths.allow_list_file).keys
    assert {name: key for name, key in after.items() if name != "maker"} == before
    assert (after["carry"].order_prefix, after["maker"].order_prefix) == ("desk-carry", "desk-maker")
    admit(paths, ROLES)
    assert read_allow_list(paths.allow_list_file).keys == after


def test_all_keys_are_replaced_at_once(paths: ClusterPaths) -> None:
    admit(paths, ROLES)
    admit(paths, {"carry": Role.STRATEGY}, "desk-carry")
    before, listed = secrets(paths), read_allow_list(paths.allow_list_file).keys
    rotate(paths, {"maker": Role.STRATEGY})
    after, now = secrets(paths), read_allow_list(paths.allow_list_file).keys
    assert set(after) == {*ROLES, "maker"}
    assert not set(before.values()) & set(after.values())
    assert not {key.public for key in listed.values()} & {key.public for key in now.values()}
    assert now["carry"].order_prefix == "desk-carry"


def test_a_revoked_name_has_neither_entry_nor_key(paths: ClusterPaths) -> None:
    admit(paths, ROLES)
    assert revoke(paths, ["carry", "nobody"]) == ["carry"]
    assert set(secrets(paths)) == set(ROLES) - {"carry"}
    assert set(read_allow_list(paths.allow_list_file).keys) == set(ROLES) - {"carry"}


def test_two_who_add_keys_at_once_lose_none(paths: ClusterPaths) -> None:
    names = [f"strategy-{number}" for number in range(16)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: admit(paths, {name: Role.STRATEGY}), names))
    assert set(read_allow_list(paths.allow_list_file).keys) == set(names)


def test_the_operator_knows_the_supervisor_and_the_kill_switch_of_every_gateway(paths: ClusterPaths) -> None:
    admit(paths, ROLES)
    keyring = keyring_of(paths, OPERATOR)
    assert keyring is not None
    public = {name: key.public.encode() for name, key in read_allow_list(paths.allow_list_file).keys.items()}
    assert keyring.server_key(paths.endpoint("operator")) == public["supervisor"]
    assert keyring.server_key(paths.control_endpoint("spot")) == public["spot"]
    assert key_files(paths, OPERATOR, {}).secret_file == str(paths.keys_dir / "operator.key")


def test_a_cluster_without_curve_has_no_allow_list_and_keeps_its_keys(paths: ClusterPaths) -> None:
    config = load(CARRY_CLUSTER)
    prepare_keys(config, paths)
    made = secrets(paths)
    without = msgspec.structs.replace(config, cluster=msgspec.structs.replace(config.cluster, curve=False))
    prepare_keys(without, paths)
    assert keyring_of(paths, OPERATOR) is None
    prepare_keys(config, paths)
    assert keyring_of(paths, OPERATOR) is not None
    assert secrets(paths) == made


@pytest.mark.parametrize("name", ["carry.key", "allowed.json"])
def test_a_file_that_others_may_read_is_refused_with_what_mends_it(paths: ClusterPaths, name: str) -> None:
    admit(paths, ROLES)
    (paths.keys_dir / name).chmod(0o644)
    for use in (lambda: admit(paths, ROLES), lambda: keyring_of(paths, "carry")):
        with pytest.raises(UnsafePath, match=f"chmod 600 {paths.keys_dir / name}"):
            use()


def test_a_directory_that_others_may_enter_is_refused(paths: ClusterPaths) -> None:
    admit(paths, ROLES)
    paths.keys_dir.chmod(0o750)
    with pytest.raises(UnsafePath, match=f"chmod 700 {paths.keys_dir}"):
        admit(paths, ROLES)


def test_a_symbolic_link_is_refused_and_what_it_points_at_is_left_alone(paths: ClusterPaths, tmp_path: Path) -> None:
    admit(paths, ROLES)
    target = tmp_path / "precious"
    target.write_text("precious")
    paths.secret_key_file("carry").unlink()
    paths.secret_key_file("carry").symlink_to(target)
    with pytest.raises(UnsafePath, match="is a symbolic link"):
        admit(paths, ROLES)
    assert target.read_text() == "precious"


def test_a_disk_that_takes_no_key_is_told(paths: ClusterPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(UnsafePath, match="No space left on device"):
        admit(paths, ROLES)
