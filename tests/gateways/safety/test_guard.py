"""The guard at an order desk with a real journal and a real latch, without any sockets."""

import os
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import pytest
from structlog.testing import capture_logs

from gateways.safety import halt_latch
from gateways.safety.guard import BEGIN_AGAIN_NS, Guard, Ties
from gateways.spec import GatewaySpec
from messages.orders import CancelOrder, CloseReason, OrderAccepted, Side, SubmitOrder, is_forced
from messages.risk import DeathPolicy, Lease, SetTradingState, TradingState
from messages.to_child import FlattenPosition
from tests.support.desk import DeskFloor
from tests.support.orders import INSTRUMENTS, NOW_NS, PERPETUAL, SPOT, accepted, closed, fill, head, status, submit

D = Decimal
S = 1_000_000_000
MS = 1_000_000


class Watch:
    """A guard, the desk that it acts through, and whom it tells.

    :ivar is_supervised: whether a supervisor is there.
    """

    def __init__(self, tmp_path: Path, **changes: Any) -> None:
        self.floor = DeskFloor(tmp_path / "journal")
        self.alerts: list[str] = []
        self.answers: list[tuple[str, str, bool]] = []
        self.is_supervised = True
        fields: dict[str, Any] = {
            "process": "sim", "cluster": "desk", "supervisor_endpoint": "", "venue": "sim",
            "instruments": tuple(INSTRUMENTS.values()), "orders_endpoint": "", "market_data_endpoint": "",
            "venue_orders_endpoint": "", "venue_data_endpoint": "", "journal_dir": "", "order_prefix": "desk-",
        }  # fmt: skip
        ties = Ties(
            alert=self.alerts.append,
            finish=lambda *answer: self.answers.append(answer),
            now_ns=lambda: NOW_NS,
            is_supervised=lambda _: self.is_supervised,
            last_flatten=0,
        )
        self.guard = Guard(GatewaySpec(**fields | changes), self.floor.desk, ties)

    def holds(self, quantity: str, instrument: str = PERPETUAL.id, number: int = 1) -> None:
        order = submit(number, instrument=instrument, quantity=D(quantity))
        self.floor.submit(order)
        self.floor.desk.report(accepted(order))
        self.floor.desk.report(fill(order, quantity, f"t-{number}", fee=D(0)))
        self.floor.desk.report(closed(order, quantity, CloseReason.FILLED))
        self.floor.sends()

    def pulses(self, first_s: float, last_s: float) -> list[Any]:
        """Pulse every 100 ms; what the venue was sent."""
        for number in range(int(first_s * 10), int(last_s * 10) + 1):
            self.guard.on_pulse(number * 100 * MS)
        return self.floor.sends()

    def ends(self, order: SubmitOrder, quantity: str) -> None:
        """The venue's answer to an order of the gateway's own."""
        self.floor.desk.report(OrderAccepted(*head(order), "v-9", NOW_NS))
        if D(quantity):
            self.floor.desk.report(fill(order, quantity, f"of-{order.client_order_id}", fee=D(0)))
        self.floor.desk.report(closed(order, quantity, CloseReason.EXPIRED))


def setting(state: TradingState, strategy: str = "carry") -> SetTradingState:
    return SetTradingState("s-1", strategy, state, "loss")


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    return Watch(tmp_path)


def test_with_the_disk_full_a_state_is_tightened_and_not_loosened(watch: Watch) -> None:
    assert watch.guard.set_trading_state(setting(TradingState.REDUCING)) == ""
    with watch.floor.full_disk():
        assert watch.guard.set_trading_state(setting(TradingState.HALTED)) == ""
        assert watch.guard.states.of("carry").state is TradingState.HALTED
        for looser in (TradingState.REDUCING, TradingState.ACTIVE):
            assert "are not loosened; free the disk" in watch.guard.set_trading_state(setting(looser))
        assert watch.guard.states.of("carry").state is TradingState.HALTED
    assert watch.guard.set_trading_state(setting(TradingState.ACTIVE)) == ""
    assert watch.guard.states.is_unrestricted


def fails(*_: object) -> NoReturn:
    raise OSError("Input/output error")


