"""What a person sees of a running cluster."""

import io
from decimal import Decimal

import msgspec
import pytest
from rich.console import Console

from messages.health import ClusterStatus, Lifecycle, ProcessState
from supervisor.live_status import LiveStatus
from supervisor.status_view import ended, money, render, summary
from tests.supervisor.samples import PERP, PNL, SPOT, STATUS, STRATEGY, process


def drawn(status: ClusterStatus, width: int = 80, height: int | None = None, *, is_terminal: bool = False) -> list[str]:
    written = io.StringIO()
    console = Console(
        file=written,
        width=width,
        force_terminal=is_terminal,
        color_system="standard" if is_terminal else "auto",
        highlight=False,
    )
    console.print(render(status, width, height))
    return written.getvalue().splitlines()


def line_of(name: str, lines: list[str]) -> list[str]:
    """The words of the first line that opens with a name."""
    return next(line.split() for line in lines if line.startswith(name))


def test_a_cluster_fits_80_columns_and_24_lines() -> None:
    many = ClusterStatus(
        cluster="demo",
        phase="trading",
        seconds=360_000.0,
        is_halted=True,
        processes=tuple(process(f"process-{'x' * 20}-{n}", "gateway", ProcessState.QUARANTINED) for n in range(5)),
        gateways=(SPOT, msgspec.structs.replace(PERP, id="g" * 32), SPOT),
        strategies=(
            msgspec.structs.replace(
                STRATEGY,
                lifecycle=Lifecycle.QUARANTINED,
                note="n" * 80,
                pnl=msgspec.structs.replace(PNL, realised=Decimal("-123456.78")),
            ),
        )
        * 2,
        alerts=tuple(f"alert {n} {'y' * 80}" for n in range(9)),
    )
    lines = drawn(many, height=24)
    assert 80 >= max(map(len, lines))
    assert 24 >= len(lines)
    assert line_of("! alert 6", lines), "the newest three alerts are shown"


FOUR = msgspec.structs.replace(
    STATUS,
    processes=tuple(process(f"process-{n}", "gateway") for n in range(9)),
    strategies=tuple(
        msgspec.structs.replace(
            STRATEGY,
            id=f"strategy-{n}-of-four",
            state="WAITING_FOR_THE_MARKET_TO_COME_BACK",
            positions={f"BTCUSDT_261225.venue-{leg}": Decimal("-1234.56789") for leg in "abcd"},
            note="edge 1.25 bps",
        )
        for n in range(4)
    ),
    alerts=("carry-btc: position of BTCUSDT.spot is 0.16000 by the gateway and 0.17000 by the journal; 0.16 adopted",),
)


def test_four_strategies_each_have_a_line_with_whole_numbers_in_80_columns_and_24_lines() -> None:
    lines = drawn(FOUR, height=24)
    assert (True, True) == (24 >= len(lines), 80 >= max(map(len, lines)))
    for n in range(4):
        (line,) = (line for line in lines if line.startswith(f"strategy-{n}") and "holds" in line)
        # With a position it would have 14 + 1 + 26 + 8 + 46 = 95 columns.
        assert f"strategy-{n}-of… WAITING_FOR_THE_MARKET_TO…, holds 4 positions" == line
    assert "9 of 9 processes running" in lines
    assert "! carry-btc: position of BTCUSDT.spot is 0.16000 by the gateway and 0.17000 by …" in lines


def test_as_many_positions_are_named_as_a_line_has_room_for() -> None:
    status = msgspec.structs.replace(
        FOUR, strategies=tuple(msgspec.structs.replace(strategy, state="OPEN") for strategy in FOUR.strategies)
    )
    lines = drawn(status, height=24)
    assert "strategy-0-of… OPEN, holds -1234.56789 BTCUSDT_261225.venue-a and 3 more" in lines


def test_processes_that_do_not_run_are_shown_where_the_others_are_counted() -> None:
    ill = process("exchange", "exchange", ProcessState.QUARANTINED)
    lines = drawn(msgspec.structs.replace(FOUR, processes=(*FOUR.processes, ill)), height=30)
    assert "9 of 10 processes running" in lines
    assert ["exchange", "quarantined"] == line_of("exchange", lines)[:2]


def test_a_long_alert_goes_on_in_the_next_line() -> None:
    text = " ".join(drawn(FOUR)).replace("  ", " ")
    assert "0.16000 by the gateway and 0.17000 by the journal; 0.16 adopted" in text


