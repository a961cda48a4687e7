"""The strategies of a running cluster are planned anew, and checked as in a config."""

from pathlib import Path
from typing import Any

import pytest

from actors.runtime.spec import HostSpec
from supervisor.config import ConfigText, load, read
from supervisor.live_planner import LivePlanner, toml_value
from supervisor.operations.planner import Unfit
from supervisor.paths import ClusterPaths
from supervisor.registry import Standing
from tests.support.carry_cluster import CARRY_CLUSTER

CARRY = "carry-btc"
ADDED = """
[[strategies]]
id = "another"
kind = "spot-futures"
priority = 3
on_death = "complete"
[strategies.parameters]
spot = "BTCUSDT.spot"
futures = "BTCUSDT.perp"
notional = "500"
"""


@pytest.fixture
def planner(tmp_path: Path) -> LivePlanner:
    file = tmp_path / "cluster.toml"
    file.write_text(CARRY_CLUSTER)
    return LivePlanner.of(read(file), load(file), ClusterPaths(tmp_path / "state"))


def parameters(planner: LivePlanner, **changes: str) -> dict[str, Any]:
    spec = planner.strategies({CARRY: Standing(changes=changes)})[CARRY].spec
    assert isinstance(spec, HostSpec)
    return spec.parameters


def mistakes(planner: LivePlanner, **changes: str) -> list[str]:
    with pytest.raises(Unfit) as caught:
        parameters(planner, **changes)
    return str(caught.value).splitlines()


def test_without_changes_the_plan_is_that_of_the_config(planner: LivePlanner) -> None:
    assert set(planner.strategies({})) == {CARRY}
    assert parameters(planner)["notional"] == "10000"


@pytest.mark.parametrize("written", ["2500", '"2500"', "'2500'"])
def test_a_parameter_is_changed_as_a_config_would_say_it(planner: LivePlanner, written: str) -> None:
    assert parameters(planner, notional=written)["notional"] == "2500"


def test_money_may_be_written_without_quotes(planner: LivePlanner) -> None:
    assert parameters(planner, notional="2500.5")["notional"] == "2500.5"


def test_every_mistake_is_told_at_once_with_the_id_of_its_strategy(planner: LivePlanner) -> None:
    told = mistakes(planner, notional="-1", spotty="3")
    assert sorted(line.partition(":")[0] for line in told) == [
        "carry-btc.parameters.notional",
        "carry-btc.parameters.spotty",
    ]


def test_what_the_kind_itself_refuses_is_told(planner: LivePlanner) -> None:
    (told,) = mistakes(planner, spot="BTCUSDT.nowhere")
    assert told.startswith('carry-btc.parameters.spot: no instrument "BTCUSDT.nowhere"')
    assert "expected one of BTCUSDT.perp, BTCUSDT.spot" in told


def test_a_path_may_lead_into_a_table_and_through_what_is_none(planner: LivePlanner) -> None:
    with pytest.raises(Unfit, match=r"carry-btc\.parameters\.notional: \{much\}"):
        planner.strategies({CARRY: Standing(changes={"notional.much": "3"})})


def test_priorities_and_removals_are_of_the_plan(planner: LivePlanner) -> None:
    assert planner.strategies({CARRY: Standing(priority=9)})[CARRY].priority == 9
    assert planner.strategies({CARRY: Standing(is_removed=True)}) == {}


def test_a_strategy_is_added_by_its_table(planner: LivePlanner) -> None:
    assert planner.names_in(ADDED) == ("another",)
    plans = planner.strategies({"another": Standing(table=ADDED)})
    assert set(plans) == {CARRY, "another"}
    assert (plans["another"].priority, plans["another"].on_death) == (3, "complete")
    changed = planner.strategies({"another": Standing(table=ADDED, changes={"notional": "700"})})["another"].spec
    assert isinstance(changed, HostSpec)
    assert changed.parameters["notional"] == "700"


GONE = 1_023
"""A processor that this machine has no more."""


def on_a_processor_that_is_gone(table: str) -> str:
    return table.replace('kind = "spot-futures"', f'kind = "spot-futures"\ncpus = [{GONE}]')


def test_a_processor_that_is_gone_since_the_cluster_was_started_keeps_no_strategy_of_its_config_away(
    tmp_path: Path,
) -> None:
    frozen = ConfigText(on_a_processor_that_is_gone(CARRY_CLUSTER), "config.toml", tmp_path)
    planner = LivePlanner.of(frozen, load(frozen), ClusterPaths(tmp_path / "state"))
    assert parameters(planner, notional="2500")["notional"] == "2500"
    assert set(planner.strategies({"another": Standing(table=ADDED)}, added=["another"])) == {CARRY, "another"}


def test_who_is_added_now_must_find_its_processors_and_who_was_added_before_need_not(planner: LivePlanner) -> None:
    standing = {"another": Standing(table=on_a_processor_that_is_gone(ADDED))}
    with pytest.raises(Unfit, match=rf"another\.cpus\[0\]: no processor {GONE} here"):
        planner.strategies(standing, added=["another"])
    assert set(planner.strategies(standing)) == {CARRY, "another"}


def test_a_removed_strategy_may_come_back_in_another_form(planner: LivePlanner) -> None:
    table = ADDED.replace("another", CARRY)
    plans = planner.strategies({CARRY: Standing(table=table)})
    assert plans[CARRY].priority == 3


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("[[strategies]", "not TOML"),
        ("x = 1", "expected \\[\\[strategies\\]\\] tables only: x does not belong here"),
        ("strategies = 3", "each opens with"),
        ("", "expected one or more"),
        ("[[strategies]]\nkind = 'x'", "each with an id"),
        (ADDED + ADDED, "an id occurs twice: another, another"),
        (ADDED.replace('"500"', '"${NOT_SET_ANYWHERE}"'), "NOT_SET_ANYWHERE is not set"),
    ],
)
def test_a_text_without_strategies_is_refused(planner: LivePlanner, table: str, text: str) -> None:
    with pytest.raises(Unfit, match=text):
        planner.names_in(table)


def test_a_strategy_whose_order_ids_would_look_like_anothers_is_refused(planner: LivePlanner) -> None:
    table = ADDED.replace("another", "carry-btc-2")  # "carrybtc" is all that order ids hold of either
    with pytest.raises(Unfit, match='both give orders the tag "carrybtc"'):
        planner.strategies({"carry-btc-2": Standing(table=table)})


def test_the_embedded_cluster_can_be_changed_too(tmp_path: Path) -> None:
    planner = LivePlanner.of(read(None), load(None), ClusterPaths(tmp_path))
    assert len(planner.strategies({})) == 4


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("2.5", 2.5),
        ("true", True),
        ('"a"', "a"),
        ("fixed", "fixed"),
        ("[1, 2]", [1, 2]),
        ("1\nx = 2", "1\nx = 2"),
    ],
)
def test_a_value_is_toml_or_else_text(text: str, value: object) -> None:
    assert toml_value(text) == value
