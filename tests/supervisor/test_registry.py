"""What the supervisor remembers over its own death."""

import json
import stat
from decimal import Decimal
from pathlib import Path

import pytest

from messages.from_child import StrategyFault
from supervisor.registry import (
    Answer,
    ChildRecord,
    JobRecord,
    Registry,
    RegistryDamaged,
    RunRecord,
    Standing,
    load,
    save,
)

REGISTRY = Registry(
    incarnation=3,
    epochs={"carry": 7},
    children={"carry": ChildRecord(pid=12, created_s=1.5, is_ready=True, restarts=2, restarted_ns=(5, 6))},
    run=RunRecord(trading_since_ns=4, is_halted=True, halt_reason="maintenance"),
)


def test_what_is_saved_is_loaded_again(tmp_path: Path) -> None:
    save(tmp_path / "registry.json", REGISTRY)
    assert load(tmp_path / "registry.json") == REGISTRY


def test_a_registry_of_before_there_were_births_is_read(tmp_path: Path) -> None:
    path = tmp_path / "registry.json"
    save(path, REGISTRY)
    old = json.loads(path.read_text())
    del old["children"]["carry"]["birth"]
    path.write_text(json.dumps(old))
    assert load(path).children == REGISTRY.children


def test_there_is_nothing_to_remember_at_first(tmp_path: Path) -> None:
    assert load(tmp_path / "registry.json") == Registry()


def test_a_later_registry_replaces_the_earlier_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "registry.json"
    save(path, REGISTRY)
    save(path, Registry(incarnation=4))
    assert load(path) == Registry(incarnation=4)
    assert [item.name for item in tmp_path.iterdir()] == ["registry.json"]


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    save(tmp_path / "registry.json", REGISTRY)
    assert stat.S_IMODE((tmp_path / "registry.json").stat().st_mode) == 0o600


def test_an_interrupted_replacement_leaves_the_old_registry(tmp_path: Path) -> None:
    path = tmp_path / "registry.json"
    save(path, REGISTRY)
    (tmp_path / ".registry.json.new").write_bytes(b'{"incarn')  # as a power cut leaves it
    assert load(path) == REGISTRY
    save(path, Registry(incarnation=4))
    assert load(path) == Registry(incarnation=4)


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b'{"epochs": {"carry": "x"}}', b'{"unknown": 1}'])
def test_a_damaged_registry_is_refused_instead_of_forgotten(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "registry.json"
    path.write_bytes(damage)
    with pytest.raises(RegistryDamaged, match=r"registry .*registry\.json cannot be read") as caught:
        load(path)
    assert "nothing is known of one that does not" in str(caught.value)


def test_what_is_kept_of_a_run_that_is_no_more_is_its_epochs_and_its_halt() -> None:
    run = RunRecord(trading_since_ns=1, is_halted=True, is_stopping=True, halt_reason="storm")
    known = Registry(incarnation=3, epochs={"carry": 7}, children={"carry": ChildRecord(pid=5)}, run=run)
    assert known.has_lost_children
    assert known.without_run(keeps_halt=False) == Registry(incarnation=3, epochs={"carry": 7})
    kept = RunRecord(is_halted=True, halt_reason="storm")
    assert known.without_run(keeps_halt=True) == Registry(incarnation=3, epochs={"carry": 7}, run=kept)


def test_the_operators_wishes_end_with_a_run_and_are_loaded_again_before_that(tmp_path: Path) -> None:
    known = Registry(
        standing={"carry": Standing(is_paused=True, changes={"notional": "3"})},
        limits={"portfolio.gross_notional_max": Decimal("0.10")},
        answers=(Answer(command_id="c", outcome="done", text="t"),),
        jobs=(JobRecord(action="stop", strategy="carry", command_ids=("c",)),),
        alerts=("a",),
        alerts_total=7,
        faults=(StrategyFault("carry", "carry", "IDLE", "Quote", "trace", 5),),
    )
    save(tmp_path / "registry.json", known)
    assert load(tmp_path / "registry.json") == known
    assert known.without_run(keeps_halt=False) == Registry()


def test_a_halt_that_was_ended_offline_leaves_the_count_of_halts() -> None:
    run = RunRecord(is_halted=True, is_latched=True, is_flattening=True, halt_reason="x", halts=3, halted_ns=5)
    assert Registry(run=run).without_halt() == Registry(run=RunRecord(halts=3))
