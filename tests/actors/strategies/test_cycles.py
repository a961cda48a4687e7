"""The record of a cycle, and its bounds."""

from decimal import Decimal as D

from actors.analytics.account import Account, Earned, Rates
from actors.analytics.attribution import Movement
from actors.strategies.cycles import CYCLES_BYTES_MAX, RATIO_MAX, TRANSITIONS_KEPT_MAX, CycleLog, Totals
from messages.base import TEXT_LENGTH_MAX
from messages.codec import encode
from messages.health import CYCLES_REPORTED_MAX, Attribution, CycleResult, Pnl


def usdt(realised: str) -> Earned:
    return Earned(Pnl(D(realised), D(0), D(1), D(0), "USDT"), spread=D("-0.5"))


def coin(realised: str) -> Earned:
    return Earned(Pnl(D(realised), D(0), D(0), D(0), "BTC"), slippage=D("-0.0001"))


def totals(*lines: Earned, now_ns: int = 0, orders: int = 10, bitcoin: str = "50000") -> Totals:
    rates = Rates("USDT", {"USDT": D(1), "BTC": D(bitcoin)})
    return Totals(now_ns, orders, Account(lines, Movement.BASIS), rates)


def a_log() -> CycleLog:
    log = CycleLog()
    log.begin(totals(usdt("5")), 3.0, 1_000_000)
    return log


def test_a_cycle_counts_from_its_own_start():
    log = a_log()
    log.enter("ARMED")
    log.count_fill()
    log.balance(4_500_000)
    log.balance(9_000_000)
    log.end(CycleResult.COMPLETED, "converged", totals(usdt("7.5"), now_ns=8_000_000, orders=14))
    (cycle,) = log.finished
    # 4,500,000 − 1,000,000 ns to the first balance; 14 − 10 orders; 7.5 − 5 realised
    assert (3.5, 4, 1, D("2.5"), D(0)) == (cycle.ms, cycle.orders, cycle.fills, cycle.pnl.realised, cycle.pnl.fees)
    assert (1_000_000, 8_000_000, "converged") == (cycle.ts_started, cycle.ts_ended, cycle.reason)


def test_coin_of_earlier_cycles_is_not_valued_anew_in_a_later_one():
    log = CycleLog()
    log.begin(totals(coin("0.1"), bitcoin="50000"), 0.0, 1)
    log.end(CycleResult.COMPLETED, "", totals(coin("0.102"), bitcoin="60000"))
    (cycle,) = log.finished
    # 0.002 BTC × 60,000 = 120; valued anew, the 0.1 BTC from before would add 0.1 × 10,000 = 1,000
    assert (D(120), (D("0.002"),)) == (cycle.pnl.total, tuple(pnl.total for pnl in cycle.pnls))


def test_a_cycle_says_where_its_profit_came_from_in_each_currency_and_in_all():
    log = CycleLog()
    log.begin(totals(usdt("5")), 0.0, 1)
    log.end(CycleResult.COMPLETED, "", totals(coin("0.002"), usdt("8")))
    (cycle,) = log.finished
    # coin: 0.002 = −0.0001 slippage + 0.0021 basis; USDT: 8 − 5 = 3, and the same half spread before and after
    zero = D(0)
    assert (
        Attribution(zero, D("-0.0001"), D("0.0021"), zero, zero, zero, "BTC"),
        Attribution(zero, zero, D(3), zero, zero, zero, "USDT"),
    ) == cycle.attributions
    # −0.0001 × 50,000 = −5; 0.0021 × 50,000 + 3 = 108
    assert Attribution(zero, D(-5), D(108), zero, zero, zero, "USDT") == cycle.attribution
    assert cycle.pnl.total == cycle.attribution.total == D(103)


def test_all_cycles_and_the_one_in_hand_are_summed_up():
    log = CycleLog()
    for before, after in (("0", "2"), ("3", "7")):
        log.begin(totals(usdt(before)), 0.0, 1)
        log.end(CycleResult.COMPLETED, "", totals(usdt(after)))
    log.begin(totals(usdt("7")), 0.0, 1)
    assert log.earned is not None
    # (2 − 0) + (7 − 3) in cycles, 1 outside, 7.5 − 7 in hand
    assert D(6) == log.earned.pnls[0].realised
    assert D("0.5") == log.earned_in_hand(totals(usdt("7.5")).account).pnls[0].realised


def test_a_cycle_that_never_balanced_lasts_to_its_end():
    log = a_log()
    log.end(CycleResult.ABANDONED, "", totals(usdt("5"), now_ns=3_000_000))
    assert 2.0 == log.finished[0].ms


def test_transitions_are_kept_up_to_a_bound_with_the_last_one():
    log = a_log()
    for number in range(TRANSITIONS_KEPT_MAX + 5):
        log.enter(f"S{number}")
        log.enter(f"S{number}")
    log.end(CycleResult.COMPLETED, "", totals(usdt("5")))
    kept = log.finished[0].transitions
    assert (TRANSITIONS_KEPT_MAX, "S0", f"S{TRANSITIONS_KEPT_MAX + 4}") == (len(kept), kept[0], kept[-1])


def test_nothing_is_recorded_outside_a_cycle():
    log = CycleLog()
    log.enter("IDLE")
    log.end(CycleResult.COMPLETED, "", totals(usdt("5")))
    assert ([], 0, None) == (log.finished, log.count, log.earned)
    assert [D(0)] == [pnl.total for pnl in log.earned_in_hand(totals(usdt("5")).account).pnls]


def test_a_cycle_ends_once():
    log = a_log()
    for _ in range(2):
        log.end(CycleResult.COMPLETED, "", totals(usdt("6")))
    assert 1 == log.count
    assert D(0) == log.earned_in_hand(totals(usdt("9")).account).pnls[0].realised


def test_the_last_thousand_cycles_are_kept_and_all_are_counted():
    log = CycleLog()
    for number in range(CYCLES_REPORTED_MAX + 3):
        log.begin(totals(usdt("0")), float("inf"), number)
        log.end(CycleResult.COMPLETED, "", totals(usdt("1")))
    assert (CYCLES_REPORTED_MAX, CYCLES_REPORTED_MAX + 3) == (len(log.finished), log.count)
    assert (RATIO_MAX, 3) == (log.finished[0].entry_edge_bps, log.finished[0].ts_started)
    assert log.earned is not None
    assert D(CYCLES_REPORTED_MAX + 3) == log.earned.pnls[0].realised


def test_wordy_cycles_are_kept_as_far_as_they_fit_into_a_report():
    log = CycleLog()
    for number in range(100):
        log.begin(totals(usdt("0")), 0.0, number)
        log.end(CycleResult.FLATTENED, "x" * TEXT_LENGTH_MAX, totals(usdt("1")))
    sizes = [len(encode(cycle)) for cycle in log.finished]
    assert sum(sizes) <= CYCLES_BYTES_MAX < sum(sizes) + sizes[-1]
    assert (99, 100) == (log.finished[-1].ts_started, log.count)
