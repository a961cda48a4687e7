"""What one transition of a state machine costs, beside a bare dict lookup and function call."""

import sys
from collections.abc import Callable, Sequence
from enum import Enum
from time import perf_counter

from actors.machine import Machine, Outputs, Reaction, on
from bench.measure import alternate, options, percentiles, rounded, show

TARGET_US = 1.0
BATCHES = 2_000
QUICK_BATCHES = 20
TRANSITIONS_PER_BATCH = 1_000
NOTHING: Outputs = ()


class Coin:
    """A message that lets somebody in."""


class Push:
    """A message that somebody has gone through."""


class State(Enum):
    LOCKED = "waiting for a coin"
    OPEN = "waiting for somebody to go through"


class Turnstile(Machine[State]):
    initial = State.LOCKED

    def unlock(self, _coin: Coin) -> Reaction[State]:
        return State.OPEN, NOTHING

    def lock(self, _push: Push) -> Reaction[State]:
        return State.LOCKED, NOTHING

    transitions = {
        State.LOCKED: {Coin: on(unlock, State.OPEN)},
        State.OPEN: {Push: on(lock, State.LOCKED)},
    }


def unlock(_coin: Coin) -> Outputs:
    return NOTHING


def lock(_push: Push) -> Outputs:
    return NOTHING


def bare_hearing() -> Callable[[object], Outputs]:
    """The least that any dispatch by message type has to do."""
    handlers: dict[type, Callable[..., Outputs]] = {Coin: unlock, Push: lock}

    def hear(message: object) -> Outputs:
        return handlers[type(message)](message)

    return hear


def us_per_message(hear: Callable[[object], Outputs], messages: Sequence[object]) -> float:
    """Mean microseconds a message over one batch, the loop included."""
    start = perf_counter()
    for message in messages:
        hear(message)
    return (perf_counter() - start) / len(messages) * 1e6


def main(argv: Sequence[str] | None = None) -> int:
    asked = options("machine", "Microseconds per state transition, percentiles over batches.", argv)
    batches = QUICK_BATCHES if asked.is_quick else BATCHES
    messages = [message for _ in range(TRANSITIONS_PER_BATCH // 2) for message in (Coin(), Push())]
    turnstile, bare = Turnstile().on_message, bare_hearing()
    runs = {
        "outcry": lambda: us_per_message(turnstile, messages),
        "bare": lambda: us_per_message(bare, messages),
    }
    outcry, bare_us = (
        {name: rounded(figure) for name, figure in percentiles(samples, (50, 99)).items()}
        for samples in alternate(runs, batches).values()
    )
    result = {
        "bench": "machine",
        "batches": batches,
        "transitions_per_batch": TRANSITIONS_PER_BATCH,
        "outcry_us": outcry,
        "bare_us": bare_us,
        "ratio_p50": rounded(outcry["p50"] / bare_us["p50"]),
        "ratio_p99": rounded(outcry["p99"] / bare_us["p99"]),
        "target_us": TARGET_US,
        "is_within_target": outcry["p50"] <= TARGET_US,
    }
    rows = [("us per message", "p50", "p99")]
    rows += [(name, f"{of['p50']:.3f}", f"{of['p99']:.3f}") for name, of in (("outcry", outcry), ("bare", bare_us))]
    rows.append(("ratio", f"{result['ratio_p50']:g}", f"{result['ratio_p99']:g}"))
    show(result, rows, f"state machine: target {TARGET_US:g} us at p50", is_json=asked.is_json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
