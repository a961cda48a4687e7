from decimal import Decimal
from typing import Any

import pytest

from messages.health import Lifecycle
from messages.market import Depth, Gap, MarkPrice, Quote, Trade
from messages.orders import (
    AmendOrder,
    CancelOrder,
    CloseReason,
    DenyReason,
    Fill,
    FundingPaid,
    OrderAccepted,
    OrderAmended,
    OrderClosed,
    OrderDenied,
    Side,
)
from messages.strategy_host import Alert, CancelTimer, DrainStrategy, RecoveryCompleted, StrategyStarted, TimerFired
from messages.topics import Channel
from supervisor.backtest import engine as engine_module
from supervisor.backtest.engine import EPOCH, PROGRESS_EVERY, TimeStandsStill
from tests.gateways.exchange.trading_floor import LINEAR, SPOT
from tests.supervisor.backtest.world import (
    Scripted,
    World,
    at,
    book,
    change,
    mark,
    on_quote_number,
    quote,
    silent,
    since_start,
    trade,
)

D = Decimal
BUY, SELL = Side.BUY, Side.SELL


def buy(strategy: Scripted, price: str = "100.1", quantity: str = "1") -> list[Any]:
    return [strategy.order(BUY, quantity, price)]


class TestTelling:
    def test_a_strategy_hears_its_start_first_and_the_end_last(self) -> None:
        world = World({"a": silent})
        world.run(quote(1), quote(2))
        (started, recovered, first, second, drained) = world.strategies["a"].heard
        assert StrategyStarted("a", EPOCH, "test-a", at(0)) == started
        assert RecoveryCompleted({}, (), at(0)) == recovered
        assert [at(1), at(2)] == [first.ts_received, second.ts_received]
        assert DrainStrategy("shutdown", at(2)) == drained

    def test_messages_are_numbered_within_their_topic_and_carry_no_clock(self) -> None:
        world = World({"a": silent}, instruments=(SPOT, LINEAR), channels=(Channel.QUOTE, Channel.TRADE))
        world.run(quote(1), quote(2, instrument=LINEAR.id), trade(3, 100.0, 1.0, BUY), quote(4))
        heard = world.strategies["a"].heard_of(Quote, Trade)
        assert [(SPOT.id, 1), (LINEAR.id, 1), (SPOT.id, 1), (SPOT.id, 2)] == [(m.instrument, m.seq) for m in heard]
        assert {0} == {message.published_mono_ns for message in heard}

    def test_a_strategy_hears_what_it_has_subscribed_to_and_every_gap(self) -> None:
        world = World({"a": silent}, channels=(Channel.DEPTH,))
        world.run(
            quote(1),
            book(2, [(99.0, 1.0)], [(101.0, 1.0)]),
            change(3, bids=[(99.5, 2.0)]),
            Gap(SPOT.id, "missing book update", at(4)),
        )
        heard = world.strategies["a"].heard_of(Quote, Depth, Gap)
        assert [Depth, Depth, Gap] == [type(message) for message in heard]
        assert ((99.5, 2.0), (99.0, 1.0)) == heard[1].bids
        assert (1, 2, 1) == tuple(message.seq for message in heard)

    def test_marks_are_told_to_who_asks_for_them(self) -> None:
        world = World({"a": silent}, instruments=(LINEAR,), channels=(Channel.MARK,))
        world.run(mark(1, 100.0, 0.001, 50))
        assert [1] == [message.seq for message in world.strategies["a"].heard_of(MarkPrice)]

    def test_an_order_names_the_numbered_message_that_it_answers(self) -> None:
        world = World({"a": on_quote_number(2, buy)})
        world.run(quote(1), quote(2))
        (order,) = world.floor.records.orders.values()
        assert f"quote:{SPOT.id}:2" == order.request.caused_by
        assert "test-a-e1-1" == order.request.client_order_id

    def test_reports_are_numbered_for_each_strategy(self) -> None:
        world = World({"a": on_quote_number(1, buy), "b": on_quote_number(1, buy)})
        world.run(quote(1), quote(10))
        for strategy in world.strategies.values():
            assert [(OrderAccepted, 1), (Fill, 2), (OrderClosed, 3)] == [
                (type(report), report.seq) for report in strategy.heard_of(OrderAccepted, Fill, OrderClosed)
            ]

    def test_alerts_are_kept_with_their_time(self) -> None:
        world = World({"a": on_quote_number(1, lambda _: [Alert("look at this", at(1))])})
        world.run(quote(1))
        assert [(at(1), "look at this")] == world.desks["a"].record.alerts


