"""What docstrings say of classes and their fields: the one place where a parameter is described."""

import inspect
import re
import sys
from typing import Final

_FIELD: Final = re.compile(r":(?P<role>\w+)(?: (?P<name>\w+))?:\s*")


def summary(cls: type) -> str:
    """What a class is, in the words of its docstring, without those about its fields."""
    return _without_fields(_own_text(cls))


def purpose(cls: type) -> str:
    """What a strategy does, in one sentence: the first of its module's docstring, else of its own."""
    module = sys.modules.get(cls.__module__)
    text = inspect.cleandoc((module.__doc__ if module else None) or cls.__doc__ or "")
    first = re.split(r"(?<=[.!?])\s|\n\n", _without_fields(text), maxsplit=1)[0]
    return " ".join(first.split())


def fields(cls: type) -> dict[str, str]:
    """The description of each field, from the `:param name:` of the class and of its bases."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        text = _own_text(base)
        marks = list(_FIELD.finditer(text))
        ends = [*(mark.start() for mark in marks[1:]), len(text)]
        for mark, end in zip(marks, ends, strict=False):  # a text without marks has an end all the same
            if mark["role"] == "param" and mark["name"]:
                words = text[mark.end() : end].split("\n\n", maxsplit=1)[0]
                found[mark["name"]] = " ".join(words.split()).rstrip(".")
    return found


def _own_text(cls: type) -> str:
    return inspect.cleandoc(cls.__dict__.get("__doc__") or "")


def _without_fields(text: str) -> str:
    return " ".join(_FIELD.split(text, maxsplit=1)[0].split())
