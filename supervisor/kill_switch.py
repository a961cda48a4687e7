"""The operator's kill switch, which needs no supervisor: the latch in the state directory, and each gateway's socket.

The latch comes first: a gateway that is dead, or does not hear, is halted by it when it looks next.
"""

import contextlib
import time
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

import msgspec
import zmq

from actors.runtime.keys import Keyring, UnsafeKey
from actors.runtime.links import Context, Socket, dealer, open_context
from gateways.safety import halt_latch
from gateways.safety.halt_reason import as_reason
from messages.codec import FROM_CONTROL, FrameError, encode
from messages.from_child import CommandDone
from messages.to_child import Halt
from supervisor import registry
from supervisor.launcher import living_records
from supervisor.operator_link import new_command_id
from supervisor.paths import ClusterPaths
from supervisor.registry import Registry, RegistryDamaged

CONTROL_TIMEOUT_MS: Final = 1_000
RESEND_MS: Final = 200
POLL_MS: Final = 10
OPERATOR_NAME: Final = "operator"


class GatewayAnswer(StrEnum):
    ACKNOWLEDGED = "acknowledged"
    DEAD = "dead"
    """No process runs; the latch halts the next one."""
    SILENT = "silent"
    """Its process lives and has not answered; the latch halts it if it can still look."""


class _Known(msgspec.Struct, frozen=True):
    """What is looked for in the spec of a process; whatever else it says does not matter."""

    process: str = ""
    control_endpoint: str = ""


def set_latch(paths: ClusterPaths, reason: str, *, is_flattening: bool) -> None:
    """Keep the cluster halted from now on.

    :raises OSError: it could not be written.
    """
    note = halt_latch.HaltNote(reason=reason, at_ns=time.time_ns(), by=OPERATOR_NAME, is_flattening=is_flattening)
    halt_latch.set_halt(paths.halt_file, note)


def clear_offline(paths: ClusterPaths) -> None:
    """End the halt of a cluster of which nothing runs; the caller holds its lock.

    :raises OSError: it stands. :raises RegistryDamaged: the registry cannot be read.
    """
    found = registry.load(paths.registry_file)
    if found.run.is_halted:
        registry.save(paths.registry_file, found.without_halt())
    halt_latch.clear_halt(paths.halt_file)


def halted_because(paths: ClusterPaths) -> str | None:
    """Why a cluster is halted, by its latch or else by what its supervisor remembers; None where it is not."""
    note = halt_latch.read(paths.halt_file)
    if note is not None:
        since = f", since {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(note.at_ns / 1e9))}" if note.at_ns else ""
        return f"{note.reason} (by {note.by}{since})"
    run = _registered(paths).run
    return run.halt_reason or "for a reason that was not told" if run.is_halted else None


def gateways_of(paths: ClusterPaths) -> tuple[str, ...]:
    """The gateways of the present run, by their spec files: a spec of an earlier config is none of them."""
    present = _registered(paths).children
    found = []
    for file in sorted(paths.specs_dir.glob("*.json")):
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            spec = msgspec.json.decode(file.read_bytes(), type=_Known)
            if spec.control_endpoint and spec.process in present:
                found.append(spec.process)
    return tuple(found)


def halt_directly(
    paths: ClusterPaths,
    reason: str,
    *,
    is_flattening: bool,
    keyring: Keyring | None,
    timeout_ms: int | None = None,
) -> dict[str, GatewayAnswer]:
    """Tell every gateway at once, past the supervisor.

    :param timeout_ms: for all of them together; `CONTROL_TIMEOUT_MS` by default.
    """
    gateways = gateways_of(paths)
    frame = encode(Halt(new_command_id(), as_reason(reason), is_flattening))
    context = open_context(keyring)
    sockets: dict[str, Socket] = {}
    try:
        for name in gateways:
            with contextlib.suppress(UnsafeKey):  # one without a key cannot be told; the latch is there
                sockets[name] = _connected(context, paths, name)
        heard = _told(sockets, frame, CONTROL_TIMEOUT_MS if timeout_ms is None else timeout_ms)
    finally:
        for socket in sockets.values():
            socket.close(0)
        context.term()
    living = living_records(_registered(paths).children)
    return {name: _answer(name, heard, living) for name in gateways}


def _connected(context: Context, paths: ClusterPaths, gateway: str) -> Socket:
    return dealer(context, paths.control_endpoint(gateway), f"{OPERATOR_NAME}-{new_command_id()}")


def _told(sockets: Mapping[str, Socket], frame: bytes, timeout_ms: int) -> set[str]:
    """Say it to all until each has answered, or the time is over. :returns: those that have answered."""
    heard: set[str] = set()
    poller = zmq.Poller()
    for socket in sockets.values():
        poller.register(socket, zmq.POLLIN)
    deadline = time.monotonic() + timeout_ms / 1_000
    resend_at = 0.0
    while len(heard) < len(sockets) and (now := time.monotonic()) < deadline:
        waiting = [socket for name, socket in sockets.items() if name not in heard]
        is_sent = now < resend_at or _say(waiting, frame)
        resend_at = now + RESEND_MS / 1_000 if is_sent and now >= resend_at else resend_at
        ready = dict(poller.poll(POLL_MS))
        heard |= {name for name, socket in sockets.items() if socket in ready and _is_done(socket)}
    return heard


def _say(sockets: Iterable[Socket], frame: bytes) -> bool:
    """:returns: False where a connection is still to be made."""
    is_sent = True
    for socket in sockets:
        try:
            socket.send(frame, zmq.NOBLOCK)
        except zmq.Again:
            is_sent = False
    return is_sent


def _is_done(socket: Socket) -> bool:
    try:
        done = FROM_CONTROL.decode(socket.recv(zmq.NOBLOCK))
    except (FrameError, zmq.Again):
        return False
    return isinstance(done, CommandDone) and done.is_ok


def _answer(name: str, heard: set[str], living: Mapping[str, object]) -> GatewayAnswer:
    if name in heard:
        return GatewayAnswer.ACKNOWLEDGED
    return GatewayAnswer.SILENT if name in living else GatewayAnswer.DEAD


def _registered(paths: ClusterPaths) -> Registry:
    try:
        return registry.load(paths.registry_file)
    except (OSError, RegistryDamaged):
        return Registry()
