"""What a gateway has to say to a person: told to the supervisor, now or once it is there."""

from collections import deque
from collections.abc import Callable
from typing import Final

import structlog

from messages.from_child import StrategyAlerted

WAITING_MAX: Final = 100
"""For a supervisor that is not there; the newest are kept."""

TOLD_AGAIN_NS: Final = 5_000_000_000
"""Of market time: an alert so young is told to a supervisor that comes back, even if that makes it twice."""

log = structlog.get_logger()


class Alerts:
    """:param tell: tells the supervisor, if it is there; False where it is not.
    :param now_ns: market time.
    """

    def __init__(self, process: str, tell: Callable[[StrategyAlerted], bool], now_ns: Callable[[], int]) -> None:
        self._process = process
        self._tell = tell
        self._now_ns = now_ns
        self._waiting: deque[StrategyAlerted] = deque(maxlen=WAITING_MAX)
        self._told: deque[StrategyAlerted] = deque(maxlen=WAITING_MAX)

    def add(self, text: str) -> None:
        log.warning("alert", process=self._process, text=text)
        self._waiting.append(StrategyAlerted(self._process, text, self._now_ns()))
        self.flush()

    def flush(self) -> None:
        while self._waiting and self._tell(self._waiting[0]):
            self._told.append(self._waiting.popleft())

    def tell_again(self) -> None:
        """The supervisor is there anew: what was told just before may have gone to one that was dying."""
        since_ns = self._now_ns() - TOLD_AGAIN_NS
        for alert in self._told:
            if alert.ts >= since_ns:
                self._tell(alert)
