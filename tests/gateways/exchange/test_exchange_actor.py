"""The exchange process, message by message: it opens its markets, keeps its clock, and serves its gateways."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from time import monotonic_ns, time_ns
from typing import Any

import pytest
from structlog.testing import capture_logs

from actors.runtime.child import EXIT_FAULT, EXIT_OK
from actors.runtime.spec import write_spec
from gateways.exchange.stream_window import CHECKPOINT_EVERY, CHECKPOINTS_OUTSTANDING_MAX
from gateways.venue import FROM_VENUE, AccountQuery, AccountState, LoginAccepted, VenueLogin
from messages.base import PROTOCOL_VERSION
from messages.from_child import CommandDone, ProcessKind, Ready, Register, SourcesExhausted, VenuesReported
from messages.gateway_link import CheckpointReached
from messages.market import Checkpoint, ClockTick, Depth, EndOfData, Quote
from messages.orders import CancelOrder, Fill, Liquidity, OrderAccepted, OrderClosed
from messages.to_child import Drain, FenceStrategy, Halt, ReportRequest, StartTrading, StopProcess
from messages.topics import Channel
from tests.support.actor_thread import actor_threads
from tests.support.exchange_floor import (
    FIRST_NS,
    OTHER_LINE,
    ExchangeFloor,
    PlayedGateway,
    first_clock,
    record,
    recorded,
    synthetic,
)
from tests.support.orders import MS, cancel, submit
from tests.support.played_ends import ConnectedEnd, next_that

ROOT = Path(__file__).parents[3]
WINDOW = CHECKPOINTS_OUTSTANDING_MAX * CHECKPOINT_EVERY
"""6 × 32 = 192 messages before a lossless stream waits for its reader."""

BALANCES = {"USDT": Decimal(100_000), "BTC": Decimal(0)}


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[ExchangeFloor]:
    with actor_threads() as threads:
        floor = ExchangeFloor(tmp_path, threads)
        yield floor
    floor.close()


def quotes_until_checkpoint(gateway: PlayedGateway) -> tuple[int, int]:
    """How many quotes come before the next checkpoint, and its number."""
    quotes = 0
    while isinstance(message := gateway.market.hears(), Quote):
        quotes += 1
    assert isinstance(message, Checkpoint)
    return quotes, message.number


def reads_the_window(gateway: PlayedGateway) -> None:
    """Read everything that comes without an answer."""
    for number in range(1, CHECKPOINTS_OUTSTANDING_MAX + 1):
        assert gateway.market.hears_a(Checkpoint).number == number


def buy(venue: str, price: str, number: int = 1, **changes: Any) -> Any:
    return submit(number, instrument=f"BTCUSDT.{venue}", price=Decimal(price), **changes)


# --- opening ---------------------------------------------------------------------------------------------------------


def test_the_markets_open_when_they_are_told_to_and_the_clock_comes_first(floor: ExchangeFloor) -> None:
    before_ns = time_ns()
    actor = floor.start(synthetic("north"), synthetic("south"))
    register = Register("exchange", ProcessKind.EXCHANGE, os.getpid(), 0, PROTOCOL_VERSION)
    next_that(floor.supervisor.hears, lambda _: register in floor.supervisor.heard, "registration")
    north, south = floor.gateway("north"), floor.gateway("south")
    floor.supervisor.hears_beats(2)
    assert north.market.hears_nothing
    assert floor.open_markets() == CommandDone("open", "exchange", True, "")
    tick = first_clock(north)
    assert (tick.venue, tick.speed) == ("north", 1.0)
    assert before_ns <= tick.now_ns <= time_ns()
    assert tick.mono_ns <= monotonic_ns()
    assert first_clock(south).now_ns == tick.now_ns, "one clock for all venues"
    assert [gateway.market.hears_a(Depth).instrument for gateway in (north, south)] == [
        "BTCUSDT.north",
        "BTCUSDT.south",
    ]
    assert north.market.hears_a(Quote).ts_received >= tick.now_ns

    assert floor.open_markets("again").is_ok
    assert floor.supervisor.asks(StopProcess("stop", 1_000)).is_ok
    assert actor.ends() == EXIT_OK
    clocks = 0
    while not north.market.hears_nothing:
        clocks += isinstance(north.market.hears(), ClockTick)
    assert clocks == 0, "markets open once"


def test_a_late_reader_is_told_how_the_clock_runs(floor: ExchangeFloor) -> None:
    floor.start(synthetic("north"))
    floor.open_markets()
    late = floor.gateway("north")
    late.market.subscribe(Channel.CLOCK, "north")
    assert late.market.hears_a(ClockTick).speed == 1.0


# --- gateways --------------------------------------------------------------------------------------------------------


def test_a_gateway_that_speaks_another_protocol_version_is_not_let_in(floor: ExchangeFloor) -> None:
    floor.start(synthetic("north"))
    north = PlayedGateway(floor.context, floor, "north")
    with capture_logs() as logs:
        north.says(VenueLogin("north", 99), AccountQuery("north", 0))
        assert isinstance(north.hears(), AccountState), "and no LoginAccepted before it"
    assert [(line["event"], line["version"]) for line in logs] == [("gateway speaks another protocol version", 99)]
    assert north.logs_in() == LoginAccepted("north", 0)


def test_requests_of_unknown_senders_and_what_is_no_message_are_dropped(floor: ExchangeFloor) -> None:
    floor.start(synthetic("north"))
    north = floor.gateway("north")
    stranger: ConnectedEnd[Any] = ConnectedEnd(floor.context, floor.orders_endpoint, "stranger", FROM_VENUE)
    with capture_logs() as logs:
        stranger.says(AccountQuery("north", 0), b"no message at all")
        north.says(b"no message at all")
        north.says(AccountQuery("north", 0))
        assert north.hears_a(AccountState).balances == BALANCES
        while len(logs) < 3:
            floor.supervisor.hears_beats(1)
    dropped = sorted((line["event"], line["sender"]) for line in logs)
    assert dropped == [("frame refused", "north"), ("frame refused", "stranger"), ("request dropped", "stranger")]
    assert stranger.hears_nothing


def test_an_order_is_answered_after_the_latency_of_its_venue_and_told_to_its_gateway_only(
    floor: ExchangeFloor,
) -> None:
    floor.start(synthetic("north", latency_ms=20.0), synthetic("south"))
    north, south = floor.gateway("north"), floor.gateway("south")
    floor.open_markets()
    tick = first_clock(north)
    north.market.hears_a(Quote)
    sent_ns = tick.now_ns + monotonic_ns() - tick.mono_ns
    far_below = buy("north", "100.0", quantity=Decimal(1))
    north.says(far_below)
    accepted = north.hears_a(OrderAccepted)
    assert accepted.client_order_id == far_below.client_order_id
    assert accepted.ts_event >= sent_ns + 20 * MS
    north.says(cancel(far_below))
    assert north.hears_a(OrderClosed).client_order_id == far_below.client_order_id
    assert south.hears_nothing


def test_a_gateway_that_reads_slowly_is_told_everything(floor: ExchangeFloor) -> None:
    floor.start(synthetic("north"))
    north = floor.gateway("north")
    count = 8_000  # more than both queues and the system's buffer hold
    for _ in range(count):
        north.says(AccountQuery("north", 0))
    floor.supervisor.hears_beats(3)
    assert [type(north.hears()) for _ in range(count)] == [AccountState] * count
    assert north.hears_nothing


# --- recordings at full speed ----------------------------------------------------------------------------------------


def test_a_lossless_market_waits_for_its_slowest_reader(floor: ExchangeFloor, tmp_path: Path) -> None:
    floor.start(recorded("north", record(tmp_path / "north.gz", WINDOW + 2 * CHECKPOINT_EVERY + 5)))
    north = floor.gateway("north")
    floor.open_markets()
    assert first_clock(north) == ClockTick("north", FIRST_NS, north.market.heard[0].mono_ns, 0.0)  # type: ignore[union-attr]
    for number in range(1, CHECKPOINTS_OUTSTANDING_MAX + 1):
        assert quotes_until_checkpoint(north) == (CHECKPOINT_EVERY, number)
    floor.supervisor.hears_beats(3)
    assert north.market.hears_nothing, "six checkpoints are not answered"

    north.says(CheckpointReached("north", 1))
    assert quotes_until_checkpoint(north) == (CHECKPOINT_EVERY, 7)
    floor.supervisor.hears_beats(2)
    assert north.market.hears_nothing
    north.says(CheckpointReached("north", 7))
    assert quotes_until_checkpoint(north) == (CHECKPOINT_EVERY, 8)
    last = [north.market.hears() for _ in range(7)]
    # 192 + 2 × 32 + 5 lines, a millisecond apart: the last is 260 ms after the first.
    end_ns = FIRST_NS + 260 * MS
    assert [type(message) for message in last] == [Quote] * 5 + [ClockTick, EndOfData]
    assert (last[4].ts_received, last[5].speed) == (end_ns, 1.0)  # type: ignore[union-attr]
    assert last[6] == EndOfData("north", end_ns)
    assert floor.supervisor.hears_a(SourcesExhausted) == SourcesExhausted("exchange")


def test_a_new_gateway_owes_no_checkpoint_of_the_one_before_it(floor: ExchangeFloor, tmp_path: Path) -> None:
    floor.start(recorded("north", record(tmp_path / "north.gz", 2 * WINDOW)))
    north = floor.gateway("north")
    floor.open_markets()
    reads_the_window(north)
    north.close()
    floor.gateway("north")
    floor.supervisor.hears_a(SourcesExhausted)


def test_an_order_meets_the_market_of_its_time_at_full_speed(floor: ExchangeFloor, tmp_path: Path) -> None:
    floor.start(recorded("north", record(tmp_path / "north.gz", WINDOW + CHECKPOINT_EVERY), latency_ms=5.0))
    north = floor.gateway("north")
    floor.open_markets()
    reads_the_window(north)
    order = buy("north", "50000.1")
    north.says(order)
    floor.supervisor.hears_beats(2)
    assert north.hears_nothing, "market time stands still with the stream"
    north.says(CheckpointReached("north", 6))
    # The stream stood at its 192nd line, 191 ms after the first; the order takes effect 5 ms later.
    assert north.hears_a(OrderAccepted).ts_event == FIRST_NS + (191 + 5) * MS
    filled = north.hears_a(Fill)
    assert (filled.price, filled.quantity, filled.liquidity) == (Decimal("50000.1"), Decimal("0.010"), Liquidity.TAKER)
    assert north.hears_a(OrderClosed).filled_quantity == Decimal("0.010")


def test_when_the_recordings_have_ended_time_goes_on(floor: ExchangeFloor, tmp_path: Path) -> None:
    floor.start(recorded("north", record(tmp_path / "north.gz", 3), latency_ms=30.0))
    north = floor.gateway("north")
    floor.open_markets()
    floor.supervisor.hears_a(SourcesExhausted)
    order = buy("north", "49000.0")
    north.says(order)
    accepted = north.hears_a(OrderAccepted)
    assert accepted.ts_event >= FIRST_NS + (2 + 30) * MS
    north.says(CancelOrder(order.client_order_id, "carry", 1, order.instrument))
    assert north.hears_a(OrderClosed).ts_event >= accepted.ts_event + 30 * MS
    ends = [message for message in floor.supervisor.heard if isinstance(message, SourcesExhausted)]
    assert floor.supervisor.asks(Halt("c1", "drill")).is_ok
    assert ends == [message for message in floor.supervisor.heard if isinstance(message, SourcesExhausted)], "once"


def test_the_end_of_the_recordings_is_told_to_a_new_supervisor_too(floor: ExchangeFloor, tmp_path: Path) -> None:
    floor.start(recorded("north", record(tmp_path / "north.gz", 3)))
    floor.open_markets()
    assert floor.supervisor.hears_a(SourcesExhausted) == SourcesExhausted("exchange")
    floor.supervisor.close()
    floor.supervisor.bind()
    floor.supervisor.hears_a(Register)
    assert [floor.supervisor.hears() for _ in range(2)] == [Ready("exchange"), SourcesExhausted("exchange")]


def test_a_recording_in_which_nothing_concerns_us_ends_as_it_opens(floor: ExchangeFloor, tmp_path: Path) -> None:
    floor.start(recorded("north", record(tmp_path / "north.gz", 3, OTHER_LINE)))
    north = floor.gateway("north")
    before_ns = time_ns()
    floor.open_markets()
    floor.supervisor.hears_a(SourcesExhausted)
    assert before_ns <= north.market.hears_a(EndOfData).ts_received <= time_ns()


def test_a_recording_at_its_own_pace_takes_its_time(floor: ExchangeFloor, tmp_path: Path) -> None:
    floor.start(recorded("north", record(tmp_path / "north.gz", 41), speed=2.0))
    north = floor.gateway("north")
    floor.open_markets()
    tick = first_clock(north)
    assert (tick.now_ns, tick.speed) == (FIRST_NS, 2.0)
    end = north.market.hears_a(EndOfData)
    assert end.ts_received == FIRST_NS + 40 * MS
    assert monotonic_ns() - tick.mono_ns >= 20 * MS, "40 ms of the market at twice its pace"
    assert not any(isinstance(message, Checkpoint) for message in north.market.heard)


def test_an_exchange_whose_recording_is_damaged_ends_with_the_code_of_a_fault(
    floor: ExchangeFloor, tmp_path: Path
) -> None:
    file = record(tmp_path / "north.gz", 200)
    file.write_bytes(file.read_bytes()[:-20])
    with capture_logs() as logs:
        actor = floor.start(recorded("north", file))
        floor.supervisor.tell("exchange", StartTrading("open"))
        assert actor.ends() == EXIT_FAULT
    (line,) = (line for line in logs if line["event"] == "handler failed")
    assert "fetch the file again" in line["error"]


# --- commands --------------------------------------------------------------------------------------------------------


def test_the_report_has_every_venue_by_its_own_books(floor: ExchangeFloor, tmp_path: Path) -> None:
    files = {venue: record(tmp_path / f"{venue}.gz", lines) for venue, lines in (("north", 3), ("south", 5))}
    floor.start(*(recorded(venue, file) for venue, file in files.items()))
    floor.supervisor.tell("exchange", ReportRequest("early"))
    assert floor.supervisor.hears_a(VenuesReported) == VenuesReported("early", "exchange", {})
    floor.open_markets()
    floor.supervisor.hears_a(SourcesExhausted)
    floor.supervisor.tell("exchange", ReportRequest("late"))
    reported = floor.supervisor.hears_a(VenuesReported)
    assert floor.supervisor.hears_a(CommandDone) == CommandDone("late", "exchange", True, "")
    feeds = {venue: report.instruments["BTCUSDT"] for venue, report in reported.reports.items()}
    assert {venue: feed.quotes for venue, feed in feeds.items()} == {"north": 3, "south": 5}
    assert feeds["north"].best_bid == Decimal("50000.0")
    assert reported.reports["south"].balances == BALANCES


def test_a_halt_does_not_concern_a_venue_and_a_drain_is_refused(floor: ExchangeFloor) -> None:
    floor.start(synthetic("north"))
    for command in (Halt("c1", "drill"), FenceStrategy("c2", "carry", 2, False)):
        done = floor.supervisor.asks(command)
        assert done == CommandDone(command.command_id, "exchange", True, "a venue knows no strategies")
    refused = floor.supervisor.asks(Drain("c3", 1_000))
    assert refused == CommandDone("c3", "exchange", False, "Drain is not for the exchange")


def test_the_exchange_process_runs_until_it_is_signalled(floor: ExchangeFloor, tmp_path: Path) -> None:
    write_spec(tmp_path / "exchange.json", floor.spec(synthetic("north")))
    command = (sys.executable, "-m", "gateways.exchange", str(tmp_path / "exchange.json"))
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        floor.supervisor.hears_a(Ready)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == EXIT_OK
    finally:
        process.kill()
        process.wait()
