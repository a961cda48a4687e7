"""Running a strategy again from what it was told, and finding the first answer that is another one now.

Pure: the journal is read by whoever calls. One strategy object is told everything; the same answers, to the byte, mean
that code and parameters decide as they did when the journal was written.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from actors.strategies.own_orders import cause_of
from actors.strategies.strategy import Strategy
from messages.codec import encode
from messages.orders import AmendOrder, CancelOrder, SubmitOrder
from messages.strategy_host import StrategyRequest, StrategyStarted

CAUSES_KEPT_MAX: Final = 100_000
CHAIN_LENGTH_MAX: Final = 20

_ANSWER: Final = msgspec.msgpack.Decoder(SubmitOrder | CancelOrder | AmendOrder | StrategyRequest)


class Step(Protocol):
    """One thing that the strategy was told (`actors.runtime.input_journal.JournalStep`)."""

    @property
    def message(self) -> Any: ...

    @property
    def answers(self) -> list[bytes]: ...

    @property
    def has_failed(self) -> bool: ...


class Told(NamedTuple):
    """An input as it was taken: its number in the journal, and the states of the strategy before and behind it."""

    number: int
    message: Any
    before: str
    after: str


class Difference(NamedTuple):
    """Where a replay parts from its journal.

    :param answer: its number within those to this input, from 0; expected or got is None where one has no such answer.
    :param error: what the handler raised now, in place of an answer.
    :param chain: from the first cause to the answer, one line each.
    """

    told: Told
    answer: int
    expected: Any | None
    got: Any | None
    error: str
    chain: tuple[str, ...]


class Replayed(msgspec.Struct):
    """What a replay has seen so far.

    :ivar orders: sent anew; `amendments` and `cancels` of them are counted apart.
    :ivar lost: answers made again that had been lost in the moment of a death.
    """

    inputs: int = 0
    answers: int = 0
    orders: int = 0
    amendments: int = 0
    cancels: int = 0
    lost: int = 0
    difference: Difference | None = None


class Replay:
    """One strategy, told its journal again.

    :ivar order_frames: every order, amendment and cancel, encoded as it was sent; kept where `keep_orders` says so.
    """

    def __init__(self, strategy: Strategy[Any], *, keep_orders: bool = False) -> None:
        self.strategy = strategy
        self.result = Replayed()
        self.causes = Causes()
        self.order_frames: list[bytes] = []
        self._keep_orders = keep_orders
        self._missing: tuple[Told, list[Any], int] | None = None

    def run(self, steps: Iterable[Step]) -> Replayed:
        """Tell all of it, or up to the first difference."""
        for step in steps:
            self.tell(step)
            if self.result.difference is not None:
                return self.result
        self.result.lost += self._take_missing()
        return self.result

    def tell(self, step: Step) -> None:
        """Tell one input, and compare what is answered."""
        if isinstance(step.message, StrategyStarted):
            self.result.lost += self._take_missing()
        elif self._missing is not None:
            told, answers, index = self._missing
            self.result.difference = self._difference(told, index, None, answers[index])
            return
        self.result.inputs += 1
        before = self.strategy.state.name
        try:
            answers = list(self.strategy.on_message(step.message))
        except Exception as error:  # noqa: BLE001  # whatever a handler raises is what the replay is to show
            told = Told(self.result.inputs, step.message, before, self.strategy.state.name)
            if not step.has_failed:
                self.result.difference = self._difference(told, 0, None, None, repr(error))
            return
        told = Told(self.result.inputs, step.message, before, self.strategy.state.name)
        self.causes.note(told, answers)
        self._compare(told, step, answers)

    def _compare(self, told: Told, step: Step, answers: Sequence[Any]) -> None:
        for index, answer in enumerate(answers):
            frame = encode(answer)
            if index >= len(step.answers):
                self._missing = told, list(answers), index
                return
            if frame != step.answers[index]:
                self.result.difference = self._difference(told, index, _ANSWER.decode(step.answers[index]), answer)
                return
            self._count(answer, frame)
        if len(step.answers) > len(answers):
            index = len(answers)
            self.result.difference = self._difference(told, index, _ANSWER.decode(step.answers[index]), None)

    def _count(self, answer: Any, frame: bytes) -> None:
        self.result.answers += 1
        if isinstance(answer, SubmitOrder | CancelOrder | AmendOrder):
            self.result.orders += isinstance(answer, SubmitOrder)
            self.result.amendments += isinstance(answer, AmendOrder)
            self.result.cancels += isinstance(answer, CancelOrder)
            if self._keep_orders:
                self.order_frames.append(frame)

    def _take_missing(self) -> int:
        """Answers that the journal lacks at its end, or before a new incarnation: lost in the moment of a death."""
        if self._missing is None:
            return 0
        _, answers, index = self._missing
        self._missing = None
        return len(answers) - index

    def _difference(self, told: Told, index: int, expected: Any, got: Any, error: str = "") -> Difference:
        chain = self.causes.chain(got if got is not None else expected, told)
        return Difference(told, index, expected, got, error, chain)


class Causes:
    """What led to what: inputs by the id that orders name as their cause, and orders by their own."""

    def __init__(self) -> None:
        self._told: OrderedDict[str, Told] = OrderedDict()
        self._orders: OrderedDict[str, tuple[SubmitOrder, Told]] = OrderedDict()

    def note(self, told: Told, answers: Sequence[Any]) -> None:
        """Remember an input and the orders that it led to; the oldest are forgotten beyond CAUSES_KEPT_MAX."""
        if not answers:
            return
        self._told[cause_of(told.message)] = told
        for answer in answers:
            if isinstance(answer, SubmitOrder):
                self._orders[answer.client_order_id] = answer, told
        for kept in (self._told, self._orders):
            while len(kept) > CAUSES_KEPT_MAX:
                kept.popitem(last=False)

    def order(self, client_order_id: str) -> SubmitOrder | None:
        found = self._orders.get(client_order_id)
        return found[0] if found else None

    def chain_of(self, client_order_id: str) -> tuple[str, ...]:
        """What led to an order that is known, the order itself last; empty where it is not known."""
        found = self._orders.get(client_order_id)
        return self.chain(*found) if found else ()

    def chain(self, answer: Any, told: Told) -> tuple[str, ...]:
        """From the first cause that is known to this answer: tick → decision → order → fill → decision → ..."""
        lines = [] if answer is None else [f"{_noun(answer):<10}{describe(answer)}"]
        while len(lines) < CHAIN_LENGTH_MAX:
            lines += [_decision(told), f"input     #{told.number} {describe(told.message)}"]
            found = self._orders.get(getattr(told.message, "client_order_id", ""))
            if found is None or found[1].number >= told.number:
                break
            order, told = found
            lines.append(f"order     {describe(order)}")
        return tuple(reversed(lines))


def _noun(answer: Any) -> str:
    return "order" if isinstance(answer, SubmitOrder) else "answer"


def _decision(told: Told) -> str:
    moved = told.before if told.before == told.after else f"{told.before} → {told.after}"
    return f"decision  {type(told.message).__name__} while {moved}"


def describe(message: Any) -> str:
    """A message in one line: its type, and the fields that are not at their default."""
    defaults = {field.name: field.default for field in msgspec.structs.fields(message)}
    values = ((name, getattr(message, name)) for name in message.__struct_fields__)
    shown = [f"{name}={_plain(value)}" for name, value in values if value != defaults[name]]
    return f"{type(message).__name__} {' '.join(shown)}".rstrip()


def _plain(value: object) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
