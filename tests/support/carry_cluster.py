"""A cluster of one strategy at two venues, small enough for a test to know everything about it."""

from pathlib import Path

CARRY_CLUSTER = (Path(__file__).parents[2] / "examples" / "carry.toml").read_text()

FAST_CARRY_CLUSTER = CARRY_CLUSTER.replace('kind = "synthetic"\n', 'kind = "synthetic"\nspeed = 4.0\n')
"""The same with a market four times as fast, for tests that wait for its opportunities."""
