"""What was asked for and is to be confirmed: each has a token, good once, for a minute, and for that alone. Pure."""

from collections.abc import Hashable
from typing import Final, NamedTuple

CONFIRM_NS: Final = 60_000_000_000
CONFIRMATIONS_MAX: Final = 64
TOKEN_STEPS: Final = 2**32


class _Open(NamedTuple):
    token: str
    until_ns: int


class Confirmations:
    """The tokens that are out, by what they confirm."""

    def __init__(self) -> None:
        self._open: dict[Hashable, _Open] = {}

    def offer(self, subject: Hashable, now_ns: int, random: float) -> str:
        """A token for a subject; the one that is out already, where there is one.

        :param random: in [0, 1).
        """
        self._open = {key: item for key, item in self._open.items() if item.until_ns > now_ns}
        token = self._open[subject].token if subject in self._open else f"{int(random * TOKEN_STEPS):08x}"
        self._open[subject] = _Open(token, now_ns + CONFIRM_NS)
        if len(self._open) > CONFIRMATIONS_MAX:
            del self._open[next(iter(self._open))]
        return token

    def redeem(self, subject: Hashable, token: str, now_ns: int) -> bool:
        """Whether the token confirms the subject; it does so once."""
        item = self._open.get(subject)
        if item is None or item.token != token or item.until_ns <= now_ns:
            return False
        del self._open[subject]
        return True
