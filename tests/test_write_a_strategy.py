"""`docs/write_a_strategy.md`: its code is that of the template, whole, and its commands do what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from actors.strategies.strategy import INPUTS

ROOT = Path(__file__).resolve().parents[1]
DOC = (ROOT / "docs" / "write_a_strategy.md").read_text()
BLOCKS = re.findall(r"(?:<!-- (\S+) -->\n)?```(\w*)\n(.*?)```", DOC, re.DOTALL)
INSTALL = "pip install -e "


def blocks_of(name: str) -> list[str]:
    return [text for file, _, text in BLOCKS if file == name]


def lines_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder that the first command of the page has written the strategy into."""
    outcry(["outcry", "new-strategy", "dip-buyer"], tmp_path)
    return tmp_path


def outcry(command: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the page, where what it installs is found in `site`."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OUTCRY", "PYTEST"))}
    environment["PYTHONPATH"] = f"{cwd / 'site'}{os.pathsep}{ROOT}"
    modules = {"outcry": "supervisor.cli", "pytest": "pytest", "pip": "pip"}
    arguments = [sys.executable, "-m", modules[command[0]], *command[1:]]
    ended = subprocess.run(
        arguments, cwd=cwd, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert 0 == ended.returncode, f"{' '.join(command)}: {ended.stdout}{ended.stderr}"
    return ended


def test_every_block_is_of_a_known_file_or_of_commands() -> None:
    kinds = {"console" if language == "console" else file for file, language, _ in BLOCKS}
    assert {"console", "dip_buyer.py", "test_dip_buyer.py", "dip-buyer.toml", "pyproject.toml"} == kinds


def test_the_code_of_the_page_is_the_whole_strategy_as_it_is_written(desk: Path) -> None:
    written = (desk / "dip-buyer" / "dip_buyer.py").read_text()
    assert lines_of(written) == lines_of("".join(blocks_of("dip_buyer.py")))


@pytest.mark.parametrize("name", ["test_dip_buyer.py", "dip-buyer.toml", "pyproject.toml"])
def test_what_it_shows_of_the_other_files_is_in_them(desk: Path, name: str) -> None:
    written = (desk / "dip-buyer" / name).read_text()
    assert blocks_of(name)
    assert all(block in written for block in blocks_of(name))


def test_the_commands_work_one_after_the_other(tmp_path: Path) -> None:
    commands = [
        line.removeprefix("$ ")
        for _, language, text in BLOCKS
        if language == "console"
        for line in text.splitlines()
        if line.startswith("$ ")
    ]
    assert len(commands) >= 10
    told = {}
    for command in commands:
        words = command.split()
        if command.startswith(INSTALL):  # not into the environment of these tests
            offline = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
            words = ["pip", "install", *offline, "--target", "site", f"./{command.removeprefix(INSTALL)}"]
        told[command] = outcry(words, tmp_path).stdout
    assert "16 passed" in told["pytest dip-buyer"]
    assert "dip_bps" in told["outcry strategies dip-buyer"]
    replays = [text for command, text in told.items() if command.startswith("outcry replay")]
    assert 2 == len(replays)
    for text in replays:
        orders = re.search(r"of them ([\d,]+) orders, .*: the same to the byte", text)
        assert orders is not None, text
        assert int(orders[1].replace(",", "")) >= 2


def test_every_message_that_may_come_is_named() -> None:
    assert [] == [message.__name__ for message in INPUTS if f"`{message.__name__}`" not in DOC]
