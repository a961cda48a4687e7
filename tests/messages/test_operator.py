"""What an operator asks of the cluster."""

from messages.codec import FROM_OPERATOR, encode
from messages.operator import StopRequest


def test_a_stop_settles_first_unless_it_is_forced() -> None:
    assert not StopRequest("c1").is_forced
    assert FROM_OPERATOR.decode(encode(StopRequest("c1", is_forced=True))) == StopRequest("c1", is_forced=True)
