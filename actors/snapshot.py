"""A strategy as bytes, and back into a fresh one.

Written is what its objects hold, by the structure: plain objects of our packages and of the strategy's own, msgspec
structs, enums, containers, exact numbers, each once, however often it is referred to. No code is written: classes,
functions and what the fresh strategy has anyhow are named, and found there again. Whatever cannot be written so is an
error that names the path to it; nothing is left out in silence.
"""

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Collection, Iterable
from decimal import Decimal
from enum import Enum
from importlib import import_module
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MethodType
from typing import Any, Final, Protocol

import msgspec

from actors.strategies.parameters import attribute_names
from messages.base import Message
from messages.codec import encode

FORMAT: Final = 1
NODES_MAX: Final = 1_000_000
"""Objects of one snapshot; each costs about a microsecond and thirty bytes."""
PACKAGES: Final = frozenset({"actors", "messages"})
_FACTORIES: Final = {kind.__name__: kind for kind in (list, dict, set, int, float, str, deque, Decimal, OrderedDict)}
_ATOMS: Final = frozenset({type(None), bool, float, str, bytes})
_UNREADABLE: Final = (
    msgspec.MsgspecError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, ImportError,
    RecursionError,
)  # fmt: skip
"""What may come of bytes that nobody has checked; a snapshot file has its checksum."""

_INT_MIN, _INT_MAX = -(2**63), 2**64 - 1
_BUILT_IN: Final = (str, bytes, int, float, complex, list, tuple, dict, set, frozenset, deque, BaseException, type)


