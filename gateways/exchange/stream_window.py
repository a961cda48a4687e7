"""How far a lossless stream may run ahead of its slowest reader. Pure."""

from typing import Final

CHECKPOINT_EVERY: Final = 32
CHECKPOINTS_OUTSTANDING_MAX: Final = 6
"""So a reader is at most 7 × 32 messages behind, and the market at most that far ahead of an order."""


class StreamWindow:
    """The checkpoints of one venue's stream."""

    def __init__(self) -> None:
        self._sent = 0
        self._reached = 0
        self._since = 0

    @property
    def is_open(self) -> bool:
        """Whether the stream may go on."""
        return self._sent - self._reached < CHECKPOINTS_OUTSTANDING_MAX

    def count(self, messages: int) -> int | None:
        """Messages were published; the number of the checkpoint to publish behind them, if one is due."""
        self._since += messages
        if self._since < CHECKPOINT_EVERY:
            return None
        self._since = 0
        self._sent += 1
        return self._sent

    def reached(self, number: int) -> None:
        """Every reader has handled what came before this checkpoint."""
        self._reached = max(self._reached, min(number, self._sent))

    def restart(self) -> None:
        """The reader is a new one: it owes no checkpoint of the old one's."""
        self._reached = self._sent
