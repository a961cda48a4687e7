"""The simulation is deterministic, keeps every promise in a short list of seeds, and finds a broken one."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from actors.runtime.spec import HostSpec
from gateways.gate import order_gate
from gateways.gate.lease_book import LeaseBook
from gateways.intent_log import IntentLog
from gateways.order_desk import OrderDesk
from messages.codec import encode
from messages.orders import Side, SubmitOrder
from tests.simulation import campaign, world
from tests.simulation.__main__ import main
from tests.simulation.campaign import NO_FAULT, Campaign
from tests.simulation.cluster import Cluster
from tests.simulation.desks import DESKS
from tests.simulation.faults import KINDS, Strike, draw
from tests.simulation.patches import STAGE, patched
from tests.simulation.run import RunResult, run_seed, state_root, take_down
from tests.simulation.saboteur import Saboteur
from tests.simulation.scenario import Kind, scenario_of
from tests.simulation.watch import Watch
from tests.simulation.world import NS_PER_MS, NS_PER_S, World

LIMITED = (5, 6, 8, 9)
"""Seeds of clusters whose strategies may hold less than they want."""
SEEDS = tuple(range(1, 9))
"""Played by every test run; `python -m tests.simulation --seeds 10000` plays more."""


@pytest.fixture(autouse=True)
def simulation() -> Iterator[None]:
    with patched():
        yield


def strike(kind: str, at_s: float, duration_s: float = 2.0, pick: float = 0.4) -> Strike:
    return Strike(int(at_s * NS_PER_S), kind, pick, int(duration_s * NS_PER_S))


def complaints(result: RunResult, *words: str) -> list[str]:
    return [violation for violation in result.violations if all(word in violation for word in words)]


# --- it is a simulation ----------------------------------------------------------------------------------------------


def test_a_seed_is_played_the_same_every_time() -> None:
    first, second = run_seed(7), run_seed(7)
    assert first == second
    assert first.orders > 0


def test_another_seed_is_another_run() -> None:
    assert run_seed(1).trace != run_seed(2).trace


def test_every_kind_of_fault_is_drawn_sooner_or_later() -> None:
    drawn = {strike.kind for seed in range(1_000) for strike in draw(Random(seed), 0, NS_PER_S)}
    assert drawn == set(KINDS)


def test_a_cluster_without_faults_trades_and_its_books_agree_at_once() -> None:
    result = run_seed(3, [])
    assert not result.violations
    assert result.fills > 0
    assert result.recovery_ms == 0.0


@pytest.mark.parametrize("desk", DESKS)
def test_every_strategy_of_a_desk_trades_round(desk: str) -> None:
    cycles: Counter[str] = Counter()
    for seed in (1, 2, 3):
        result = run_seed(seed, [], kind=Kind(desk=desk))
        assert not result.violations
        cycles.update(result.cycles)
        assert result.orders > 0
    others = [count for kind, count in cycles.items() if kind != "market-making"]  # it quotes, and is flat at times
    assert min(others) >= 2
    assert sum(others) >= 4


def test_all_kinds_of_strategies_are_played() -> None:
    kinds = set()
    for desk in DESKS:
        plan = scenario_of(1, Kind(desk=desk), state_root()).plan
        kinds |= {child.spec.kind for child in plan.children if isinstance(child.spec, HostSpec)}
    assert kinds == {"spot-futures", "futures-futures", "market-making", "arbitrage"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_cluster_survives_each_kind_of_fault(kind: str) -> None:
    result = run_seed(11, [strike(kind, at_s=4.0), strike(kind, at_s=7.0, pick=0.8)], kind=Kind(is_booked=True))
    assert result.struck == {kind: 2}
    assert not result.violations


# --- it finds what is broken -----------------------------------------------------------------------------------------


def test_an_order_without_an_intent_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(IntentLog, "intend", lambda _self, _frame: None)
    assert complaints(run_seed(3, []), "without an intent")


def test_an_order_that_is_sent_again_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    come_back = OrderDesk.venue_is_back

    def resend(desk: Any) -> None:
        come_back(desk)
        for order in desk.records.open_orders():
            desk.line._to_venue(encode(order.request))

    monkeypatch.setattr(OrderDesk, "venue_is_back", resend)
    drops = [strike("venue-drops", at_s=at_s, duration_s=0.2, pick=0.1) for at_s in (4.0, 6.0, 8.0)]
    assert any(complaints(run_seed(seed, drops), "reached", "2 times") for seed in (1, 2, 3, 4))


def test_a_fill_that_a_gateway_forgets_to_journal_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(IntentLog, "record", lambda _self, report: encode(report))
    assert complaints(run_seed(3, []), "not in the gateway's journal")


def test_trading_on_without_leases_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LeaseBook, "is_running", lambda _self, _mono_ns: True)
    result = run_seed(0, [strike("kill-supervisor", at_s=4.0, duration_s=12.0)])
    assert complaints(result, "lease:", "after the end of the leases")


def test_a_limit_that_is_not_enforced_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_gate, "check_lease", lambda *_, **__: None)
    assert any(complaints(run_seed(seed, []), "limit:", "the worst case is") for seed in LIMITED)


class Moment:
    """A cluster in the middle of its trading, and the watch over what leaves it."""

    def __init__(self, *strikes: Strike) -> None:
        world, directory = World(1), state_root()
        self.cluster = Cluster(world, scenario_of(1, Kind(), directory), directory)
        STAGE.put(self.cluster)
        self.cluster.begin()
        self.watch, saboteur = Watch(self.cluster), Saboteur(self.cluster)
        for item in strikes:
            world.at(item.at_ns, saboteur.strike, item)
        world.run_until(8 * NS_PER_S)
        assert not self.cluster.table.problems

    def sends(self, epoch: int, age_ms: int = 0) -> str:
        """Let the gateway of the spot venue send an order of the maker; returns what is said of it."""
        gateway = self.cluster.table.living("spot")
        assert gateway is not None
        order = SubmitOrder(
            client_order_id="sim-maker-e1-999", strategy="maker", epoch=epoch, instrument="ETHUSDT.spot", side=Side.BUY,
            quantity=Decimal("0.1"), price=Decimal(1), ts_created=self.watch.market_ns() - age_ms * NS_PER_MS,
        )  # fmt: skip
        self.watch(gateway, gateway.actor._venue, (encode(order),))
        problems = "; ".join(self.cluster.table.problems)
        take_down(self.cluster)
        return problems


def test_an_order_of_a_living_incarnation_in_its_time_is_right() -> None:
    assert Moment().sends(epoch=1) == ""


def test_an_order_that_is_too_old_is_found() -> None:
    assert "expiry: spot sent sim-maker-e1-999 1001.0 ms old, of 1000" in Moment().sends(epoch=1, age_ms=1_001)


def test_an_order_of_an_incarnation_that_is_over_is_found() -> None:
    moment = Moment(strike("kill-strategy", at_s=4.0, pick=0.9))
    assert "fence: spot sent sim-maker-e1-999 of epoch 1, which is over" in moment.sends(epoch=1)


def test_an_order_after_the_halt_is_found() -> None:
    assert "halt: spot sent sim-maker-e1-999 while halted" in Moment(strike("halt", at_s=4.0)).sends(epoch=1)
    by_file = Moment(strike("halt-by-file", at_s=4.0)).sends(epoch=1)
    assert "halt: spot sent sim-maker-e1-999 though the latch is set" in by_file


def test_messages_that_go_round_in_circles_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "EVENTS_MAX", 1_000)
    assert complaints(run_seed(3, []), "round in circles")


# --- campaigns -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_every_promise_is_kept(seed: int) -> None:
    assert run_seed(seed).violations == []


def result_of(**changes: Any) -> RunResult:
    fields: dict[str, Any] = {
        "seed": 1, "trace": "", "struck": {}, "orders": 2, "fills": 1, "cycles": {"arbitrage": 2}, "lost": 0,
        "doubled": 0, "recovery_ms": 0.0, "stuck_on": [], "violations": [],
    }  # fmt: skip
    return RunResult(**{**fields, **changes})


def test_the_matrix_has_a_row_for_each_kind_and_lists_what_broke() -> None:
    played = Campaign()
    played.add(result_of())
    played.add(result_of(struck={"halt": 2}, recovery_ms=70.0))
    played.add(result_of(seed=5, struck={"halt": 1, "zombie": 1}, lost=1, violations=["fill T1 is lost"]))
    played.add(result_of(struck={"zombie": 1}, recovery_ms=900.0, stuck_on=["spot is away"]))
    assert played.rows[NO_FAULT].runs == 1
    halt, zombie = played.rows["halt"], played.rows["zombie"]
    assert (halt.runs, halt.times, halt.lost, halt.violations, halt.worst_ms) == (2, 2 + 1, 1, 1, 70.0)
    assert (zombie.runs, zombie.stuck, zombie.worst_ms) == (2, 1, 0.0)
    matrix = played.matrix()
    assert "4 runs, 8 orders at the venues, 4 fills, 1 runs broken" in matrix
    assert "cycles: arbitrage 8" in matrix
    assert "seed 5 (halt, zombie): fill T1 is lost\n    python -m tests.simulation --seed 5 --verbose" in matrix


def test_a_campaign_ends_with_zero_where_every_promise_was_kept(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "2", "--start", "1", "--workers", "1"]) == 0
    assert "2 runs" in capsys.readouterr().out


def test_a_broken_promise_ends_with_one_and_the_command_to_play_it_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(campaign, "run_seed", lambda seed: result_of(seed=seed, violations=["fill T1 is lost"]))
    assert main(["--seeds", "1", "--start", "3", "--workers", "1"]) == 1
    assert "python -m tests.simulation --seed 3 --verbose" in capsys.readouterr().out


def test_a_seed_that_is_played_alone_shows_what_every_process_was_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "3", "--verbose"]) == 0
    shown = capsys.readouterr().out
    assert "LOG trading begins" in shown
    assert "trace " in shown
