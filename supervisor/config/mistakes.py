"""What is wrong in a config: each mistake by its place, what was found and expected, and the nearest valid name."""

import difflib
from collections.abc import Iterable, Sequence

import msgspec

SHOWN_LENGTH_MAX = 60


class Mistake(msgspec.Struct, frozen=True):
    """One mistake.

    :param path: such as `gateways[1].instruments[0].tick_size`; empty for the document as a whole.
    :param expected: what would be right; empty where `found` says it all.
    :param nearest: the valid name that was probably meant; empty for none.
    """

    path: str
    found: str
    expected: str = ""
    nearest: str = ""

    def __str__(self) -> str:
        place = f"{self.path}: " if self.path else ""
        expected = f"; expected {self.expected}" if self.expected else ""
        nearest = f"; did you mean {self.nearest}?" if self.nearest else ""
        return f"{place}{self.found}{expected}{nearest}"


class ConfigError(Exception):
    """A config cannot be used; it carries every mistake that was found in it, in the order of the document.

    :ivar source: the file's name, or what stands for it.
    """

    def __init__(self, source: str, mistakes: Sequence[Mistake]) -> None:
        self.source = source
        self.mistakes = tuple(mistakes)
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        super().__init__("\n".join([f"{count} in {source}:", *(f"  {mistake}" for mistake in mistakes)]))


def nearest_name(name: str, valid: Iterable[str]) -> str:
    """The valid name that is most like the given one; empty where none is alike."""
    # Upper and lower case are the commonest slip, and difflib counts each letter of it.
    by_folded = {candidate.casefold(): candidate for candidate in valid}
    matches = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[matches[0]] if matches else ""


def one_of(names: Iterable[str]) -> str:
    ordered = sorted(names)
    return ordered[0] if len(ordered) == 1 else "one of " + ", ".join(ordered)


def shown(value: object) -> str:
    """A value as it may be read in a line of text, with the name that TOML gives to its type."""
    text = f'"{value}"' if isinstance(value, str) else _plain(value)
    if len(text) > SHOWN_LENGTH_MAX:
        text = text[: SHOWN_LENGTH_MAX - 1] + "…"
    return f"{text} ({_type_name(value)})"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(value) + "}"
    return str(value)


def _type_name(value: object) -> str:
    names: tuple[tuple[type, str], ...] = (
        (bool, "true or false"), (int, "whole number"), (float, "number"), (str, "text"), (list, "list"),
        (dict, "table"),
    )  # fmt: skip
    return next((name for kind, name in names if isinstance(value, kind)), "date or time")
