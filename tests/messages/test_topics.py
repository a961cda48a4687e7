"""Topics: one frame `topic NUL payload`, and nobody hears what he did not subscribe to."""

import pytest

from messages.base import ID_LENGTH_MAX
from messages.topics import SEPARATOR, TOPIC_LENGTH_MAX, Channel, topic


def test_a_topic_names_its_channel_and_instrument_and_ends_with_the_separator() -> None:
    assert topic(Channel.QUOTE, "BTCUSDT.binance-spot") == b"quote:BTCUSDT.binance-spot\x00"


@pytest.mark.parametrize("channel", Channel)
def test_a_subscription_matches_no_longer_name_and_no_other_channel(channel: Channel) -> None:
    subscription = topic(channel, "BTCUSDT")
    others = [topic(other, name) for other in Channel for name in ("BTCUSDT", "BTCUSDT2", "BTCUSD", "TBTCUSDT")]
    assert [name for name in others if name.startswith(subscription)] == [subscription]


def test_the_longest_id_fits_into_a_topic() -> None:
    longest = max(len(topic(channel, "x" * ID_LENGTH_MAX)) for channel in Channel)
    assert longest == len("checkpoint:") + ID_LENGTH_MAX + len(SEPARATOR) == 76
    assert longest <= TOPIC_LENGTH_MAX
