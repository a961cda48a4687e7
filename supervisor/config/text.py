"""From a config file to its bare document: TOML, with `${NAME}` taken from the environment."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from supervisor.config.decoder import FAILED
from supervisor.config.mistakes import ConfigError, Mistake, nearest_name

CONFIG_BYTES_MAX = 1_048_576

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_PLACE = re.compile(r"^(?P<what>.*) \(at (?P<place>line \d+, column \d+|end of document)\)$", re.DOTALL)


def read(file: Path) -> str:
    """The text of a config file.

    :raises ConfigError: it cannot be read, is longer than 1 MiB, or is not UTF-8.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(CONFIG_BYTES_MAX + 1)
        text = content.decode()
    except OSError as error:
        raise ConfigError(str(file), [Mistake("", f"cannot read it: {error.strerror}", "a TOML file")]) from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(file), [Mistake("", f"byte {error.start} is not UTF-8", "a TOML file")]) from error
    if len(content) > CONFIG_BYTES_MAX:
        raise ConfigError(str(file), [Mistake("", "the file is too long", f"at most {CONFIG_BYTES_MAX} bytes")])
    return text


def parse(text: str, source: str) -> dict[str, Any]:
    """Parse TOML.

    :raises ConfigError: with line and column of the syntax error.
    """
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigError(source, [Mistake("", "nested too deeply", "tables and lists as in the examples")]) from None
    except ValueError as error:  # TOMLDecodeError, or a whole number too long for Python to read
        matched = _PLACE.match(str(error))
        place, what = (matched["place"], matched["what"]) if matched else ("", str(error))
        raise ConfigError(source, [Mistake(place, f"not TOML: {what}")]) from None


def substitute(value: Any, environment: Mapping[str, str], path: str, mistakes: list[Mistake]) -> Any:
    """Replace `${NAME}` in every text of a document; a text with a variable that is not set becomes `FAILED`."""
    if isinstance(value, dict):
        return {
            key: substitute(item, environment, f"{path}.{key}" if path else key, mistakes)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [substitute(item, environment, f"{path}[{index}]", mistakes) for index, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    names = _VARIABLE.findall(value)
    unset = [name for name in names if name not in environment]
    for name in unset:
        found = f"the environment variable {name} is not set"
        mistakes.append(Mistake(path, found, nearest=nearest_name(name, environment)))
    return FAILED if unset else _VARIABLE.sub(lambda match: environment[match[1]], value)
