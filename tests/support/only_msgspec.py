"""Runs every built-in strategy where nothing can be imported but the standard library, msgspec, and the pure packages.

Started by `tests/test_independence.py` as `python -I -S only_msgspec.py FOLDER...`; reads what to trade as JSON, and
writes what each kind answered.
"""

# ruff: noqa: PLC0415  # what is tested is imported behind the fence
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

DENIED = (
    "_multiprocessing", "_socket", "_ssl", "actors.runtime", "asyncio", "concurrent", "gateways", "http",
    "multiprocessing", "queue", "random", "select", "selectors", "signal", "socket", "socketserver", "sqlite3", "ssl",
    "subprocess", "supervisor", "tests", "threading", "urllib.request",
)  # fmt: skip
ALLOWED = sys.stdlib_module_names | {"msgspec", "messages", "actors"}
START_NS = 1_700_000_000_000_000_000
SECOND_NS = 1_000_000_000
ROUNDS = 400


class Deny:
    """Refuses whatever a strategy has no business with."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        is_denied = any(name == denied or name.startswith(f"{denied}.") for denied in DENIED)
        if is_denied or name.partition(".")[0] not in ALLOWED:
            raise ImportError(f"{name} must not be needed here")


def import_everything(root: Path) -> list[str]:
    """Import every module of strategies and analytics; returns their names."""
    names = []
    for folder in ("strategies", "analytics"):
        for file in sorted((root / "actors" / folder).rglob("*.py")):
            names.append(".".join(file.relative_to(root).with_suffix("").parts))
            import_module(names[-1])
    return names


def play(case: dict[str, Any]) -> dict[str, int]:
    """Start and recover a strategy, and quote all of its instruments while one after the other becomes dear."""
    import msgspec

    from actors.strategies.registry import KINDS
    from messages.instruments import Instrument
    from messages.market import Quote
    from messages.strategy_host import RecoveryCompleted, StrategyStarted

    kind = KINDS[case["kind"]]
    instruments = {item.id: item for item in (msgspec.convert(each, Instrument) for each in case["instruments"])}
    strategy = kind("mine", instruments, msgspec.convert(case["parameters"], kind.parameters_type))
    names = list(strategy.instruments)
    messages: list[Any] = [StrategyStarted("mine", 1, "x-mine", START_NS), RecoveryCompleted({}, (), START_NS)]
    for number in range(1, ROUNDS + 1):
        now_ns = START_NS + number * SECOND_NS
        for position, name in enumerate(names):
            is_dear = number // 20 % len(names) == position
            bid = case["prices"][name] * (1.01 if is_dear else 1.0) * (1.0 + 0.0001 * (number % 3))
            messages.append(Quote(name, bid, 1_000.0, bid * 1.00001, 1_000.0, now_ns, now_ns, number))
    outputs = [output for message in messages for output in strategy.on_message(message)]
    counts: dict[str, int] = {"heard": strategy.messages_heard}
    for output in outputs:
        counts[type(output).__name__] = counts.get(type(output).__name__, 0) + 1
    return counts


def main() -> None:
    sys.path[:0] = sys.argv[1:]
    sys.meta_path.insert(0, Deny())
    modules = import_everything(Path(sys.argv[1]))
    cases = json.load(sys.stdin)
    answers = {case["kind"]: play(case) for case in cases}
    loaded = sorted(name for name in DENIED if name in sys.modules)
    json.dump({"modules": modules, "answers": answers, "denied": loaded}, sys.stdout)


if __name__ == "__main__":
    main()
