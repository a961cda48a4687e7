"""Kinds that other distributions offer: found, checked, and kept from harming others."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.runtime.strategy_kinds import (
    BrokenKind,
    Offer,
    StrategyKinds,
    installed_offers,
    load,
    strategy_class,
    strategy_kinds,
)
from actors.strategies import registry
from actors.strategies.registry import UnknownKind
from tests.support.distributions import GOOD, install
from tests.support.puppet import Puppet

WAITER = {"waiter": "waiters:Waiter"}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of the import path, beside one kind that is built in; what is imported from it is forgotten."""
    monkeypatch.setattr(registry, "KINDS", {Puppet.kind: Puppet})
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in ("waiters", "others"):
        sys.modules.pop(name, None)


def broken_text(kind: str = "waiter") -> str:
    with pytest.raises(BrokenKind) as caught:
        strategy_kinds()[kind]
    return str(caught.value)


def test_a_distribution_offers_a_kind_by_its_entry_point(site: Path) -> None:
    install(site, "waiters", GOOD, WAITER)
    assert (Offer("waiter", "waiters:Waiter", "waiters 1.0"),) == installed_offers()
    found = strategy_class("waiter")
    assert ("waiter", "waiters") == (found.kind, found.__module__)
    kinds = strategy_kinds()
    assert ["puppet", "waiter"] == list(kinds)
    assert (2, True, False) == (len(kinds), "waiter" in kinds, "other" in kinds)
    assert ("built in", "waiters 1.0") == (kinds.origin("puppet"), kinds.origin("waiter"))


def test_listing_the_kinds_imports_nothing_foreign(site: Path) -> None:
    install(site, "waiters", 'raise RuntimeError("imported")', WAITER)
    assert "waiter" in list(strategy_kinds())
    assert "waiters" not in sys.modules


def test_an_unknown_kind_is_told_all_kinds_foreign_ones_too(site: Path) -> None:
    install(site, "waiters", GOOD, WAITER)
    with pytest.raises(UnknownKind, match=r"no strategy of kind 'waitr'; did you mean 'waiter'\? \(kinds: puppet, wai"):
        strategy_class("waitr")


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        ("import msgspec\n", "import no_such_thing\n", "ModuleNotFoundError: No module named 'no_such_thing'"),
        ("class Waiter(", "raise SystemExit(3)\nclass Waiter(", "SystemExit: 3"),
        ("class Waiter(", "class Other(", "AttributeError: module 'waiters' has no attribute 'Waiter'"),
        ("class Waiter(Strategy[State]):", "class Waiter:", "it is not a subclass of actors.strategies.strategy.Strat"),
        ('kind = "waiter"', 'kind = "loiterer"', "its class names the kind 'loiterer'; entry point and class must agr"),
        ("= WaiterParameters", "= dict", "its parameters_type is not a msgspec.Struct"),
        ("instrument: str", "instrument: 'Nowhere'", "its parameters cannot be decoded: name 'Nowhere' is not defined"),
        ("    transitions = {", "    table = {", "it has no transition table"),
        ("INPUTS, on", "INPUTS[1:], on", "its transition table has no row for Quote while WAITING; correct"),
        ("INPUTS, on", "INPUTS[6:], on", "Quote while WAITING, Trade while WAITING, Depth while WAITING, and 3 more;"),
    ],
)
def test_a_broken_class_is_refused_with_its_distribution_the_cause_and_a_remedy(
    site: Path, old: str, new: str, cause: str
) -> None:
    assert old in GOOD, "the change would change nothing"
    install(site, "waiters", GOOD.replace(old, new, 1), WAITER)
    text = broken_text()
    assert text.startswith('kind "waiter" of waiters 1.0 (waiters:Waiter) cannot be used: ')
    assert cause in text
    assert text.endswith("; correct or uninstall it")
    assert Puppet is strategy_kinds()["puppet"]


def test_an_entry_point_that_is_no_name_of_a_kind_is_refused(site: Path) -> None:
    install(site, "waiters", GOOD.replace('"waiter"', '"Waiter"'), {"Waiter": "waiters:Waiter"})
    assert "its entry point is no name of a kind; expected 1 to 32 small letters" in broken_text("Waiter")


def test_a_built_in_kind_is_run_whatever_is_installed_but_a_config_may_not_mean_two(site: Path) -> None:
    install(site, "waiters", GOOD.replace('"waiter"', '"puppet"'), {"puppet": "waiters:Waiter"})
    expected = 'kind "puppet" is built in, and waiters 1.0 offers it too; uninstall that or rename its kind'
    assert expected == broken_text("puppet")
    assert "built in, waiters 1.0" == strategy_kinds().origin("puppet")
    assert Puppet is strategy_class("puppet")


def test_two_distributions_of_one_kind_are_refused(site: Path) -> None:
    install(site, "waiters", GOOD, WAITER)
    install(site, "others", GOOD, {"waiter": "others:Waiter"})
    assert 'kind "waiter" is offered by others 1.0, waiters 1.0; uninstall all but one' == broken_text()


def test_a_class_within_a_class_and_an_extra_are_understood(site: Path) -> None:
    install(site, "waiters", f"{GOOD}\n\nclass Shelf:\n    best = Waiter\n", {})
    assert "waiter" == load(Offer("waiter", "waiters:Shelf.best [fast]", "waiters 1.0")).kind


def test_a_distribution_without_metadata_is_named_all_the_same(site: Path) -> None:
    install(site, "waiters", GOOD, WAITER)
    (site / "waiters-1.0.dist-info" / "METADATA").unlink()
    (offer,) = installed_offers()
    assert ("waiter", "waiters:Waiter") == (offer.kind, offer.target)
    assert "waiter" == strategy_class("waiter").kind


def test_kinds_without_offers_are_those_of_the_registry() -> None:
    kinds = StrategyKinds(registry.KINDS, ())
    assert sorted(registry.KINDS) == sorted(kinds)
