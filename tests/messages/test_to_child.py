"""What the supervisor tells its processes: bounded deadlines, and targets that are money."""

from decimal import Decimal

import pytest

from messages.codec import TO_CHILD, FrameError, encode
from messages.to_child import Drain, FlattenPosition, StopProcess, ToChild

D = Decimal


@pytest.mark.parametrize("kind", [Drain, StopProcess])
def test_a_deadline_is_at_most_ten_minutes(kind: type[Drain] | type[StopProcess]) -> None:
    longest: ToChild = kind("c1", 600_000)
    assert TO_CHILD.decode(encode(longest)) == longest
    for deadline_ms in (-1, 600_001):
        with pytest.raises(FrameError):
            TO_CHILD.decode(encode(kind("c1", deadline_ms)))


@pytest.mark.parametrize("bad", [D("NaN"), D("sNaN"), D("Infinity"), D("1e19"), D("1e-19")])
def test_the_target_of_a_flattening_is_finite(bad: Decimal) -> None:
    with pytest.raises(ValueError, match="expected a"):
        FlattenPosition("c1", "carry", "BTCUSDT.spot", bad, "quarantined")
