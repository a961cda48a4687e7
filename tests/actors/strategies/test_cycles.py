"""The record of a cycle, and its bounds."""

from decimal import Decimal as D

from actors.strategies.cycles import RATIO_MAX, TRANSITIONS_KEPT_MAX, CycleLog
from messages.health import CYCLES_REPORTED_MAX, CycleResult, Pnl


def pnl(realised: str) -> Pnl:
    return Pnl(D(realised), D(0), D(1), D(0), "USDT")


def a_log() -> CycleLog:
    log = CycleLog()
    log.start(1_000_000, 3.0, pnl("5"), 10)
    return log


def test_a_cycle_counts_from_its_own_start():
    log = a_log()
    log.enter("ARMED")
    log.count_fill()
    log.balance(4_500_000)
    log.balance(9_000_000)
    log.finish(CycleResult.COMPLETED, 8_000_000, pnl("7.5"), 14, "converged")
    (cycle,) = log.finished
    # 4,500,000 − 1,000,000 ns to the first balance; 14 − 10 orders; 7.5 − 5 realised
    assert (3.5, 4, 1, D("2.5"), D(0)) == (cycle.ms, cycle.orders, cycle.fills, cycle.pnl.realised, cycle.pnl.fees)


def test_a_cycle_that_never_balanced_lasts_to_its_end():
    log = a_log()
    log.finish(CycleResult.ABANDONED, 3_000_000, pnl("5"), 11, "")
    assert 2.0 == log.finished[0].ms


def test_transitions_are_kept_up_to_a_bound_with_the_last_one():
    log = a_log()
    for number in range(TRANSITIONS_KEPT_MAX + 5):
        log.enter(f"S{number}")
        log.enter(f"S{number}")
    log.finish(CycleResult.COMPLETED, 2, pnl("5"), 10, "")
    kept = log.finished[0].transitions
    assert (TRANSITIONS_KEPT_MAX, "S0", f"S{TRANSITIONS_KEPT_MAX + 4}") == (len(kept), kept[0], kept[-1])


def test_nothing_is_recorded_outside_a_cycle():
    log = CycleLog()
    log.enter("IDLE")
    log.finish(CycleResult.COMPLETED, 2, pnl("5"), 10, "")
    assert ([], 0) == (log.finished, log.count)
    assert pnl("5") == log.so_far(pnl("5"))


def test_the_last_thousand_cycles_are_kept_and_all_are_counted():
    log = CycleLog()
    for _ in range(CYCLES_REPORTED_MAX + 3):
        log.start(1, float("inf"), pnl("0"), 0)
        log.finish(CycleResult.COMPLETED, 2, pnl("0"), 0, "")
    assert (CYCLES_REPORTED_MAX, CYCLES_REPORTED_MAX + 3) == (len(log.finished), log.count)
    assert RATIO_MAX == log.finished[0].entry_edge_bps
