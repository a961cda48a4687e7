"""Every message survives the wire exactly, and no frame raises anything but FrameError."""

import os
from decimal import Decimal
from math import inf, isfinite, nan
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from messages.base import DECIMAL_MAX, DECIMAL_PLACES_MAX, Message
from messages.codec import FRAME_BYTES_MAX, MARKET_DATA, FrameError, encode, encode_published, split_published
from messages.market import ClockTick
from messages.topics import Channel, topic
from tests.support.messages import LINKS, arbitrary, classes_of, leaves

FUZZ_EXAMPLES = int(os.environ.get("OUTCRY_FUZZ", "2000"))
"""Mutated frames for each codec; OUTCRY_FUZZ=1000000 for the long run."""

BAD_FLOATS = (nan, inf, -inf, 1e300, -1e300, "1.0")
BAD_DECIMALS = (
    "NaN", "-NaN", "sNaN", "NaN123", "Infinity", "-Infinity", "1e400", "1e-400", "1E+19", "-1000000000000000000.1",
    "0.0000000000000000001", "1e999999999999999999999", "", "junk", "1,5", "0x10", "1.2.3", nan, inf, [], True,
)  # fmt: skip
EVERY_CLASS = sorted({cls for link in LINKS for cls in classes_of(link)}, key=lambda cls: cls.__name__)

links = pytest.mark.parametrize("link", LINKS)


def assert_in_bounds(message: Message) -> None:
    for path, leaf in leaves(message):
        if isinstance(leaf, float):
            assert isfinite(leaf), f"{message!r} at {path}"
        elif isinstance(leaf, Decimal):
            assert leaf.is_finite(), f"{message!r} at {path}"
            assert -DECIMAL_MAX <= leaf <= DECIMAL_MAX, f"{message!r} at {path}"
            assert leaf.as_tuple().exponent >= -DECIMAL_PLACES_MAX, f"{message!r} at {path}"


# --- round trips -------------------------------------------------------------------------------------------------


@links
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.data_too_large])
@given(random=st.randoms(use_true_random=False))
def test_every_message_of_a_link_survives_a_round_trip_exactly(link: str, random: Random) -> None:
    codec, _ = LINKS[link]
    for cls in classes_of(link):
        message = arbitrary(cls, random)
        frame = encode(message)
        decoded = codec.decode(frame)
        assert type(decoded) is cls
        assert decoded == message
        assert encode(decoded) == frame, "the same to the last digit: 1.50 is not 1.5"


def test_a_message_is_known_by_its_tag_on_every_link() -> None:
    tags = [cls.__struct_config__.tag for cls in EVERY_CLASS]
    assert len(set(tags)) == len(EVERY_CLASS)


@links
def test_a_message_of_another_link_is_refused(link: str) -> None:
    codec, _ = LINKS[link]
    own = set(classes_of(link))
    foreign = [cls for cls in EVERY_CLASS if cls not in own]
    assert foreign
    for cls in foreign:
        with pytest.raises(FrameError, match=link):
            codec.decode(encode(arbitrary(cls, Random(1))))


# --- malformed and mutated frames --------------------------------------------------------------------------------


def mutations(frame: bytes, random: Random) -> bytes:
    """One to three random edits of a frame."""
    data = bytearray(frame)
    for _ in range(random.randint(1, 3)):
        position = random.randrange(len(data) + 1)
        match random.randrange(8):
            case 0:
                data = data[:position]
            case 1 if position < len(data):
                data[position] ^= 1 << random.randrange(8)
            case 2 if position < len(data):
                data[position] = random.randrange(256)
            case 3:
                data[position:position] = random.randbytes(random.randint(1, 8))
            case 4:
                del data[position : position + random.randint(1, 8)]
            case 5:  # the header of an array, map, text, binary or extension that claims up to 4 GiB
                header = random.choice(b"\xdd\xdf\xdb\xc6\xc9\xdc\xde\xda")
                data[position : position + 1] = bytes((header,)) + random.randbytes(4)
            case 6:
                opening = random.choice((b"\x91", b"\x81\xa1a", b"\xdc\x00\x01"))
                data[position:position] = opening * random.randint(1, 300)
            case _:
                data[position:position] = data[: random.randrange(len(data) + 1)]
    return bytes(data)


def decode_or_refuse(link: str, frame: bytes) -> bool:
    """Whether the frame was a message of the link; anything but a FrameError leaves this function."""
    codec, _ = LINKS[link]
    try:
        message = codec.decode(frame)
    except FrameError:
        return False
    assert isinstance(message, classes_of(link))
    assert_in_bounds(message)
    assert codec.decode(encode(message)) == message
    return True