def test_a_position_that_nobody_manages_is_an_alert() -> None:
    status = msgspec.structs.replace(STATUS, unmanaged=("BTCUSDT.spot: the venue holds 0.01",))
    assert "! BTCUSDT.spot: the venue holds 0.01" in drawn(status)


@pytest.mark.parametrize("width", [40, 60, 79])
def test_no_number_is_cut_however_narrow_the_terminal_is(width: int) -> None:
    rich = msgspec.structs.replace(STRATEGY, pnl=msgspec.structs.replace(PNL, realised=Decimal("-123456.78")))
    lines = drawn(msgspec.structs.replace(STATUS, strategies=(rich,)), width)
    (heading,) = (n for n, line in enumerate(lines) if line.startswith("strategy "))
    # -123456.78 + 0.25 - 1.1 + 0.05
    assert "-123,457.58 USDT" in lines[heading + 1]
    assert "…" not in "".join(lines)


def test_a_process_is_shown_with_what_it_uses() -> None:
    words = line_of("carry-btc", drawn(STATUS))
    assert ["carry-btc", "running", "1234567", "1", "12", "45", "33"] == words


def test_a_process_that_does_not_run_has_no_pid() -> None:
    waiting = msgspec.structs.replace(process("exchange", "exchange", ProcessState.BACKOFF), pid=0)
    words = line_of("exchange", drawn(msgspec.structs.replace(STATUS, processes=(waiting,))))
    assert ["exchange", "backoff", "-"] == words[:3]


def test_a_gateway_is_shown_with_its_orders() -> None:
    gateway = msgspec.structs.replace(SPOT, id="venue-a")
    words = line_of("venue-a", drawn(msgspec.structs.replace(STATUS, gateways=(gateway,))))
    # open 1, accepted 10, rejected 2, denied 3, filled 9
    assert ["venue-a", "up", "1", "10", "2", "3", "9", "1234567"] == words


@pytest.mark.parametrize(
    ("is_venue_up", "is_halted", "shown"), [(False, False, "down"), (False, True, "down"), (True, True, "halted")]
)
def test_a_gateway_whose_venue_is_down_or_that_is_halted_says_so(
    is_venue_up: bool, is_halted: bool, shown: str
) -> None:
    gateway = msgspec.structs.replace(SPOT, id="venue-a", is_venue_up=is_venue_up, is_halted=is_halted)
    assert shown == line_of("venue-a", drawn(msgspec.structs.replace(STATUS, gateways=(gateway,))))[1]


def test_a_strategy_is_shown_with_its_profit_latency_state_and_positions() -> None:
    lines = drawn(STATUS)
    # p50: max(50, 60), p99: max(120, 110) over the two gateways
    assert any(line.split() == ["carry-btc", "running", "20", "18", "4", "+11.70", "USDT", "60/120"] for line in lines)
    assert "carry-btc OPENING_FUTURES_HEDGE, holds 0.16000 BTCUSDT.spot, -0.160 BTCUSDT.perp" in lines


def test_a_strategy_without_anything_says_so() -> None:
    fresh = msgspec.structs.replace(STRATEGY, state="", positions={}, note="waiting")
    lines = drawn(msgspec.structs.replace(STATUS, strategies=(fresh,), gateways=()))
    assert "carry-btc no state yet, holds nothing  (waiting)" in lines
    assert any(line.split()[-1:] == ["-"] for line in lines), "no latency was measured"


def test_a_cluster_without_strategies_is_shown() -> None:
    lines = drawn(msgspec.structs.replace(STATUS, strategies=(), gateways=()))
    assert "demo  trading  0:01:13" == lines[0].rstrip()
    assert 6 == len(lines), "a headline, the heading of the processes, and four processes"


def test_a_halted_cluster_says_so_first() -> None:
    assert "demo  trading  0:01:13  HALTED" == drawn(msgspec.structs.replace(STATUS, is_halted=True))[0].rstrip()


def test_a_wide_terminal_shows_more() -> None:
    lines = drawn(STATUS, 140)
    assert "0.00000001 BTC" in "\n".join(lines)
    assert "123456" in "\n".join(lines), "messages of the strategy"
    assert "123456 " not in "\n".join(drawn(STATUS))


def test_there_are_colours_in_a_terminal_only() -> None:
    assert "\x1b[" in "\n".join(drawn(STATUS, is_terminal=True))
    assert "\x1b[" not in "\n".join(drawn(STATUS))


