"""Why Binance says no, in our reasons: a table of its codes, and of its words where a code says too little. Pure.

Sources, read 2026-11-24: Spot API docs, "Errors" (10xx to 20xx, Messages for -1010, -2010 and -2011, Filter failures)
and "User Data Streams / Order Reject Reason"; Derivatives docs, "Error Codes" of USDⓈ-M and of COIN-M Futures (the two
give some codes to different errors), "General Info / HTTP Return Codes", and "Event: Order Update" (Expiry Reason).
"""

from typing import Final

from gateways.binance.answer_frames import STATUS_NONE, Answer
from gateways.binance.market import Market
from messages.orders import RejectReason

NO_SUCH_ORDER: Final = -2013
ORDER_ARCHIVED: Final = -2026
"""Spot: cancelled or expired without a fill more than 90 days ago. Futures: something else."""
CANCEL_REPLACE_FAILED: Final = (-2021, -2022)
"""Spot: partly, and wholly. Futures: something else."""
THROTTLED: Final = -1008
"""Said before the request is passed on: certainly not done."""
SAME_ORDER: Final = -5027
"""The amendment asks for what the order is already."""

_OUTCOME_UNKNOWN: Final = frozenset({-1000, -1001, -1006, -1007})
"""Unknown error, internal error, unexpected response, time-out of the backend. -1001 is said to be safe to send again
on futures; it is asked about all the same."""
_TIMED_OUT: Final = 408

_R = RejectReason
_COMMON: Final = {
    -1111: _R.INVALID_QUANTITY,
    -1121: _R.UNKNOWN_INSTRUMENT,
    -1112: _R.NO_LIQUIDITY,
    -2011: _R.UNKNOWN_ORDER,
    -2013: _R.UNKNOWN_ORDER,
}
_FUTURES: Final = {
    **_COMMON,
    -1122: _R.EXPIRED_INSTRUMENT,
    -2018: _R.INSUFFICIENT_BALANCE,
    -2019: _R.INSUFFICIENT_BALANCE,
    -2020: _R.NO_LIQUIDITY,
    -2022: _R.REDUCE_ONLY,
    -2024: _R.INSUFFICIENT_BALANCE,
    -2026: _R.REDUCE_ONLY,
    -2027: _R.INSUFFICIENT_BALANCE,
    -4001: _R.INVALID_PRICE,
    -4002: _R.INVALID_PRICE,
    -4003: _R.INVALID_QUANTITY,
    -4004: _R.INVALID_QUANTITY,
    -4005: _R.INVALID_QUANTITY,
    -4013: _R.INVALID_PRICE,
    -4014: _R.INVALID_PRICE,
    -4016: _R.INVALID_PRICE,
    -4022: _R.EXPIRED_INSTRUMENT,
    -4023: _R.INVALID_QUANTITY,
    -4024: _R.INVALID_PRICE,
    -4029: _R.INVALID_PRICE,
    -4030: _R.INVALID_QUANTITY,
    -4050: _R.INSUFFICIENT_BALANCE,
    -4051: _R.INSUFFICIENT_BALANCE,
    -4062: _R.REDUCE_ONLY,
    -4138: _R.REDUCE_ONLY,
    -4140: _R.EXPIRED_INSTRUMENT,
    -4141: _R.EXPIRED_INSTRUMENT,
    -4183: _R.INVALID_PRICE,
    -4184: _R.INVALID_PRICE,
    -4400: _R.REDUCE_ONLY,
    -4401: _R.REDUCE_ONLY,
    -5021: _R.NO_LIQUIDITY,
    -5022: _R.POST_ONLY_WOULD_TAKE,
    -5024: _R.EXPIRED_INSTRUMENT,
    -5029: _R.MIN_NOTIONAL,
    -5041: _R.NO_LIQUIDITY,
    -5047: _R.REDUCE_ONLY,
}
_USDM: Final = {
    **_FUTURES,
    -4087: _R.REDUCE_ONLY,
    -4116: _R.DUPLICATE_ID,
    -4118: _R.REDUCE_ONLY,
    -4131: _R.NO_LIQUIDITY,
    -4144: _R.UNKNOWN_INSTRUMENT,
    -4164: _R.MIN_NOTIONAL,
}
_COINM: Final = {
    **_USDM,  # since its integration into USDⓈ-M in 2026 that side's codes come as well
    -4087: _R.UNKNOWN_INSTRUMENT,
    -4089: _R.REDUCE_ONLY,
    -4112: _R.REDUCE_ONLY,
    -4113: _R.NO_LIQUIDITY,
}
REASONS: Final = {Market.SPOT: _COMMON, Market.USDM: _USDM, Market.COINM: _COINM}

WORDS: Final = (
    ("duplicate order sent", _R.DUPLICATE_ID),
    ("unknown order sent", _R.UNKNOWN_ORDER),
    ("cancel restrictions", _R.OTHER),
    ("insufficient balance", _R.INSUFFICIENT_BALANCE),
    ("insufficient_balances", _R.INSUFFICIENT_BALANCE),
    ("immediately match and take", _R.POST_ONLY_WOULD_TAKE),
    ("would_match_immediately", _R.POST_ONLY_WOULD_TAKE),
    ("market is closed", _R.EXPIRED_INSTRUMENT),
    ("trading phase", _R.EXPIRED_INSTRUMENT),
    ("order book liquidity", _R.NO_LIQUIDITY),
    ("price * qty is zero or less", _R.MIN_NOTIONAL),
    ("filter failure: price_filter", _R.INVALID_PRICE),
    ("filter failure: percent_price", _R.INVALID_PRICE),
    ("filter failure: lot_size", _R.INVALID_QUANTITY),
    ("filter failure: market_lot_size", _R.INVALID_QUANTITY),
    ("filter failure: min_notional", _R.MIN_NOTIONAL),
    ("filter failure: notional", _R.MIN_NOTIONAL),
    ("filter failure: max_position", _R.INSUFFICIENT_BALANCE),
    ("parameter 'price'", _R.INVALID_PRICE),
    ("parameter 'quantity'", _R.INVALID_QUANTITY),
    ("parameter 'reduceonly'", _R.REDUCE_ONLY),
)
"""Beginnings and parts of the venue's messages, in small letters; the first that is found decides, before the code."""


def reason_of(market: Market, code: int, text: str) -> RejectReason:
    """OTHER for a code that is not an order's own fault: time, signature, permission, limits."""
    words = text.lower()
    for part, reason in WORDS:
        if part in words:
            return reason
    return REASONS[market].get(code, RejectReason.OTHER)


def is_outcome_unknown(answer: Answer) -> bool:
    """Whether the request may have been done all the same.

    Any 5xx but a throttled request: the documentation calls some failures certain by their words alone, which change;
    asking is always right.
    """
    if answer.code == THROTTLED:
        return False
    if answer.status in (STATUS_NONE, _TIMED_OUT) or answer.status >= 500:
        return True
    return answer.code in _OUTCOME_UNKNOWN
