"""A new strategy works at once: its own test, its package, its config. That it trades: `tests/system`."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from supervisor.scaffold.writer import CannotWrite, Names, checked_names, write_strategy
from tests.support.distributions import GOOD, install

TEMPLATE = Path(__file__).parents[3] / "supervisor" / "scaffold" / "template"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "projects" / "my-dips-2"
    write_strategy(checked_names("my-dips-2"), folder)
    return folder


def python(*arguments: str | Path, site: Path | None = None, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "COV"))}
    environment["PYTHONPATH"] = str(site or "")
    command = [sys.executable, *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=cwd, timeout=100, check=False)


def test_nothing_of_the_template_is_left_in_it(project: Path) -> None:
    names = ["my-dips-2.toml", "my_dips_2.py", "pyproject.toml", "test_my_dips_2.py"]
    assert names == sorted(file.name for file in project.iterdir())
    text = "".join(file.read_text() for file in project.iterdir())
    for left in ("dip-buyer", "dip_buyer", "DipBuyer", "scaffold"):
        assert left not in text
    assert "class MyDips2(Strategy[State]):" in text


def test_under_its_own_name_the_template_is_written_as_it_is(tmp_path: Path) -> None:
    written = write_strategy(Names("dip-buyer"), tmp_path / "new")
    for file in written:
        text = (TEMPLATE / file.name).read_text()
        assert text.replace("supervisor.scaffold.template.dip_buyer", "dip_buyer") == file.read_text()
    assert {file.name for file in TEMPLATE.iterdir() if file.is_file()} - {"__init__.py"} == {f.name for f in written}


def test_its_own_tests_pass_before_it_is_installed(project: Path) -> None:
    ended = python("-m", "pytest", "-q", "-p", "no:cacheprovider", project, cwd=project.parent)
    assert 0 == ended.returncode, ended.stdout
    assert "16 passed" in ended.stdout


def test_it_is_built_installed_found_and_checked(project: Path, tmp_path: Path) -> None:
    """As by `pip install`, into a folder of its own and without a network."""
    site = tmp_path / "site"
    options = ("--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    installed = python("-m", "pip", "install", *options, "--target", site, project, cwd=tmp_path)
    assert 0 == installed.returncode, installed.stderr
    (row,) = (
        row
        for row in json.loads(python("-m", "supervisor.cli", "strategies", "--json", site=site, cwd=tmp_path).stdout)
        if row["kind"] == "my-dips-2"
    )
    assert ("my-dips-2 0.1.0", "") == (row["origin"], row["fault"])
    checked = python("-m", "supervisor.cli", "check", project / "my-dips-2.toml", site=site, cwd=tmp_path)
    assert (0, "ok: cluster my-dips-2, gateways: 1, strategies: 1\n") == (checked.returncode, checked.stdout)


def test_before_it_is_installed_its_config_has_a_kind_that_nobody_knows(project: Path) -> None:
    checked = python("-m", "supervisor.cli", "check", project / "my-dips-2.toml", cwd=project)
    assert 2 == checked.returncode
    assert 'strategies[0].kind: "my-dips-2" (text); expected one of' in checked.stderr


def test_its_package_needs_this_one_and_offers_the_class(project: Path) -> None:
    package = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    assert ["openoutcry"] == package["dependencies"]
    assert {"openoutcry.strategies": {"my-dips-2": "my_dips_2:MyDips2"}} == package["entry-points"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "is no name for a strategy"),
        ("MyDips", "is no name for a strategy; expected 1 to 32 small letters, digits and -"),
        ("my_dips", "is no name for a strategy"),
        ("2-dips", "is no name for a strategy"),
        ("dips-", "is no name for a strategy"),
        ("../dips", "is no name for a strategy"),
        ("d" * 33, "is no name for a strategy"),
        ("spot-futures", 'there is a strategy "spot-futures" (built in); choose another name'),
        ("class", '"class" is a word or a module of Python here'),
        ("json", '"json" is a word or a module of Python here'),
        ("messages", '"messages" is a word or a module of Python here'),
        ("state", "a class State would hide another one that it needs"),
        ("quote", "a class Quote would hide another one that it needs"),
        ("fill", "a class Fill would hide another one that it needs"),
    ],
)
def test_a_bad_name_is_refused(name: str, why: str) -> None:
    with pytest.raises(CannotWrite) as caught:
        checked_names(name)
    assert why in str(caught.value)


def test_a_name_that_a_distribution_has_taken_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "waiters", GOOD, {"waiter": "waiters:Waiter"})
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(CannotWrite, match=r'there is a strategy "waiter" \(waiters 1.0\)'):
        checked_names("waiter")


def test_a_folder_in_use_or_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for taken in (tmp_path, tmp_path / "file"):
        with pytest.raises(CannotWrite, match=f"{taken} exists already"):
            write_strategy(Names("mine"), taken)
    with pytest.raises(CannotWrite, match="cannot be written: Not a directory"):
        write_strategy(Names("mine"), tmp_path / "file" / "below")


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    assert 4 == len(write_strategy(Names("mine"), tmp_path))