class TestTime:
    def test_an_order_takes_effect_after_the_latency_between_two_events(self) -> None:
        world = World({"a": on_quote_number(1, buy)})
        world.run(quote(1), quote(100))
        (accepted,) = world.strategies["a"].heard_of(OrderAccepted)
        assert 6 == since_start(accepted.ts_event)  # sent at 1 ms, 5 ms under way

    def test_at_one_instant_the_venue_comes_before_timers_and_timers_before_the_market(self) -> None:
        def script(strategy: Scripted, message: Any) -> list[Any]:
            if isinstance(message, Quote) and message.seq == 1:
                return [*buy(strategy), strategy.timer("z", 6), strategy.timer("y", 6)]
            return []

        world = World({"a": script})
        world.run(quote(1), quote(6))
        heard = [message for message in world.strategies["a"].heard if not isinstance(message, DrainStrategy)]
        assert [OrderAccepted, Fill, OrderClosed, TimerFired, TimerFired, Quote] == [type(m) for m in heard[-6:]]
        assert ["y", "z"] == [timer.name for timer in heard[-3:-1]]  # by name at one due time

    def test_timers_of_one_instant_fire_for_each_strategy_in_turn(self) -> None:
        told: list[tuple[str, str]] = []

        def script(strategy: Scripted, message: Any) -> list[Any]:
            if isinstance(message, TimerFired):
                told.append((strategy.strategy_id, message.name))
            if isinstance(message, Quote) and message.seq == 1:
                return [strategy.timer("1", 3), strategy.timer("2", 3)]
            return []

        World({"b": script, "a": script}).run(quote(1), quote(10))
        assert [("b", "1"), ("a", "1"), ("b", "2"), ("a", "2")] == told

    def test_a_timer_fires_at_its_moment_and_not_with_the_next_message(self) -> None:
        world = World({"a": on_quote_number(1, lambda strategy: [strategy.timer("soon", 3)])})
        world.run(quote(1), quote(100))
        assert [TimerFired("soon", at(3), at(3))] == world.strategies["a"].heard_of(TimerFired)

    def test_a_timer_in_the_past_fires_at_once(self) -> None:
        world = World({"a": on_quote_number(1, lambda strategy: [strategy.timer("late", 0)])})
        world.run(quote(5), quote(9))
        assert [TimerFired("late", at(0), at(5))] == world.strategies["a"].heard_of(TimerFired)

    def test_a_cancelled_timer_does_not_fire(self) -> None:
        world = World({"a": on_quote_number(1, lambda strategy: [strategy.timer("never", 3), CancelTimer("never")])})
        world.run(quote(1), quote(9))
        assert [] == world.strategies["a"].heard_of(TimerFired)

    def test_the_end_is_not_part_of_the_period(self) -> None:
        timers = on_quote_number(1, lambda strategy: [strategy.timer("before", 4), strategy.timer("at the end", 5)])
        world = World({"a": timers})
        world.run(quote(1), quote(5), end_ms=5)
        *_, heard, fired, drained = world.strategies["a"].heard
        assert (1, "before", DrainStrategy("shutdown", at(5))) == (heard.seq, fired.name, drained)
        assert 1 == world.engine.events

    def test_a_strategy_and_a_venue_that_answer_each_other_without_end_are_stopped(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engine_module, "STEPS_AT_ONE_INSTANT_MAX", 20)

        def script(strategy: Scripted, message: Any) -> list[Any]:
            return [strategy.order(BUY, "10", "1.0")] if isinstance(message, Quote | OrderAccepted) else []

        with pytest.raises(TimeStandsStill, match="more than 20 orders and timers at 1970"):
            World({"a": script}, latency_ms=0.0).run(quote(1), quote(2))


