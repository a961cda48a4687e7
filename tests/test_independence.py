"""Strategies and analytics need no venue, no socket, no actor: they run where only msgspec can be imported."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.strategies.registry import KINDS
from supervisor.config import instruments, load

ROOT = Path(__file__).resolve().parents[1]
ALL_KINDS = ROOT / "tests" / "support" / "all_kinds.toml"
SCRIPT = ROOT / "tests" / "support" / "only_msgspec.py"
PRICES = {"BTC": 50_000.0, "ETH": 2_500.0}
"""By base currency; 1 for others."""


def cases_in(text: str) -> Iterator[dict[str, Any]]:
    """Each strategy of a config: its kind, parameters, and the instruments of all venues."""
    config = load(text, {})
    all_instruments = instruments(config)
    for strategy in config.strategies:
        yield {
            "kind": strategy.kind,
            "parameters": msgspec.to_builtins(strategy.parameters, str_keys=True),
            "instruments": msgspec.to_builtins(list(all_instruments.values()), str_keys=True),
            "prices": {name: price_of(item) for name, item in all_instruments.items()},
        }


def price_of(instrument: Any) -> float:
    return PRICES.get(instrument.base, 1.0) / PRICES.get(instrument.quote, 1.0)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the strategies did in a process that has only msgspec."""
    site = tmp_path_factory.mktemp("only-msgspec")
    (site / "msgspec").symlink_to(Path(msgspec.__file__).parent)
    cases = list(cases_in(ALL_KINDS.read_text()))
    command = [sys.executable, "-I", "-S", str(SCRIPT), str(ROOT), str(site)]
    ended = subprocess.run(command, input=json.dumps(cases), capture_output=True, text=True, timeout=60, check=False)
    assert 0 == ended.returncode, ended.stderr
    answers: dict[str, Any] = json.loads(ended.stdout)
    return answers


def test_every_module_of_strategies_and_analytics_can_be_imported(told: dict[str, Any]) -> None:
    expected = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for folder in ("strategies", "analytics")
        for file in (ROOT / "actors" / folder).rglob("*.py")
    }
    assert expected == set(told["modules"])
    assert "actors.strategies.spot_futures.strategy" in expected


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_strategy_hears_and_answers(told: dict[str, Any], kind: str) -> None:
    assert kind in told["answers"], f"nothing trades {kind} in {ALL_KINDS}; add it there"
    answer = told["answers"][kind]
    assert answer["heard"] > 400
    assert answer.get("SubmitOrder", 0) >= 1, answer


def test_nothing_that_speaks_to_the_outside_was_loaded(told: dict[str, Any]) -> None:
    assert [] == told["denied"]


@pytest.mark.parametrize("module", ["socket", "threading", "zmq", "gateways", "actors.runtime.spec"])
def test_the_fence_of_this_test_holds(tmp_path: Path, module: str) -> None:
    code = (
        f"import sys; sys.path[:0] = [{str(SCRIPT.parent)!r}, {str(ROOT)!r}]; import only_msgspec; "
        f"sys.meta_path.insert(0, only_msgspec.Deny()); import {module}"
    )
    ended = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert f"ImportError: {module} must not be needed here" in ended.stderr.replace(
        "actors.runtime must", f"{module} must"
    )