@links
@pytest.mark.timeout(120 + FUZZ_EXAMPLES // 1_000)
def test_a_mutated_frame_is_a_message_of_its_link_or_a_frame_error(link: str) -> None:
    random = Random(f"mutations of {link}")
    classes = classes_of(link)
    decoded = 0
    for number in range(FUZZ_EXAMPLES):
        frame = encode(arbitrary(classes[number % len(classes)], random))
        mutated = mutations(frame, random)
        try:
            decoded += decode_or_refuse(link, mutated)
        except Exception as error:
            raise AssertionError(f"frame {mutated.hex()} of {link}") from error
    assert 0 < decoded < FUZZ_EXAMPLES, "mutations of both kinds were seen"


@links
@settings(max_examples=100, deadline=None)
@given(frame=st.binary(max_size=200))
def test_random_bytes_are_a_frame_error(link: str, frame: bytes) -> None:
    assert not decode_or_refuse(link, frame)


@links
@pytest.mark.parametrize("opening", [b"\x91", b"\x81\x91", b"\x81\xa1a", b"\xdd\x00\x00\x00\x02"])
def test_deep_nesting_is_a_frame_error(link: str, opening: bytes) -> None:
    codec, _ = LINKS[link]
    for depth in (10, 1_000, FRAME_BYTES_MAX // len(opening)):
        with pytest.raises(FrameError):
            codec.decode(opening * depth)
    for cls in classes_of(link):  # in the place of the first field, where a decoder must look at it
        frame = encode(arbitrary(cls, Random(2)))
        body = 1 + len(msgspec.msgpack.encode(cls.__struct_config__.tag))
        with pytest.raises(FrameError):
            codec.decode(frame[:body] + opening * 100_000)


@links
@pytest.mark.parametrize("header", [b"\xdd", b"\xdf", b"\xdb", b"\xc6", b"\xc9"])
def test_a_length_of_four_gibibytes_is_a_frame_error_at_once(link: str, header: bytes) -> None:
    codec, _ = LINKS[link]
    claim = header + b"\xff\xff\xff\xff"
    for cls in classes_of(link):
        frame = encode(arbitrary(cls, Random(3), items_min=1))
        for position in range(len(frame)):
            try:
                message = codec.decode(frame[:position] + claim + frame[position + 1 :])
            except FrameError:
                continue
            raise AssertionError(f"{message!r} from a claim at byte {position}")


def raw(message: Message) -> list[Any]:
    """The array that a message is encoded as."""
    array: list[Any] = msgspec.msgpack.decode(encode(message))
    return array


def replaced(array: list[Any], path: tuple[Any, ...], value: object) -> bytes:
    """The frame of an array with another value at one place."""
    place: Any = array
    for key in path[:-1]:
        place = place[key]
    before, place[path[-1]] = place[path[-1]], value
    frame = msgspec.msgpack.encode(array)
    place[path[-1]] = before
    return frame


@links
def test_a_float_that_is_not_finite_or_out_of_bounds_is_refused_wherever_it_stands(link: str) -> None:
    codec, _ = LINKS[link]
    for cls in classes_of(link):
        message = arbitrary(cls, Random(4), items_min=1)
        array = raw(message)
        for path in [path for path, leaf in leaves(message) if isinstance(leaf, float)]:
            for bad in BAD_FLOATS:
                with pytest.raises(FrameError):
                    codec.decode(replaced(array, path, bad))


@links
def test_a_decimal_that_is_not_finite_or_out_of_bounds_is_refused_wherever_it_stands(link: str) -> None:
    codec, _ = LINKS[link]
    for cls in classes_of(link):
        drawn = (arbitrary(cls, Random(seed), items_min=1) for seed in range(1_000))
        message = next(message for message in drawn if all(leaf is not None for _, leaf in leaves(message)))
        array = raw(message)
        for path in [path for path, leaf in leaves(message) if isinstance(leaf, Decimal)]:
            for bad in BAD_DECIMALS:
                with pytest.raises(FrameError):
                    codec.decode(replaced(array, path, bad))


@links
def test_an_unknown_field_an_unknown_tag_and_a_missing_field_are_refused(link: str) -> None:
    codec, _ = LINKS[link]
    for cls in classes_of(link):
        array = raw(arbitrary(cls, Random(5)))
        for bad in ([*array, 1], ["nonsense", *array[1:]], [None, *array[1:]], array[1:], array[:1], [], {}, None, 7):
            with pytest.raises(FrameError):
                codec.decode(msgspec.msgpack.encode(bad))


@links
def test_a_frame_longer_than_any_message_is_refused_before_it_is_looked_at(link: str) -> None:
    codec, _ = LINKS[link]
    with pytest.raises(FrameError, match=f"frame of {FRAME_BYTES_MAX + 1} bytes is longer than {FRAME_BYTES_MAX}"):
        codec.decode(b"\x91" * (FRAME_BYTES_MAX + 1))
    with pytest.raises(FrameError, match="is not a message"):
        codec.decode(b"\x91" * FRAME_BYTES_MAX)


# --- published frames --------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(random=st.randoms(use_true_random=False), channel=st.sampled_from(Channel))
def test_a_published_frame_is_its_topic_and_its_payload(random: Random, channel: Channel) -> None:
    for cls in classes_of("market data"):
        message = arbitrary(cls, random)
        name = topic(channel, "BTCUSDT.binance-spot")
        frame = encode_published(name, message)
        assert split_published(frame) == (name, encode(message))
        assert MARKET_DATA.decode(split_published(frame)[1]) == message


def test_only_the_first_nul_ends_the_topic_and_a_frame_without_one_is_refused() -> None:
    assert split_published(b"quote:A\x00\x00\x00") == (b"quote:A\x00", b"\x00\x00")
    assert split_published(b"\x00") == (b"\x00", b"")
    for frame in (b"", b"quote:A"):
        with pytest.raises(FrameError, match=f"frame of {len(frame)} bytes has no topic"):
            split_published(frame)


def test_a_message_is_immutable_and_says_what_it_is() -> None:
    tick = ClockTick("sim", 1, 2, 1.0)
    with pytest.raises(AttributeError):
        tick.speed = 2.0  # type: ignore[misc]
    assert raw(tick) == ["clock", "sim", 1, 2, 1.0]