class TestOrders:
    def test_a_denial_comes_after_everything_else_that_was_answered_is_done(self) -> None:
        def answer(strategy: Scripted) -> list[Any]:
            return [strategy.order(BUY, "0.0001", "100.1"), *buy(strategy)]

        world = World({"a": on_quote_number(1, answer)})
        world.run(quote(1), quote(10))
        denied, *others = world.strategies["a"].heard_of(OrderDenied, OrderAccepted, Fill, OrderClosed)
        assert (DenyReason.INVALID_QUANTITY, at(1), 1) == (denied.reason, denied.ts_event, denied.seq)
        assert [OrderAccepted, Fill, OrderClosed] == [type(report) for report in others]
        assert D(1) == world.position()

    def test_an_order_is_amended_and_cancelled(self) -> None:
        def script(strategy: Scripted, message: Any) -> list[Any]:
            if isinstance(message, Quote) and message.seq == 1:
                return buy(strategy, price="99.0")
            (order,) = strategy.open_orders or (None,)
            if isinstance(message, OrderAccepted):
                return [AmendOrder(order.request.client_order_id, "a", EPOCH, SPOT.id, D(2), D("98.0"))]
            return [strategy.own_orders.cancel(order)] if isinstance(message, OrderAmended) else []

        world = World({"a": script})
        world.run(quote(1), quote(100))
        amended, closed = world.strategies["a"].heard_of(OrderAmended, OrderClosed)
        assert (D(2), D("98.0"), 11) == (amended.quantity, amended.price, since_start(amended.ts_event))
        assert (CloseReason.CANCELLED, 16) == (closed.reason, since_start(closed.ts_event))

    def test_a_resting_order_is_filled_by_a_trade_at_its_time(self) -> None:
        world = World({"a": on_quote_number(1, lambda strategy: buy(strategy, price="99.9"))})
        world.run(quote(1, size=2.0), quote(6, size=2.0), trade(20, 99.9, 2.5, SELL))
        (fill,) = world.strategies["a"].heard_of(Fill)
        # 2.5 traded, 2 stood ahead: half a BTC for us
        assert (D("0.5"), D("99.9"), 20) == (fill.quantity, fill.price, since_start(fill.ts_event))
        assert [fill] == world.desks["a"].record.fills.items

    def test_an_order_before_there_is_any_price_is_denied_at_once(self) -> None:
        def script(strategy: Scripted, message: Any) -> list[Any]:
            return buy(strategy, price="99.0") if isinstance(message, RecoveryCompleted) else []

        world = World({"a": script})
        world.engine.start(at(0))
        (denied,) = world.strategies["a"].heard_of(OrderDenied)
        assert DenyReason.STALE_REFERENCE is denied.reason

    def test_two_strategies_on_one_instrument_share_its_funding_exactly(self) -> None:
        def script(quantity: str) -> Any:
            return on_quote_number(1, lambda strategy: [strategy.order(BUY, quantity, "100.1", LINEAR.id)])

        world = World({"a": script("1"), "b": script("2")}, instruments=(LINEAR,))
        world.run(quote(1, instrument=LINEAR.id), mark(2, 100.0, 0.001, 50), quote(60, instrument=LINEAR.id))
        (ours,), (theirs,) = (strategy.heard_of(FundingPaid) for strategy in world.strategies.values())
        # 3 × 100 × 0.001 = 0.3 paid by the longs: a third, and the rest
        assert (D("-0.10000000"), D("-0.20000000")) == (ours.amount, theirs.amount)
        assert D("-0.3") == world.floor.venue.ledger.funding["USDT"]
        assert 50 == since_start(ours.ts_event)
        assert (D(1), D(2)) == (ours.position, theirs.position)
        assert D("-0.1") == world.strategies["a"].ledger.funding["USDT"]

    def test_a_liquidation_is_heard_before_the_mark_that_led_to_it(self) -> None:
        def script(strategy: Scripted, message: Any) -> list[Any]:
            is_first = isinstance(message, Quote) and message.seq == 1
            return [strategy.order(BUY, "1000", "100.1", LINEAR.id)] if is_first else []

        channels = (Channel.QUOTE, Channel.MARK)
        world = World({"a": script}, instruments=(LINEAR,), channels=channels)
        # 1,000 bought at 100.1: at a mark of 0.1 the 100,000 USDT of the account are gone
        world.run(quote(1, size=2_000.0, instrument=LINEAR.id), mark(20, 0.1, 0.0, 0), drain_ms=0)
        *_, bought, closed, forced, told, _ = world.strategies["a"].heard
        assert (D(1_000), OrderClosed, MarkPrice) == (bought.quantity, type(closed), type(told))
        assert (D(1_000), SELL, 20) == (forced.quantity, forced.side, since_start(forced.ts_event))
        assert D(0) == world.position(LINEAR.id) == world.strategies["a"].ledger.position(LINEAR.id)


