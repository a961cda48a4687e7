"""Where the ledger of a cluster is, whether or not the cluster runs."""

import os
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from sqlalchemy.engine import URL

from supervisor.cluster_finder import AmbiguousCluster, is_listening
from supervisor.config import ConfigError, cluster_name
from supervisor.config import text as config_text
from supervisor.config.default import DEFAULT_CONFIG
from supervisor.config.mistakes import Mistake
from supervisor.ledger.engine import default_url, parse_url
from supervisor.ledger.errors import LedgerError
from supervisor.ledger.run_id import FILE_NAME
from supervisor.paths import ClusterPaths, default_state_dir, state_root


class Location(NamedTuple):
    """:param cluster: its name; empty: that of the newest run in the database."""

    url: URL
    cluster: str


class _Told(msgspec.Struct):
    """What the supervisor was told at its start; the rest of its spec does not matter here."""

    config: str | None = None


def locate(config: Path | None, cluster: str | None, state: Path | None) -> Location:
    """Find the ledger of the cluster that is named by its config, its name or its state directory, or of the only one.

    :raises AmbiguousCluster: it is named in more than one way, or is not named and there are several.
    :raises ConfigError: the config file holds no name, or its ledger needs a variable that is not set.
    :raises LedgerError: there is none.
    """
    if sum(given is not None for given in (config, cluster, state)) > 1:
        raise AmbiguousCluster("name the cluster once: by CONFIG, --cluster or --state")
    if config is not None:
        name = cluster_name(config)
        return _of_config(config_text.read(config), str(config), default_state_dir(name).resolve(), name)
    if state is not None:
        return _of_state(state.resolve())
    return _of_state(default_state_dir(cluster).resolve() if cluster is not None else _only_one())


def _of_state(state_dir: Path) -> Location:
    """By the config with which the cluster was last started there."""
    spec_file = ClusterPaths(state_dir).specs_dir / "supervisor.json"
    try:
        told = msgspec.json.decode(spec_file.read_bytes(), type=_Told)
    except (OSError, msgspec.MsgspecError):
        return Location(parse_url(default_url(state_dir), state_dir), "")
    if told.config is None:
        return _of_config(DEFAULT_CONFIG, "the embedded config", state_dir, "")
    return _of_config(config_text.read(Path(told.config)), told.config, state_dir, "")


def _of_config(text: str, source: str, state_dir: Path, name: str) -> Location:
    raw = config_text.parse(text, source)
    mistakes: list[Mistake] = []
    url = config_text.substitute(_ledger_url(raw), os.environ, "ledger.url", mistakes)
    if mistakes:
        raise ConfigError(source, mistakes)
    named: Any = raw.get("cluster")
    found = name or (named.get("name", "") if isinstance(named, dict) else "")
    return Location(parse_url(url or default_url(state_dir), state_dir), found)


def _ledger_url(raw: dict[str, Any]) -> str:  # Any: a TOML document
    table = raw.get("ledger")
    url = table.get("url") if isinstance(table, dict) else None
    return url if isinstance(url, str) else ""


def _only_one() -> Path:
    root = state_root()
    folders = sorted(folder for folder in root.iterdir() if (folder / FILE_NAME).is_file()) if root.is_dir() else []
    if not folders:
        raise LedgerError(f"no cluster under {root.resolve()} has a ledger; name one by CONFIG, --cluster or --state")
    if len(folders) > 1:
        running = [folder for folder in folders if is_listening(ClusterPaths(folder))]
        if len(running) != 1:
            names = ", ".join(folder.name for folder in folders)
            raise AmbiguousCluster(f"several clusters have a ledger: {names}; name one with --cluster")
        folders = running
    return folders[0].resolve()
