"""Random-event walks: whatever happens, a pair ends flat, balanced, or HALTED with its residual said.

OUTCRY_WALKS=20000 runs the long variant.
"""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.actors.strategies import random_walk
from tests.actors.strategies.spot_futures import mirror_walk

WALKS = int(os.environ.get("OUTCRY_WALKS", "1200"))
EVENTS_MAX = 60

chances = st.floats(min_value=0.0, max_value=0.999, allow_nan=False)
events = st.lists(st.tuples(st.sampled_from(random_walk.EVENTS), chances), min_size=10, max_size=EVENTS_MAX)


def often(walks: int) -> settings:
    return settings(
        max_examples=walks,
        deadline=None,
        derandomize="OUTCRY_WALKS" not in os.environ,
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.timeout(3_600 if WALKS > 5_000 else 120)
@often(WALKS)
@given(st.integers(min_value=0, max_value=len(random_walk.SETTINGS) - 1), events)
def test_every_walk_ends_flat_balanced_or_halted(setting, sequence):
    random_walk.walk(setting, sequence)


@pytest.mark.timeout(3_600 if WALKS > 5_000 else 120)
@often(WALKS // 3)
@given(st.integers(min_value=0, max_value=len(mirror_walk.SETTINGS) - 1), events)
def test_every_walk_of_the_mirror_ends_so_too(setting, sequence):
    mirror_walk.walk(setting, sequence)


@pytest.mark.timeout(3_600 if WALKS > 5_000 else 120)
@often(WALKS // 3)
@given(st.integers(min_value=0, max_value=len(random_walk.SETTINGS) - 1), events)
def test_every_walk_that_is_flattened_at_its_end_ends_flat_or_halted(setting, sequence):
    random_walk.walk(setting, sequence, is_flattened=True)
