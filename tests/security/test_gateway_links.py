"""The links of a gateway with keys: who comes in, who is refused, and that the others notice nothing of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
from structlog.testing import capture_logs

from actors.runtime.keys import Role, UnsafeKey
from actors.runtime.links import Context, dealer, router, subscriber, try_send
from messages.base import PROTOCOL_VERSION
from messages.codec import FRAME_BYTES_MAX, encode
from messages.from_child import CommandDone, Register
from messages.gateway_link import ExecutionsApplied, Hello, StillAlive
from messages.market import Quote
from messages.orders import CancelOrder, Fill, OrderAccepted, SubmitOrder
from messages.to_child import Halt, Unhalt
from messages.topics import Channel, topic
from supervisor.actions import SUPERVISOR
from supervisor.child_spec import EXCHANGE
from supervisor.keys import OPERATOR, revoke
from tests.security.secured_floor import CARRY, ROGUE, SecuredFloor, handshake_outcomes, short_directory
from tests.support.actor_thread import actor_threads
from tests.support.gateway_floor import VENUE, PlayedStrategy
from tests.support.orders import NOW_NS, SPOT, accepted, cancel, fill, submit
from tests.support.sockets import PATIENCE_MS, until

QUIET_MS = 100
"""How long nothing comes where nothing may come. What is refused is refused by then, since the rest was served."""


@pytest.fixture
def floor() -> Iterator[SecuredFloor]:
    with short_directory() as directory:
        with actor_threads() as threads:
            floor = SecuredFloor(Path(directory), threads)
            floor.open()
            yield floor
        floor.close()


def is_served(floor: SecuredFloor, strategy: PlayedStrategy, number: int) -> None:
    """An order goes to the venue, and its report comes back."""
    order = submit(number, client_order_id=f"desk-{strategy.name}-e1-{number}", strategy=strategy.name)
    strategy.says(order)
    assert floor.venue.hears_a(SubmitOrder) == order
    floor.venue.tells(accepted(order))
    report = strategy.hears_a(OrderAccepted)
    assert (report.client_order_id, report.strategy) == (order.client_order_id, strategy.name)


def is_refused(context: Context, endpoint: str, kind: int = zmq.DEALER) -> None:
    """The handshake fails; no message can be sent."""
    socket, monitor = handshake_outcomes(context, kind, endpoint, context.keyring)
    socket.setsockopt(zmq.IMMEDIATE, 1)
    socket.connect(endpoint)
    assert monitor.poll(PATIENCE_MS), "the handshake neither failed nor succeeded"
    event = int.from_bytes(monitor.recv_multipart()[0][:2], "little")
    assert event != zmq.EVENT_HANDSHAKE_SUCCEEDED
    if kind == zmq.DEALER:
        assert not try_send(socket, b"anything")
    socket.close(0)


def test_those_who_have_keys_are_served_over_every_link(floor: SecuredFloor) -> None:
    strategy = floor.strategy()
    strategy.market.subscribe(Channel.QUOTE, SPOT.id)
    is_served(floor, strategy, 1)
    quote = Quote(SPOT.id, 49_999.9, 1.0, 50_000.1, 1.0, NOW_NS, NOW_NS)

    def is_heard() -> bool:
        floor.venue.market.publish(quote)
        return not strategy.market.hears_nothing

    until(is_heard, strategy.market._socket, "the quote")
    assert strategy.market.hears_a(Quote).bid == 49_999.9
    operator = floor.control_link(floor.context_of(OPERATOR))
    operator.says(Halt("halt-1", "drill"))
    assert operator.hears_a(CommandDone).is_ok


@pytest.mark.parametrize("link", ["orders", "control"])
@pytest.mark.parametrize("who", ["plain", "stranger"])
def test_nobody_without_a_key_of_the_cluster_gets_in(floor: SecuredFloor, who: str, link: str) -> None:
    strategy = floor.strategy()
    context = floor.plain_context() if who == "plain" else floor.strangers_context()
    is_refused(context, floor.endpoints[link])
    if who == "stranger":  # without CURVE it does not come as far as to the doorkeeper
        assert floor.refused(1)
    is_served(floor, strategy, 1)


@pytest.mark.parametrize(
    ("name", "link"),
    [
        (SUPERVISOR, "orders"), (OPERATOR, "orders"), (EXCHANGE, "orders"), (VENUE, "orders"),
        (SUPERVISOR, "control"), (CARRY, "control"), (EXCHANGE, "control"), (VENUE, "control"),
    ],
)  # fmt: skip
def test_a_key_opens_only_the_links_of_its_role(floor: SecuredFloor, name: str, link: str) -> None:
    strategy = floor.strategy()
    with capture_logs() as logs:
        is_refused(floor.context_of(name), floor.endpoints[link])
        assert floor.refused(1)
    assert name in logs[0]["why"] and logs[0]["event"] == "connection refused"
    is_served(floor, strategy, 1)


@pytest.mark.parametrize("who", ["plain", "stranger", OPERATOR])
def test_market_data_is_for_strategies_of_the_cluster_only(floor: SecuredFloor, who: str) -> None:
    contexts = {"plain": floor.plain_context, "stranger": floor.strangers_context}
    context = contexts.get(who, lambda: floor.context_of(who))()
    is_refused(context, floor.endpoints["market"], zmq.SUB)


def test_a_strategy_cannot_trade_in_the_name_of_another_one(floor: SecuredFloor) -> None:
    carry, rogue = floor.strategy(CARRY), floor.strategy(ROGUE)
    with capture_logs() as logs:
        rogue.says(submit(7))  # carry's, by what it says
        assert floor.refused(1) == 1
    (refused,) = (entry for entry in logs if entry["event"] == "frame refused")
    assert refused["sender"] == ROGUE
    assert "SubmitOrder in the name of carry came under the key of rogue" in refused["error"]
    is_served(floor, rogue, 1)
    is_served(floor, carry, 1)
    assert not floor.venue.has_heard(submit(7))


def test_a_strategy_cannot_touch_the_orders_of_another_one(floor: SecuredFloor) -> None:
    carry, rogue = floor.strategy(CARRY), floor.strategy(ROGUE)
    is_served(floor, carry, 1)
    rogue.says(CancelOrder(submit(1).client_order_id, ROGUE, 1, SPOT.id, "spite"), submit(1, strategy=ROGUE))
    assert floor.refused(2) == 2
    carry.says(cancel(submit(1)))
    cancelled = floor.venue.hears_a(CancelOrder)
    assert (cancelled.client_order_id, cancelled.strategy) == (submit(1).client_order_id, CARRY)


def test_a_strategy_cannot_take_the_ids_of_the_orders_of_another_one(floor: SecuredFloor) -> None:
    """Or else the other's own order would be denied as a duplicate."""
    carry, rogue = floor.strategy(CARRY), floor.strategy(ROGUE)
    rogue.says(submit(1, strategy=ROGUE))
    assert floor.refused(1) == 1
    is_served(floor, carry, 1)


