"""Closing what a strategy holds by the gateway's own orders: cancel first, then reduce-only market orders. Pure.

One task for each strategy and instrument. What is to be done next follows from the books alone, so that it does not
matter which report came first, or whether one was lost: as long as an order of the strategy may fill there, its cancel
is waited for; as long as an order of ours may, its end; then what is held decides.
"""

import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from messages.instruments import Instrument
from messages.order_lifecycle import Order, OrderState
from messages.orders import FLATTEN_PREFIX, OrderType, Side, SubmitOrder, TimeInForce

ZERO: Final = Decimal(0)
NS_PER_S: Final = 1_000_000_000
ATTEMPTS_MAX: Final = 5
"""Orders in a row that brought nothing, before a person is asked."""
RETRY_NS: Final = NS_PER_S
"""After an order that brought nothing: a market that is empty now may not be in a second."""
PATIENCE_NS: Final = 60 * NS_PER_S
"""For one task; what is not done by then is alerted and given up."""
VALID_FOR_MS: Final = 10_000


class CancelFirst(NamedTuple):
    """These orders of the strategy can still fill: cancel them."""

    orders: Sequence[Order]


class Send(NamedTuple):
    order: SubmitOrder


class Finished(NamedTuple):
    """The task is over.

    :ivar command_id: whose it was; empty where nobody waits for an answer.
    """

    command_id: str
    is_ok: bool
    text: str


Step = CancelFirst | Send | Finished


class Task(msgspec.Struct):
    """One position on its way to its target.

    :param target: signed; between 0 and what was held at the beginning.
    :ivar attempts: orders in a row that brought nothing.
    :ivar cancelled: when an order of the strategy was last cancelled for it, by its id.
    """

    command_id: str
    strategy: str
    instrument: str
    target: Decimal
    reason: str
    started_ns: int
    held: Decimal
    attempts: int = 0
    retry_ns: int = 0
    order_id: str = ""
    cancelled: dict[str, int] = msgspec.field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        return self.strategy, self.instrument


class Moment(NamedTuple):
    """What a task is judged by.

    :ivar held: the strategy's position in the instrument, signed.
    :ivar orders: of the strategy in the instrument that can still fill.
    :ivar epoch: of the strategy that is served.
    :ivar now_ns: market time; `mono_ns` of the monotonic clock.
    :ivar is_waiting: the last order still waits for the venue's rate limit.
    """

    held: Decimal
    orders: Sequence[Order]
    epoch: int
    now_ns: int
    mono_ns: int
    is_waiting: bool = False


def flatten_prefix(order_prefix: str, venue: str) -> str:
    """The opening of this gateway's own order ids: no two gateways of a cluster have the same."""
    return f"{FLATTEN_PREFIX}{order_prefix}{hashlib.sha256(venue.encode()).hexdigest()[:4]}-"


def flatten_number(client_order_id: str) -> int:
    """The number at the end of an order id of `flatten_prefix`; 0 where it is none."""
    number = client_order_id.rpartition("-")[2]
    return int(number) if client_order_id.startswith(FLATTEN_PREFIX) and number.isdigit() else 0


