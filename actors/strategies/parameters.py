"""Changing the parameters of a strategy while it runs.

Much follows from parameters when a strategy is made: thresholds in other units, terms of its parts, limits. None of it
can be forgotten, because nobody has to name it: two fresh strategies are made, by the old and by the new parameters,
and wherever these two differ, the running one takes the value of the new one. What it has learned and what it holds
does not differ between fresh strategies, so that it stays.
"""

from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MethodType
from typing import Any, Final

import msgspec

from actors.strategies.strategy_error import ParameterError

Steps = tuple[tuple[str, Any], ...]
"""From a strategy to a value: ("attribute", name) or ("item", key)."""

_PLAIN: Final = (type(None), bool, int, float, str, bytes, Decimal, Enum, type, FunctionType, BuiltinFunctionType)


def decode_parameters(kind: Any, text: str) -> Any:
    """All parameters of a kind, as JSON.

    :raises ParameterError: the text is no such JSON.
    """
    try:
        return msgspec.json.decode(text, type=kind.parameters_type)
    except (msgspec.MsgspecError, ValueError, ArithmeticError) as error:
        raise ParameterError(f"parameters of {kind.kind}: {error}") from error


def change_faults(strategy: Any, text: str) -> list[str]:
    """Why these parameters (all of them, as JSON) cannot replace those of a running strategy; one sentence each."""
    try:
        parameters = decode_parameters(type(strategy), text)
    except ParameterError as error:
        return [str(error)]
    faults = [
        f"{name} cannot be changed while {strategy.strategy_id} runs; expected {getattr(strategy.parameters, name)!r}, "
        "or a restart with the new value"
        for name in changed_names(strategy.parameters, parameters)
        if name not in strategy.live_parameters
    ]
    faults = faults or list(type(strategy).check(parameters, strategy.instruments))
    if faults:
        return faults
    try:
        for steps, _ in derived_changes(strategy, parameters):
            _holder_of(strategy, steps)
    except ParameterError as error:
        return [str(error)]
    return []


def changed_names(before: Any, after: Any) -> list[str]:
    """Names of the parameters that differ."""
    return [name for name in after.__struct_fields__ if getattr(before, name) != getattr(after, name)]


def change_parameters(strategy: Any, parameters: Any) -> None:
    """Give a running strategy these parameters, and all that follows from them.

    :raises ParameterError: something of another shape would follow; nothing has changed.
    """
    changes = [
        (_holder_of(strategy, steps), steps[-1], value) for steps, value in derived_changes(strategy, parameters)
    ]
    for holder, (how, name), value in changes:
        if how == "item":
            holder[name] = value
        else:
            setattr(holder, name, value)


def derived_changes(strategy: Any, parameters: Any) -> list[tuple[Steps, Any]]:
    """Where a strategy made by these parameters differs from one made by its own, and what is there then.

    :raises ParameterError: they do not make a strategy, or one of another shape.
    """
    kind, name, instruments = type(strategy), strategy.strategy_id, strategy.instruments
    before, after = kind(name, instruments, strategy.parameters), kind(name, instruments, parameters)
    return list(_Comparison().compare(before, after, ()))


class _Comparison:
    """Walks two object graphs in step."""

    def __init__(self) -> None:
        self._met: dict[int, int] = {}
        self._kept: list[Any] = []  # what was met must live on, or its id would be another's

    def compare(self, before: Any, after: Any, steps: Steps) -> Iterator[tuple[Steps, Any]]:
        if before is after:
            return
        if is_plain(before) and is_plain(after):
            if type(before) is not type(after) or before != after:
                yield steps, after
            return
        if type(before) is not type(after):
            raise _other_shape(steps, f"it is a {type(before).__name__} and would be a {type(after).__name__}")
        if isinstance(before, MethodType):
            if before.__func__ is not after.__func__:
                raise _other_shape(steps, "it is another method")
            return
        known = self._met.get(id(before))
        if known is not None:
            if known != id(after):
                raise _other_shape(steps, "it is another one of its parts")
            return
        self._met[id(before)] = id(after)
        self._kept += (before, after)
        for step in _steps_of(before, after, steps):
            yield from self.compare(_at(before, step), _at(after, step), (*steps, step))


def is_plain(value: Any) -> bool:
    """Whether a value has no identity: whoever holds an equal one holds the same."""
    if isinstance(value, _PLAIN):
        return True
    if isinstance(value, tuple | frozenset):
        return all(is_plain(item) for item in value)
    if isinstance(value, msgspec.Struct) and value.__struct_config__.frozen:
        return all(_is_plain_within(getattr(value, name)) for name in value.__struct_fields__)
    return isinstance(value, MappingProxyType)  # a view of a constant


def _is_plain_within(value: Any) -> bool:
    """Whether a part of a frozen struct has no identity; nobody changes a dict that is one."""
    if isinstance(value, dict):
        return all(is_plain(key) and is_plain(item) for key, item in value.items())
    return is_plain(value)


def _steps_of(before: Any, after: Any, steps: Steps) -> list[tuple[str, Any]]:
    """Where to look next; both must have the same places."""
    if isinstance(before, dict):
        if before.keys() != after.keys():
            raise _other_shape(steps, f"it has {len(before)} entries and would have {len(after)}")
        return [("item", key) for key in before]
    if isinstance(before, set):
        if before != after:
            raise _other_shape(steps, "it is another set")
        return []
    if isinstance(before, list | tuple | deque):
        is_bounded_anew = getattr(before, "maxlen", None) != getattr(after, "maxlen", None)
        if len(before) != len(after) or is_bounded_anew:
            raise _other_shape(steps, f"it has {len(before)} entries and would have {len(after)}, or another bound")
        return [("item", number) for number in range(len(before))]
    names = attribute_names(before)
    if names != attribute_names(after):
        raise _other_shape(steps, "it has other attributes")
    return [("attribute", name) for name in names]


def attribute_names(value: Any) -> list[str]:
    """Names of everything that an object keeps: fields of a struct, slots that are set, attributes."""
    if isinstance(value, msgspec.Struct):
        return list(value.__struct_fields__)
    slots = [
        name
        for kind in reversed(type(value).__mro__)
        for name in _slots(kind)
        if name not in ("__dict__", "__weakref__") and hasattr(value, name)
    ]
    return [*slots, *getattr(value, "__dict__", ())]


def _slots(kind: type) -> tuple[str, ...]:
    slots = kind.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _at(value: Any, step: tuple[str, Any]) -> Any:
    how, name = step
    return value[name] if how == "item" else getattr(value, name)


def _holder_of(strategy: Any, steps: Steps) -> Any:
    """What holds the value at the end of these steps, in a strategy that has lived.

    :raises ParameterError: there is no such place in it any more, or it cannot be changed there.
    """
    holder = strategy
    try:
        for step in steps[:-1]:
            holder = _at(holder, step)
        _at(holder, steps[-1])
    except (AttributeError, LookupError, TypeError) as error:
        raise _other_shape(steps, f"the running strategy has no such part ({error})") from error
    if isinstance(holder, tuple | frozenset) or (
        isinstance(holder, msgspec.Struct) and holder.__struct_config__.frozen
    ):
        raise _other_shape(steps, "it is part of something that cannot be changed")
    return holder


def _other_shape(steps: Steps, why: str) -> ParameterError:
    path = "".join(f".{name}" if how == "attribute" else f"[{name!r}]" for how, name in steps)
    return ParameterError(f"{path.lstrip('.')} cannot be changed in a running strategy: {why}; restart it instead")
