"""Keys for the links of a bench, or none: the same bench with and without CURVE."""

from pathlib import Path

import msgspec

from actors.runtime.keys import Role, load_keyring
from actors.runtime.links import Context, open_context
from actors.runtime.spec import KeyFiles
from supervisor.keys import admit, key_files
from supervisor.paths import ClusterPaths


class LinkKeys:
    """:param owners: by endpoint: who binds it.
    :param roles: of everybody. None: the links have no keys.
    """

    def __init__(self, directory: Path, owners: dict[str, str], roles: dict[str, Role] | None) -> None:
        self._directory = directory
        self._owners = owners
        self._paths = ClusterPaths(directory / "state")
        self.is_on = roles is not None
        if roles is not None:
            self._paths.state_dir.mkdir(mode=0o700)
            admit(self._paths, roles)

    def files(self, name: str) -> KeyFiles | None:
        """What a process of this name is told of its keys."""
        return key_files(self._paths, name, self._owners) if self.is_on else None

    def file(self, name: str) -> str:
        """The same, in a file whose path is returned; empty for none."""
        files = self.files(name)
        if files is None:
            return ""
        path = self._directory / f"{name}.keys"
        path.write_bytes(msgspec.json.encode(files))
        return str(path)

    def context(self, name: str) -> Context:
        return open_context(load_keyring(name, self.files(name)))


def context_of(name: str, file: str) -> Context:
    """In a process that was given `LinkKeys.file`."""
    files = msgspec.json.decode(Path(file).read_bytes(), type=KeyFiles) if file else None
    return open_context(load_keyring(name, files))
