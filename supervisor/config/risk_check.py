"""The names in `[risk]`: a limit of something that is not there would hold nobody back."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from supervisor.config.mistakes import Mistake, nearest_name, one_of


def check_risk(
    risk: Any,  # Any: TOML
    *,
    gateways: Collection[str],
    assets: Collection[str],
    instruments: Collection[str],
    strategies: Collection[str],
) -> Iterator[Mistake]:
    """Find every table of `[risk]`, as it was written, whose name nothing has.

    :param assets: the base currencies of all instruments.
    """
    known = {"venues": gateways, "assets": assets, "instruments": instruments, "strategies": strategies}
    for section, names in known.items():
        yield from _unknown(f"risk.{section}", _keys(risk, section), names)
    yield from _unknown("risk.prices", _keys(risk, "prices"), instruments)
    own = risk.get("strategies") if isinstance(risk, Mapping) else None
    for strategy in _keys(risk, "strategies"):
        path = f"risk.strategies.{strategy}.position_max"
        yield from _unknown(path, _keys(own[strategy], "position_max") if own else [], instruments)


def _keys(table: Any, section: str) -> list[str]:
    inner = table.get(section) if isinstance(table, Mapping) else None
    return list(inner) if isinstance(inner, Mapping) else []


def _unknown(path: str, found: Collection[str], known: Collection[str]) -> Iterator[Mistake]:
    for name in found:
        if name not in known:
            yield Mistake(f"{path}.{name}", "there is no such name", one_of(sorted(known)), nearest_name(name, known))
