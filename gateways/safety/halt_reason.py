"""The reason of a halt as every message and file can carry it. Pure.

It is told on in many texts, each of which has a bound of its own and is refused beyond it; a halt must never fail, nor
be left unsaid, for the length or the spelling of its reason.
"""

from typing import Final

REASON_LENGTH_MAX: Final = 1_024
"""Characters; far below `messages.base.TEXT_LENGTH_MAX`, so that there is room for what is said around it."""

CUT: Final = "…"


def as_reason(text: str, length_max: int = REASON_LENGTH_MAX) -> str:
    """The text, cut with "…" where it is longer; what is no character, as in another encoding, is "?"."""
    if len(text) > length_max:
        text = text[: length_max - len(CUT)] + CUT
    return text.encode(errors="replace").decode()
