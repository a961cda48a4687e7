"""What a message costs to encode and to decode on its link.

The reference is the same data as plain lists in untyped msgpack: no types, no bounds, no Decimal.
"""

import sys
from collections.abc import Sequence
from decimal import Decimal
from statistics import median
from typing import Any

import msgspec

from bench.measure import alternate, options, rounded, show, us_per_call
from messages.base import Message
from messages.codec import FROM_GATEWAY, MARKET_DATA, TO_GATEWAY, Codec, encode
from messages.market import Depth, Quote
from messages.orders import Fill, Liquidity, Side, SubmitOrder

ROUNDS = 15
CALLS = 20_000
QUICK_CALLS = 200
NOW_NS = 1_723_161_256_172_216_566
DEPTH_LEVELS = 10

QUOTE = Quote(
    "BTCUSDT.binance-spot", 61_602.01, 1.67177, 61_602.02, 2.66795, NOW_NS, NOW_NS, seq=812, published_mono_ns=10**15
)
DEPTH = Depth(
    "BTCUSDT.binance-spot",
    tuple((61_602.01 - level / 100, 1.67177 + level) for level in range(DEPTH_LEVELS)),
    tuple((61_602.02 + level / 100, 2.66795 + level) for level in range(DEPTH_LEVELS)),
    50_093_696_318,
    NOW_NS,
    NOW_NS,
    seq=813,
    published_mono_ns=10**15,
)
SUBMIT = SubmitOrder(
    client_order_id="oo-carry-e3-17",
    strategy="carry-btc",
    epoch=3,
    instrument="BTCUSDT.binance-spot",
    side=Side.BUY,
    quantity=Decimal("0.16233"),
    price=Decimal("61602.02"),
    ts_created=NOW_NS,
    caused_by="quote:BTCUSDT.binance-spot:812",
    cause_mono_ns=10**15,
)
FILL = Fill(
    client_order_id="oo-carry-e3-17",
    strategy="carry-btc",
    instrument="BTCUSDT.binance-spot",
    side=Side.BUY,
    price=Decimal("61602.02"),
    quantity=Decimal("0.16233"),
    fee=Decimal("0.9999855906660000"),
    fee_currency="USDT",
    liquidity=Liquidity.TAKER,
    trade_id="3735703162",
    ts_event=NOW_NS,
    seq=41,
)
CASES: tuple[tuple[Message, Codec[Any]], ...] = (  # Any: one codec per link
    (QUOTE, MARKET_DATA),
    (DEPTH, MARKET_DATA),
    (SUBMIT, TO_GATEWAY),
    (FILL, FROM_GATEWAY),
)

COLUMNS = ("bytes", "encode_us", "bare_encode_us", "encode_ratio", "decode_us", "bare_decode_us", "decode_ratio")


def measure_message(message: Message, codec: Codec[Any], rounds: int, calls: int) -> dict[str, float]:
    """Medians of microseconds per message over alternating rounds, and their ratios to the reference."""
    frame = encode(message)
    bare_encode, bare_decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode
    plain = bare_decode(frame)
    runs = {
        "encode_us": lambda: us_per_call(lambda: encode(message), calls),
        "bare_encode_us": lambda: us_per_call(lambda: bare_encode(plain), calls),
        "decode_us": lambda: us_per_call(lambda: codec.decode(frame), calls),
        "bare_decode_us": lambda: us_per_call(lambda: bare_decode(frame), calls),
    }
    medians = {name: median(figures) for name, figures in alternate(runs, rounds).items()}
    return {
        "bytes": len(frame),
        **{name: rounded(figure) for name, figure in medians.items()},
        "encode_ratio": rounded(medians["encode_us"] / medians["bare_encode_us"]),
        "decode_ratio": rounded(medians["decode_us"] / medians["bare_decode_us"]),
    }


def main(argv: Sequence[str] | None = None) -> int:
    asked = options("codec", "Encode and decode messages, beside untyped msgpack of the same data.", argv)
    rounds, calls = (3, QUICK_CALLS) if asked.is_quick else (ROUNDS, CALLS)
    figures = {type(message).__name__: measure_message(message, codec, rounds, calls) for message, codec in CASES}
    result = {"bench": "codec", "rounds": rounds, "calls": calls, "messages": figures}
    rows: list[tuple[str, ...]] = [("message", "bytes", "encode", "bare", "ratio", "decode", "bare", "ratio")]
    rows += [(name, *(f"{of[key]:g}" for key in COLUMNS)) for name, of in figures.items()]
    show(result, rows, "codec: microseconds per message", is_json=asked.is_json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