class TestFaults:
    def failing(self, strategy: Scripted, message: Any) -> list[Any]:
        if isinstance(message, Quote) and message.seq == 2:
            raise ZeroDivisionError("by nothing")
        return buy(strategy, price="99.0") if isinstance(message, Quote) and message.seq == 1 else []

    def test_a_strategy_that_fails_is_fenced_and_the_others_go_on(self) -> None:
        world = World({"bad": self.failing, "good": on_quote_number(3, buy)})
        world.run(quote(1), quote(10), quote(11), quote(20))
        fault = world.desks["bad"].fault
        assert fault is not None
        assert ("bad", "LISTENING", "Quote", "ZeroDivisionError('by nothing')", at(10)) == (
            fault.strategy, fault.state, fault.cause, fault.error, fault.ts,
        )  # fmt: skip
        assert "in failing" in fault.traceback
        assert [] == world.floor.records.open_orders("bad")
        assert 1 == world.floor.venue.report({}).orders.cancelled
        assert D(1) == world.position()  # what the other one bought
        assert (Lifecycle.FAULTED, Lifecycle.STOPPED) == tuple(desk.lifecycle for desk in world.desks.values())
        assert Quote is type(world.strategies["bad"].heard[-1])

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (StrategyStarted("a", 1, "p", 0), "answered with a StrategyStarted, which no host can do"),
            (CancelOrder("x", "a", 1, "ETHUSDT.sim"), "ETHUSDT.sim, which is none of its instruments"),
        ],
    )
    def test_an_answer_that_no_host_can_do_is_a_fault(self, answer: Any, words: str) -> None:
        world = World({"a": on_quote_number(1, lambda strategy: [*buy(strategy, "99.0"), answer])})
        world.run(quote(1), quote(10), quote(100))
        fault = world.desks["a"].fault
        assert fault is not None
        assert words in fault.error
        assert [] == world.floor.records.open_orders()

    def test_a_run_ends_when_every_strategy_has_failed(self) -> None:
        world = World({"bad": self.failing})
        world.run(*(quote(ms) for ms in range(1, 3 * PROGRESS_EVERY)))
        assert PROGRESS_EVERY == world.engine.events

    def test_a_failed_strategy_does_not_hold_up_the_end(self) -> None:
        world = World({"bad": self.failing})
        world.run(quote(1), quote(10), drain_ms=60_000)
        assert at(10) == world.engine.now_ns


class TestEnd:
    def test_what_is_under_way_arrives_before_the_end(self) -> None:
        def script(strategy: Scripted, message: Any) -> list[Any]:
            if isinstance(message, DrainStrategy):
                return [strategy.own_orders.cancel(order) for order in strategy.open_orders]
            return buy(strategy, price="99.0") if isinstance(message, Quote) else []

        world = World({"a": script})
        world.run(quote(1))
        (closed,) = world.strategies["a"].heard_of(OrderClosed)
        assert 6 == since_start(closed.ts_event)
        assert at(6) == world.engine.now_ns

    def test_what_is_not_settled_by_the_deadline_is_left(self) -> None:
        world = World(
            {"a": on_quote_number(1, lambda strategy: [*buy(strategy, price="99.0"), strategy.timer("far", 10_000)])}
        )
        world.run(quote(1), drain_ms=100)
        assert 1 == len(world.floor.records.open_orders())
        assert at(6) == world.engine.now_ns

    def test_an_end_that_was_asked_for_leaves_the_rest_unread(self) -> None:
        world = World({"a": silent})
        world.engine.start(at(0))
        asked = []

        def go_on() -> bool:
            asked.append(world.engine.events)
            return len(asked) < 2

        world.engine.play((("sim", quote(ms)) for ms in range(1, 5 * PROGRESS_EVERY)), go_on)
        assert [PROGRESS_EVERY, 2 * PROGRESS_EVERY] == asked
        assert 2 * PROGRESS_EVERY == len(world.strategies["a"].heard_of(Quote))


def test_events_before_the_start_build_the_books_and_are_not_told() -> None:
    world = World({"a": silent}, channels=(Channel.QUOTE, Channel.DEPTH))
    world.engine.prepare(("sim", book(-20, [(99.0, 1.0)], [(101.0, 1.0)])))
    world.engine.prepare(("sim", quote(-10)))
    world.run(change(1, bids=[(99.5, 2.0)]))
    (depth,) = world.strategies["a"].heard_of(Quote, Depth)
    assert (((99.5, 2.0), (99.0, 1.0)), 1) == (depth.bids, depth.seq)


def test_samples_are_taken_before_the_event_of_their_time() -> None:
    world = World({"a": on_quote_number(1, buy)})
    world.run(quote(1), quote(500), quote(1_200), quote(5_000))
    samples = world.desks["a"].record.samples
    # at the first event, a second after it or later, and at the end
    assert [1, 1_200, 5_000, 5_000] == [since_start(sample.ts_ns) for sample in samples]
    assert [{}, {SPOT.id: D(1)}] == [sample.positions for sample in samples[:2]]
    assert [{}, {SPOT.id: 100.0}] == [sample.mids for sample in samples[:2]]
