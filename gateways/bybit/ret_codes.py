"""What a return code of Bybit says of a request: done, refused and why, not known, or not heard for a while.

Source: Bybit V5 API documentation, "Error Codes", sections "WS OE General code", "UTA" and "Spot Trade";
"Websocket Trade Guideline", sections "Authentication" and "Create/Amend/Cancel Order"; read 2026-11-24. A code that is
not documented does not say that nothing was done: the order is asked about.
"""

from enum import Enum
from typing import Final

from messages.orders import RejectReason


class Verdict(Enum):
    DONE = "the request was accepted"
    REFUSED = "nothing was done, nor will be"
    UNKNOWN = "whether it was done is not known"
    LIMITED = "nothing was done: too many requests"
    BANNED = "nothing was done: the address or the account is shut out"


_UNKNOWN: Final = frozenset(
    {
        10000,  # server timeout
        10014,  # invalid duplicate request: the first one may have been done
        10016,  # server error, or the service restarts
        40004,  # modified while being replaced: check the order again
        170001,  # internal error
        170007,  # timeout of the backend
        170032,  # network error
        170035,  # submitted to the system for processing
        170146,  # creation timeout
        170147,  # cancellation timeout
        170195,  # "please note that your order may not be filled"
        170196,
        170212,  # the cancel is being processed
        170234,  # system error
        170310,  # modification timeout
        3400214,  # server error
    }
)
_LIMITED: Final = frozenset({429, 10006, 10018, 10403, 10429, 20003, 170005, 170222})
_BANNED: Final = frozenset({10009})
_REFUSED_OTHERWISE: Final = frozenset(
    {10001, 10002, 10003, 10004, 10005, 10007, 10008, 10010, 10017, 10019, 10024, 10027, 10028, 10404}
    | {-2015, -1, 20006, 30133, 30134, 33004, 100028, 130000, 182021, 3200403, 3400139}
)
_REFUSED_RANGES: Final = (range(110001, 111000), range(170000, 171000), range(176000, 177000))
"""Documented codes of the trading engines: refusals all, but for those above."""

_R = RejectReason
_CODES_BY_REASON: Final = {
    _R.UNKNOWN_INSTRUMENT: (10029, 110037, 170121, 170157, 170221, 170709),
    _R.INVALID_PRICE: (
        30208, 110003, 110049, 110120, 110121, 170132, 170133, 170134, 170192, 170193, 170194, 170218, 170371, 170372,
    ),
    _R.INVALID_QUANTITY: (
        110016, 110022, 110064, 170124, 170135, 170136, 170137, 170148, 170197, 170198, 170228, 170229, 170313,
        170381, 170382,
    ),
    _R.MIN_NOTIONAL: (110094, 170140),
    _R.INSUFFICIENT_BALANCE: (
        110004, 110006, 110007, 110012, 110014, 110044, 110045, 110051, 110052, 110053, 170033, 170131, 176015,
    ),
    _R.REDUCE_ONLY: (110017, 110023, 110034, 110042),
    _R.NO_LIQUIDITY: (110118, 170143),
    _R.DUPLICATE_ID: (110030, 110072, 170141),
    _R.UNKNOWN_ORDER: (110001, 110008, 110010, 110019, 170139, 170142, 170190, 170213),
    _R.EXPIRED_INSTRUMENT: (110063, 110066, 110074, 170151),
}  # fmt: skip
_REASONS: Final = {code: reason for reason, codes in _CODES_BY_REASON.items() for code in codes}


def verdict_of(code: int) -> Verdict:
    if code == 0:
        return Verdict.DONE
    if code in _UNKNOWN:
        return Verdict.UNKNOWN
    if code in _LIMITED:
        return Verdict.LIMITED
    if code in _BANNED:
        return Verdict.BANNED
    is_refusal = code in _REFUSED_OTHERWISE or code in _REASONS or any(code in span for span in _REFUSED_RANGES)
    return Verdict.REFUSED if is_refusal else Verdict.UNKNOWN


def reason_of(code: int) -> RejectReason:
    """Why a request was refused, as far as our words go; the venue's own words go with it."""
    return _REASONS.get(code, RejectReason.OTHER)