def test_money_has_a_sign_and_two_places() -> None:
    loss = msgspec.structs.replace(PNL, realised=Decimal("-1234.5"), currency="")
    # -1234.5 + 0.25 - 1.1 + 0.05 = -1235.30
    assert "-1,235.30" == money(msgspec.structs.replace(STRATEGY, pnl=loss))


def test_a_status_fits_one_line() -> None:
    expected = "demo: trading, halted for 73 s, 4 of 4 processes running, 18 fills, carry-btc +11.70 USDT"
    assert expected == summary(msgspec.structs.replace(STATUS, is_halted=True))


def test_a_halt_is_told_once() -> None:
    halted = summary(msgspec.structs.replace(STATUS, is_halted=True, phase="halted"))
    assert halted.startswith("demo: halted for 73 s, ")


class TestLive:
    def written(self, *statuses: ClusterStatus, is_terminal: bool = False) -> str:
        written = io.StringIO()
        with LiveStatus(Console(file=written, width=80, force_terminal=is_terminal)) as live:
            for status in statuses:
                live.show(status)
        return written.getvalue()

    def test_a_terminal_is_redrawn(self) -> None:
        later = msgspec.structs.replace(STATUS, phase="draining")
        written = self.written(STATUS, later, is_terminal=True)
        assert "trading" in written
        assert "draining" in written
        assert "\x1b[" in written

    def test_without_a_terminal_a_line_is_written_when_the_phase_changes(self) -> None:
        later = msgspec.structs.replace(STATUS, phase="draining")
        lines = self.written(STATUS, STATUS, later, later).splitlines()
        assert [summary(STATUS), summary(later)] == lines

    def test_without_a_terminal_a_line_is_written_every_ten_seconds(self) -> None:
        at = [msgspec.structs.replace(STATUS, seconds=seconds) for seconds in (0.0, 9.9, 10.0, 15.0, 20.0)]
        assert [summary(at[0]), summary(at[2]), summary(at[4])] == self.written(*at).splitlines()


def test_an_ended_cluster_keeps_its_figures_and_has_neither_processes_nor_venues() -> None:
    lines = drawn(ended(STATUS))
    assert lines[0].startswith("demo  stopped  0:01:13")
    assert ["stopped", "-"] == line_of("exchange", lines)[1:3]
    assert ["spot", "down", "-", "10"] == line_of("spot", lines[6:])[:4], "open orders are not known any more"
    gateways = lines[next(n for n, line in enumerate(lines) if line.startswith("gateway ")) :]
    assert ["down", "down"] == [line_of(id, gateways)[1] for id in ("spot", "perp")]
    strategies = lines[next(n for n, line in enumerate(lines) if line.startswith("strategy ")) :]
    assert ["carry-btc", "stopped", "20", "18", "4", "+11.70", "USDT"] == line_of("carry-btc", strategies)[:7]


def test_a_strategy_in_quarantine_is_in_quarantine_at_the_end_too() -> None:
    dead = msgspec.structs.replace(STRATEGY, lifecycle=Lifecycle.QUARANTINED)
    (strategy,) = ended(msgspec.structs.replace(STATUS, strategies=(dead,))).strategies
    assert Lifecycle.QUARANTINED is strategy.lifecycle


def test_the_last_frame_of_an_ended_cluster_says_that_it_has_stopped() -> None:
    written = io.StringIO()
    with LiveStatus(Console(file=written, width=80, force_terminal=True, color_system=None)) as live:
        live.end()
        assert "stopped" not in written.getvalue(), "nothing was shown, so nothing is stale"
        live.show(STATUS)
        live.end()
    assert written.getvalue().rfind("demo  stopped") > written.getvalue().rfind("demo  trading") > 0


def test_where_nothing_is_redrawn_the_end_is_no_line() -> None:
    written = io.StringIO()
    with LiveStatus(Console(file=written, width=200)) as live:
        live.show(STATUS)
        live.end()
    assert 1 == len(written.getvalue().splitlines())


def test_what_the_operator_has_changed_is_shown() -> None:
    strategy = msgspec.structs.replace(STRATEGY, changed={"notional": "2000", "priority": "8"})
    status = msgspec.structs.replace(STATUS, strategies=(strategy,))
    assert "changed by the operator: notional = 2000, priority = 8" in " ".join(drawn(status))
