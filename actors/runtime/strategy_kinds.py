"""Every kind of strategy that can be used here: those that are built in, and those that installed distributions offer.

A distribution offers a kind by an entry point of the group `openoutcry.strategies`: its name is the kind, its value
`module:Class`. Foreign code is imported only when its kind is asked for; what is wrong with it concerns no other kind.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, Final

import msgspec

from actors.strategies import registry
from actors.strategies.strategy import INPUTS, Strategy, StrategyError

GROUP: Final = "openoutcry.strategies"
KIND_LENGTH_MAX: Final = 32
KIND_PATTERN: Final = re.compile(rf"[a-z](?:[a-z0-9-]{{0,{KIND_LENGTH_MAX - 2}}}[a-z0-9])?")
KIND_RULE: Final = f"1 to {KIND_LENGTH_MAX} small letters, digits and -, opening with a letter and not ending with -"
BUILT_IN: Final = "built in"
ROWS_SHOWN_MAX: Final = 3


class BrokenKind(StrategyError):
    """An installed distribution offers this kind, but it cannot be used; says why, and what to do."""


class Offer(msgspec.Struct, frozen=True):
    """An entry point.

    :param target: `module:Class`.
    :param distribution: name and version.
    """

    kind: str
    target: str
    distribution: str


class StrategyKinds(Mapping[str, type[Strategy[Any]]]):
    """Strategy classes by kind.

    :param built_in: the kinds of the registry; their names are taken.
    :param offers: of installed distributions.
    """

    def __init__(self, built_in: Mapping[str, type[Strategy[Any]]], offers: Sequence[Offer]) -> None:
        self._built_in = built_in
        self._offers: dict[str, list[Offer]] = {}
        for offer in offers:
            self._offers.setdefault(offer.kind, []).append(offer)

    def __getitem__(self, kind: str) -> type[Strategy[Any]]:
        """The class of a kind, imported now.

        :raises UnknownKind: nobody offers it.
        :raises BrokenKind: what is offered cannot be used, or more than one class is.
        """
        offers = self._offers.get(kind, [])
        if not offers:
            if kind not in self._built_in:
                raise registry.unknown_kind(kind, self)
            return self._built_in[kind]
        names = ", ".join(offer.distribution for offer in offers)
        if kind in self._built_in:
            raise BrokenKind(f'kind "{kind}" is built in, and {names} offers it too; uninstall that or rename its kind')
        if len(offers) > 1:
            raise BrokenKind(f'kind "{kind}" is offered by {names}; uninstall all but one')
        return load(offers[0])

    def __contains__(self, kind: object) -> bool:
        return kind in self._built_in or kind in self._offers

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._built_in, *self._offers)))

    def __len__(self) -> int:
        return len(self._built_in.keys() | self._offers.keys())

    def origin(self, kind: str) -> str:
        """Where a kind comes from: `built in`, or the distributions that offer it."""
        origins = [BUILT_IN] if kind in self._built_in else []
        return ", ".join([*origins, *(offer.distribution for offer in self._offers.get(kind, []))])


def strategy_kinds() -> StrategyKinds:
    """All kinds, as installed now."""
    return StrategyKinds(registry.KINDS, installed_offers())


def strategy_class(kind: str) -> type[Strategy[Any]]:
    """The class of a kind. One that is built in needs no look at what is installed, and nothing can take its place.

    :raises UnknownKind: naming the nearest kind and all of them.
    :raises BrokenKind: it is offered by a distribution, but cannot be used.
    """
    if kind in registry.KINDS:
        return registry.KINDS[kind]
    return strategy_kinds()[kind]


def installed_offers() -> tuple[Offer, ...]:
    """What the distributions on the import path offer, by kind and distribution."""
    from importlib.metadata import entry_points  # noqa: PLC0415  # a host of a built-in kind does without its 20 ms

    offers = [
        Offer(point.name, point.value, f"{point.dist.name} {point.dist.version}" if point.dist else "an unnamed one")
        for point in entry_points(group=GROUP)
    ]
    return tuple(sorted(offers, key=lambda offer: (offer.kind, offer.distribution)))


def load(offer: Offer) -> type[Strategy[Any]]:
    """Import an offered class, and see whether a host could run it.

    :raises BrokenKind: with the distribution, the cause, and what to do.
    """
    try:
        found = _imported(offer.target)
    except (Exception, SystemExit) as error:  # foreign code: whatever it raises concerns this kind alone
        raise _broken(offer, f"{type(error).__name__}: {error}") from error
    fault = next(_faults(offer.kind, found), None)
    if fault is not None:
        raise _broken(offer, fault)
    checked: type[Strategy[Any]] = found
    return checked


def _imported(target: str) -> Any:
    module, _, path = target.partition("[")[0].strip().partition(":")
    found: Any = import_module(module.strip())
    for name in path.strip().split("."):
        found = getattr(found, name)
    return found


def _broken(offer: Offer, cause: str) -> BrokenKind:
    return BrokenKind(
        f'kind "{offer.kind}" of {offer.distribution} ({offer.target}) cannot be used: {cause}; correct or uninstall it'
    )


def _faults(kind: str, found: Any) -> Iterator[str]:
    """Why no host could run a class, the first cause first."""
    if not KIND_PATTERN.fullmatch(kind):
        yield f"its entry point is no name of a kind; expected {KIND_RULE}"
    if not (isinstance(found, type) and issubclass(found, Strategy)):
        yield "it is not a subclass of actors.strategies.strategy.Strategy"
        return
    named = getattr(found, "kind", None)
    if named != kind:
        yield f"its class names the kind {named!r}; entry point and class must agree"
    parameters = getattr(found, "parameters_type", None)
    if not (isinstance(parameters, type) and issubclass(parameters, msgspec.Struct)):
        yield "its parameters_type is not a msgspec.Struct"
    else:
        try:
            msgspec.inspect.type_info(parameters)
        except (TypeError, NameError) as error:
            yield f"its parameters cannot be decoded: {error}"
    yield from _table_faults(found)


def _table_faults(found: type[Strategy[Any]]) -> Iterator[str]:
    transitions = getattr(found, "transitions", None)
    if transitions is None:
        yield "it has no transition table"
        return
    missing = [
        f"{message.__name__} while {state.name}"
        for state, rows in transitions.items()
        for message in INPUTS
        if message not in rows
    ]
    if missing:
        more = f", and {len(missing) - ROWS_SHOWN_MAX} more" if len(missing) > ROWS_SHOWN_MAX else ""
        yield f"its transition table has no row for {', '.join(missing[:ROWS_SHOWN_MAX])}{more}"
