"""Drills: a real cluster of one's own, a fault done to it, and the verdict of the venues' ledgers."""
