"""A strategy speaks for itself, and of its own orders only."""

import pytest

from gateways.gate.order_records import Order
from gateways.senders import Forged, check_sender
from messages.base import PROTOCOL_VERSION
from messages.gateway_link import CheckpointReached, ExecutionsApplied, Hello, StillAlive
from messages.orders import FLATTEN_PREFIX, CancelOrder, QueryOrder
from tests.support.orders import SPOT, amend, cancel, submit

CARRY_SAYS = (
    submit(), cancel(submit()), amend(submit()), QueryOrder(submit().client_order_id, "carry", 1, SPOT.id),
    Hello("carry", 1, 1, False, PROTOCOL_VERSION), ExecutionsApplied("carry", 3, 1), StillAlive("carry", 1),
    CheckpointReached("carry", 1),
)  # fmt: skip
ORDERS = {submit().client_order_id: Order(submit())}
PREFIXES = {"carry": "desk-carry", "rogue": "desk-rogue"}


def kind(message: object) -> str:
    return type(message).__name__


@pytest.mark.parametrize("message", CARRY_SAYS, ids=kind)
def test_what_a_strategy_says_of_itself_is_believed(message: object) -> None:
    check_sender(message, "carry", ORDERS, PREFIXES)


@pytest.mark.parametrize("message", CARRY_SAYS, ids=kind)
def test_what_is_said_in_the_name_of_another_one_is_refused(message: object) -> None:
    with pytest.raises(Forged, match=f"{kind(message)} in the name of carry came under the key of rogue"):
        check_sender(message, "rogue", {}, PREFIXES)


@pytest.mark.parametrize("message", CARRY_SAYS, ids=kind)
def test_without_keys_every_name_is_believed(message: object) -> None:
    check_sender(message, "", ORDERS)


def test_the_orders_of_another_one_are_not_to_be_spoken_of() -> None:
    message = CancelOrder(submit().client_order_id, "rogue", 1, SPOT.id, "spite")
    with pytest.raises(Forged, match="rogue speaks of order desk-carry-e1-1, which is carry's"):
        check_sender(message, "rogue", ORDERS)


def test_an_order_id_begins_as_those_of_its_strategy_do() -> None:
    with pytest.raises(Forged, match="order desk-carry-e1-1 of rogue does not begin with desk-rogue-"):
        check_sender(submit(strategy="rogue"), "rogue", {}, PREFIXES)
    longer = submit(strategy="rogue", client_order_id="desk-rogues-e1-1")
    with pytest.raises(Forged):
        check_sender(longer, "rogue", {}, PREFIXES)
    check_sender(submit(strategy="new", client_order_id="anything"), "new", {}, PREFIXES)  # not known yet


def test_an_order_of_an_earlier_prefix_can_still_be_cancelled() -> None:
    """The prefix of a strategy changes where another one of like name is added to the config."""
    check_sender(cancel(submit()), "carry", ORDERS, {"carry": "desk-ca12"})


def test_the_ids_of_a_gateways_own_orders_are_not_for_strategies() -> None:
    with pytest.raises(Forged, match="an id of the gateway's own"):
        check_sender(submit(client_order_id=f"{FLATTEN_PREFIX}1"), "", {})
