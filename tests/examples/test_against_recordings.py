"""Backtests of the examples against the recordings: nothing of what is expected here comes from the program."""

from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal

import pytest

from messages.instruments import Instrument
from messages.orders import Fill, FundingPaid, Liquidity, OrderClosed, Side, SubmitOrder
from tests.examples.recorded_examples import NAMES, funding_files, markets, ran
from tests.examples.recorded_quotes import RecordedMarket, recorded_funding
from tests.examples.taped_run import TapedRun
from tests.support.recordings import needs_recordings

pytestmark = needs_recordings
D = Decimal

COIN_QUANTUM = D("1e-8")

# --- knowledge ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_an_order_is_decided_on_the_newest_prices_that_were_known(name: str) -> None:
    """What comes at the very moment of the order may have been heard already, or not yet: two markets, one moment."""
    run = ran(name)
    recorded = markets(run)
    for tape in run.tapes.values():
        assert tape.decisions
        for decision in tape.decisions:
            for instrument, quote in decision.seen.items():
                now_ns = decision.order.ts_created
                known = recorded[instrument].around(now_ns)
                assert quote.ts_received <= now_ns
                assert (quote.bid, quote.ask) in [(float(best.bid), float(best.ask)) for best in known]


@pytest.mark.parametrize("name", ["recorded_arbitrage", "recorded_funding"])
def test_bars_of_a_minute_are_traded_at_their_closes_and_not_before_their_ends(name: str) -> None:
    """A market of one level: whatever is taken, is taken at the close of the last bar that has ended."""
    run = ran(name)
    recorded = markets(run)
    fills = [fill for tape in run.tapes.values() for fill in tape.fills]
    assert fills
    for fill in fills:
        best = recorded[fill.instrument].known_at(fill.ts_event)
        assert (best.ask if fill.side is Side.BUY else best.bid) == fill.price
        assert fill.liquidity is Liquidity.TAKER


@pytest.mark.parametrize("name", ["recorded_market_making", "recorded_flash_crash"])
def test_a_resting_quote_is_filled_only_when_the_recorded_market_comes_to_its_price(name: str) -> None:
    """By a trade at or through its price, or by the other side's best price; at its own price."""
    run = ran(name)
    recorded = markets(run)
    for tape in run.tapes.values():
        prices = {order.client_order_id: order.price for order, _ in tape.decisions}
        for fill in tape.fills:
            assert prices[fill.client_order_id] == fill.price
            assert fill.liquidity is Liquidity.MAKER
            assert _is_reached(recorded[fill.instrument], fill), fill


def _is_reached(market: RecordedMarket, fill: Fill) -> bool:
    sign = fill.side.sign
    others = [best.ask if fill.side is Side.BUY else best.bid for best in market.at(fill.ts_event)]
    return any(sign * (fill.price - price) >= 0 for price in (*others, *market.traded.get(fill.ts_event, [])))


# --- accounts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_fills_and_fundings_add_up_to_the_profit_of_each_currency(name: str) -> None:
    """Spot and linear: cash out of fills + position × mid of the last recorded quote. Inverse: contracts × multiplier ×
    (1 / entry − 1 / exit) in coin, where the venue rounds each lot to 1e-8.
    """
    run = ran(name)
    for id, tape in run.tapes.items():
        earned = _earned_by(run, tape.told)
        for pnl in run.result.run.strategy_reports[id].status.pnls:
            exact, rounded = earned[pnl.currency]
            if not rounded:
                assert exact == pnl.total
            else:
                assert abs(exact - pnl.total) <= rounded * COIN_QUANTUM


@pytest.mark.parametrize("name", NAMES)
def test_every_venue_has_paid_what_its_strategies_have_earned_there(name: str) -> None:
    """Change of the balance + spot at its mark + what is open, against the fills that the strategies were told of."""
    run = ran(name)
    for gateway in run.config.gateways:
        report = run.result.run.gateway_reports[gateway.id]
        [instrument] = [item for item in run.instruments.values() if item.venue == gateway.id]
        told = [item for tape in run.tapes.values() for item in tape.told]
        here = [item for item in told if item.instrument == instrument.id]
        exact, rounded = _earned_by(run, here)[instrument.settle or instrument.quote]
        currency = instrument.settle or instrument.quote
        change = report.balances[currency] - gateway.balances.get(currency, D(0))
        if instrument.is_spot:
            held = report.positions[instrument.symbol]
            assert held == report.balances[instrument.base] - gateway.balances.get(instrument.base, D(0))
            change += held * report.marks[instrument.symbol]
        else:
            change += report.unrealised[instrument.symbol]
        assert abs(exact - change) <= rounded * COIN_QUANTUM