def test_a_strategy_cannot_greet_acknowledge_or_live_for_another_one(floor: SecuredFloor) -> None:
    carry, rogue = floor.strategy(CARRY), floor.strategy(ROGUE)
    rogue.says(
        Hello(CARRY, 9, 1, False, PROTOCOL_VERSION), ExecutionsApplied(CARRY, 1, 1), StillAlive(CARRY, 1),
    )  # fmt: skip
    assert floor.refused(3) == 3
    is_served(floor, carry, 1)  # epoch 9 was not fenced for it


def test_a_forged_routing_id_is_worth_nothing(floor: SecuredFloor) -> None:
    """Who takes over the victim's routing id gets none of its reports, nor cuts it off."""
    carry = floor.strategy(CARRY)
    is_served(floor, carry, 1)
    endpoint, context = floor.endpoints["orders"], floor.context_of(ROGUE)
    forger, monitor = handshake_outcomes(context, zmq.DEALER, endpoint, context.keyring)
    forger.setsockopt(zmq.ROUTING_ID, CARRY.encode())
    forger.connect(endpoint)
    assert monitor.poll(PATIENCE_MS)
    assert int.from_bytes(monitor.recv_multipart()[0][:2], "little") == zmq.EVENT_HANDSHAKE_SUCCEEDED
    forger.send(encode(Hello(CARRY, 1, 1, False, PROTOCOL_VERSION)))
    assert floor.refused(1)
    floor.venue.tells(fill(submit(1), "0.010"))
    assert carry.hears_a(Fill).client_order_id == submit(1).client_order_id
    is_served(floor, carry, 2)
    assert not forger.poll(QUIET_MS), "the forger was told what is the victim's"


def test_a_restarted_strategy_is_answered_where_it_is_now(floor: SecuredFloor) -> None:
    before = floor.strategy(CARRY)
    is_served(floor, before, 1)
    after = PlayedStrategy(floor.context_of(CARRY), floor, CARRY)
    after.joins(epoch=2, next_seq=2)
    floor.venue.tells(fill(submit(1), "0.010"))
    assert after.hears_a(Fill).client_order_id == submit(1).client_order_id
    assert before.hears_nothing  # a zombie hears no report of its successor