class SnapshotError(Exception):
    """A strategy cannot be written, or bytes are none; says which part of it, and why."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
        self.path: list[str] = []

    def __str__(self) -> str:
        return f"{''.join(reversed(self.path)).lstrip('.') or 'the strategy'}: {self.why}"


class Written(msgspec.Struct, frozen=True, array_like=True):
    """:param classes: `module:name` of every class that is referred to.

    :param nodes: [tag, ...]; the first is the strategy. A value is itself (an atom), or [number of its node].
    """

    format: int
    classes: list[str]
    nodes: list[list[Any]]


class Restorable(Protocol):
    """What an object may have: it is called once the object is whole again."""

    def after_restore(self) -> None: ...


def dump(strategy: Any) -> bytes:
    """Write a strategy.

    :raises SnapshotError: it holds something that cannot be written; says where.
    """
    writer = _Writer(packages_of(type(strategy)))
    writer.value(strategy)
    return msgspec.msgpack.encode(Written(FORMAT, list(writer.classes), writer.nodes))


def restore(data: bytes, fresh: Any) -> None:
    """Bring a fresh strategy of the same class to where the written one was; other objects of it are made anew.

    :raises SnapshotError: these bytes are no strategy of this class; the fresh one is unchanged.
    """
    try:
        written = msgspec.msgpack.decode(data, type=Written)
        if written.format != FORMAT:
            raise SnapshotError(f"it is of format {written.format}, expected {FORMAT}")
        _Reader(written, fresh).restore()
    except _UNREADABLE as error:
        raise SnapshotError(f"it cannot be read: {error!r}") from error


def packages_of(kind: type) -> frozenset[str]:
    """The packages whose classes a snapshot of a strategy may name: ours, and its own."""
    return PACKAGES | {kind.__module__.partition(".")[0]}


def skipped_of(kind: type) -> frozenset[str]:
    """Attributes that follow from the class and the rest, named by `not_in_snapshot` of its bases."""
    return frozenset(name for base in kind.__mro__ for name in base.__dict__.get("not_in_snapshot", ()))


# --- writing ---------------------------------------------------------------------------------------------------------


class _Writer:
    def __init__(self, packages: frozenset[str]) -> None:
        self.classes: dict[str, int] = {}
        self.nodes: list[list[Any]] = []
        self._packages = packages
        self._numbers: dict[int, int] = {}
        self._decimals: dict[str, int] = {}
        self._kept: list[Any] = []  # a bound method that is looked up anew each time would lose its id
        self._by_kind: dict[type, Callable[[Any], list[Any]]] = {
            int: lambda value: ["I", str(value)],
            list: lambda value: ["L", self._items(value)],
            tuple: lambda value: ["U", self._items(value)],
            set: lambda value: ["S", self._items(_in_order(value))],
            frozenset: lambda value: ["Z", self._items(_in_order(value))],
            dict: lambda value: ["M", self._pairs(value)],
            OrderedDict: lambda value: ["O", self._pairs(value)],
            defaultdict: lambda value: ["G", self.value(value.default_factory), self._pairs(value)],
            deque: lambda value: ["Q", value.maxlen, self._items(value)],
            FunctionType: self._function,
            MethodType: lambda value: ["B", self.value(value.__self__), value.__name__],
            BuiltinFunctionType: lambda _value: ["P"],
            MappingProxyType: lambda _value: ["P"],
        }

    def value(self, value: Any) -> Any:
        kind = type(value)
        if kind in _ATOMS or (kind is int and _INT_MIN <= value <= _INT_MAX):
            return value
        if kind is Decimal:
            return self._decimal(value)
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self.nodes)
            if number >= NODES_MAX:
                raise SnapshotError(f"there are more than {NODES_MAX} parts")
            self._kept.append(value)
            self.nodes.append([])
            write = self._by_kind.get(kind) or self._writer_of(kind, value)
            self.nodes[number] = write(value)
        return [number]

    def _decimal(self, value: Decimal) -> Any:
        """Once for each that reads the same: nobody asks which of two equal numbers it is."""
        text = str(value)
        number = self._decimals.get(text)
        if number is None:
            number = self._decimals[text] = len(self.nodes)
            self.nodes.append(["D", text])
        return [number]

    def _items(self, values: Collection[Any]) -> list[Any]:
        if _ATOMS.issuperset(map(type, values)):
            return list(values)
        found = []
        for value in values:
            if type(value) in _ATOMS:
                found.append(value)
                continue
            try:
                found.append(self.value(value))
            except SnapshotError as error:
                error.path.append(f"[{len(found)}]")
                raise
        return found

    def _pairs(self, values: dict[Any, Any]) -> list[Any]:
        found: list[Any] = []
        for key, value in values.items():
            try:
                found += (self.value(key), self.value(value))
            except SnapshotError as error:
                error.path.append(f"[{key!r:.80}]")
                raise
        return found

    def _named(self, value: Any, names: Iterable[str]) -> list[Any]:
        found = []
        for name in names:
            try:
                found.append(self.value(getattr(value, name)))
            except SnapshotError as error:
                error.path.append(f".{name}")
                raise
        return found

    def _writer_of(self, kind: type, value: Any) -> Callable[[Any], list[Any]]:
        """How values of a class are written; looked up once for each class."""
        write = self._make_writer(kind, value)
        self._by_kind[kind] = write
        return write

    def _make_writer(self, kind: type, value: Any) -> Callable[[Any], list[Any]]:
        if isinstance(value, Enum):
            number = self._class(kind)
            return lambda value: ["E", number, value.name]
        if isinstance(value, type):
            return lambda value: ["T", self._class(value)]
        number = self._class(kind)
        if isinstance(value, Message):
            return lambda value: ["W", number, encode(value)]
        if isinstance(value, msgspec.Struct):
            fields = kind.__struct_fields__  # type: ignore[attr-defined]  # a struct has them
            return lambda value: ["K", number, self._named(value, fields)]
        if isinstance(value, tuple) and hasattr(kind, "_fields"):
            return lambda value: ["N", number, self._items(value)]
        if isinstance(value, _BUILT_IN):
            raise SnapshotError(f"it is a {kind.__name__}, which keeps more than its attributes")
        skipped = skipped_of(kind)

        def write(value: Any) -> list[Any]:
            names = sorted(name for name in attribute_names(value) if name not in skipped)
            return ["C", number, names, self._named(value, names)]

        return write

    def _function(self, function: FunctionType) -> list[Any]:
        """A function of a module is named; any other has to be found where it is, in the fresh strategy."""
        if function.__module__.partition(".")[0] in self._packages and "<" not in function.__qualname__:
            return ["F", f"{function.__module__}:{function.__qualname__}"]
        return ["P"]

    def _class(self, kind: type) -> int:
        if kind.__name__ in _FACTORIES and _FACTORIES[kind.__name__] is kind:
            return self.classes.setdefault(f":{kind.__name__}", len(self.classes))
        if kind.__module__.partition(".")[0] not in self._packages or "<" in kind.__qualname__:
            raise SnapshotError(f"it is a {kind.__module__}.{kind.__qualname__}, which is no class of ours")
        return self.classes.setdefault(f"{kind.__module__}:{kind.__qualname__}", len(self.classes))


def _in_order(values: Iterable[Any]) -> list[Any]:
    """The members of a set, in an order that does not depend on the run."""
    return sorted(values, key=lambda value: (type(value).__name__, str(value)))


# --- reading ---------------------------------------------------------------------------------------------------------


class _Building:
    """Stands for what is just being made."""


class _Reader:
    def __init__(self, written: Written, fresh: Any) -> None:
        self._nodes = written.nodes
        self._fresh = fresh
        packages = packages_of(type(fresh))
        self._classes = [_found(name, packages) for name in written.classes]
        self._packages = packages
        self._made: list[Any] = [None] * len(self._nodes)
        self._is_made = bytearray(len(self._nodes))
        self._decoders: dict[type, Any] = {}
        self._whole: list[Any] = []
        self._steps: list[tuple[str, Any]] = []
        self._makers: dict[str, Callable[[list[Any], int], Any]] = {
            "D": lambda node, _: Decimal(node[1]),
            "I": lambda node, _: int(node[1]),
            "L": self._list,
            "U": lambda node, _: tuple(self._items(node[1])),
            "S": lambda node, _: set(self._items(node[1])),
            "Z": lambda node, _: frozenset(self._items(node[1])),
            "M": lambda node, number: self._mapping(self._keep(number, {}), node[1]),
            "O": lambda node, number: self._mapping(self._keep(number, OrderedDict()), node[1]),
            "G": lambda node, number: self._mapping(self._keep(number, defaultdict(self._value(node[1]))), node[2]),
            "Q": self._deque,
            "F": lambda node, _: _found(node[1], self._packages),
            "B": lambda node, _: getattr(self._value(node[1]), node[2]),
            "P": lambda _node, _number: self._in_the_fresh(),
            "E": lambda node, _: self._classes[node[1]][node[2]],
            "T": lambda node, _: self._classes[node[1]],
            "W": self._message,
            "K": self._struct,
            "N": lambda node, _: self._classes[node[1]]._make(self._items(node[2])),
            "C": self._object,
        }

    def restore(self) -> None:
        tag, number, names, values = self._nodes[0]
        if tag != "C" or self._classes[number] is not type(self._fresh):
            raise SnapshotError(f"it is no {type(self._fresh).__name__}")
        self._keep(0, self._fresh)
        attributes = self._attributes(names, values)
        skipped = skipped_of(type(self._fresh))
        for name in attribute_names(self._fresh):
            if name not in skipped and name not in attributes:
                delattr(self._fresh, name)
        for name, value in attributes.items():
            object.__setattr__(self._fresh, name, value)
        for whole in (*self._whole, self._fresh):
            if hasattr(whole, "after_restore"):
                whole.after_restore()

    def _value(self, value: Any) -> Any:
        if type(value) is not list:
            return value
        (number,) = value
        if self._is_made[number]:
            made = self._made[number]
            if made is _Building:
                raise SnapshotError("a part that cannot change contains itself")
            return made
        self._keep(number, _Building)
        node = self._nodes[number]
        return self._keep(number, self._makers[node[0]](node, number))

    def _keep(self, number: int, made: Any) -> Any:
        self._made[number] = made
        self._is_made[number] = 1
        return made

    def _items(self, values: list[Any]) -> list[Any]:
        found = []
        for index, value in enumerate(values):
            if type(value) is not list:
                found.append(value)
                continue
            self._steps.append(("item", index))
            found.append(self._value(value))
            self._steps.pop()
        return found

    def _list(self, node: list[Any], number: int) -> Any:
        made = self._keep(number, [])
        made += self._items(node[1])
        return made

    def _deque(self, node: list[Any], number: int) -> Any:
        made = self._keep(number, deque(maxlen=node[1]))
        made.extend(self._items(node[2]))
        return made

    def _mapping(self, made: Any, pairs: list[Any]) -> Any:
        for position in range(0, len(pairs), 2):
            key = self._value(pairs[position])
            self._steps.append(("item", key))
            made[key] = self._value(pairs[position + 1])
            self._steps.pop()
        return made

    def _attributes(self, names: list[str], values: list[Any]) -> dict[str, Any]:
        found = {}
        for name, value in zip(names, values, strict=True):
            self._steps.append(("attribute", name))
            found[name] = self._value(value)
            self._steps.pop()
        return found

    def _message(self, node: list[Any], _number: int) -> Any:
        kind = self._classes[node[1]]
        decoder = self._decoders.get(kind)
        if decoder is None:
            decoder = self._decoders[kind] = msgspec.msgpack.Decoder(kind).decode
        return decoder(node[2])

    def _struct(self, node: list[Any], _number: int) -> Any:
        kind = self._classes[node[1]]
        return kind(**self._attributes(kind.__struct_fields__, node[2]))

    def _object(self, node: list[Any], number: int) -> Any:
        kind = self._classes[node[1]]
        made = self._keep(number, object.__new__(kind))
        for name, value in self._attributes(node[2], node[3]).items():
            object.__setattr__(made, name, value)
        self._whole.append(made)
        return made

    def _in_the_fresh(self) -> Any:
        """What the fresh strategy has at the place where this was found."""
        found = self._fresh
        for how, name in self._steps:
            found = found[name] if how == "item" else getattr(found, name)
        return found


def _found(name: str, packages: frozenset[str]) -> Any:
    """A class or a function by its `module:name`."""
    module, _, path = name.partition(":")
    if not module:
        return _FACTORIES[path]
    if module.partition(".")[0] not in packages:
        raise SnapshotError(f"{name} is none of our classes")
    found = import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found
