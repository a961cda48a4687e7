"""What a gateway tells a strategy's host: positions that are money."""

from decimal import Decimal

import pytest

from messages.gateway_link import Welcome

D = Decimal


@pytest.mark.parametrize("bad", [D("NaN"), D("sNaN"), D("Infinity"), D("1e19"), D("1e-19")])
def test_a_position_of_a_welcome_is_finite(bad: Decimal) -> None:
    with pytest.raises(ValueError, match="expected a"):
        Welcome("sim", "carry", 1, 0, {"BTCUSDT.spot": D(1), "ETHUSDT.spot": bad}, (), True)
