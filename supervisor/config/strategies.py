"""The parameters of strategies: decoded by the type that each kind has for them, and checked by the kind itself."""

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, Protocol

import msgspec

from actors.runtime.strategy_kinds import BrokenKind
from messages.instruments import Instrument
from supervisor.config.check import Draft, check_instrument
from supervisor.config.decoder import FAILED, Decoder, locate
from supervisor.config.mistakes import Mistake, nearest_name, one_of, shown
from supervisor.config.shape import InstrumentConfig


class StrategyKind(Protocol):
    """What a kind of strategy says of its parameters; the strategy classes of the registry do."""

    @property
    def parameters_type(self) -> type[Any]: ...

    def instrument_ids(self, parameters: Any) -> tuple[str, ...]: ...

    def check(self, parameters: Any, instruments: Mapping[str, Instrument]) -> list[str]: ...

    def opening_inventory(self, parameters: Any, /) -> Mapping[str, Decimal]: ...


def decode_parameters(draft: Draft, kinds: Mapping[str, StrategyKind]) -> Iterator[Mistake]:
    """Find what is wrong in the parameters of every strategy.

    What the types say is recorded by the draft's decoder, which also keeps the decoded parameters by their path.
    """
    instruments = _instruments(draft)
    for path, table in draft.tables("strategies"):
        name = table.get("kind")
        if not isinstance(name, str):
            continue  # reported where the table itself was decoded
        if name not in kinds:
            yield Mistake(f"{path}.kind", shown(name), one_of(kinds), nearest_name(name, kinds))
            continue
        try:
            kind = kinds[name]
        except BrokenKind as error:
            yield Mistake(f"{path}.kind", str(error))
            continue
        place = f"{path}.parameters"
        try:
            yield from list(_check_parameters(draft, kind, instruments, (place, table.get("parameters", {}))))
        except Exception as error:  # noqa: BLE001  # a kind's own code; the other strategies are still checked
            yield Mistake(
                place, f'the check of kind "{name}" itself failed: {type(error).__name__}: {error}; tell its author'
            )


def _check_parameters(
    draft: Draft, kind: StrategyKind, instruments: Mapping[str, Instrument], parameters: tuple[str, Any]
) -> Iterator[Mistake]:
    """Find what is wrong in the parameters of one strategy.

    :param parameters: their path, and the table as it was written.
    """
    path, written = parameters
    decoded = draft.decoder.decode(written, kind.parameters_type, path)
    if decoded is FAILED:
        yield from _unknown_instruments(draft, _decoded_names(kind, written), written, path)
        return
    names = kind.instrument_ids(decoded)
    unknown = list(_unknown_instruments(draft, names, written, path))
    yield from unknown
    if not unknown and all(name in instruments for name in names):
        yield from _complaints(kind, decoded, instruments, path)
        yield from _missing_inventory(draft, kind.opening_inventory(decoded), instruments, path)


def _decoded_names(kind: StrategyKind, written: Any) -> tuple[str, ...]:
    """The instruments that parameters name, of which some are wrong: those in the fields that can be decoded."""
    if not isinstance(written, dict):
        return ()
    fields = {field.name: field for field in msgspec.structs.fields(kind.parameters_type)}
    values = {
        name: Decoder().decode(written[field.encode_name], field.type, "")
        for name, field in fields.items()
        if field.encode_name in written
    }
    stand_in = SimpleNamespace(**dict.fromkeys(fields) | values)
    try:
        names = kind.instrument_ids(stand_in)
    except (AttributeError, TypeError):
        return ()  # the names are within a field that is wrong itself
    return tuple(name for name in names if isinstance(name, str))


def _instruments(draft: Draft) -> dict[str, Instrument]:
    """Every instrument that is right in itself, by id."""
    gateways = dict(draft.tables("gateways"))
    found: dict[str, Instrument] = {}
    for path, table in draft.decoder.tables(InstrumentConfig):
        gateway = gateways[path.rpartition(".")[0]].get("id")
        if isinstance(gateway, str) and not any(check_instrument(path, table)):
            instrument = table.at(gateway)
            found[instrument.id] = instrument
    return found


def _unknown_instruments(draft: Draft, names: Collection[str], written: Any, path: str) -> Iterator[Mistake]:
    known = draft.instrument_ids()
    for name in names:
        if name not in known:
            place = next(_places(written, name, path), path)
            yield Mistake(place, f'no instrument "{name}"', one_of(known), nearest_name(name, known))


def _places(written: Any, name: str, path: str) -> Iterator[str]:
    """Where a text occurs in a document."""
    if written == name:
        yield path
    elif isinstance(written, dict):
        for key, value in written.items():
            yield from _places(value, name, f"{path}.{key}")
    elif isinstance(written, list):
        for index, value in enumerate(written):
            yield from _places(value, name, f"{path}[{index}]")


def _complaints(
    kind: StrategyKind, parameters: Any, instruments: Mapping[str, Instrument], path: str
) -> Iterator[Mistake]:
    fields = frozenset(field.encode_name for field in msgspec.structs.fields(kind.parameters_type))
    for text in kind.check(parameters, instruments):
        place, what = locate(text, fields, path)
        yield Mistake(place, what)


def _missing_inventory(
    draft: Draft, needed: Mapping[str, Decimal], instruments: Mapping[str, Instrument], path: str
) -> Iterator[Mistake]:
    """What a strategy counts on having at the start, and the account does not hold."""
    balances = {table.get("id"): table.get("balances") for _, table in draft.tables("gateways")}
    for name, quantity in needed.items():
        instrument = instruments.get(name)
        held = balances.get(instrument.venue) if instrument is not None and instrument.is_spot else None
        if instrument is None or not isinstance(held, dict):
            continue
        try:
            amount = Decimal(str(held.get(instrument.base, 0)))
        except ArithmeticError:
            continue  # reported where the balances were decoded
        if quantity > amount:
            yield Mistake(
                path,
                f"counts on {quantity} {instrument.base} for {name}, and {instrument.venue} begins with {amount}",
                f"at most {amount}, or more {instrument.base} in the balances of {instrument.venue}",
            )
