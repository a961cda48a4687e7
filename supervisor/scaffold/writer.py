"""Writes a new strategy: the files of `template/`, with the names in them replaced by those of the new one."""

import keyword
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec

from actors.runtime.strategy_kinds import KIND_PATTERN, KIND_RULE, strategy_kinds
from supervisor.scaffold.template import dip_buyer, test_dip_buyer

KIND: Final = "dip-buyer"
MODULE: Final = "dip_buyer"
CLASS: Final = "DipBuyer"
TEMPLATE: Final = "supervisor.scaffold.template"
TEMPLATE_FILES: Final = ("pyproject.toml", f"{MODULE}.py", f"test_{MODULE}.py", f"{KIND}.toml")


class CannotWrite(Exception):
    """The name or the place for a new strategy will not do; says why."""


class Names(msgspec.Struct, frozen=True):
    """What a new strategy is called.

    :param kind: in configs; also its distribution and its folder.
    """

    kind: str

    @property
    def module(self) -> str:
        return self.kind.replace("-", "_")

    @property
    def class_name(self) -> str:
        return "".join(word.capitalize() for word in self.kind.split("-"))

    def put_into(self, text: str) -> str:
        """A text of the template with these names."""
        text = text.replace(f"{TEMPLATE}.{MODULE}", self.module)
        return text.replace(MODULE, self.module).replace(CLASS, self.class_name).replace(KIND, self.kind)


def checked_names(kind: str) -> Names:
    """The names that follow from a kind.

    :raises CannotWrite: it is no kind, it is taken, or Python could not import it.
    """
    names = Names(kind)
    if not KIND_PATTERN.fullmatch(kind):
        raise CannotWrite(f'"{kind}" is no name for a strategy; expected {KIND_RULE}')
    kinds = strategy_kinds()
    if kind in kinds:
        raise CannotWrite(f'there is a strategy "{kind}" ({kinds.origin(kind)}); choose another name')
    if keyword.iskeyword(names.module) or find_spec(names.module) is not None:
        raise CannotWrite(f'"{names.module}" is a word or a module of Python here; choose another name')
    is_used = any(hasattr(module, names.class_name) for module in (dip_buyer, test_dip_buyer))
    if is_used and names.class_name != CLASS:
        raise CannotWrite(f"a class {names.class_name} would hide another one that it needs; choose another name")
    return names


def write_strategy(names: Names, directory: Path) -> tuple[Path, ...]:
    """Write the files of a new strategy into a new folder.

    :returns: the files written.
    :raises CannotWrite: the folder is not empty, or cannot be written.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise CannotWrite(f"{directory} exists already; name an empty or a new folder with --directory")
    source = files(TEMPLATE)
    written = []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name in TEMPLATE_FILES:
            file = directory / names.put_into(name)
            file.write_text(names.put_into(source.joinpath(name).read_text()))
            written.append(file)
    except OSError as error:
        raise CannotWrite(f"{directory} cannot be written: {error.strerror}") from error
    return tuple(written)
