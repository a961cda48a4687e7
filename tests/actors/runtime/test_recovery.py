"""A new incarnation from snapshot and the rest of the journal: it is what the whole journal would have made of it."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from time import process_time
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from actors.runtime import recovery
from actors.runtime.input_journal import InputChannel, InputJournal, read_inputs, read_steps
from actors.runtime.journal import JournalDamaged, Position
from actors.runtime.journal_header import JournalHeader, write_header
from actors.runtime.recovery import Recovered
from actors.runtime.snapshot_file import read_snapshots, snapshot_files, write_snapshot
from actors.snapshot import dump
from actors.strategies.own_orders import TRADE_IDS_KEPT_MAX
from actors.strategies.spot_futures.strategy import SpotFutures
from messages.codec import encode
from messages.market import MarketData, Quote
from messages.orders import ExecutionReport
from tests.actors.strategies.seeded_walks import walk
from tests.actors.strategies.trading_world import PERPETUAL, SPOT, World, parameters

S = 1_000_000_000
SEED = 0
Started = Callable[..., Recovered]


def header(**changes: Any) -> JournalHeader:
    settings = msgspec.to_builtins(parameters(**changes))
    return JournalHeader(strategy="carry", kind="spot-futures", parameters=settings, instruments=(SPOT, PERPETUAL))


def channel_of(message: Any) -> InputChannel:
    if isinstance(message, MarketData):
        return InputChannel.MARKET_DATA
    return InputChannel.EXECUTION if isinstance(message, ExecutionReport) else InputChannel.CONTROL


def traded() -> World:
    """A pair opened, closed and opened again, with numbered reports."""
    world = World(parameters(cooldown_s=0.0, exit_confirm=1))
    for _ in range(3):
        world.open_pair()
        world.now_ns += S
        world.market(60_000.0, 59_900.0)
        world.trade_all()
        world.now_ns += S
    world.open_pair()
    return world


def tell(recovered: Recovered, messages: list[Any]) -> None:
    """As a host does: journal, then hand over."""
    for message in messages:
        recovered.journal.append(channel_of(message), encode(message))
        for output in recovered.strategy.on_message(message):
            recovered.journal.append(InputChannel.OUTPUT, encode(output))


def started(directory: Path, **changes: Any) -> Recovered:
    recovered = Recovered(SpotFutures, header(**changes), directory)
    recovered.replay(lambda: None)
    return recovered


@pytest.fixture
def journal(tmp_path: Path) -> tuple[Path, World]:
    """Half of what happened, a snapshot, and then the other half; killed."""
    world = traded()
    recovered = started(tmp_path, cooldown_s=0.0, exit_confirm=1)
    half = len(world.inputs) // 2
    tell(recovered, world.inputs[:half])
    recovered.save({"spot": 3}, 1)
    tell(recovered, world.inputs[half:])
    recovered.journal.flush()
    return tmp_path, world


def again(directory: Path) -> Recovered:
    return started(directory, cooldown_s=0.0, exit_confirm=1)


def picture(recovered: Recovered) -> bytes:
    return dump(recovered.strategy)


def test_what_comes_of_snapshot_and_tail_is_what_the_whole_journal_makes(journal: tuple[Path, World]) -> None:
    directory, world = journal
    with capture_logs() as logs:
        found = again(directory)
    assert logs == []
    assert found._position > Position(1, 8), "it began in the middle"
    assert {"spot": 3} == found.last_seqs
    assert picture(found) == dump(world.strategy)
    assert len(world.inputs) == len(list(read_steps(directory))), "the whole journal is still there for a replay"


def test_reports_behind_the_snapshot_count(tmp_path: Path) -> None:
    world = traded()
    recovered = again(tmp_path)
    tell(recovered, world.inputs)
    recovered.save({"spot": 3, "usdm": 5}, 1)
    (report,) = [message for message in world.inputs if isinstance(message, ExecutionReport)][-1:]
    tell(recovered, [msgspec.structs.replace(report, seq=9)])
    recovered.journal.close()
    assert {"spot": 3, "usdm": 5, report.instrument.split(".")[1]: 9} == again(tmp_path).last_seqs


@pytest.mark.parametrize("harm", ["damaged", "empty", "gone"])
def test_without_a_snapshot_that_can_be_used_the_whole_journal_is_read(journal: tuple[Path, World], harm: str) -> None:
    directory, world = journal
    (path,) = snapshot_files(directory)
    if harm == "gone":
        path.unlink()
    else:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(bytes(data) if harm == "damaged" else b"")
    with capture_logs() as logs:
        found = again(directory)
    assert ([] if harm == "gone" else ["snapshot not used"]) == [line["event"] for line in logs]
    assert picture(found) == dump(world.strategy)


def test_the_one_before_is_used_where_the_newest_is_damaged(journal: tuple[Path, World]) -> None:
    directory, world = journal
    again(directory).save({"spot": 4}, 1)
    newest, older = snapshot_files(directory)
    newest.write_bytes(older.read_bytes()[:-1])
    assert {"spot": 3} == again(directory).last_seqs
    assert picture(again(directory)) == dump(world.strategy)


def test_changed_code_makes_old_snapshots_useless(journal: tuple[Path, World], monkeypatch: pytest.MonkeyPatch) -> None:
    directory, world = journal
    monkeypatch.setattr(recovery, "fingerprint_of", lambda _kind, _header: "other code")
    with capture_logs() as logs:
        found = again(directory)
    assert "it is of another code, or the strategy began otherwise" == logs[0]["error"]
    assert picture(found) == dump(world.strategy)


def test_other_parameters_that_are_not_live_make_them_useless_and_live_ones_do_not(
    journal: tuple[Path, World],
) -> None:
    directory, _ = journal
    live = started(directory, cooldown_s=9.0, exit_confirm=1)
    assert (live.is_changed, {"spot": 3}) == (True, live.last_seqs)
    assert 9.0 == msgspec.json.decode(live.wanted_parameters)["cooldown_s"]
    other = started(directory, cooldown_s=0.0, exit_confirm=1, first_leg="futures")
    assert (other.is_changed, {}) == (False, other.last_seqs)


def test_parameters_that_do_not_fit_the_code_any_more_begin_anew(tmp_path: Path) -> None:
    write_header(tmp_path, msgspec.structs.replace(header(), parameters={"old": 1}))
    InputJournal(tmp_path).close()
    assert not started(tmp_path).is_changed


def test_a_long_journal_says_now_and_then_that_it_is_being_read(
    journal: tuple[Path, World], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, world = journal
    snapshot_files(directory)[0].unlink()
    monkeypatch.setattr(recovery, "STILL_STARTING_EVERY", 10)
    words: list[int] = []
    found = Recovered(SpotFutures, header(cooldown_s=0.0, exit_confirm=1), directory)
    found.replay(lambda: words.append(found.strategy.messages_heard))
    assert len(world.inputs) // 10 == len(words)


def test_a_snapshot_whose_state_cannot_be_read_is_not_used(journal: tuple[Path, World]) -> None:
    directory, world = journal
    (path,) = snapshot_files(directory)
    found = again(directory)
    (known,) = read_snapshots(directory, found._fingerprint)
    path.unlink()
    write_snapshot(directory, msgspec.structs.replace(known, state=b"nothing"))
    with capture_logs() as logs:
        assert picture(again(directory)) == dump(world.strategy)
    assert "it cannot be read" in logs[0]["error"]


def test_a_snapshot_of_records_that_were_lost_with_the_power_is_not_used(journal: tuple[Path, World]) -> None:
    directory, _ = journal
    (segment,) = directory.glob("*.log")
    position = snapshot_files(directory)[0].stem.split("-")
    with segment.open("r+b") as file:
        file.truncate(int(position[1]) - 1)
    with capture_logs() as logs:
        found = again(directory)
    assert "the journal ends before it" == logs[0]["error"]
    assert {} == found.last_seqs
    assert found.strategy.messages_heard == len(list(read_inputs(directory)))


def test_a_torn_tail_behind_a_snapshot_is_cut_off(journal: tuple[Path, World]) -> None:
    directory, world = journal
    (segment,) = directory.glob("*.log")
    segment.write_bytes(segment.read_bytes()[:-3])
    found = again(directory)
    assert {"spot": 3} == found.last_seqs
    assert len(list(read_inputs(directory))) == found.strategy.messages_heard >= len(world.inputs) - 1


def test_damage_behind_a_snapshot_refuses_to_start_and_damage_before_it_does_not_matter(
    journal: tuple[Path, World],
) -> None:
    directory, world = journal
    (segment,) = directory.glob("*.log")
    whole = segment.read_bytes()
    offset = int(snapshot_files(directory)[0].stem.split("-")[1])
    for position, is_needed in ((100, False), (offset + 20, True)):
        data = bytearray(whole)
        data[position] ^= 1
        segment.write_bytes(bytes(data))
        if is_needed:
            with pytest.raises(JournalDamaged):
                again(directory)
        else:
            assert picture(again(directory)) == dump(world.strategy)
            with pytest.raises(JournalDamaged):
                list(read_steps(directory))


def test_a_snapshot_is_cut_from_between_two_segments_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = traded()
    recovered = again(tmp_path)
    recovered.journal._journal._segment_bytes_max = 2_000
    chances = Random(2)
    for message in world.inputs:
        tell(recovered, [message])
        recovered.journal.flush()
        if chances.random() < 0.1:
            recovered.save({}, 1)
    recovered.journal.close()
    assert len(list(tmp_path.glob("*.log"))) > 3
    assert picture(again(tmp_path)) == dump(world.strategy)
    assert len(world.inputs) == len(list(read_steps(tmp_path)))


# --- when they are written -------------------------------------------------------------------------------------------


def due(recovered: Recovered, inputs: int, mono_s: float, *, is_idle: bool = True) -> bool:
    recovered.strategy.messages_heard = inputs
    return recovered.is_due(int(mono_s * S), is_idle=is_idle)


def test_a_snapshot_is_due_after_so_many_inputs_or_so_much_time(tmp_path: Path) -> None:
    recovered = started(tmp_path)
    assert not due(recovered, 999, 1_000.0), "too little is new"
    assert not due(recovered, 1_000, 1_000.0), "time counts from here"
    assert not due(recovered, 19_999, 1_029.9)
    assert due(recovered, 20_000, 1_029.9)
    assert due(recovered, 1_000, 1_030.0)
    assert not due(recovered, 99_999, 1_030.0, is_idle=False)
    assert due(recovered, 100_000, 1_030.0, is_idle=False), "one that is never idle"


def test_after_a_snapshot_there_is_a_rest_of_five_hundred_times_as_long_as_it_took(tmp_path: Path) -> None:
    recovered = started(tmp_path)
    recovered.save({}, S)
    assert 0.0 < recovered.snapshot_ms < 1_000.0
    rest_s = 500 * recovered.snapshot_ms / 1_000
    assert not due(recovered, 50_000, 1.0 + 0.9 * rest_s)
    assert due(recovered, 50_000, 1.0 + 1.1 * rest_s)


def test_a_strategy_that_cannot_be_written_goes_on_without_snapshots(tmp_path: Path) -> None:
    recovered = started(tmp_path)
    recovered.strategy.secret = Random(1)  # type: ignore[attr-defined]
    with capture_logs() as logs:
        recovered.save({}, 1)
    assert ["secret: it is a random.Random, which is no class of ours"] == [line["error"] for line in logs]
    assert not due(recovered, 100_000, 1e6)
    assert [] == snapshot_files(tmp_path)


def test_one_that_is_too_large_is_not_written_and_a_full_disk_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovered = started(tmp_path)

    def full(_directory: Path, _snapshot: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recovery, "write_snapshot", full)
    with capture_logs() as logs:
        recovered.save({}, 1)
    assert ["snapshot not written"] == [line["event"] for line in logs]
    assert due(recovered, 50_000, 1e6)
    monkeypatch.setattr(recovery, "SNAPSHOT_BYTES_MAX", 10)
    recovered.save({}, 1)
    assert not due(recovered, 100_000, 1e6)


# --- how long it takes -----------------------------------------------------------------------------------------------


def test_a_restart_after_two_hundred_thousand_inputs_reads_the_last_of_them_alone(tmp_path: Path) -> None:
    """So it takes a fraction of what the whole journal takes (0.2 s for 1.5 s on a quiet machine)."""
    world = traded()
    recovered = again(tmp_path)
    tell(recovered, world.inputs)
    quote = next(message for message in world.inputs if isinstance(message, Quote))
    frame = encode(quote)
    for number in range(200_000):
        recovered.journal.append(InputChannel.MARKET_DATA, frame)
        recovered.strategy.on_message(quote)
        if number == 180_000 - 1:
            recovered.save({}, 1)
    recovered.journal.close()
    took_s, told = [], []
    for has_snapshot in (True, False):
        if not has_snapshot:
            snapshot_files(tmp_path)[0].unlink()
        began = process_time()
        found = Recovered(SpotFutures, header(cooldown_s=0.0, exit_confirm=1), tmp_path)
        before = found.strategy.messages_heard
        found.replay(lambda: None)
        took_s.append(process_time() - began)
        told.append(found.strategy.messages_heard - before)
        assert found.strategy.messages_heard == recovered.strategy.messages_heard
    assert [20_000, 200_000 + len(world.inputs)] == told
    assert took_s[0] < took_s[1] / 2


def test_a_snapshot_of_a_strategy_with_a_long_past_is_bounded(tmp_path: Path) -> None:
    """The most orders, fills and cycles that are kept, as after weeks: some 30 ms, on a quiet machine, for 0.6 MB."""
    recovered = again(tmp_path)
    strategy = recovered.strategy
    world = World(parameters(cooldown_s=0.0, exit_confirm=1))
    world.strategy = strategy
    world.start()
    world.recover()
    for _ in range(300):
        world.open_pair()
        world.now_ns += S
        world.market(60_000.0, 59_900.0)
        world.trade_all()
        world.now_ns += S
    for number in range(TRADE_IDS_KEPT_MAX):
        strategy.own_orders._trade_ids.add((SPOT.id, f"t-{number}"))
    recovered.save({}, 1)
    (file,) = snapshot_files(tmp_path)
    assert 500_000 < file.stat().st_size < 1_000_000
    assert len(msgspec.msgpack.decode(dump(strategy))[2]) < 50_000, "parts"


@pytest.mark.parametrize("seed", range(8))
def test_killed_at_a_random_point_of_a_random_walk_it_is_where_the_walk_was(tmp_path: Path, seed: int) -> None:
    """With snapshots at random moments; the journal is what a kill leaves of it."""
    taken = walk("spot-futures", seed)
    world, chances = taken.world, Random(seed)
    strategy = world.make_strategy()
    told = JournalHeader(
        strategy=strategy.strategy_id, kind="spot-futures", parameters=msgspec.to_builtins(world.settings),
        instruments=tuple(world.instruments.values()),
    )  # fmt: skip
    end = chances.randrange(len(world.inputs))
    recovered = Recovered(SpotFutures, told, tmp_path)
    for message in world.inputs[:end]:
        tell(recovered, [message])
        strategy.on_message(message)
        if chances.random() < 0.1:
            recovered.save({}, 1)
    recovered.journal.flush()
    found = Recovered(SpotFutures, told, tmp_path)
    found.replay(lambda: None)
    assert picture(found) == dump(strategy)
    for message in world.inputs[end:]:
        assert found.strategy.on_message(message) == strategy.on_message(message)
