"""Random-event walks: whatever happens, a market maker stays within its limits and ends with nothing working.

OUTCRY_WALKS=20000 runs the long variant.
"""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.actors.strategies.market_making.walk import EVENTS, SETTINGS, walk

WALKS = int(os.environ.get("OUTCRY_WALKS", "1200"))
EVENTS_MAX = 80

chances = st.floats(min_value=0.0, max_value=0.999, allow_nan=False)
events = st.lists(st.tuples(st.sampled_from(EVENTS), chances), min_size=10, max_size=EVENTS_MAX)


@pytest.mark.timeout(3_600 if WALKS > 5_000 else 240)
@settings(
    max_examples=WALKS,
    deadline=None,
    derandomize="OUTCRY_WALKS" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
@given(st.integers(min_value=0, max_value=len(SETTINGS) - 1), events)
def test_every_walk_stays_within_its_limits_and_ends_with_nothing_working(setting, sequence):
    walk(setting, sequence)


@pytest.mark.timeout(3_600 if WALKS > 5_000 else 120)
@settings(
    max_examples=WALKS // 3,
    deadline=None,
    derandomize="OUTCRY_WALKS" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
@given(st.integers(min_value=0, max_value=len(SETTINGS) - 1), events)
def test_every_walk_that_is_flattened_at_its_end_ends_flat_or_halted(setting, sequence):
    walk(setting, sequence, is_flattened=True)
