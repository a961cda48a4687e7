import pytest

from actors.strategies.registry import KINDS, UnknownKind, strategy_class
from actors.strategies.spot_futures import SpotFutures
from actors.strategies.strategy import StrategyError


def test_a_kind_names_its_class():
    assert SpotFutures is strategy_class("spot-futures")


def test_every_class_is_registered_under_its_own_kind():
    assert all(kind == strategy.kind for kind, strategy in KINDS.items())


def test_an_unknown_kind_is_told_the_nearest_one():
    with pytest.raises(UnknownKind) as caught:
        strategy_class("spot-future")
    text = str(caught.value)
    assert "no strategy of kind 'spot-future'; did you mean 'spot-futures'? (kinds: spot-futures)" == text
    assert isinstance(caught.value, KeyError | StrategyError)


def test_a_kind_like_nothing_is_told_all_kinds():
    with pytest.raises(UnknownKind, match=r"no strategy of kind 'zzz' \(kinds: "):
        strategy_class("zzz")
