import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateways.gate.trading_states import TradingStates
from messages.risk import SetTradingState, TradingState

ACTIVE, REDUCING, HALTED = TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED


def setting(state: TradingState, strategy: str = "", reason: str = "drawdown") -> SetTradingState:
    return SetTradingState("c-1", strategy, state, reason)


def test_at_first_nothing_restricts_anybody() -> None:
    states = TradingStates()
    assert states.is_unrestricted
    assert states.of("carry") == (ACTIVE, "")


@pytest.mark.parametrize(
    ("gateway", "strategy", "ruling"),
    [
        (ACTIVE, REDUCING, REDUCING),
        (REDUCING, ACTIVE, REDUCING),
        (REDUCING, HALTED, HALTED),
        (HALTED, REDUCING, HALTED),
        (ACTIVE, ACTIVE, ACTIVE),
    ],
)
def test_the_strictest_rules(gateway: TradingState, strategy: TradingState, ruling: TradingState) -> None:
    states = TradingStates()
    states.apply(setting(gateway))
    states.apply(setting(strategy, "carry"))
    assert states.of("carry").state is ruling
    assert states.of("other").state is gateway
    assert states.is_unrestricted is (gateway is strategy is ACTIVE)


def test_the_kill_switch_halts_everybody_and_says_why() -> None:
    states = TradingStates()
    states.halt_reason = "drill"
    assert states.of("carry") == (HALTED, "halt: drill")
    assert not states.is_unrestricted
    states.halt_reason = None
    assert states.is_unrestricted


def test_a_silent_strategy_may_only_reduce_until_it_speaks() -> None:
    states = TradingStates()
    states.silenced("carry")
    assert states.of("carry") == (REDUCING, "the strategy is silent")
    assert states.of("other").state is ACTIVE
    states.heard("carry")
    states.heard("carry")
    assert states.is_unrestricted


def test_the_newest_word_of_the_supervisor_counts() -> None:
    states = TradingStates()
    for state in (HALTED, REDUCING, ACTIVE, REDUCING):
        states.apply(setting(state, "carry", f"because {state.value}"))
    assert states.of("carry") == (REDUCING, "because reducing")
    states.apply(setting(ACTIVE, "carry"))
    states.apply(setting(ACTIVE, "carry"))
    assert states.strategies == {}


def test_a_command_that_allows_more_is_told_from_one_that_allows_less() -> None:
    states = TradingStates()
    states.apply(setting(REDUCING, "carry"))
    assert [states.loosens(setting(state, "carry")) for state in TradingState] == [True, False, False]
    assert [states.loosens(setting(state)) for state in TradingState] == [False, False, False]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["", "carry", "other"]), st.sampled_from(list(TradingState)))))
def test_the_ruling_is_never_looser_than_any_that_applies(commands: list[tuple[str, TradingState]]) -> None:
    states, last = TradingStates(), dict.fromkeys(("", "carry", "other"), ACTIVE)
    for strategy, state in commands:
        states.apply(setting(state, strategy))
        last[strategy] = state
    for strategy in ("carry", "other"):
        assert states.of(strategy).state.strictness == max(last[""].strictness, last[strategy].strictness)
