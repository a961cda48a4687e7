"""The directories of a cluster are private, and its sockets are found again."""

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor.paths import ClusterPaths, UnsafePath, default_state_dir, make_private


@pytest.fixture(autouse=True)
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime directory with a path as short as the real ones have."""
    with tempfile.TemporaryDirectory(prefix="oc") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_every_directory_of_a_cluster_is_made_private(tmp_path: Path) -> None:
    paths = ClusterPaths(tmp_path / "var" / "desk")
    paths.create()
    made = [paths.state_dir, paths.journal_dir, paths.specs_dir, paths.log_dir, paths.runtime_dir]
    assert [0o700] * 5 == [mode_of(directory) for directory in made]


def test_directories_may_be_made_twice(tmp_path: Path) -> None:
    paths = ClusterPaths(tmp_path / "desk")
    paths.create()
    (paths.journal_dir / "kept").touch()
    paths.create()
    assert (paths.journal_dir / "kept").exists()


def test_an_endpoint_lies_in_the_runtime_directory(tmp_path: Path, runtime: Path) -> None:
    endpoint = ClusterPaths(tmp_path / "desk").endpoint("operator")
    assert endpoint.startswith(f"ipc://{runtime}/outcry-")
    assert endpoint.endswith("/operator")


def test_two_state_directories_have_two_runtime_directories(tmp_path: Path) -> None:
    assert ClusterPaths(tmp_path / "a").runtime_dir != ClusterPaths(tmp_path / "b").runtime_dir


def test_a_relative_and_an_absolute_path_are_one_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert ClusterPaths(tmp_path / "desk").runtime_dir == ClusterPaths("desk").runtime_dir


def test_the_sockets_are_found_from_a_session_with_another_runtime_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = ClusterPaths(tmp_path / "desk")
    paths.create()
    made = paths.runtime_dir
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/elsewhere")
    assert made == ClusterPaths(tmp_path / "desk").runtime_dir


def test_a_runtime_directory_that_went_with_a_reboot_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = ClusterPaths(tmp_path / "desk")
    paths.create()
    paths.runtime_dir.rmdir()
    with tempfile.TemporaryDirectory(prefix="oc") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        paths.create()
        assert Path(folder) in paths.runtime_dir.parents
        assert paths.runtime_dir.is_dir()


def test_a_copied_state_directory_does_not_share_the_sockets_of_the_original(tmp_path: Path) -> None:
    original = ClusterPaths(tmp_path / "desk")
    original.create()
    copied = ClusterPaths(tmp_path / "copy")
    copied.state_dir.mkdir(mode=0o700)
    (copied.state_dir / "run").symlink_to(original.runtime_dir)
    copied.create()
    assert original.runtime_dir != copied.runtime_dir
    assert copied.runtime_dir.is_dir()


def test_the_sockets_are_removed_and_nothing_else(tmp_path: Path) -> None:
    paths, other = ClusterPaths(tmp_path / "desk"), ClusterPaths(tmp_path / "other")
    paths.create()
    other.create()
    runtime = paths.runtime_dir
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(paths.socket_path("operator")))
    paths.remove_sockets()
    assert (False, True) == (runtime.exists(), other.runtime_dir.exists())
    paths.remove_sockets()  # harmless where there are none
    paths.create()
    assert paths.runtime_dir.is_dir()


def test_a_runtime_directory_that_holds_something_else_stays(tmp_path: Path) -> None:
    paths = ClusterPaths(tmp_path / "desk")
    paths.create()
    (paths.runtime_dir / "notes").touch()
    paths.remove_sockets()
    assert (paths.runtime_dir / "notes").exists()
    (paths.runtime_dir / "notes").unlink()


def test_a_state_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnsafePath, match=r"state directory .*/file/desk cannot be used: .*; choose another with"):
        ClusterPaths(tmp_path / "file" / "desk").create()


def test_a_directory_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    directory = tmp_path / "open"
    directory.mkdir()
    directory.chmod(0o750)
    with pytest.raises(UnsafePath, match=f"has mode 0750 and is open to others; run: chmod 700 {directory}"):
        make_private(directory)


def test_a_directory_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = tmp_path.stat().st_uid
    monkeypatch.setattr("os.getuid", lambda: owner + 1)
    with pytest.raises(UnsafePath, match=f"belongs to user {owner}, not to us"):
        make_private(tmp_path)


def test_a_link_in_place_of_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir(mode=0o700)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    with pytest.raises(UnsafePath, match="is not a directory"):
        make_private(link)


def test_a_socket_path_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsafePath, match="the limit is 103; set XDG_RUNTIME_DIR to a shorter directory"):
        ClusterPaths(tmp_path).endpoint("x" * 100)


def test_the_state_directory_is_below_the_root_that_the_environment_names() -> None:
    assert Path("/srv/desk") == default_state_dir("desk", {"OUTCRY_STATE": "/srv"})


@pytest.mark.parametrize("environment", [{}, {"OUTCRY_STATE": ""}])
def test_the_state_directory_is_below_var_otherwise(environment: dict[str, str]) -> None:
    assert Path("var/desk") == default_state_dir("desk", environment)
