import subprocess
import sys

import pytest

from actors.strategies import registry
from actors.strategies.registry import KINDS, LazyKinds, UnknownKind
from actors.strategies.strategy import Strategy, StrategyError


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_class_is_registered_under_its_own_kind(kind):
    assert kind == KINDS[kind].kind
    assert issubclass(KINDS[kind], Strategy)


def test_the_kinds_can_be_listed_and_counted_without_importing_them():
    kinds = LazyKinds({"a": "no.such.module:A", "b": "no.such.module:B"})
    assert (["a", "b"], 2, True, False) == (list(kinds), len(kinds), "a" in kinds, "c" in kinds)
    with pytest.raises(ModuleNotFoundError):
        kinds["a"]


def test_importing_the_registry_imports_no_strategy():
    modules = sorted(row.partition(":")[0] for row in registry._ROWS.values())
    code = f"import sys, actors.strategies.registry; print(sorted(set({modules}) & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]\n" == ended.stdout


def test_an_unknown_kind_is_told_the_nearest_one():
    kinds = LazyKinds({"spot-futures": "x:X", "arbitrage": "y:Y"})
    with pytest.raises(UnknownKind) as caught:
        kinds["spot-future"]
    text = str(caught.value)
    assert "no strategy of kind 'spot-future'; did you mean 'spot-futures'? (kinds: arbitrage, spot-futures)" == text
    assert isinstance(caught.value, KeyError)
    assert isinstance(caught.value, StrategyError)


def test_a_kind_like_nothing_is_told_all_kinds():
    with pytest.raises(UnknownKind, match=r"no strategy of kind 'zzz' \(kinds: .*spot-futures"):
        KINDS["zzz"]