class Flattener:
    """:param prefix: as made by `flatten_prefix`.
    :param last_number: of the last order that was ever sent under it.
    """

    def __init__(self, instruments: Mapping[str, Instrument], prefix: str, last_number: int) -> None:
        self.tasks: dict[tuple[str, str], Task] = {}
        self._instruments = instruments
        self._prefix = prefix
        self._number = last_number

    @property
    def last_number(self) -> int:
        """Of the last order."""
        return self._number

    def begin(self, task: Task) -> Finished | None:
        """Take a task on; the end of another that it replaces, or its own where it cannot be.

        The same command again changes nothing.
        """
        earlier = self.tasks.get(task.key)
        if earlier is not None and earlier.command_id == task.command_id:
            return None
        if task.instrument not in self._instruments:
            return Finished(task.command_id, is_ok=False, text=f"{task.instrument} is not traded here")
        if task.target * task.held < 0 or abs(task.target) > abs(task.held):
            text = f"{task.strategy} holds {task.held} {task.instrument}; {task.target} is not on the way out"
            return Finished(task.command_id, is_ok=False, text=text)
        self.tasks[task.key] = task
        if earlier is None:
            return None
        return Finished(earlier.command_id, is_ok=False, text=f"replaced by {task.command_id or task.reason}")

    def forget_unasked(self) -> None:
        """Give up the tasks that nobody's command has set: what they were for is over."""
        self.tasks = {key: task for key, task in self.tasks.items() if task.command_id}

    def next(self, task: Task, moment: Moment) -> Step | None:
        """What is to be done for a task now; None: wait."""
        step = self._next(task, moment)
        if isinstance(step, Finished):
            del self.tasks[task.key]
        return step

    def _next(self, task: Task, moment: Moment) -> Step | None:
        if moment.is_waiting:
            return None
        to_cancel = [order for order in moment.orders if _is_to_cancel(order, task.cancelled, moment.mono_ns)]
        if to_cancel:
            task.cancelled.update((order.request.client_order_id, moment.mono_ns) for order in to_cancel)
            return CancelFirst(to_cancel)
        if moment.orders:
            return self._give_up(task, moment, "orders are still open") if self._is_late(task, moment) else None
        return self._trade(task, moment)

    def _trade(self, task: Task, moment: Moment) -> Step | None:
        """Nothing can fill any more: what is held decides."""
        self._judge_last_order(task, moment)
        left = moment.held - task.target
        if task.target * left < 0 or left * moment.held <= 0:
            return Finished(task.command_id, is_ok=True, text=f"{task.strategy} holds {moment.held} {task.instrument}")
        quantity = self._tradable(task.instrument, abs(left))
        if not quantity:
            text = f"{task.strategy} holds {moment.held} {task.instrument}: {left} of it is too little to trade"
            return Finished(task.command_id, is_ok=True, text=text)
        if task.attempts >= ATTEMPTS_MAX:
            return self._give_up(task, moment, f"{task.attempts} orders in a row brought nothing")
        if self._is_late(task, moment):
            return self._give_up(task, moment, "it takes too long")
        return Send(self._order(task, moment, quantity)) if moment.mono_ns >= task.retry_ns else None

    def _judge_last_order(self, task: Task, moment: Moment) -> None:
        if not task.order_id:
            return
        if moment.held == task.held:
            task.attempts += 1
            task.retry_ns = moment.mono_ns + RETRY_NS
        else:
            task.attempts = 0
        task.order_id = ""

    def _order(self, task: Task, moment: Moment, quantity: Decimal) -> SubmitOrder:
        self._number += 1
        task.order_id = f"{self._prefix}{self._number}"
        task.held = moment.held
        return SubmitOrder(
            client_order_id=task.order_id,
            strategy=task.strategy,
            epoch=moment.epoch,
            instrument=task.instrument,
            side=Side.SELL if moment.held > 0 else Side.BUY,
            quantity=quantity,
            type=OrderType.MARKET,
            time_in_force=TimeInForce.IOC,
            # A spot venue knows no positions, and refuses a purchase that reduces; there our own gate holds it to that.
            reduce_only=not self._instruments[task.instrument].is_spot,
            ts_created=moment.now_ns,
            valid_for_ms=VALID_FOR_MS,
            caused_by=f"flatten:{task.command_id}",
        )

    def _tradable(self, instrument_id: str, quantity: Decimal) -> Decimal:
        """What of a quantity one order can trade; 0 where it is below the venue's minimum."""
        instrument = self._instruments[instrument_id]
        whole = instrument.round_quantity(quantity)
        if instrument.max_quantity is not None:
            whole = min(whole, instrument.round_quantity(instrument.max_quantity))
        return whole if whole >= instrument.min_quantity else ZERO

    def _is_late(self, task: Task, moment: Moment) -> bool:
        return moment.mono_ns - task.started_ns > PATIENCE_NS

    def _give_up(self, task: Task, moment: Moment, why: str) -> Finished:
        holds = f"{task.strategy} still holds {moment.held} {task.instrument}, not {task.target}"
        return Finished(task.command_id, is_ok=False, text=f"{holds}: {why}; close it by hand")


def _is_to_cancel(order: Order, cancelled: Mapping[str, int], mono_ns: int) -> bool:
    """Whether an order of the strategy's own is to be cancelled: once, or again after a while where it works on."""
    name = order.request.client_order_id
    if name.startswith(FLATTEN_PREFIX) or order.state is OrderState.CANCELLING:
        return False
    if name not in cancelled:
        return True
    is_working = order.state in (OrderState.IN_FLIGHT, OrderState.WORKING)
    return is_working and mono_ns - cancelled[name] >= RETRY_NS
