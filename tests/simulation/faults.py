"""What goes wrong in a run, and when: drawn from the seed alone, before anything has happened."""

from random import Random
from typing import Final, NamedTuple

from tests.simulation.world import NS_PER_S

BURST_NS: Final = (1 * NS_PER_S, 6 * NS_PER_S)
RATES: Final = {
    "ack-lost": 0.3,
    "report-lost": 0.2,
    "report-late": 0.3,
    "report-doubled": 0.4,
    "report-reordered": 0.4,
    "request-lost": 0.2,
    "request-refused": 0.4,
}


KINDS: Final[dict[str, int]] = {
    "kill-strategy": 4,
    "kill-gateway": 4,
    "kill-supervisor": 3,
    "kill-all": 1,
    "die-in-a-write-strategy": 4,
    "die-in-a-write-gateway": 5,
    "crash-loop": 1,
    "strategy-raises": 2,
    "stop-strategy": 2,
    "stop-gateway": 2,
    "stop-supervisor": 2,
    "hang-strategy": 2,
    "hang-gateway": 2,
    "zombie": 3,
    "cut-link": 3,
    "stall-link": 3,
    "partition": 3,
    "venue-drops": 3,
    "disk-full": 2,
    "disk-error": 2,
    "clock-jump": 2,
    "halt": 1,
    "halt-and-flatten": 1,
    "operator-pauses": 2,
    "operator-flattens": 2,
    "operator-restarts": 2,
    "halt-by-file": 1,
    "halt-and-unhalt": 3,
    "unhalt-over-a-death": 2,
    "unhalt-in-a-partition": 2,
    "operator-flattens-for-a-while": 1,
    "operator-stops-for-a-while": 1,
    "operator-sets": 2,
    "operator-prioritises": 1,
    "operator-limits": 2,
    "ledger-away": 2,
    "ledger-deaf": 1,
    **dict.fromkeys(RATES, 2),
}
"""Each kind of fault: how often among the others."""
LASTING: Final = frozenset(
    {
        "stop-strategy", "stop-gateway", "stop-supervisor", "hang-strategy", "hang-gateway", "zombie", "stall-link",
        "partition", "venue-drops", "operator-pauses", "halt-and-unhalt",
        "unhalt-over-a-death", "unhalt-in-a-partition", "operator-flattens-for-a-while", "operator-stops-for-a-while",
        "disk-full", "disk-error", "ledger-away", "ledger-deaf", *RATES,
    }
)  # fmt: skip
"""Kinds that go on for the duration of the strike; the others are over in a moment."""
LINGERING_NS: Final = {
    "zombie": 2 * NS_PER_S,
    "halt-and-flatten": 3 * NS_PER_S,
    "operator-pauses": 1 * NS_PER_S,
    "operator-flattens": 3 * NS_PER_S,
    "operator-flattens-for-a-while": 1 * NS_PER_S,
    "operator-stops-for-a-while": 1 * NS_PER_S,
    "halt-and-unhalt": 1 * NS_PER_S,
    "unhalt-over-a-death": 2 * NS_PER_S,
    "unhalt-in-a-partition": 2 * NS_PER_S,
    "operator-restarts": 2 * NS_PER_S,
    "operator-limits": 4 * NS_PER_S,
    "kill-supervisor": 3 * NS_PER_S,
    "kill-all": 2 * NS_PER_S,
    "crash-loop": 6 * NS_PER_S,
    "die-in-a-write-strategy": 2 * NS_PER_S,
    "die-in-a-write-gateway": 2 * NS_PER_S,
}
"""How much later than said the cause may still be at work."""


class Strike(NamedTuple):
    """One fault.

    :param kind: a key of `KINDS`.
    :param pick: in [0, 1), to choose among the targets there are then.
    """

    at_ns: int
    kind: str
    pick: float
    duration_ns: int

    @property
    def end_ns(self) -> int:
        """When its cause is over at the latest; what follows from it may last longer."""
        return self.at_ns + (self.duration_ns if self.kind in LASTING else 0) + LINGERING_NS.get(self.kind, 0)


def draw(random: Random, begin_ns: int, end_ns: int) -> list[Strike]:
    """The faults of a run, in the order of time; a few runs have none, a few have a storm of them."""
    count = random.choice((0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 6, 9))
    strikes = []
    for kind in random.choices(list(KINDS), list(KINDS.values()), k=count):
        at_ns = random.randrange(begin_ns, end_ns)
        strikes.append(Strike(at_ns, kind, random.random(), random.randrange(*BURST_NS)))
    return sorted(strikes)
