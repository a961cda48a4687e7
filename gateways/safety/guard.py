"""What a gateway does by itself for the safety of its account: halting, trading states, strategies that are silent.

It decides by the pure parts that it holds (`trading_states`, `liveness`), and acts through the order desk; it has
no sockets. It tightens at anybody's word and loosens at the supervisor's only.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from threading import Thread
from time import time_ns
from typing import Final, NamedTuple

import structlog

from gateways.order_desk import OrderDesk
from gateways.safety import halt_latch
from gateways.safety.flattener import CancelFirst, Finished, Flattener, Moment, Send, Task, flatten_prefix
from gateways.safety.halt_latch import HaltNote, LatchStamp
from gateways.safety.halt_reason import as_reason
from gateways.safety.liveness import Liveness
from gateways.spec import GatewaySpec
from messages.codec import encode
from messages.order_lifecycle import OrderState
from messages.orders import is_forced
from messages.risk import DeathPolicy, Lease, SetTradingState, TradingState
from messages.to_child import FlattenPosition

HALTED: Final = "halt"
SILENT: Final = "silent"
TRADING_STATE: Final = "trading-state"
FLATTENING: Final = "flatten"
ZERO: Final = Decimal(0)
HELLO_GRACE_NS: Final = 5_000_000_000
"""From the start of a gateway until a strategy whose orders it finds must have said hello."""
DEATH_GRACE_NS: Final = 5_000_000_000
"""From the silence of a strategy until its position is closed without the supervisor, which may be back before."""
BEGIN_AGAIN_NS: Final = 30_000_000_000
"""A position that could not be closed is tried again so much later, as long as the reason stands."""
_CANCELLABLE: Final = (OrderState.IN_FLIGHT, OrderState.WORKING)
"""Of one whose cancel is under way, or whose state is not known, the venue is asked."""
SILENT_HEARTBEATS_MIN: Final = 4
"""A strategy is not silent before it has missed so many heartbeats, however short a lease lasts."""

LOSSLESS_SILENCE_MS: Final = 10_000
"""Where the market waits for its slowest reader: a run of recorded data on a busy machine is to come out the same."""

log = structlog.get_logger()


class Ties(NamedTuple):
    """What a guard is connected to.

    :ivar alert: tells the supervisor something that a person should see.
    :ivar finish: answers a command: its id, a text, and whether it was done.
    :ivar now_ns: market time.
    :ivar is_supervised: whether the supervisor has been heard lately, at this monotonic time.
    :ivar last_flatten: number of the last order of the gateway's own.
    """

    alert: Callable[[str], None]
    finish: Callable[[str, str, bool], None]
    now_ns: Callable[[], int]
    is_supervised: Callable[[int], bool]
    last_flatten: int


class Guard:
    """:ivar is_flattening: the halt closes every position, too."""

    def __init__(self, spec: GatewaySpec, desk: OrderDesk, ties: Ties) -> None:
        silence_ms = max(
            spec.lease_ttl_ms,
            SILENT_HEARTBEATS_MIN * spec.heartbeat_interval_ms,
            LOSSLESS_SILENCE_MS if spec.is_lossless else 0,
        )
        self.states = desk.gate.states
        self._silence_ms = silence_ms
        self.liveness = Liveness(silence_ms, spec.heartbeat_interval_ms)
        self.is_flattening = False
        self._process = spec.process
        self._desk = desk
        self._alert, self._finish = ties.alert, ties.finish
        self._now_ns, self._is_supervised = ties.now_ns, ties.is_supervised
        self._policies = dict(spec.death_policies)
        self._has_begun = False
        self._silent_since_ns: dict[str, int] = {}
        self._begin_again_ns: dict[tuple[str, str], int] = {}
        prefix = flatten_prefix(spec.order_prefix, spec.venue)
        instruments = {instrument.id: instrument for instrument in spec.instruments}
        self.flattener = Flattener(instruments, prefix, ties.last_flatten)
        self._latch = Path(spec.halt_file) if spec.halt_file else None
        self._latch_seen: LatchStamp | None = None
        note = halt_latch.read(self._latch) if self._latch is not None else None
        if note is not None:  # what still works is asked about at login, and cancelled then
            self._stand_still(note.reason, is_flattening=note.is_flattening, by=note.by)
            self._alert(f"{self._process} starts halted, by {note.by}: {note.reason}")

    @property
    def is_halted(self) -> bool:
        return self.states.halt_reason is not None

    # --- the kill switch ----------------------------------------------------------------------------------------

    def halt(self, reason: str, *, is_flattening: bool, by: str) -> None:
        """Deny every new order from this moment, cancel all that work, and set the latch for those who come later."""
        reason = as_reason(reason)
        self._stand_still(reason, is_flattening=is_flattening, by=by)
        try:
            self._desk.withdraw_waiting(HALTED)
            self._desk.cancel_orders(self._desk.records.open_orders(), HALTED)
        finally:  # whatever becomes of the cancels, the next process must not trade
            self._set_latch(HaltNote(reason=reason, at_ns=time_ns(), by=by, is_flattening=is_flattening))

    def halt_unasked(self, reason: str, *, is_flattening: bool, by: str) -> None:
        """The same at the word of somebody else than the supervisor, which is told."""
        self.halt(reason, is_flattening=is_flattening, by=by)
        self._alert(f"{self._process} was halted past the supervisor, by {by}: {reason}")

    def _stand_still(self, reason: str, *, is_flattening: bool, by: str) -> None:
        self.states.halt_reason = reason
        self.is_flattening = self.is_flattening or is_flattening
        log.warning("halted", process=self._process, reason=reason, by=by, is_flattening=is_flattening)

    def look_at_latch(self) -> None:
        """Halt where the latch has been set by another; a latch that is gone changes nothing."""
        if self._latch is None:
            return
        found = halt_latch.stamp(self._latch)
        if found is None or found == self._latch_seen:
            return
        self._latch_seen = found
        note = halt_latch.read(self._latch)
        if note is None or (self.is_halted and (self.is_flattening or not note.is_flattening)):
            return
        self.halt_unasked(note.reason, is_flattening=note.is_flattening, by=note.by)

    def unhalt(self) -> str:
        """The supervisor's word that the operator has ended the halt; returns what stands against it, if anything."""
        if self._latch is not None and (note := halt_latch.read(self._latch)) is not None:
            return f"{self._process} stays halted: {self._latch} is set by {note.by}: {note.reason}; remove it first"
        self.states.halt_reason = None
        self.is_flattening = False
        for task in self.flattener.tasks.values():
            if not task.command_id:
                self._desk.forget_waiting(task.order_id)
        self.flattener.forget_unasked()
        self._latch_seen = None
        return ""

    def _set_latch(self, note: HaltNote) -> None:
        if self._latch is None:
            return
        try:
            halt_latch.set_halt(self._latch, note, is_synced=False)
            # In a thread of its own: a disk takes its time, and orders must be denied meanwhile.
            Thread(target=halt_latch.sync, args=(self._latch,), name="halt-sync", daemon=True).start()
        except OSError as error:
            log.error("halt file not written", file=str(self._latch), error=str(error))
            self._alert(f"{self._process} is halted, but {self._latch} cannot be written: {error}; do not restart it")
        self._latch_seen = halt_latch.stamp(self._latch)

    # --- trading states -----------------------------------------------------------------------------------------

    def set_trading_state(self, command: SetTradingState) -> str:
        """Journal and apply a state; HALTED cancels what works. Returns what stands against it: nothing ever stands
        against tightening, loosening needs the journal.
        """
        is_journaled = self._desk.note_trading_state(command)
        if not is_journaled and self.states.loosens(command):
            return f"{self._process} cannot write its journal, so its trading states are not loosened; free the disk"
        self.states.apply(command)
        if command.state is TradingState.HALTED:
            self._desk.withdraw_waiting(TRADING_STATE, command.strategy or None)
            orders = self._desk.records.open_orders(command.strategy or None)
            self._desk.cancel_orders(orders, TRADING_STATE)
        return ""

    # --- flattening ---------------------------------------------------------------------------------------------

    def flatten(self, command: FlattenPosition, mono_ns: int) -> None:
        """Bring a position to a target; answered when it is there, or cannot be brought there."""
        held = self._held(command.strategy, command.instrument)
        log.warning("flattening", strategy=command.strategy, instrument=command.instrument, reason=command.reason)
        id, strategy, instrument = command.command_id, command.strategy, command.instrument
        self._begin(Task(id, strategy, instrument, command.target, command.reason, mono_ns, held), mono_ns)
        self.advance(mono_ns)

    def advance(self, mono_ns: int) -> None:
        """One step of every position that is being closed, as far as the books allow it."""
        for task in list(self.flattener.tasks.values()):
            if not self._desk.is_venue_up:
                task.started_ns = mono_ns  # what cannot be done has no time to lose
                continue
            moment = self._moment(task, mono_ns)
            step = self.flattener.next(task, moment)
            if isinstance(step, CancelFirst):
                self._desk.withdraw_waiting(FLATTENING, task.strategy)
                self._desk.cancel_orders(step.orders, FLATTENING)
            elif isinstance(step, Send):
                self._desk.submit(step.order, encode(step.order))
            elif isinstance(step, Finished):
                if not step.is_ok or moment.held:
                    self._begin_again_ns[task.key] = mono_ns + BEGIN_AGAIN_NS
                self._end(step)

    def _moment(self, task: Task, mono_ns: int) -> Moment:
        open_orders = self._desk.records.open_orders(task.strategy)
        orders = [order for order in open_orders if order.request.instrument == task.instrument]
        held, epoch = self._held(task.strategy, task.instrument), self._desk.gate.epoch(task.strategy)
        is_waiting = bool(task.order_id) and self._desk.is_waiting(task.order_id)
        return Moment(held, orders, epoch, self._now_ns(), mono_ns, is_waiting)

    def _flatten_all(self, why: str, mono_ns: int, strategy: str | None = None) -> None:
        """Close everything that is held: by everybody, or by one strategy. What was given up is begun again later."""
        for owner, sizes in self._desk.records.holdings().items():
            for instrument, held in sizes.items():
                if strategy in (None, owner) and self._may_begin((owner, instrument), mono_ns):
                    self._begin(Task("", owner, instrument, ZERO, why, mono_ns, held), mono_ns)

    def _may_begin(self, key: tuple[str, str], mono_ns: int) -> bool:
        return key not in self.flattener.tasks and mono_ns >= self._begin_again_ns.get(key, 0)

    def _begin(self, task: Task, mono_ns: int) -> None:
        earlier = self.flattener.tasks.get(task.key)
        if earlier is not None and earlier.command_id != task.command_id:
            self._desk.forget_waiting(earlier.order_id)
        self._desk.withdraw_waiting(FLATTENING, task.strategy)
        end = self.flattener.begin(task)
        if end is not None:
            self._begin_again_ns[task.key] = mono_ns + BEGIN_AGAIN_NS
            self._end(end)

    def _end(self, end: Finished) -> None:
        log.warning("flattened" if end.is_ok else "not flattened", process=self._process, text=end.text)
        if not end.is_ok:
            self._alert(f"{self._process}: {end.text}")
        if end.command_id:
            self._finish(end.command_id, end.text, end.is_ok)

    def _held(self, strategy: str, instrument: str) -> Decimal:
        return self._desk.records.positions(strategy).get(instrument, ZERO)

    # --- silence ------------------------------------------------------------------------------------------------

    def heard(self, strategy: str, mono_ns: int) -> None:
        """The serving incarnation of a strategy has spoken."""
        if self.liveness.heard(strategy, mono_ns):
            self.states.heard(strategy)
            log.info("strategy speaks again", strategy=strategy)

    def note_policies(self, leases: Iterable[Lease]) -> None:
        """Remember what is to be done with the positions of strategies, those included that run only since lately.

        A strategy that has no lease any more keeps its policy: it may have died.
        """
        self._policies |= {lease.strategy: lease.on_death for lease in leases if lease.on_death is not None}

    def fenced(self, strategy: str) -> None:
        """The supervisor has dealt with the end of a strategy: it is not waited for."""
        self.liveness.forget(strategy)
        self.states.heard(strategy)

    def _on_silence(self, strategy: str, mono_ns: int) -> None:
        self.states.silenced(strategy)
        self._desk.withdraw_waiting(SILENT, strategy)
        self._silent_since_ns[strategy] = mono_ns
        orders = self._desk.records.open_orders(strategy)
        self._desk.cancel_orders(orders, SILENT)
        text = (
            f"{self._process} has not heard of {strategy} for {self._silence_ms} ms: {len(orders)} of its orders are "
            "cancelled, and it may only reduce until it speaks"
        )
        if orders or self._desk.records.positions(strategy):
            self._alert(text)
        else:
            log.warning(text)

    def _expect_owners(self, mono_ns: int) -> None:
        """A strategy whose orders were found in the journal is expected to speak, after some time to connect.

        So is one that holds something, as far as there is a policy for its death: else, were the gateway to die with
        it, its position would stay. Of one that the cluster runs no more, nothing is expected.
        """
        records = self._desk.records
        owners = {order.request.strategy for order in records.open_orders()}
        owners |= records.holdings().keys() & self._policies.keys()
        for strategy in owners - self.liveness.expected:
            self.liveness.heard(strategy, mono_ns + HELLO_GRACE_NS)

    def _bury_the_dead(self, mono_ns: int) -> None:
        """Do with the position of a silent strategy as its policy says, where no supervisor is there to do it.

        Only the supervisor sees both legs of a pair, so that `complete` holds the position here.
        """
        if not self.liveness.silent or self._is_supervised(mono_ns):
            return
        for strategy in self.liveness.silent:
            is_due = mono_ns - self._silent_since_ns[strategy] >= DEATH_GRACE_NS
            if is_due and self._policies.get(strategy) is DeathPolicy.FLATTEN:
                self._flatten_all("its strategy is dead, and no supervisor there", mono_ns, strategy)

    # --- at pulses ----------------------------------------------------------------------------------------------

    def on_pulse(self, mono_ns: int) -> None:
        """Look at the latch and at who is silent, and cancel (again) whatever works and should not."""
        self.look_at_latch()
        if not self._has_begun:
            self._has_begun = True
            self._expect_owners(mono_ns)
        for strategy in self.liveness.look(mono_ns):
            self._on_silence(strategy, mono_ns)
        self._bury_the_dead(mono_ns)
        if self.is_flattening:
            self._flatten_all("halt", mono_ns)
        self.advance(mono_ns)
        if self._desk.is_venue_up:
            self._desk.cancel_fenced()
        if self.states.is_unrestricted or not self._desk.is_venue_up:
            return
        for order in self._desk.records.open_orders():
            strategy = order.request.strategy
            if order.state in _CANCELLABLE and not is_forced(order.request.client_order_id):
                cause = self._why_cancel(strategy)
                if cause:
                    self._desk.cancel_orders([order], cause)

    def _why_cancel(self, strategy: str) -> str:
        """Why no order of a strategy should work; empty where they may."""
        if self.is_halted:
            return HALTED
        if strategy in self.liveness.silent:
            return SILENT
        return TRADING_STATE if self.states.of(strategy).state is TradingState.HALTED else ""
