"""A child whose key others may read does not start, and says what mends it; what it is told is its owner's alone."""

import subprocess
from pathlib import Path

import msgspec
import pytest
import zmq

from actors.runtime.child import EXIT_FAULT
from actors.runtime.spec import ChildSpec, write_spec
from supervisor.config import load
from supervisor.keys import admit, prepare_keys
from supervisor.paths import ClusterPaths
from supervisor.plan import plan_cluster
from tests.support.carry_cluster import CARRY_CLUSTER
from tests.support.running_cluster import ROOT


@pytest.mark.parametrize("name", ["spot", "exchange", "carry-btc"])
def test_a_child_with_an_unsafe_key_does_not_start(tmp_path: Path, name: str) -> None:
    config, paths = load(CARRY_CLUSTER), ClusterPaths(tmp_path / "state")
    paths.create()
    prepare_keys(config, paths)
    (child,) = (child for child in plan_cluster(config, paths).children if child.name == name)
    spec_file = paths.specs_dir / "spec.json"
    write_spec(spec_file, child.spec)
    paths.secret_key_file(name).chmod(0o640)
    done = subprocess.run([*child.command, str(spec_file)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == EXIT_FAULT
    assert f"chmod 600 {paths.secret_key_file(name)}" in done.stdout + done.stderr
    assert paths.secret_key_file(name).read_text().strip() not in done.stdout + done.stderr


def test_every_child_of_a_plan_knows_whom_it_talks_to(tmp_path: Path) -> None:
    config, paths = load(CARRY_CLUSTER), ClusterPaths(tmp_path / "state")
    plans = {child.name: child.spec for child in plan_cluster(config, paths).children}
    assert plans["exchange"].keys is not None
    assert plans["spot"].keys is not None
    assert plans["carry-btc"].keys is not None
    children = {paths.endpoint("children"): "supervisor"}
    assert plans["exchange"].keys.servers == children
    assert plans["spot"].keys.servers == children | {
        paths.endpoint("exchange.orders"): "exchange", paths.endpoint("exchange.spot.market"): "exchange",
    }  # fmt: skip
    assert plans["carry-btc"].keys.servers == children | {
        paths.endpoint(f"{gateway}.{link}"): gateway for gateway in ("spot", "perp") for link in ("orders", "market")
    }
    plain = msgspec.structs.replace(config, cluster=msgspec.structs.replace(config.cluster, curve=False))
    assert {child.spec.keys for child in plan_cluster(plain, paths).children} == {None}


def test_a_spec_is_its_owners_alone_whatever_was_there_before(tmp_path: Path) -> None:
    file, target = tmp_path / "spec.json", tmp_path / "target"
    file.write_text("old and longer than what comes after it" * 100)
    file.chmod(0o666)
    spec = ChildSpec(process="spot", cluster="desk", supervisor_endpoint="ipc://x")
    write_spec(file, spec)
    assert file.stat().st_mode & 0o777 == 0o600
    assert msgspec.json.decode(file.read_bytes(), type=ChildSpec) == spec
    target.write_text("precious")
    file.unlink()
    file.symlink_to(target)
    with pytest.raises(OSError, match="symbolic"):
        write_spec(file, spec)
    assert target.read_text() == "precious"


def test_a_key_made_elsewhere_is_taken_as_it_is(tmp_path: Path) -> None:
    paths = ClusterPaths(tmp_path / "state")
    paths.create()
    admit(paths, {})
    public, secret = zmq.curve_keypair()
    paths.secret_key_file("spot").touch(mode=0o600)
    paths.secret_key_file("spot").write_bytes(secret)
    prepare_keys(load(CARRY_CLUSTER), paths)
    assert public.decode() in paths.allow_list_file.read_text()
