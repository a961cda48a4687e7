"""Faults done to real clusters, again and again: `python -m tests.chaos --fault NAME --runs N`."""
