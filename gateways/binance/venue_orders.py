"""The client order ids of orders that Binance makes by itself, in the spelling of our ids.

Sources, read 2026-11-24: Derivatives docs, "User Data Streams / Event: Order Update": of USDⓈ-M (`autoclose-`
liquidation, `adl_autoclose` auto-deleveraging, `settlement_autoclose-` delisting or delivery) and of COIN-M
(`delivery_autoclose-` delisting or delivery; `delivery-` delivery, in the Chinese edition).
"""

import re
from typing import Final

from messages.orders import CLIENT_ORDER_ID_LENGTH_MAX

_OURS: Final = {
    "autoclose-": "autoclose-",
    "adl_autoclose": "adl-autoclose",
    "settlement_autoclose-": "settlement-autoclose-",
    "delivery_autoclose-": "settlement-autoclose-",
    "delivery-": "settlement-autoclose-",
}
"""Venue's prefix: ours, see `VENUE_ORDER_PREFIXES`. A delivery is the settlement of an expired contract."""

_FOREIGN: Final = re.compile(r"[^A-Za-z0-9-]")
_OWN_ID: Final = re.compile(r"[A-Za-z0-9-]{1,32}\Z")


def forced_id(name: str) -> str | None:
    """Our spelling of a venue-made order's id; None where the order is not the venue's.

    What our ids do not know becomes a hyphen, and what is too long is cut: executions are told apart by trade id.
    """
    for theirs, ours in _OURS.items():
        if name.startswith(theirs):
            rest = _FOREIGN.sub("-", name[len(theirs) :])
            return f"{ours}{rest}"[:CLIENT_ORDER_ID_LENGTH_MAX]
    return None


def can_be_ours(name: str) -> bool:
    """Whether we could have made an order with this id: venue and other clients use letters that ours do not have."""
    return _OWN_ID.match(name) is not None
