"""Frames to messages and back: one codec per link, which decodes just what that link carries."""

from typing import Any, Final, Generic, TypeVar

import msgspec

from messages.base import Message
from messages.from_child import CommandDone, FromChild
from messages.gateway_link import FromGateway, ToGateway
from messages.market import MarketData
from messages.operator import FromOperator, ToControl, ToOperator
from messages.strategy_host import StrategyInput
from messages.to_child import ToChild
from messages.topics import SEPARATOR

FRAME_BYTES_MAX = 1_048_576
"""No frame of any link is longer; sockets refuse longer ones before they are read (ZMQ_MAXMSGSIZE)."""

MessageT = TypeVar("MessageT")


class FrameError(Exception):
    """A frame is not a message of its link: malformed, of an unknown type, out of bounds, or too long."""


_encoder: Final = msgspec.msgpack.Encoder(decimal_format="string")
encode: Final = _encoder.encode
"""Encode any message."""


class Codec(Generic[MessageT]):
    """The decoder of one link.

    :param union: the tagged union of the messages that the link carries.
    """

    def __init__(self, name: str, union: Any) -> None:  # Any: a type expression has no common type
        self.name = name
        self._decode = msgspec.msgpack.Decoder(union).decode

    def decode(self, frame: bytes) -> MessageT:
        """Decode one frame.

        :raises FrameError: for whatever is not a message of this link; nothing else is ever raised.
        """
        if len(frame) > FRAME_BYTES_MAX:
            raise FrameError(f"{self.name}: frame of {len(frame)} bytes is longer than {FRAME_BYTES_MAX}")
        try:
            return self._decode(frame)  # type: ignore[no-any-return]
        except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError) as error:
            raise FrameError(f"{self.name}: frame of {len(frame)} bytes is not a message: {error}") from error


def encode_published(topic: bytes, message: Message) -> bytes:
    """One frame `topic NUL payload`; `topic` already ends with its separator."""
    return topic + encode(message)


def split_published(frame: bytes) -> tuple[bytes, bytes]:
    """Take a published frame apart into its topic (with separator) and payload.

    :raises FrameError: there is no separator.
    """
    end = frame.find(SEPARATOR) + 1
    if not end:
        raise FrameError(f"market data: frame of {len(frame)} bytes has no topic")
    return frame[:end], frame[end:]


MARKET_DATA: Final[Codec[MarketData]] = Codec("market data", MarketData)
TO_GATEWAY: Final[Codec[ToGateway]] = Codec("to gateway", ToGateway)
FROM_GATEWAY: Final[Codec[FromGateway]] = Codec("from gateway", FromGateway)
FROM_CHILD: Final[Codec[FromChild]] = Codec("from child", FromChild)
TO_CHILD: Final[Codec[ToChild]] = Codec("to child", ToChild)
FROM_OPERATOR: Final[Codec[FromOperator]] = Codec("from operator", FromOperator)
TO_OPERATOR: Final[Codec[ToOperator]] = Codec("to operator", ToOperator)
TO_CONTROL: Final[Codec[ToControl]] = Codec("to control", ToControl)
FROM_CONTROL: Final[Codec[CommandDone]] = Codec("from control", CommandDone)
STRATEGY_INPUT: Final[Codec[StrategyInput]] = Codec("strategy input", StrategyInput)
