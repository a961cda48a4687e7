"""A cluster of one strategy at two venues, small enough for a test to know everything about it."""

from pathlib import Path

CARRY_CLUSTER = (Path(__file__).parents[2] / "examples" / "carry.toml").read_text()
