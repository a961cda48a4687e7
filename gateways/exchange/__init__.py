"""The simulated venues: one process that hosts them all on one common clock, with their own ledgers."""