def test_a_zombie_that_greets_again_does_not_take_the_reports_away(floor: SecuredFloor) -> None:
    zombie = floor.strategy(CARRY)
    after = PlayedStrategy(floor.context_of(CARRY), floor, CARRY)
    after.joins(epoch=2)
    zombie.says(Hello(CARRY, 1, 1, False, PROTOCOL_VERSION), StillAlive(CARRY, 1))
    order = submit(1, epoch=2, client_order_id="desk-carry-e2-1")
    after.says(order)
    floor.venue.hears_a(SubmitOrder)
    floor.venue.tells(accepted(order))
    assert after.hears_a(OrderAccepted).client_order_id == order.client_order_id


def test_an_impostor_who_binds_the_endpoint_of_a_gateway_is_told_no_order(floor: SecuredFloor) -> None:
    endpoint = f"ipc://{floor.directory}/stolen"
    floor.servers[endpoint] = VENUE  # as the strategy is told; it is the rogue who binds it
    impostor = router(floor.context_of(ROGUE), endpoint, admits=Role)
    is_refused(floor.context_of(CARRY), endpoint)
    assert not impostor.poll(0)


def test_an_impostor_of_the_supervisor_commands_no_gateway(floor: SecuredFloor) -> None:
    """The rogue takes the supervisor's place; the gateway, which knows the supervisor's key, does not talk to it."""
    floor.supervisor.close()
    impostor = router(floor.context_of(ROGUE), floor.endpoints["supervisor"], admits=Role)
    assert not impostor.poll(QUIET_MS * 5), "the gateway has registered with an impostor"
    impostor.close(0)
    floor.supervisor.bind()
    assert floor.supervisor.hears_a(Register).process == VENUE  # its own it knows again


def test_nothing_that_loosens_can_be_said_over_the_control_link(floor: SecuredFloor) -> None:
    operator = floor.control_link(floor.context_of(OPERATOR))
    operator.says(Unhalt("u-1", "please"))
    assert floor.refused(1)
    operator.says(Halt("halt-1", "drill"))
    assert operator.hears_a(CommandDone).command_id == "halt-1"


def test_an_oversized_frame_ends_its_connection_and_nothing_else(floor: SecuredFloor) -> None:
    carry, rogue = floor.strategy(CARRY), floor.orders_link(floor.context_of(ROGUE))
    rogue.says(b"x" * (FRAME_BYTES_MAX + 1))
    is_served(floor, carry, 1)
    assert rogue.hears_nothing


def test_a_message_of_too_many_frames_is_refused_as_a_whole(floor: SecuredFloor) -> None:
    carry, rogue = floor.strategy(CARRY), floor.strategy(ROGUE)
    rogue._socket.send_multipart([encode(submit(1, strategy=ROGUE, client_order_id="desk-rogue-e1-1"))] * 3)
    assert floor.refused(1) == 1
    is_served(floor, carry, 1)


def test_a_revoked_key_opens_nothing_any_more(floor: SecuredFloor) -> None:
    context = floor.context_of(ROGUE)
    floor.orders_link(context).says(Hello(ROGUE, 1, 1, False, PROTOCOL_VERSION))
    again = floor.context_of(ROGUE)
    assert revoke(floor.paths, [ROGUE]) == [ROGUE]
    is_refused(again, floor.endpoints["orders"])


def test_whoever_damages_the_allow_list_lets_nobody_in(floor: SecuredFloor) -> None:
    context = floor.context_of(CARRY)
    floor.keyring(CARRY).server_key(floor.endpoints["orders"])
    monitored, monitor = handshake_outcomes(context, zmq.DEALER, floor.endpoints["orders"], context.keyring)
    floor.paths.allow_list_file.write_text("{")
    monitored.connect(floor.endpoints["orders"])
    assert monitor.poll(PATIENCE_MS)
    assert int.from_bytes(monitor.recv_multipart()[0][:2], "little") != zmq.EVENT_HANDSHAKE_SUCCEEDED


def test_a_link_to_an_endpoint_of_nobody_is_not_made(floor: SecuredFloor) -> None:
    context = floor.context_of(CARRY)
    for connect in (lambda: dealer(context, "ipc:///nowhere", "x"), lambda: subscriber(context, "ipc:///nowhere")):
        with pytest.raises(UnsafeKey, match="carry knows no owner of endpoint ipc:///nowhere"):
            connect()


def test_topic_names_are_not_taken_for_messages(floor: SecuredFloor) -> None:
    """A subscription may be any bytes; it is answered with the last value of a topic, or with nothing."""
    carry = floor.strategy(CARRY)
    for name in (b"", b"\x00", b"x" * 10_000, topic(Channel.QUOTE, "no-such")):
        carry.market._socket.subscribe(name)
    is_served(floor, carry, 1)
