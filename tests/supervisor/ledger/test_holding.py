"""What is held, what it was entered for and what it has earned: exact, whatever was closed against what."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.analytics.pnl import Ledger as StrategyLedger
from messages.orders import FundingPaid, Side
from supervisor.ledger.holding import NOTHING_HELD, Account, Holding, holding_of
from tests.support.orders import INSTRUMENTS, NOW_NS, PERPETUAL, SPOT, fill, submit

D = Decimal
BUY = submit()
SELL = submit(2, side=Side.SELL)
COIN_BUY = submit(3, instrument=PERPETUAL.id)
COIN_SELL = submit(4, instrument=PERPETUAL.id, side=Side.SELL)


def held(*fills: object, instrument: object = SPOT) -> Holding:
    holding = NOTHING_HELD
    for one in fills:
        holding = holding.filled(one, instrument)  # type: ignore[arg-type]
    return holding


def test_the_average_price_is_that_of_all_that_is_held() -> None:
    holding = held(fill(BUY, "1", price=D(100)), fill(BUY, "3", "t-2", price=D(120)))
    assert holding.quantity == D(4)
    assert holding.average_price(SPOT) == D(115)  # (1 x 100 + 3 x 120) / 4
    assert holding.realised(SPOT) == 0


def test_closing_a_part_realises_against_the_average_and_leaves_it() -> None:
    holding = held(
        fill(BUY, "1", price=D(100)), fill(BUY, "3", "t-2", price=D(120)), fill(SELL, "2", "t-3", price=D(130))
    )
    assert (holding.quantity, holding.average_price(SPOT)) == (D(2), D(115))
    assert holding.realised(SPOT) == D(30)  # 2 x (130 - 115)
    assert holding.gain(SPOT, D(110)) == D(20)  # 30 + 2 x (110 - 115)


def test_crossing_zero_enters_the_rest_at_the_price_of_the_fill() -> None:
    holding = held(fill(BUY, "1", price=D(100)), fill(SELL, "3", "t-2", price=D(90)))
    assert (holding.quantity, holding.average_price(SPOT)) == (D(-2), D(90))
    assert holding.realised(SPOT) == D(-10)  # 1 x (90 - 100)


def test_of_nothing_there_is_no_average_price() -> None:
    holding = held(fill(BUY, "1", price=D(100)), fill(SELL, "1", "t-2", price=D(104)))
    assert holding.average_price(SPOT) is None
    assert (holding.realised(SPOT), holding.gain(SPOT, D(1))) == (D(4), D(4))


def test_inverse_contracts_earn_coin() -> None:
    holding = held(fill(COIN_BUY, "10", price=D(50_000)), instrument=PERPETUAL)
    assert holding.average_price(PERPETUAL) == D(50_000)
    assert holding.gain(PERPETUAL, D(62_500)) == D("0.004")  # 1,000 USD: 0.02 BTC in, 0.016 BTC out
    closed = holding.filled(fill(COIN_SELL, "10", "t-2", price=D(62_500)), PERPETUAL)
    assert (closed.quantity, closed.realised(PERPETUAL)) == (D(0), D("0.004"))


def test_a_fee_in_the_base_currency_leaves_the_position_and_is_charged_at_its_price() -> None:
    holding = held(fill(BUY, "1", price=D(100), fee=D("0.001"), fee_currency="BTC"))
    assert holding.quantity == D("0.999")
    assert holding.account is not None
    assert holding.account.charges == {"USDT": D("0.1")}  # 0.001 x 100
    assert holding.gain(SPOT, D(100)) == 0


def test_funding_received_lessens_the_charges() -> None:
    paid = FundingPaid("carry", PERPETUAL.id, D("0.002"), "BTC", 0.0001, D(5), "7", NOW_NS)
    holding = NOTHING_HELD.funded(paid)
    assert holding.account == Account(charges={"BTC": D("-0.002")})
    assert Holding(D(1), None).funded(paid) == Holding(D(1), None)


def test_what_led_to_a_position_may_be_unknown_and_its_quantity_goes_on() -> None:
    holding = holding_of(D(2), None).filled(fill(SELL, "1"), SPOT)
    assert holding == Holding(D(1), None)
    assert holding.average_price(SPOT) is holding.realised(SPOT) is holding.gain(SPOT, D(1)) is None
    assert NOTHING_HELD.filled(fill(BUY, "1"), None) == Holding(D(1), None)


FILLS = st.lists(
    st.tuples(st.sampled_from([Side.BUY, Side.SELL]), st.integers(1, 50), st.integers(9_000, 11_000)), max_size=20
)


@pytest.mark.parametrize("instrument", [SPOT, PERPETUAL], ids=["spot", "inverse"])
@given(FILLS)
def test_the_whole_profit_is_that_of_the_strategys_own_books(
    instrument: object, done: list[tuple[Side, int, int]]
) -> None:
    theirs, ours = StrategyLedger(INSTRUMENTS.values()), NOTHING_HELD
    for number, (side, lots, price) in enumerate(done):
        order = submit(number, instrument=instrument.id, side=side)  # type: ignore[attr-defined]
        one = fill(order, str(lots), f"t-{number}", price=D(price), fee=D(0))
        theirs.apply_fill(one)
        ours = holding_of(*_kept(ours.filled(one, instrument)))  # type: ignore[arg-type]
    book = theirs.books[instrument.id]  # type: ignore[attr-defined]
    assert ours.quantity == book.position
    whole = book.realised + book.unrealised(D(10_000))
    gain = ours.gain(instrument, D(10_000))  # type: ignore[arg-type]
    assert gain is not None
    # Coin is rounded to 1e-8 where a part is closed, which first-in-first-out does elsewhere than the average.
    assert abs(gain - whole) <= (D("1e-8") * 2 * len(done) if instrument is PERPETUAL else 0)


def _kept(holding: Holding) -> tuple[Decimal, str | None]:
    """As the ledger keeps it."""
    assert holding.account is not None
    return holding.quantity, holding.account.to_text()
