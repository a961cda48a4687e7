"""Reads the alerts out of one status after the other, each of them once. Pure."""

from messages.health import ClusterStatus


class AlertReader:
    """Of a supervisor that has been replaced, all alerts are new: it counts from 0."""

    def __init__(self) -> None:
        self._told = 0

    def new_ones(self, status: ClusterStatus) -> list[str]:
        """The alerts since the last status, in one line each; those that the status has no room for are counted."""
        told = self._told if status.alerts_total >= self._told else 0
        self._told = status.alerts_total
        new = status.alerts_total - told
        shown = [f"! {' '.join(text.split())}" for text in status.alerts[max(0, len(status.alerts) - new) :]]
        missed = new - len(shown)
        return [f"! {missed} alerts before these; the log has them", *shown] if missed > 0 else shown
