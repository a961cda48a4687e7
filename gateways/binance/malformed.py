"""The one error for bytes of Binance's that are not what they say they are."""

from typing import Final

import msgspec

DECODE_ERRORS: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""What reading such bytes raises."""

HEAD_BYTES: Final = 120
"""How much of them an error shows."""


class MalformedMessage(Exception):
    """Bytes from the venue that are not what Binance sends: which, where, and how they begin."""


def malformed(what: str, content: bytes, error: Exception) -> MalformedMessage:
    """:param what: it should be, and of which market; public data only, since some of it is shown."""
    head = content[:HEAD_BYTES]
    return MalformedMessage(f"{what} of {len(content)} bytes is malformed: {error}; it begins with {head!r}")
