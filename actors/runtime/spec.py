"""What a child process is told at its start, in a JSON file of mode 0600 that the supervisor writes."""

import os
from pathlib import Path
from typing import Any

import msgspec

from messages.instruments import Instrument


class KeyFiles(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a process finds its keys.

    :param secret_file: its own secret key, mode 0600.
    :param allow_list: the public keys of the cluster.
    :param servers: by endpoint: the name of the process that binds it. No other endpoint is connected to.
    """

    secret_file: str
    allow_list: str
    servers: dict[str, str]


class ChildSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every child needs.

    :param process: its name in the cluster; also its routing id on the command link.
    :param supervisor_endpoint: the supervisor's ROUTER for children.
    :param cpus: processors that it is pinned to; empty: not pinned.
    :param is_lossless: the market's source may lose nothing (`speed = 0`): no conflation, checkpoints are answered.
    :param is_simulated: market time is the exchange's, not the wall clock's.
    :param keys: where it finds its keys; None: the cluster has none (`curve = false`).
    """

    process: str
    cluster: str
    supervisor_endpoint: str
    heartbeat_interval_ms: int = 100
    cpus: tuple[int, ...] = ()
    is_lossless: bool = False
    is_simulated: bool = True
    keys: KeyFiles | None = None


class GatewayEndpoints(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    orders: str
    market_data: str


class HostSpec(ChildSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A strategy host.

    :param epoch: of this incarnation; higher than that of every earlier one.
    :param parameters: as the config gives them; decoded into the kind's own struct.
    :param journal_dir: of the strategy's input journal.
    :param is_paused: the operator has paused it: it opens nothing from its first moment on, until it is resumed.
    """

    strategy: str
    kind: str
    epoch: int
    order_prefix: str
    parameters: dict[str, Any]  # Any: each kind has a struct of its own
    instruments: tuple[Instrument, ...]
    gateways: dict[str, GatewayEndpoints]
    journal_dir: str
    is_paused: bool = False


def write_spec(path: Path, spec: msgspec.Struct) -> None:
    """Write a spec as JSON, readable by the owner only."""
    data = msgspec.json.format(msgspec.json.encode(spec))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)  # of a file that was there before, too
        file.write(data)
