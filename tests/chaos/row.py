"""What a campaign has found, as one line of the fault matrix."""

import msgspec

from supervisor.drill.verdict import Verdict


class Row(msgspec.Struct, kw_only=True):
    """:param worst_ms: the longest recovery; :param noticed_ms: the longest time until the supervisor knew.
    :param note: what else was measured.
    :param broken: promises that were not kept, a sentence each.
    """

    fault: str
    promise: str
    runs: int = 0
    orders: int = 0
    fills: int = 0
    lost: int = 0
    duplicated: int = 0
    worst_ms: float = 0.0
    median_ms: float = 0.0
    noticed_ms: float = 0.0
    note: str = ""
    broken: list[str] = msgspec.field(default_factory=list)

    @property
    def is_kept(self) -> bool:
        return not (self.lost or self.duplicated or self.broken)

    def add(self, verdict: Verdict) -> None:
        """Take what the oracle says of one cluster."""
        self.orders += verdict.orders
        self.fills += verdict.fills
        self.lost += verdict.lost
        self.duplicated += verdict.duplicated
        self.broken += verdict.positions_wrong
