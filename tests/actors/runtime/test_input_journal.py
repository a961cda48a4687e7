"""The input journal: what a strategy was told comes back in order, without what must not kill the next incarnation."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.runtime.input_journal import InputChannel, InputJournal, read_inputs
from actors.runtime.journal import Record, read_journal
from messages.base import Message
from messages.codec import encode
from messages.market import Quote
from messages.orders import OrderAccepted
from messages.strategy_host import HaltStrategy, SetTimer, TimerFired

MARKET, EXECUTION, CONTROL = InputChannel.MARKET_DATA, InputChannel.EXECUTION, InputChannel.CONTROL
QUOTE = Quote("BTCUSDT.sim", 1.0, 2.0, 3.0, 4.0, 5, 6)
ACCEPTED = OrderAccepted("a-1", "carry", "BTCUSDT.sim", "v-1", 7, 1)
TIMER = TimerFired("leg", 8, 9)
HALT = HaltStrategy("operator", 10)
ANSWER = SetTimer("leg", 11)

Told = tuple[InputChannel, Message]
inputs = st.sampled_from([(MARKET, QUOTE), (EXECUTION, ACCEPTED), (CONTROL, TIMER), (CONTROL, HALT)])


def record(directory: Path, told: list[Told | None]) -> None:
    """A journal of inputs, each followed by an answer; None marks a fault."""
    journal = InputJournal(directory)
    for item in told:
        if item is None:
            journal.mark_fault()
        else:
            journal.append(item[0], encode(item[1]))
            journal.append(InputChannel.OUTPUT, encode(ANSWER))
    journal.close()


def test_inputs_come_back_in_the_order_of_their_delivery_and_answers_do_not(tmp_path: Path) -> None:
    told: list[Told | None] = [
        (CONTROL, HALT),
        (MARKET, QUOTE),
        (EXECUTION, ACCEPTED),
        (CONTROL, TIMER),
        (MARKET, QUOTE),
    ]
    record(tmp_path, told)
    assert list(read_inputs(tmp_path)) == told


def test_what_was_appended_is_on_disk_after_the_flush(tmp_path: Path) -> None:
    journal = InputJournal(tmp_path)
    journal.append(MARKET, encode(QUOTE))
    assert list(read_journal(tmp_path)) == []
    journal.flush()
    assert list(read_journal(tmp_path)) == [Record(MARKET, encode(QUOTE))]
    journal.sync()
    journal.close()


@pytest.mark.parametrize("poison", [(MARKET, QUOTE), (CONTROL, TIMER)])
def test_a_tick_or_a_timer_that_made_a_handler_fail_is_left_out(tmp_path: Path, poison: Told) -> None:
    record(tmp_path, [(EXECUTION, ACCEPTED), poison, None, (CONTROL, HALT)])
    assert list(read_inputs(tmp_path)) == [(EXECUTION, ACCEPTED), (CONTROL, HALT)]


@pytest.mark.parametrize("account", [(EXECUTION, ACCEPTED), (CONTROL, HALT)])
def test_an_execution_or_a_command_is_never_left_out(tmp_path: Path, account: Told) -> None:
    record(tmp_path, [(MARKET, QUOTE), account, None])
    assert list(read_inputs(tmp_path)) == [(MARKET, QUOTE), account]


def test_a_fault_outside_of_any_input_leaves_nothing_out(tmp_path: Path) -> None:
    record(tmp_path, [None, (MARKET, QUOTE)])
    assert list(read_inputs(tmp_path)) == [(MARKET, QUOTE)]
    record(tmp_path, [None, None])
    assert list(read_inputs(tmp_path)) == [], "the last input is what failed, whenever the fault was written"


def test_a_fault_is_on_disk_at_once(tmp_path: Path) -> None:
    journal = InputJournal(tmp_path)
    journal.append(MARKET, encode(QUOTE))
    journal.mark_fault()
    assert [record.channel for record in read_journal(tmp_path)] == [InputChannel.MARKET_DATA, InputChannel.FAULT]
    journal.close()


@settings(max_examples=100, deadline=None)
@given(st.lists(inputs | st.none(), max_size=12))
def test_only_market_data_and_timers_right_before_a_fault_are_left_out(
    tmp_path_factory: pytest.TempPathFactory, told: list[Told | None]
) -> None:
    directory = tmp_path_factory.mktemp("inputs")
    record(directory, told)
    expected: list[Told] = []
    is_last = False  # whether the last input is still at the end of what is expected
    for item in told:
        if item is not None:
            expected.append(item)
            is_last = True
        elif is_last and type(expected[-1][1]) in (Quote, TimerFired):
            expected.pop()
            is_last = False
    assert list(read_inputs(directory)) == expected


def test_a_torn_tail_costs_the_last_input_only(tmp_path: Path) -> None:
    record(tmp_path, [(MARKET, QUOTE), (EXECUTION, ACCEPTED)])
    (segment,) = tmp_path.glob("*.log")
    answer = len(encode(ANSWER)) + 9
    segment.write_bytes(segment.read_bytes()[: -answer - 1])
    assert list(read_inputs(tmp_path)) == [(MARKET, QUOTE)]