def _earned_by(run: TapedRun, told: list[Fill | FundingPaid | OrderClosed]) -> dict[str, tuple[Decimal, int]]:
    """By settle currency, what was earned, and how many roundings to 1e-8 are in it."""
    earned: dict[str, tuple[Decimal, int]] = {}
    position: dict[str, Decimal] = {}

    def add(currency: str, amount: Decimal, roundings: int = 0) -> None:
        before = earned.get(currency, (D(0), 0))
        earned[currency] = (before[0] + amount, before[1] + roundings)

    for item in told:
        if isinstance(item, FundingPaid):
            add(item.currency, item.amount)
        elif isinstance(item, Fill):
            instrument, signed = run.instruments[item.instrument], item.side.sign * item.quantity
            position[item.instrument] = position.get(item.instrument, D(0)) + signed
            add(_settled_in(instrument), -_signed_value(instrument, signed, item.price), 2 * instrument.inverse)
            add(item.fee_currency, -item.fee)
    for name, held in position.items():
        mid = markets(run)[name].before(run.result.to_ns + 1).mid
        add(_settled_in(run.instruments[name]), _signed_value(run.instruments[name], held, mid))
    return earned


def _settled_in(instrument: Instrument) -> str:
    return instrument.quote if instrument.is_spot else instrument.settle


def _signed_value(instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
    """Of a position: what it is worth in settle currency, so that a profit is value now − value before."""
    if instrument.inverse:
        return -quantity * instrument.multiplier / price
    return quantity * instrument.multiplier * price


@pytest.mark.parametrize("name", ["recorded_arbitrage", "recorded_funding"])
def test_funding_is_position_times_mark_times_recorded_rate(name: str) -> None:
    """Longs pay where the rate is positive: −position × mark × rate, in coin −position × multiplier / mark × rate. The
    mark is the mid of the last bar that had ended before the stamp.
    """
    run = ran(name)
    for instrument, file in funding_files(run).items():
        expected = [
            (stamp_ns, _owed(run.instruments[instrument], held, markets(run)[instrument].before(stamp_ns).mid, rate))
            for stamp_ns, rate in recorded_funding(file).items()
            if run.result.from_ns < stamp_ns <= run.result.to_ns and (held := _position_at(run, instrument, stamp_ns))
        ]
        assert expected
        told = [paid for tape in run.tapes.values() for paid in tape.fundings if paid.instrument == instrument]
        assert expected == [(paid.ts_event, paid.amount) for paid in told]


def _owed(instrument: Instrument, held: Decimal, mark: Decimal, rate: Decimal) -> Decimal:
    value = held * instrument.multiplier * (1 / mark if instrument.inverse else mark)
    if instrument.inverse:
        value = value.quantize(COIN_QUANTUM, ROUND_HALF_EVEN)
    return (-value * rate).quantize(COIN_QUANTUM, ROUND_HALF_EVEN)


def _position_at(run: TapedRun, instrument: str, ts_ns: int) -> Decimal:
    fills = (fill for tape in run.tapes.values() for fill in tape.fills)
    return sum(
        (fill.side.sign * fill.quantity for fill in fills if fill.instrument == instrument and fill.ts_event < ts_ns),
        D(0),
    )


# --- limits -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_no_position_ever_exceeds_its_limit(name: str) -> None:
    """A maker's hard limit; else what the notional buys at the lowest recorded price, or its number of contracts."""
    run = ran(name)
    recorded = markets(run)
    for told in run.config.strategies:
        parameters, position = told.parameters, dict.fromkeys(run.instruments, D(0))
        for fill in run.tapes[told.id].fills:
            name_of, instrument = fill.instrument, run.instruments[fill.instrument]
            position[name_of] += fill.side.sign * fill.quantity
            if told.kind == "market-making":
                limit = parameters.inventory_max
            else:
                notional = parameters.position_value_max if told.kind == "arbitrage" else parameters.notional
                per_unit = instrument.multiplier if instrument.inverse else recorded[name_of].lowest
                limit = notional / per_unit
            assert abs(position[name_of]) <= limit


@pytest.mark.parametrize("name", ["recorded_market_making", "recorded_flash_crash"])
def test_whatever_of_a_makers_quotes_fills_its_position_stays_within_the_limit(name: str) -> None:
    """After each thing that it asks for or is told: position + everything that works on one side."""
    run = ran(name)
    for told in run.config.strategies:
        limit = told.parameters.inventory_max
        for position, bids, asks in _exposures(run, told.id):
            assert position + bids <= limit
            assert position - asks >= -limit


def _exposures(run: TapedRun, strategy: str) -> Iterator[tuple[Decimal, Decimal, Decimal]]:
    """Position, and what works on each side; an order works from its submission to its end."""
    tape = run.tapes[strategy]
    submitted = [(ts_ns, 1, request) for ts_ns, request in tape.requests if isinstance(request, SubmitOrder)]
    events = [*((item.ts_event, 0, item) for item in tape.told), *submitted]
    position, open_orders = D(0), {}
    for _, _, item in sorted(events, key=lambda event: event[:2]):
        if isinstance(item, SubmitOrder):
            open_orders[item.client_order_id] = [item.side, item.quantity]
        elif isinstance(item, Fill):
            position += item.side.sign * item.quantity
            open_orders[item.client_order_id][1] -= item.quantity
        elif isinstance(item, OrderClosed):
            open_orders.pop(item.client_order_id, None)
        bids = sum((quantity for side, quantity in open_orders.values() if side is Side.BUY), D(0))
        asks = sum((quantity for side, quantity in open_orders.values() if side is Side.SELL), D(0))
        yield position, bids, asks