def test_a_halt_cancels_though_the_disk_takes_no_record_and_not_even_its_torn_end_can_be_cut_off(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = [submit(1), submit(2)]
    for order in orders:
        watch.floor.submit(order)
    watch.floor.sends()
    monkeypatch.setattr(os, "ftruncate", fails)
    with watch.floor.full_disk():
        watch.guard.halt("disk", is_flattening=False, by="test")
    assert [(type(sent), sent.client_order_id) for sent in watch.floor.sends()] == [
        (CancelOrder, order.client_order_id) for order in orders
    ]


def test_the_latch_is_set_whatever_becomes_of_the_cancels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    latch = tmp_path / "HALT"
    watch = Watch(tmp_path, halt_file=str(latch))
    watch.floor.submit(submit())
    monkeypatch.setattr(watch.floor.desk.line, "_to_venue", fails)
    with pytest.raises(OSError, match="Input/output error"):
        watch.guard.halt("storm", is_flattening=True, by="test")
    note = halt_latch.read(latch)
    assert note is not None
    assert (note.reason, note.by, note.is_flattening) == ("storm", "test", True)


def test_an_order_of_a_halted_strategy_that_works_on_is_cancelled_again(watch: Watch) -> None:
    order = submit()
    watch.floor.submit(order)
    watch.guard.states.apply(setting(TradingState.HALTED))
    watch.floor.sends()
    (cancel,) = watch.pulses(0, 1)
    assert isinstance(cancel, CancelOrder)
    assert (cancel.client_order_id, cancel.caused_by) == (order.client_order_id, "trading-state")


def test_what_is_too_little_to_trade_is_not_told_at_every_pulse(watch: Watch) -> None:
    watch.holds("0.003", SPOT.id)
    watch.floor.desk.report(
        fill(submit(1, instrument=SPOT.id), "0.0025", "late", side=Side.SELL, client_order_id="autoclose-1", fee=D(0))
    )
    with capture_logs() as logs:
        watch.guard.halt("out", is_flattening=True, by="test")
        assert watch.pulses(0, 60) == [], "0.001 is below the minimum of 0.002"
    told = [entry for entry in logs if entry["event"] == "flattened"]
    assert len(told) == 1 + 60 * S // BEGIN_AGAIN_NS
    assert watch.alerts == []


def test_a_position_that_cannot_be_closed_is_alerted_and_tried_again_later(watch: Watch) -> None:
    watch.holds("5")
    watch.guard.halt("out", is_flattening=True, by="test")
    orders = []
    for tenth in range(600):
        for order in watch.pulses(tenth / 10, tenth / 10):
            orders.append(order)
            watch.ends(order, "0")
    assert len(watch.alerts) == 2, "5 attempts and 30 s of rest, twice within 60 s"
    assert all("5 orders in a row brought nothing" in alert for alert in watch.alerts)
    assert len(orders) == 10
    assert len({order.client_order_id for order in orders}) == 10
    assert all(is_forced(order.client_order_id) for order in orders)


def test_while_the_venue_is_away_no_time_is_lost(watch: Watch) -> None:
    watch.holds("5")
    watch.floor.desk.venue_is_lost()
    watch.guard.flatten(FlattenPosition("c-1", "carry", PERPETUAL.id, D(0), "died"), 0)
    assert watch.pulses(0, 200) == []
    watch.floor.desk.venue_is_back()
    (order,) = watch.pulses(200, 201)
    watch.ends(order, "5")
    watch.pulses(201, 201)
    assert watch.answers == [("c-1", f"carry holds 0 {PERPETUAL.id}", True)]


def test_an_unhalt_ends_the_flattening_that_it_came_with(watch: Watch) -> None:
    watch.holds("5")
    watch.guard.halt("out", is_flattening=True, by="test")
    (order,) = watch.pulses(0, 0)
    assert watch.guard.unhalt() == ""
    watch.ends(order, "2")
    assert watch.pulses(1, 60) == []


@pytest.mark.parametrize(("policy", "is_supervised", "sends"), [
    (DeathPolicy.FLATTEN, False, 1),
    (DeathPolicy.FLATTEN, True, 0),
    (DeathPolicy.HOLD, False, 0),
    (DeathPolicy.COMPLETE, False, 0),
])  # fmt: skip
def test_the_dead_are_buried_where_nobody_else_does_it(
    tmp_path: Path, policy: DeathPolicy, is_supervised: bool, sends: int
) -> None:
    watch = Watch(tmp_path, death_policies={"carry": policy})
    watch.is_supervised = is_supervised
    watch.holds("5")
    watch.guard.heard("carry", 0)
    assert watch.pulses(0, 6) == [], "silent since 1.1 s; its supervisor may come back within 5 s"
    assert len(watch.pulses(6.1, 7)) == sends


def lease(strategy: str, on_death: DeathPolicy | None) -> Lease:
    return Lease(strategy, PERPETUAL.id, 1, D(5), D(5), D(1000), on_death=on_death)


def test_the_policy_of_a_strategy_that_was_added_later_comes_with_its_lease_and_outlives_it(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    watch.guard.note_policies([lease("carry", DeathPolicy.FLATTEN)])
    watch.guard.note_policies([lease("another", DeathPolicy.HOLD)])
    watch.is_supervised = False
    watch.holds("5")
    watch.guard.heard("carry", 0)
    assert watch.pulses(0, 6) == []
    assert [order.strategy for order in watch.pulses(6.1, 7)] == ["carry"]


def test_a_lease_without_a_policy_leaves_that_of_the_start(tmp_path: Path) -> None:
    watch = Watch(tmp_path, death_policies={"carry": DeathPolicy.FLATTEN})
    watch.guard.note_policies([lease("carry", None)])
    watch.is_supervised = False
    watch.holds("5")
    watch.guard.heard("carry", 0)
    assert len(watch.pulses(0, 7)) == 1


def test_a_strategy_that_never_speaks_after_a_restart_loses_its_orders_too(watch: Watch, tmp_path: Path) -> None:
    order = submit()
    watch.floor.submit(order)
    watch.floor.desk.report(accepted(order))
    watch.floor.log.close()
    again = Watch(tmp_path)
    again.floor.desk.on_order_status(status(order))
    again.floor.sends()
    assert again.pulses(0, 6) == [], "5 s to say hello, 1 s of silence"
    (cancel,) = again.pulses(6.1, 6.5)
    assert (cancel.client_order_id, cancel.caused_by) == (order.client_order_id, "silent")


def test_the_position_of_one_that_never_speaks_after_a_restart_is_closed_too(watch: Watch, tmp_path: Path) -> None:
    watch.holds("5")
    watch.floor.log.close()
    again = Watch(tmp_path, death_policies={"carry": DeathPolicy.FLATTEN})
    again.is_supervised = False
    assert again.pulses(0, 11) == [], "5 s to say hello, 1 s of silence, 5 s for its supervisor to be back"
    (order,) = again.pulses(11.1, 11.5)
    assert is_forced(order.client_order_id)
    assert (order.strategy, order.side, order.quantity) == ("carry", Side.SELL, D(5))


def test_one_that_left_something_and_is_run_no_more_is_not_waited_for(watch: Watch) -> None:
    watch.holds("5")
    watch.pulses(0, 20)
    assert (watch.alerts, watch.guard.states.is_unrestricted) == ([], True)


def test_the_silence_of_one_that_has_nothing_is_not_alerted(watch: Watch) -> None:
    watch.guard.heard("carry", 0)
    watch.pulses(0, 2)
    assert watch.guard.states.of("carry").state is TradingState.REDUCING
    assert watch.alerts == []


def test_a_strategy_that_is_silent_has_its_orders_cancelled_until_they_end(watch: Watch) -> None:
    order = submit()
    watch.floor.submit(order)
    watch.guard.heard("carry", 0)
    assert [type(sent) for sent in watch.pulses(0, 0.9)] == [SubmitOrder]
    (cancel,) = watch.pulses(1.0, 1.2)
    assert (cancel.client_order_id, cancel.caused_by) == (order.client_order_id, "silent")
    assert watch.alerts == [
        "sim has not heard of carry for 1000 ms: 1 of its orders are cancelled, and it may only reduce until it speaks"
    ]
    watch.guard.heard("carry", int(1.3 * S))
    assert watch.guard.states.is_unrestricted
