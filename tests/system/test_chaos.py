"""A slice of the fault matrix on real processes; `python -m tests.chaos` runs the whole of it, as long as one likes."""

from random import Random

import pytest

from tests.chaos.campaigns import CAMPAIGNS

pytestmark = pytest.mark.timeout(240)
SLICE = {
    "kill-strategy": 4,
    "kill-supervisor": 1,
    "cold-start": 2,
    "kill-gateway-journaled": 2,
    "kill-gateway-sent": 2,
    "lose-supervisor": 1,
    "partition": 1,
    "zombie": 1,
    "disk-full": 1,
    "halt": 1,
}


@pytest.mark.parametrize("fault", SLICE)
def test_no_order_is_lost_or_doubled_and_positions_equal_the_venues(fault: str) -> None:
    row = CAMPAIGNS[fault](SLICE[fault], Random(fault), print)
    late = [text for text in row.broken if "only after" in text]  # how fast it was is measured by the benches
    assert [text for text in row.broken if text not in late] == []
    assert (row.lost, row.duplicated) == (0, 0)
    assert row.runs >= SLICE[fault]
