"""What a host tells its strategy: positions that are money."""

from decimal import Decimal

import pytest

from messages.codec import STRATEGY_INPUT, encode
from messages.strategy_host import RecoveryCompleted

D = Decimal


def test_what_a_gateway_says_of_positions_is_kept_to_the_last_digit() -> None:
    recovered = RecoveryCompleted({"BTCUSDT.spot": D("0.10")}, ("desk-carry-e1-1",), 1)
    decoded = STRATEGY_INPUT.decode(encode(recovered))
    assert isinstance(decoded, RecoveryCompleted)
    assert str(decoded.positions["BTCUSDT.spot"]) == "0.10"


@pytest.mark.parametrize("bad", [D("NaN"), D("sNaN"), D("Infinity"), D("1e19"), D("1e-19")])
def test_a_recovered_position_is_finite(bad: Decimal) -> None:
    with pytest.raises(ValueError, match="expected a"):
        RecoveryCompleted({"BTCUSDT.spot": D(1), "ETHUSDT.spot": bad}, (), 1)
