"""What is shipped, and that our `supervisor` is the one that is imported.

The package of the same name on the Python Package Index merges into one folder with ours where both are installed; a
file of the same name would replace theirs, or be replaced.
"""

import configparser
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
THEIRS = frozenset(
    {
        "childutils", "compat", "confecho", "datatypes", "dispatchers", "events", "http", "http_client", "loggers",
        "medusa", "options", "pidproxy", "poller", "process", "rpcinterface", "scripts", "skel", "socket_manager",
        "states", "supervisorctl", "supervisord", "templating", "web", "xmlrpc",
    }
)  # fmt: skip
"""Modules of the other `supervisor` (version 4)."""


@pytest.mark.parametrize("name", ["messages", "actors", "gateways", "supervisor", "supervisor.cli"])
def test_the_package_that_is_imported_is_ours(name: str) -> None:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).is_relative_to(ROOT)


def test_no_file_of_ours_has_the_name_of_one_of_theirs() -> None:
    ours = {entry.stem for entry in (ROOT / "supervisor").iterdir() if entry.suffix == ".py" or entry.is_dir()}
    assert set() == ours & THEIRS


def test_only_the_four_packages_are_shipped() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert config["options.packages.find"]["include"].split() == ["messages*", "actors*", "gateways*", "supervisor*"]


def test_the_command_is_the_cli() -> None:
    (command,) = [point for point in entry_points(group="console_scripts") if point.name == "outcry"]
    assert command.value == "supervisor.cli:main"
